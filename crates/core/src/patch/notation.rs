//! How git writes paths, blob ids and binary content.

use data_encoding::HEXLOWER;
use sha1::{Digest, Sha1};

use super::push;
use crate::path::TreePath;

/// The id that stands for "no file" in an index line.
pub(super) const NO_BLOB: &str = "0000000000000000000000000000000000000000";

/// Renders a path as git does by default (`core.quotePath`): in C-style quotes
/// where a byte is a control, a quote, a backslash or outside ASCII.
pub(super) fn quoted(prefix: &str, path: &TreePath) -> String {
    let relative = &path.as_str()[1..];
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if relative.bytes().all(plain) {
        return format!("{prefix}{relative}");
    }
    let mut text = format!("\"{prefix}");
    for byte in relative.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b'\r' => text.push_str("\\r"),
            byte if plain(byte) => text.push(char::from(byte)),
            byte => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text.push('"');
    text
}

/// Returns git's id of a blob: the SHA-1 over a header and the bytes.
pub(super) fn blob_id(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    HEXLOWER.encode(&hash.finalize())
}

/// Appends a binary file whole: deflated, in git's base 85 with 52 bytes a line,
/// each line led by its length as a letter.
pub(super) fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 85] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    push(out, &["literal ", &bytes.len().to_string(), "\n"]);
    for line in miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6).chunks(52) {
        let length = line.len() as u8;
        out.push(if length <= 26 {
            b'A' + length - 1
        } else {
            b'a' + length - 27
        });
        for group in line.chunks(4) {
            let mut word = [0; 4];
            word[..group.len()].copy_from_slice(group);
            let mut rest = u32::from_be_bytes(word) as usize;
            let mut digits = [0; 5];
            for digit in digits.iter_mut().rev() {
                *digit = ALPHABET[rest % 85];
                rest /= 85;
            }
            out.extend_from_slice(&digits);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
}
