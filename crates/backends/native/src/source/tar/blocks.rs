//! The members of a tar stream, checked from its first byte to its end.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use workspace_core::{Error, ErrorKind, Result};

use crate::source::ahead::Stop;
use crate::source::{read_start, source_error};

/// The most bytes of names and attributes before a member.
const HEADERS: u64 = 1 << 20;
const BLOCK: u64 = 512;

pub(super) type Member<'a> = ::tar::Entry<'a, Guarded<Box<dyn Read>>>;

/// Calls `visit` with each member of an archive, however it is packed, and its
/// number from 0. `name` is for messages.
pub(super) fn each_member(
    reader: impl Read + 'static,
    name: &str,
    visit: &mut dyn FnMut(u64, &mut Member<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let failed = |cause| source_error(name, cause);
    let allowed = Rc::new(Cell::new(0));
    let zeros = Rc::new(Cell::new(0));
    let mut archive = ::tar::Archive::new(Guarded {
        reader: unpacked(reader, name)?,
        allowed: Rc::clone(&allowed),
        zeros: Rc::clone(&zeros),
    });
    let mut members = archive.entries().map_err(failed)?;
    for number in 0.. {
        // What comes before a member is held in memory; what is in it is not.
        allowed.set(HEADERS);
        let Some(member) = members.next() else {
            break;
        };
        let mut member = member.map_err(failed)?;
        allowed.set(u64::MAX);
        visit(number, &mut member)?;
        io::copy(&mut member, &mut io::sink()).map_err(failed)?;
    }
    if zeros.get() < BLOCK {
        let cause = "the archive ends without its end mark, so some of it may be missing";
        return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, cause)).into());
    }
    // Reads the packer's check sum, which comes last.
    allowed.set(HEADERS);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(failed)?;
    Ok(())
}

fn unpacked(reader: impl Read + 'static, name: &str) -> Result<Box<dyn Read>> {
    let failed = |cause| source_error(name, cause);
    let unsupported = |why: &str| {
        Err(Error::new(ErrorKind::Unsupported, "read source")
            .at(name)
            .because(why))
    };
    let mut packed = BufReader::with_capacity(128 << 10, reader);
    let mut start = [0; 6];
    let start = read_start(&mut packed, &mut start).map_err(failed)?;
    let whole = Cursor::new(start.to_vec()).chain(packed);
    match start {
        [] => Err(failed(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it is empty",
        ))),
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(whole))),
        // A frame, or a skippable one before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let unpacked = zstd::stream::read::Decoder::new(whole).map_err(failed)?;
            Ok(Box::new(unpacked))
        }
        [b'P', b'K', 3 | 5, ..] => unsupported("this is a zip archive"),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            unsupported("packed by xz; unpack it first, or use gzip or zstd")
        }
        [b'B', b'Z', b'h', ..] => {
            unsupported("packed by bzip2; unpack it first, or use gzip or zstd")
        }
        _ => Ok(Box::new(whole)),
    }
}

/// Bounds what the parser may read for itself, and sees how the archive ends.
pub(super) struct Guarded<R> {
    reader: R,
    allowed: Rc<Cell<u64>>,
    /// With how many zeros what was read ends.
    zeros: Rc<Cell<u64>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = self.allowed.get();
        if allowed == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!(
                "more than {HEADERS} bytes that belong to no member"
            )));
        }
        let most = usize::try_from(allowed).unwrap_or(usize::MAX);
        let size = buffer.len().min(most);
        let read = self.reader.read(&mut buffer[..size])?;
        self.allowed.set(allowed - read as u64);
        let data = &buffer[..read];
        match data.iter().rev().position(|byte| *byte != 0) {
            Some(zeros) => self.zeros.set(zeros as u64),
            None => self.zeros.set(self.zeros.get().saturating_add(read as u64)),
        }
        Ok(read)
    }
}
