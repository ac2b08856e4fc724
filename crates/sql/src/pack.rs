//! Packs: nodes and small contents that were stored together, in one row.
//!
//! A row of `nodes` or `contents` is small and lies at random, by its hash; the
//! bytes are appended, many to a row of `packs`. So a transaction writes one small
//! row for each node and content, and one large one for all of them. The *place*
//! of something is the number of its pack times [`SLOTS`] plus its slot there.

use workspace_core::{ContentId, TreeId};

/// How many things a pack holds at most.
pub(crate) const SLOTS: u64 = 64;
/// A pack that holds this many bytes takes no more.
pub(crate) const FULL: usize = 8 << 10;
/// The bytes of a slot's entry in the directory: kind, id, length.
const ENTRY: usize = 1 + 32 + 4;

const GONE: u8 = 0;
const NODE: u8 = 1;
const CONTENT: u8 = 2;

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    /// Nothing any more.
    Gone,
    /// An encoded node.
    Node(TreeId),
    /// A content: its bytes, or none where they are in an object.
    Content(ContentId),
}

/// The directory of a pack and its bytes, as they are in its row.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pack {
    pub(crate) directory: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

impl Pack {
    /// Tells whether `length` more bytes should go into another pack.
    pub(crate) fn is_full_for(&self, length: usize) -> bool {
        let slots = self.slots();
        slots >= SLOTS || (slots > 0 && self.bytes.len() + length > FULL)
    }

    /// Returns how many slots are taken, which is the next one.
    pub(crate) fn slots(&self) -> u64 {
        (self.directory.len() / ENTRY) as u64
    }

    /// Adds a member in the next slot.
    pub(crate) fn push(&mut self, member: Member, bytes: &[u8]) {
        let (kind, id) = match &member {
            Member::Gone => (GONE, &[0; 32]),
            Member::Node(id) => (NODE, id.as_bytes()),
            Member::Content(id) => (CONTENT, id.as_bytes()),
        };
        self.directory.push(kind);
        self.directory.extend_from_slice(id);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.directory.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the pack without the members that `keep` refuses, whose slots stay
    /// and are empty, and whether any member is left; `None` where the directory
    /// does not decode or the bytes of a kept member are not there, and then nothing
    /// may be rewritten.
    pub(crate) fn without(&self, keep: impl Fn(u64) -> bool) -> Option<(Self, bool)> {
        let mut rest = Self::default();
        let mut left = false;
        let mut at = 0_usize;
        for (slot, (member, length)) in (0..).zip(entries(&self.directory)?) {
            let end = at.checked_add(length)?;
            if keep(slot) && member != Member::Gone {
                rest.push(member, self.bytes.get(at..end)?);
                left = true;
            } else {
                rest.push(Member::Gone, &[]);
            }
            at = end;
        }
        Some((rest, left))
    }
}

/// Returns the members of a pack with the lengths of their bytes, in the order of
/// their slots; `None` where the directory does not decode.
pub(crate) fn entries(directory: &[u8]) -> Option<Vec<(Member, usize)>> {
    let (entries, rest) = directory.as_chunks::<ENTRY>();
    if !rest.is_empty() || entries.len() > SLOTS as usize {
        return None;
    }
    entries
        .iter()
        .map(|entry| {
            let (kind, rest) = entry.split_first()?;
            let (id, length) = rest.split_first_chunk::<32>()?;
            let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
            Some(match *kind {
                GONE if length == 0 => (Member::Gone, 0),
                NODE => (Member::Node(TreeId::from_bytes(*id)), length),
                CONTENT => (Member::Content(ContentId::from_bytes(*id)), length),
                _ => return None,
            })
        })
        .collect()
}

/// Returns the bytes of the member in `slot`, which must be `wanted`; `None` where
/// the pack has something else there, or does not decode.
pub(crate) fn bytes_of<'p>(
    directory: &[u8],
    bytes: &'p [u8],
    slot: u64,
    wanted: Member,
) -> Option<&'p [u8]> {
    let (found, _) = directory.as_chunks::<ENTRY>();
    let slot = usize::try_from(slot).ok()?;
    let length =
        |entry: &[u8; ENTRY]| u32::from_be_bytes([entry[33], entry[34], entry[35], entry[36]]);
    let mut start = 0_usize;
    for before in found.get(..slot)? {
        start = start.checked_add(length(before) as usize)?;
    }
    let entry = found.get(slot)?;
    let (member, length) = entries(entry)?.pop()?;
    let end = start.checked_add(length)?;
    (member == wanted).then(|| bytes.get(start..end)).flatten()
}
