//! Archives in which others find something else than the sources do, each with its reason.

use crate::readers::Found;

/// Returns the name of the exception that an archive is; `None` where it is none. `others`
/// are those who find something else.
pub(crate) fn name(
    kind: &str,
    bytes: &[u8],
    ours: &Found,
    others: &[&str],
) -> Option<&'static str> {
    match (kind, others) {
        ("tar", _) if has_header(bytes, |header| header[156] == b'L') && has(bytes, b" path=") => {
            Some("a name in a record of POSIX counts, whatever GNU's header says")
        }
        ("tar", _)
            if has_header(bytes, |header| header[156] == b'K') && has(bytes, b" linkpath=") =>
        {
            Some("a target in a record of POSIX counts, whatever GNU's header says")
        }
        ("tar", _) if has_header(bytes, is_sized_without_bytes) => {
            Some("a size in the header of what has no bytes says nothing")
        }
        ("tar", ["python"]) if has_header(bytes, has_times) => {
            Some("Python takes what is not POSIX's first field of a name for it")
        }
        ("tar", ["python"]) if has_header(bytes, |header| header[156] == b'V') => {
            Some("Python takes the label of a volume for a file")
        }
        ("tar", ["python"]) if has(bytes, b"/\n") && has(bytes, b" path=") => {
            Some("Python heeds no slash at the end of a name in a record")
        }
        ("zip", ["python"]) if has(bytes, b"\x75\x70") => {
            Some("Python heeds no name in an extra field")
        }
        ("zip", ["python"]) if ours.keys().any(|path| !path.is_ascii()) => {
            Some("Python takes names from Unix for code page 437 where no flag says UTF-8")
        }
        ("zip", ["unzip"]) if has_odd_attributes(bytes) => {
            Some("Info-ZIP heeds the internal attributes of a member")
        }
        ("zip", ["unzip"]) if ours.keys().any(|path| path.contains(char::is_control)) => {
            Some("Info-ZIP writes control characters in names in its own way")
        }
        _ => None,
    }
}

/// Tells whether a block is a header of which something is true.
fn has_header(bytes: &[u8], is: impl Fn(&[u8]) -> bool) -> bool {
    bytes
        .chunks_exact(512)
        .any(|block| block[0] != 0 && is(block))
}

/// A hard link, symlink or directory with a size in its header.
fn is_sized_without_bytes(header: &[u8]) -> bool {
    matches!(header[156], b'1' | b'2' | b'5')
        && header[124..135].iter().any(|it| !b"0 \0".contains(it))
}

/// GNU tar has times where POSIX has the start of a name, and older formats have nothing.
fn has_times(header: &[u8]) -> bool {
    header[345] != 0 && &header[257..263] != b"ustar\0"
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Tells whether a member has internal attributes besides the one for text.
fn has_odd_attributes(bytes: &[u8]) -> bool {
    let mut members = bytes.windows(46).filter(|it| it.starts_with(b"PK\x01\x02"));
    members.any(|it| it[36] & !1 != 0 || it[37] != 0)
}
