//! The header of a member, field by field.

use tar_core::Header;
use workspace_core::{Error, ErrorKind, Result, Timestamp};

use super::BLOCK;
use super::number::number;

/// A block of an archive.
pub(super) type Block = [u8; BLOCK as usize];

/// Tells whether a block is a header, by its check sum. Old writers summed signed bytes.
pub(crate) fn is_header(block: &Block) -> bool {
    let Some(stated) = number(&block[148..156]) else {
        return false;
    };
    let summed = |value: fn(u8) -> i64| {
        let rest = block[..148].iter().chain(&block[156..]);
        // The field itself counts as eight blanks.
        8 * i64::from(b' ') + rest.map(|byte| value(*byte)).sum::<i64>()
    };
    stated == summed(i64::from) || stated == summed(|byte| i64::from(byte.cast_signed()))
}

/// Returns the type of a member, as its letter.
pub(super) fn kind(header: &Header) -> u8 {
    header.as_ustar().typeflag[0]
}

/// Refuses a field that is no number, also one that is not kept: some readers stop there
/// as at the archive's end.
pub(super) fn refuse_no_numbers(header: &Header) -> Result<()> {
    let block = header.as_bytes();
    // Mode, user, group, size, time, check sum, and what a device has.
    for field in [
        100..108,
        108..116,
        116..124,
        124..136,
        136..148,
        148..156,
        329..337,
        337..345,
    ] {
        if number(&block[field]).is_none() {
            return Err(damaged("a field is no number"));
        }
    }
    Ok(())
}

/// Refuses the fields that GNU tar has for sparse files where there is none, and such a
/// file in another format: some readers heed those fields, some the type, some the format.
pub(super) fn refuse_odd_sparse(header: &Header) -> Result<()> {
    let fields = header.as_ustar();
    let is_gnu = (&fields.magic, &fields.version) == (b"ustar ", b" \0");
    let why = match (kind(header) == b'S', is_gnu) {
        (true, false) => "a sparse file of GNU tar in another format",
        (false, true) if header.as_bytes()[386..495].iter().any(|byte| *byte != 0) => {
            "the fields of a sparse file, and it is none"
        }
        _ => return Ok(()),
    };
    Err(damaged(why))
}

/// Returns how many bytes follow a member, if its type has any.
pub(super) fn size(header: &Header) -> Result<u64> {
    let size = number(&header.as_ustar().size);
    let size = size.and_then(|size| u64::try_from(size).ok());
    size.ok_or_else(|| damaged("its size is no number"))
}

/// Returns whether a member may be executed.
pub(super) fn executable(header: &Header) -> Result<bool> {
    let mode = number(&header.as_ustar().mode);
    let mode = mode.ok_or_else(|| damaged("its mode is no number"))?;
    Ok(mode & 0o111 != 0)
}

/// Returns when a member was modified.
pub(super) fn modified(header: &Header) -> Result<Timestamp> {
    let seconds = number(&header.as_ustar().mtime);
    let seconds = seconds.ok_or_else(|| damaged("its time is no number"))?;
    Ok(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

/// Returns the name of a member: two fields of POSIX, one where there is only one.
pub(super) fn name(header: &Header) -> Result<Vec<u8>> {
    let fields = header.as_ustar();
    let (name, prefix) = (text(&fields.name), text(&fields.prefix));
    match (&fields.magic, &fields.version) {
        (b"ustar\0", _) if !prefix.is_empty() => Ok([prefix, b"/", name].concat()),
        // GNU tar has times there.
        (b"ustar\0", _) | (b"ustar ", b" \0") => Ok(name.to_vec()),
        (magic, _) if magic.starts_with(b"ustar") && !prefix.is_empty() => {
            let why = "a member of an unknown version of the format";
            Err(Error::new(ErrorKind::Unsupported, "read source").because(why))
        }
        _ => Ok(name.to_vec()),
    }
}

/// Returns where a link leads.
pub(super) fn link(header: &Header) -> Vec<u8> {
    text(&header.as_ustar().linkname).to_vec()
}

/// Returns what is before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

pub(super) fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Source, "read source")
        .because(format_args!("a damaged header of a tar archive: {why}"))
}
