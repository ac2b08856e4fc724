//! What `upload-pack` answers: refs, and packs.

use super::id::ObjectId;
use super::line::{Lines, Packet, shown};
use super::pack::PackSink;
use crate::error::{Error, Kind, Result};

/// The most bytes of a list of refs: some 100,000 of them.
pub const MAX_REFS: usize = 8 << 20;
/// The most bytes of what precedes a pack.
const MAX_SECTIONS: usize = 1 << 20;

/// A ref of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// Its full name.
    pub name: String,
    /// What it points at; a tag object for an annotated tag.
    pub id: ObjectId,
    /// What such a tag is of.
    pub peeled: Option<ObjectId>,
    /// The ref that it stands for, such as that of `HEAD`.
    pub target: Option<String>,
}

impl Ref {
    /// Returns the object that it means in the end.
    pub fn object(&self) -> ObjectId {
        self.peeled.unwrap_or(self.id)
    }
}

/// Reads the answer to [`ls_refs`](super::ls_refs) as it comes in. Holds up to
/// [`MAX_REFS`] bytes; names that are not UTF-8 are passed over.
#[derive(Debug, Default)]
pub struct RefsAnswer {
    lines: Lines,
    refs: Vec<Ref>,
    held: usize,
    done: bool,
}

impl RefsAnswer {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Altered` for what is no such answer, `LimitExceeded`, and what the other side says.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let Self {
            lines,
            refs,
            held,
            done,
        } = self;
        lines.push(bytes, |packet| match packet {
            Packet::Data(_) if *done => Err(after_the_end()),
            Packet::Data(line) => {
                *held += line.len();
                if *held > MAX_REFS {
                    return Err(Error::limit(
                        "list refs",
                        format!("more than {MAX_REFS} bytes of refs"),
                    ));
                }
                if let Some(why) = line.strip_prefix(b"ERR ") {
                    return Err(told("list refs", why));
                }
                refs.extend(reference(line)?);
                Ok(())
            }
            Packet::Flush => {
                *done = true;
                Ok(())
            }
            Packet::Delimiter | Packet::End => Ok(()),
        })
    }

    /// Returns the refs, once all came.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn finish(self) -> Result<Vec<Ref>> {
        self.lines.finish()?;
        match self.done {
            true => Ok(self.refs),
            false => Err(Error::new(Kind::Truncated, "list refs")),
        }
    }
}

fn reference(line: &[u8]) -> Result<Option<Ref>> {
    let malformed = || Error::malformed("list refs", format!("no ref: {}", shown(line)));
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (id, rest) = line.split_at_checked(40).ok_or_else(malformed)?;
    let id = ObjectId::parse(id).ok_or_else(malformed)?;
    let rest = rest.strip_prefix(b" ").ok_or_else(malformed)?;
    let Ok(rest) = str::from_utf8(rest) else {
        return Ok(None);
    };
    let mut words = rest.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let (mut peeled, mut target) = (None, None);
    for word in words {
        if let Some(id) = word.strip_prefix("peeled:") {
            peeled = Some(ObjectId::parse(id).ok_or_else(malformed)?);
        } else if let Some(name) = word.strip_prefix("symref-target:") {
            target = Some(name.to_owned());
        }
    }
    Ok(Some(Ref {
        name,
        id,
        peeled,
        target,
    }))
}

/// Reads the answer to a [`Fetch`](super::Fetch) as it comes in.
#[derive(Debug)]
pub struct FetchAnswer<P> {
    lines: Lines,
    inner: Inner<P>,
}

#[derive(Debug)]
struct Inner<P> {
    pack: P,
    in_pack: bool,
    done: bool,
    sections: usize,
}

impl<P: PackSink> FetchAnswer<P> {
    /// Reads into a pack.
    pub fn new(pack: P) -> Self {
        Self {
            lines: Lines::default(),
            inner: Inner {
                pack,
                in_pack: false,
                done: false,
                sections: 0,
            },
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Altered` for what is no such answer, `LimitExceeded` for the limits of the pack,
    /// `NotFound` for objects that are not there, and what else the other side says.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let inner = &mut self.inner;
        self.lines.push(bytes, |packet| inner.take(packet))
    }

    /// Returns the pack as far as it came, whatever failed.
    pub fn into_pack(self) -> P {
        self.inner.pack
    }

    /// Returns the pack as far as it came, to take bytes from it.
    pub fn pack_mut(&mut self) -> &mut P {
        &mut self.inner.pack
    }

    /// Tells that all of the answer and of its pack came.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn finish(&self) -> Result<()> {
        self.lines.finish()?;
        match self.inner.done {
            true => self.inner.pack.complete(),
            false => Err(Error::new(Kind::Truncated, "fetch objects")),
        }
    }
}

impl<P: PackSink> Inner<P> {
    fn take(&mut self, packet: Packet<'_>) -> Result<()> {
        let line = match packet {
            Packet::Data(_) if self.done => return Err(after_the_end()),
            Packet::Data(line) => line,
            Packet::Flush => {
                self.done = true;
                return Ok(());
            }
            Packet::Delimiter | Packet::End => return Ok(()),
        };
        if let Some(why) = line.strip_prefix(b"ERR ") {
            return Err(told("fetch objects", why));
        }
        if self.in_pack {
            return match line.split_first() {
                Some((1, pack)) => self.pack.take(pack),
                Some((2, _)) => Ok(()),
                Some((3, why)) => Err(told("fetch objects", why)),
                _ => Err(Error::malformed("fetch objects", "a band that is none")),
            };
        }
        self.in_pack = line.strip_suffix(b"\n").unwrap_or(line) == b"packfile";
        self.sections += line.len();
        match self.sections > MAX_SECTIONS {
            true => Err(Error::limit(
                "fetch objects",
                format!("more than {MAX_SECTIONS} bytes before the pack"),
            )),
            false => Ok(()),
        }
    }
}

/// The other side has said what failed.
pub(super) fn told(operation: &'static str, why: &[u8]) -> Error {
    let text = shown(why);
    let kind = match &text {
        text if text.contains("not our ref") || text.contains("bad object") => Kind::NotFound,
        text if text.contains("unknown ref") => Kind::NotFound,
        text if text.contains("filter") && text.contains("not") => Kind::Unsupported,
        text if text.contains("unexpected line") => Kind::Unsupported,
        _ => Kind::Upstream,
    };
    Error::new(kind, operation).because(text)
}

pub(super) fn after_the_end() -> Error {
    Error::malformed("read answer", "it goes on after its end")
}
