//! The canonical encoding of nodes.
//!
//! ```text
//! node   := version:u8 (1)  level:u8  count:varint  item{count}
//! item   := entry                          at level 0
//!         | name  id:32  summary           above: a child, under its last name
//! entry  := name  tag:u8  body
//! name   := length:varint  utf-8
//! tag    := kind (bits 0-1: file 0, directory 1, symlink 2)
//!         | executable 4 | media type 8 | provenance 16
//! file   := content:32  size:varint  modified:zigzag  [media type]  [provenance]
//! dir    := id:32  summary
//! link   := modified:zigzag  target
//! summary := files:varint  directories:varint  bytes:varint  longest:varint
//! ```
//!
//! Varints are LEB128 in the fewest bytes. Names ascend strictly. There is
//! exactly one encoding of a node: what decodes re-encodes to the same bytes,
//! and anything else is refused. Tag bits 5 to 7 are kept for other kinds of
//! content reference (chunked, or in a source snapshot).

use crate::entry::{Directory, Entry, File, Summary, Symlink, Text, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ContentId, TreeId};
use crate::path::Name;

const VERSION: u8 = 1;
const KIND_MASK: u8 = 3;
const FILE: u8 = 0;
const DIRECTORY: u8 = 1;
const SYMLINK: u8 = 2;
const EXECUTABLE: u8 = 4;
const MEDIA_TYPE: u8 = 8;
const PROVENANCE: u8 = 16;

/// A decoded node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// 0 for a leaf; one more than its children's otherwise.
    pub(crate) level: u8,
    /// In strictly ascending order of name.
    pub(crate) items: Vec<(Name, Item)>,
}

/// What a node holds under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// In a leaf: the entry of that name.
    Entry(Entry),
    /// Above: the child whose last name this is.
    Child(Child),
}

/// A reference to a node below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) id: TreeId,
    pub(crate) summary: Summary,
}

impl Item {
    pub(crate) fn summary(&self, name: &Name) -> Summary {
        match self {
            Self::Entry(entry) => Summary::of(name.as_str(), entry),
            Self::Child(child) => child.summary,
        }
    }
}

impl Node {
    pub(crate) fn summary(&self) -> Summary {
        let mut total = Summary::default();
        self.items
            .iter()
            .for_each(|(name, item)| total.add(item.summary(name)));
        total
    }

    /// Returns the place of the item that holds `name`: in a leaf the entry
    /// itself or where it would stand, above the only child that can hold it.
    pub(crate) fn position(&self, name: &str) -> usize {
        self.items.partition_point(|(last, _)| last.as_str() < name)
    }

    pub(crate) fn decode(encoded: &[u8]) -> Result<Self> {
        decode_node(encoded)
            .map_err(|why| Error::new(ErrorKind::Corrupt, "decode node").because(why))
    }

    /// Returns about how many bytes the decoded node takes in memory: no less than
    /// it asks of the allocator, with what that keeps beside each.
    pub(crate) fn weight(&self) -> usize {
        let items = self.items.iter().map(|(name, item)| {
            let texts = match item {
                Item::Entry(Entry::File(file)) => {
                    let media_type = file
                        .media_type
                        .as_ref()
                        .map_or(0, |text| shared(text.as_str()));
                    media_type
                        + file
                            .provenance
                            .as_ref()
                            .map_or(0, |text| shared(text.as_str()))
                }
                Item::Entry(Entry::Symlink(symlink)) => shared(symlink.target.as_str()),
                Item::Entry(Entry::Directory(_)) | Item::Child(_) => 0,
            };
            shared(name.as_str()) + texts
        });
        let room = self.items.capacity() * size_of::<(Name, Item)>();
        items.sum::<usize>() + room + size_of::<Self>() + ALLOCATED
    }
}

/// What an allocation takes beside its bytes.
const ALLOCATED: usize = 16;

/// Returns what a text takes that is shared: its bytes and two counters.
fn shared(text: &str) -> usize {
    text.len() + 2 * size_of::<usize>() + ALLOCATED
}

/// Encodes the frame of a node around items that are encoded already.
pub(crate) fn encode_node(level: u8, count: usize, items: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len() + 8);
    out.extend([VERSION, level]);
    put_varint(&mut out, count as u64);
    out.extend_from_slice(items);
    out
}

