//! Reads a pack as it comes in.

use std::collections::HashMap;

use flate2::{Decompress, FlushDecompress, Status};
use sha1dc::Hasher;

use super::delta::Delta;
use super::{MAGIC, PackSink, kind_of};
use crate::error::{Error, Kind, Result};
use crate::git::id::{ObjectId, ObjectKind, digest, object_id};

/// What a pack may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackLimits {
    /// Objects.
    pub objects: u32,
    /// Bytes of all objects and of deltas that wait for their base, and 160 for each: what is
    /// held in memory.
    pub bytes: u64,
    /// How many deltas one object may be away from one that is whole.
    pub depth: u16,
    /// How many bytes may come out of one byte of the pack, after the first 16 MiB that come
    /// out.
    pub ratio: u64,
}

impl Default for PackLimits {
    /// A million objects, 64 MiB, 4,095 deltas as git itself has it, 10,000 bytes of one.
    fn default() -> Self {
        Self {
            objects: 1_000_000,
            bytes: 64 << 20,
            depth: 4095,
            ratio: 10_000,
        }
    }
}

/// What an object takes beside its bytes.
const OVERHEAD: u64 = 160;
/// What may come out whatever went in.
const FREE: u64 = 16 << 20;

/// An object of a pack. Its id was computed of its bytes.
#[derive(Debug)]
pub struct PackObject {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id.
    pub id: ObjectId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    depth: u16,
}

/// Reads a pack as it comes in, with deltas of both kinds, and keeps its objects in memory.
#[derive(Debug)]
pub struct PackReader {
    limits: PackLimits,
    state: State,
    /// A header that is not whole yet.
    partial: Vec<u8>,
    inflate: Decompress,
    inflated: Vec<u8>,
    hasher: Hasher,
    /// How many bytes of the pack were read.
    at: u64,
    /// How many objects are still to come.
    left: u32,
    objects: Vec<PackObject>,
    by_place: HashMap<u64, usize>,
    by_id: HashMap<ObjectId, usize>,
    waiting: HashMap<Base, Vec<Waiting>>,
    held: u64,
    /// All that ever came out, for the ratio.
    made: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Start,
    Header,
    Object(Header),
    Sum,
    End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) what: What,
    pub(super) size: usize,
    place: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Whole(ObjectKind),
    Delta(Base),
}

/// What a delta is made from: an object before it in the pack, or one with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Base {
    Place(u64),
    Id(ObjectId),
}

/// A delta whose base has not come yet.
#[derive(Debug)]
struct Waiting {
    place: u64,
    delta: Vec<u8>,
}

impl PackSink for PackReader {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.push(bytes)
    }

    fn complete(&self) -> Result<()> {
        Self::complete(self)
    }
}

impl Default for PackReader {
    fn default() -> Self {
        Self::new(PackLimits::default())
    }
}

