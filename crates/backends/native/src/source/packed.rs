//! What is packed by gzip or zstd, as it comes out.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;
use workspace_archive::Format;
use workspace_core::{Error, ErrorKind, Result};

use super::{read_start, source_error};

/// The most zeros after what is packed: tapes and block devices are filled up with them.
const MAX_PADDING: u64 = 64 << 20;

/// Returns what `reader` packs, or itself where it packs nothing that is known. `name` is
/// for messages.
///
/// # Errors
/// `Unsupported` for other packers and formats, which are named; `Source` where nothing
/// can be read.
pub(super) fn unpacked(reader: impl Read + 'static, name: &str) -> Result<Box<dyn Read>> {
    let failed = |cause| source_error(name, cause);
    let unsupported = |why: String| {
        let error = Error::new(ErrorKind::Unsupported, "read source");
        Err(error.at(name).because(why))
    };
    let mut packed = BufReader::with_capacity(128 << 10, reader);
    let mut start = [0; Format::START];
    let start = read_start(&mut packed, &mut start)
        .map_err(failed)?
        .to_vec();
    let format = Format::of(&start);
    let whole = Cursor::new(start).chain(packed);
    match format {
        Some(Format::Gzip) => Ok(Box::new(Gzip {
            member: Some(GzDecoder::new(Box::new(whole))),
        })),
        Some(Format::Zstd) => {
            let unpacked = zstd::stream::read::Decoder::new(whole).map_err(failed)?;
            Ok(Box::new(unpacked))
        }
        Some(Format::Zip) => {
            unsupported("this is a zip archive, and a tar archive was meant".into())
        }
        Some(Format::Other(other @ ("xz" | "bzip2" | "lz4" | "lzma" | "lzip" | "compress"))) => {
            unsupported(format!(
                "packed by {other}; unpack it first, or use gzip or zstd"
            ))
        }
        Some(Format::Other(other)) => unsupported(format!(
            "this is {other}; only tar and zip archives can be read"
        )),
        Some(Format::Tar) | None => Ok(Box::new(whole)),
    }
}

/// What gzip packs, member after member, as `cat a.gz b.gz` and parallel packers make it.
struct Gzip {
    /// `None` at the end.
    member: Option<GzDecoder<Box<dyn BufRead>>>,
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let (Some(member), false) = (&mut self.member, buffer.is_empty()) {
            let read = member.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(member) = self.member.take() else {
                break;
            };
            let mut rest = member.into_inner();
            match rest.fill_buf()? {
                [] => {}
                [0, ..] => padding(&mut rest)?,
                // The decoder says what is wrong with another member.
                _ => self.member = Some(GzDecoder::new(rest)),
            }
        }
        Ok(0)
    }
}

/// Reads zeros to the end.
fn padding(reader: &mut dyn BufRead) -> io::Result<()> {
    let mut seen = 0;
    loop {
        let bytes = reader.fill_buf()?;
        let read = bytes.len();
        if read == 0 {
            return Ok(());
        }
        seen += read as u64;
        if bytes.iter().any(|byte| *byte != 0) || seen > MAX_PADDING {
            let why = format!(
                "what is packed by gzip has ended, and what follows is not zeros, up to {MAX_PADDING}"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        reader.consume(read);
    }
}