/// Appends one item.
pub(crate) fn encode_item(out: &mut Vec<u8>, name: &Name, item: &Item) {
    put_text(out, name.as_str());
    match item {
        Item::Child(child) => {
            out.extend_from_slice(child.id.as_bytes());
            put_summary(out, child.summary);
        }
        Item::Entry(Entry::File(file)) => {
            let mut tag = FILE;
            for (set, bit) in [
                (file.executable, EXECUTABLE),
                (file.media_type.is_some(), MEDIA_TYPE),
                (file.provenance.is_some(), PROVENANCE),
            ] {
                if set {
                    tag |= bit;
                }
            }
            out.push(tag);
            out.extend_from_slice(file.content.as_bytes());
            put_varint(out, file.size);
            put_time(out, file.modified);
            if let Some(media_type) = &file.media_type {
                put_text(out, media_type.as_str());
            }
            if let Some(provenance) = &file.provenance {
                put_text(out, provenance.as_str());
            }
        }
        Item::Entry(Entry::Directory(directory)) => {
            out.push(DIRECTORY);
            out.extend_from_slice(directory.tree.as_bytes());
            put_summary(out, directory.summary);
        }
        Item::Entry(Entry::Symlink(symlink)) => {
            out.push(SYMLINK);
            put_time(out, symlink.modified);
            put_text(out, symlink.target.as_str());
        }
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    let millis = time.as_millis();
    put_varint(out, ((millis << 1) ^ (millis >> 63)) as u64);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_summary(out: &mut Vec<u8>, summary: Summary) {
    put_varint(out, summary.files);
    put_varint(out, summary.directories);
    put_varint(out, summary.bytes);
    put_varint(out, summary.longest);
}

type Decoded<T> = std::result::Result<T, String>;

fn decode_node(encoded: &[u8]) -> Decoded<Node> {
    let mut input = Input(encoded);
    match input.byte()? {
        VERSION => {}
        other => return Err(format!("node version {other}, expected {VERSION}")),
    }
    let level = input.byte()?;
    let count = input.varint()?;
    // An item takes at least 3 bytes, which bounds what a hostile count allocates.
    if count > input.0.len() as u64 / 3 {
        return Err(format!("{count} items in {} bytes", input.0.len()));
    }
    let mut items: Vec<(Name, Item)> = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let name = Name::new(input.text()?).map_err(|error| error.to_string())?;
        if items.last().is_some_and(|(last, _)| *last >= name) {
            return Err(format!("name {name} out of order"));
        }
        let item = match level {
            0 => Item::Entry(decode_entry(&mut input)?),
            _ => Item::Child(Child {
                id: input.tree_id()?,
                summary: input.summary()?,
            }),
        };
        items.push((name, item));
    }
    if level > 0 && items.is_empty() {
        return Err("an empty node above the leaves".into());
    }
    match input.0.len() {
        0 => Ok(Node { level, items }),
        left => Err(format!("{left} bytes after the last item")),
    }
}

fn decode_entry(input: &mut Input<'_>) -> Decoded<Entry> {
    let tag = input.byte()?;
    match (tag & KIND_MASK, tag & !KIND_MASK) {
        (FILE, flags) if flags & !(EXECUTABLE | MEDIA_TYPE | PROVENANCE) == 0 => {
            Ok(Entry::File(File {
                executable: flags & EXECUTABLE != 0,
                content: ContentId::from_bytes(input.array()?),
                size: input.varint()?,
                modified: input.time()?,
                media_type: input.optional(flags & MEDIA_TYPE != 0)?,
                provenance: input.optional(flags & PROVENANCE != 0)?,
            }))
        }
        (DIRECTORY, 0) => Ok(Entry::Directory(Directory {
            tree: input.tree_id()?,
            summary: input.summary()?,
        })),
        (SYMLINK, 0) => Ok(Entry::Symlink(Symlink {
            modified: input.time()?,
            target: input.bounded()?,
        })),
        _ => Err(format!("unknown entry tag {tag:#04x}")),
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("truncated")?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Decoded<u8> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| "truncated".into())
    }

    fn varint(&mut self) -> Decoded<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err("a number in more bytes than it needs".into())
                } else {
                    Ok(value)
                };
            }
        }
        Err("a number of more than 64 bits".into())
    }

    fn time(&mut self) -> Decoded<Timestamp> {
        let zigzag = self.varint()?;
        let millis = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let time = Timestamp::from_millis(millis);
        if time.as_millis() == millis {
            Ok(time)
        } else {
            Err("a time out of range".into())
        }
    }

    fn text(&mut self) -> Decoded<&'a str> {
        let length = self.varint()?;
        let length = usize::try_from(length).map_err(|_| "truncated")?;
        std::str::from_utf8(self.take(length)?).map_err(|error| error.to_string())
    }

    fn bounded<const MAX: usize>(&mut self) -> Decoded<Text<MAX>> {
        Text::new(self.text()?).map_err(|error| error.to_string())
    }

    fn optional<const MAX: usize>(&mut self, present: bool) -> Decoded<Option<Text<MAX>>> {
        present.then(|| self.bounded()).transpose()
    }

    fn tree_id(&mut self) -> Decoded<TreeId> {
        Ok(TreeId::from_bytes(self.array()?))
    }

    fn summary(&mut self) -> Decoded<Summary> {
        Ok(Summary {
            files: self.varint()?,
            directories: self.varint()?,
            bytes: self.varint()?,
            longest: self.varint()?,
        })
    }
}