impl PackReader {
    /// Begins to read a pack.
    pub fn new(limits: PackLimits) -> Self {
        Self {
            limits,
            state: State::Start,
            partial: Vec::new(),
            inflate: Decompress::new(true),
            inflated: Vec::new(),
            hasher: Hasher::new(),
            at: 0,
            left: 0,
            objects: Vec::new(),
            by_place: HashMap::new(),
            by_id: HashMap::new(),
            waiting: HashMap::new(),
            held: 0,
            made: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Altered` for what is no pack, `LimitExceeded`. The objects that were whole before
    /// stay.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        loop {
            match self.state {
                State::Start => {
                    if !self.fill(&mut bytes, MAGIC.len() + 4) {
                        return Ok(());
                    }
                    self.start()?;
                }
                State::Header => {
                    let Some((byte, rest)) = bytes.split_first() else {
                        return Ok(());
                    };
                    self.partial.push(*byte);
                    bytes = rest;
                    if let Some(header) = header(&self.partial, self.at)? {
                        self.object(header)?;
                    }
                }
                State::Object(header) => {
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    let read = self.inflate(header, bytes)?;
                    bytes = &bytes[read..];
                }
                State::Sum => {
                    if !self.fill(&mut bytes, 20) {
                        return Ok(());
                    }
                    let sum = digest(std::mem::take(&mut self.hasher))?;
                    if self.partial != sum.as_bytes() {
                        return Err(wrong("its check sum is not that of its bytes"));
                    }
                    self.partial.clear();
                    self.state = State::End;
                }
                State::End if bytes.is_empty() => return Ok(()),
                State::End => return Err(wrong("it goes on after its end")),
            }
        }
    }

    /// Tells that all of it came.
    ///
    /// # Errors
    /// `Truncated` where it did not; `Altered` where deltas are of objects that are not in
    /// it.
    pub fn complete(&self) -> Result<()> {
        if !matches!(self.state, State::End) {
            return Err(Error::new(Kind::Truncated, "read pack"));
        }
        match self.waiting.is_empty() {
            true => Ok(()),
            false => Err(wrong("deltas of objects that are not in it")),
        }
    }

    /// Returns an object.
    pub fn get(&self, id: &ObjectId) -> Option<&PackObject> {
        self.by_id.get(id).map(|at| &self.objects[*at])
    }

    /// Returns the objects that were whole so far.
    pub fn objects(&self) -> &[PackObject] {
        &self.objects
    }

    /// Returns the objects that were whole so far, to keep.
    pub fn into_objects(self) -> Vec<PackObject> {
        self.objects
    }

    /// Fills what is partial up to `wanted` bytes; `false` where there are too few.
    fn fill(&mut self, bytes: &mut &[u8], wanted: usize) -> bool {
        let here = bytes.len().min(wanted - self.partial.len());
        self.partial.extend_from_slice(&bytes[..here]);
        *bytes = &bytes[here..];
        self.partial.len() == wanted
    }

    fn start(&mut self) -> Result<()> {
        let count = match self.partial.split_first_chunk::<8>() {
            Some((MAGIC, count)) => count.try_into().ok().map(u32::from_be_bytes),
            _ => None,
        };
        self.left = count.ok_or_else(|| wrong("it does not begin as one"))?;
        if self.left > self.limits.objects {
            return Err(self.over(format!("more than {} objects", self.limits.objects)));
        }
        self.passed();
        self.state = match self.left {
            0 => State::Sum,
            _ => State::Header,
        };
        Ok(())
    }

    /// Counts what was partial as read.
    fn passed(&mut self) {
        self.hasher.update(&self.partial);
        self.at += self.partial.len() as u64;
        self.partial.clear();
    }

    /// Prepares for the bytes of an object.
    fn object(&mut self, header: Header) -> Result<()> {
        self.passed();
        self.hold(header.size as u64)?;
        self.hold(OVERHEAD)?;
        self.inflate.reset(true);
        self.inflated = Vec::with_capacity(header.size.min(1 << 20) + 1);
        self.state = State::Object(header);
        Ok(())
    }

    /// Takes bytes of an object; returns how many.
    fn inflate(&mut self, header: Header, bytes: &[u8]) -> Result<usize> {
        let (before, had) = (self.inflate.total_in(), self.inflated.len());
        if self.inflated.len() == self.inflated.capacity() {
            let missing = header.size + 1 - self.inflated.len();
            self.inflated.reserve(missing.min(1 << 20));
        }
        let status = self
            .inflate
            .decompress_vec(bytes, &mut self.inflated, FlushDecompress::None)
            .map_err(|_| wrong("an object that zlib did not write"))?;
        let read = (self.inflate.total_in() - before) as usize;
        self.hasher.update(&bytes[..read]);
        self.at += read as u64;
        if self.inflated.len() > header.size {
            return Err(wrong("an object that is longer than it says"));
        }
        if status == Status::StreamEnd {
            if self.inflated.len() != header.size {
                return Err(wrong("an object that is shorter than it says"));
            }
            self.whole(header)?;
        } else if read == 0 && self.inflated.len() == had {
            return Err(wrong("an object that does not go on"));
        }
        Ok(read)
    }

    /// Takes note of an object, or of a delta, whose bytes are all there.
    fn whole(&mut self, header: Header) -> Result<()> {
        let bytes = std::mem::take(&mut self.inflated);
        self.made(bytes.len() as u64)?;
        match header.what {
            What::Whole(kind) => self.store(kind, bytes, header.place, 0)?,
            What::Delta(base) => {
                let found = match &base {
                    Base::Place(place) => self.by_place.get(place),
                    Base::Id(id) => self.by_id.get(id),
                };
                let waiting = Waiting {
                    place: header.place,
                    delta: bytes,
                };
                match found.copied() {
                    Some(at) => {
                        let (kind, bytes, depth) = self.resolve(at, &waiting)?;
                        self.store(kind, bytes, waiting.place, depth)?;
                    }
                    None => self.waiting.entry(base).or_default().push(waiting),
                }
            }
        }
        self.left -= 1;
        self.state = match self.left {
            0 => State::Sum,
            _ => State::Header,
        };
        Ok(())
    }

    /// Keeps an object, and those that waited for it, one after the other.
    fn store(&mut self, kind: ObjectKind, bytes: Vec<u8>, place: u64, depth: u16) -> Result<()> {
        let mut ready = vec![(kind, bytes, place, depth)];
        while let Some((kind, bytes, place, depth)) = ready.pop() {
            let id = object_id(kind, &bytes)?;
            let at = self.objects.len();
            self.objects.push(PackObject {
                kind,
                id,
                bytes,
                depth,
            });
            self.by_place.insert(place, at);
            self.by_id.insert(id, at);
            for base in [Base::Place(place), Base::Id(id)] {
                for waiting in self.waiting.remove(&base).into_iter().flatten() {
                    let (kind, bytes, depth) = self.resolve(at, &waiting)?;
                    ready.push((kind, bytes, waiting.place, depth));
                }
            }
        }
        Ok(())
    }

    /// Makes an object out of one that is there.
    fn resolve(&mut self, at: usize, waiting: &Waiting) -> Result<(ObjectKind, Vec<u8>, u16)> {
        let delta = Delta::read(&waiting.delta)?;
        self.hold(delta.size)?;
        self.made(delta.size)?;
        let base = &self.objects[at];
        let depth = base.depth.saturating_add(1);
        if depth > self.limits.depth {
            let why = format!("a chain of more than {} deltas", self.limits.depth);
            return Err(self.over(why));
        }
        let bytes = delta.apply(&base.bytes)?;
        self.held -= waiting.delta.len() as u64;
        Ok((base.kind, bytes, depth))
    }

    /// Counts bytes that are going to be held.
    fn hold(&mut self, bytes: u64) -> Result<()> {
        self.held = self.held.saturating_add(bytes);
        match self.held > self.limits.bytes {
            true => Err(self.over(format!("more than {} bytes of objects", self.limits.bytes))),
            false => Ok(()),
        }
    }

    /// Counts bytes that came out, against those that went in.
    fn made(&mut self, bytes: u64) -> Result<()> {
        self.made = self.made.saturating_add(bytes);
        let most = self.at.saturating_mul(self.limits.ratio).max(FREE);
        match self.made > most {
            true => Err(self.over(format!(
                "more than {} bytes come out of each byte of it",
                self.limits.ratio
            ))),
            false => Ok(()),
        }
    }

    fn over(&self, why: String) -> Error {
        Error::limit("read pack", why)
    }
}

/// Reads what an object is, once enough bytes are there: at most 10 for its size, and 20 for
/// the base of a delta.
pub(super) fn header(bytes: &[u8], at: u64) -> Result<Option<Header>> {
    let Some((first, mut rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let mut size = u64::from(first & 15);
    let (mut byte, mut shift) = (*first, 4);
    while byte & 0x80 != 0 {
        let Some((next, after)) = rest.split_first() else {
            return Ok(None);
        };
        if shift > 53 {
            return Err(wrong("an object of more than there can be"));
        }
        (byte, rest) = (*next, after);
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    let size = usize::try_from(size).map_err(|_| wrong("an object of more than there can be"))?;
    let what = match first >> 4 & 7 {
        6 => match distance(rest)? {
            None => return Ok(None),
            Some(distance) => {
                let place = at.checked_sub(distance).filter(|_| distance > 0);
                What::Delta(Base::Place(
                    place.ok_or_else(|| wrong("a delta of what comes before the pack"))?,
                ))
            }
        },
        7 => match rest.first_chunk() {
            None => return Ok(None),
            Some(id) => What::Delta(Base::Id(ObjectId::from_bytes(*id))),
        },
        number => match kind_of(number) {
            Some(kind) => What::Whole(kind),
            None => return Err(wrong("an object of no known kind")),
        },
    };
    Ok(Some(Header {
        what,
        size,
        place: at,
    }))
}

/// Reads how far back the base of a delta begins; `None` where more bytes are needed.
fn distance(bytes: &[u8]) -> Result<Option<u64>> {
    let mut distance = 0u64;
    for (at, byte) in bytes.iter().enumerate() {
        if at >= 9 {
            break;
        }
        if at > 0 {
            distance += 1;
        }
        distance = distance << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(Some(distance));
        }
    }
    match bytes.len() {
        0..9 => Ok(None),
        _ => Err(wrong("a delta of what comes before the pack")),
    }
}

pub(super) fn wrong(why: &'static str) -> Error {
    Error::malformed("read pack", why)
}
