//! Numbers, as headers and extended records have them.

use workspace_core::Timestamp;

/// Reads a field of a header: octal digits between blanks, up to a NUL, or big-endian
/// binary as GNU tar writes what does not fit, also negative. Blank is 0. Returns
/// `None` for all else, and for what does not fit 64 bits: other readers take that for
/// different numbers.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let binary = |start: i128, bytes: &[u8]| {
        let add = |sum: i128, byte: &u8| Some(sum.checked_mul(256)? + i128::from(*byte));
        let value = bytes.iter().try_fold(start, add)?;
        i64::try_from(value).ok()
    };
    match field {
        [0x80, bytes @ ..] => binary(0, bytes),
        [0xff, bytes @ ..] => binary(-1, bytes),
        _ => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<i64> {
    let end = field.iter().position(|byte| *byte == 0);
    let digits = match end {
        // Blank all over, or nothing: a NUL before digits is neither.
        Some(0) if field.iter().all(|byte| matches!(byte, 0 | b' ')) => return Some(0),
        Some(0) => return None,
        Some(end) => &field[..end],
        None => field,
    };
    let text = digits.trim_ascii();
    if text.is_empty() {
        return Some(0);
    }
    text.iter().try_fold(0_i64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Reads a count of an extended record: decimal digits.
pub(super) fn count(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(value).ok().filter(|_| digits)?;
    // What a file's size may be: offsets are signed everywhere.
    text.parse().ok().filter(|count| *count <= i64::MAX as u64)
}

/// Reads a time of an extended record: seconds, perhaps negative, perhaps with a
/// fraction, of which the milliseconds are kept, rounded down.
pub(super) fn time(value: &[u8]) -> Option<Timestamp> {
    let text = str::from_utf8(value).ok()?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    // More digits than fit are a time beyond all that are kept.
    let seconds: i64 = whole.parse().unwrap_or(i64::MAX);
    let millis = fraction
        .bytes()
        .chain([b'0'; 3])
        .take(3)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let rest = fraction.bytes().skip(3).any(|digit| digit != b'0');
    let distance = seconds.saturating_mul(1000).saturating_add(millis);
    Some(Timestamp::from_millis(match negative {
        true => -distance.saturating_add(i64::from(rest)),
        false => distance,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_octal_or_binary() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"     12 ", Some(0o12)),
            (b"    12 \0", Some(0o12)),
            (b"77777777777\0", Some(0o77_777_777_777)),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"12\0junk", Some(0o12)),
            (b"\0\0\0\0", Some(0)),
            (b"    \0  \0", Some(0)),
            (b"        ", Some(0)),
            (b"", Some(0)),
            (b"\x80\0\0\0\0\0\x03\xe8", Some(1000)),
            (b"\xff\xff\xff\xff\xff\xff\xfc\x18", Some(-1000)),
            (
                b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                Some(i64::MAX),
            ),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\x81\0\0\0\0\0\0\x01", None),
            (b"\x00000644", None),
            (b"12 34", None),
            (b"00008", None),
            (b"-12", None),
            (b"+12", None),
            (b"0x1f", None),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }

    #[test]
    fn times_are_decimal() {
        for (text, millis) in [
            ("0", Some(0)),
            ("1700000000", Some(1_700_000_000_000)),
            ("1.5", Some(1500)),
            ("1.", Some(1000)),
            ("1.0019999", Some(1001)),
            ("-1000", Some(-1_000_000)),
            ("-12.25", Some(-12_250)),
            ("-0.0001", Some(-1)),
            ("-0.0010", Some(-1)),
            ("99999999999999999999", Some(Timestamp::MAX_MILLIS)),
            ("-99999999999999999999", Some(-Timestamp::MAX_MILLIS)),
            ("", None),
            ("-", None),
            (".5", None),
            ("1e5", None),
            ("+1", None),
            ("soon", None),
            ("--1", None),
        ] {
            let time = time(text.as_bytes()).map(Timestamp::as_millis);
            assert_eq!(time, millis, "{text}");
        }
    }
}
