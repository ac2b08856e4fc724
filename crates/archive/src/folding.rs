//! Names that some file system takes for one another.

/// What HFS+ passes over in a name.
fn is_passed_over(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Tells whether some file system takes a name for `wanted`, which is in lower case: in
/// another case, with what HFS+ passes over, or with what NTFS cuts off.
pub(crate) fn is_taken_for(name: &[u8], wanted: &str) -> bool {
    // Most names are plain, and there are many.
    let is_plain = name.is_ascii() && !name.contains(&b':') && !name.ends_with(b".");
    match is_plain && !name.ends_with(b" ") {
        true => name.eq_ignore_ascii_case(wanted.as_bytes()),
        false => folded(name, |found| found == wanted),
    }
}

/// Hands a name to `test` as the most forgiving file system has it.
pub(crate) fn folded(name: &[u8], test: impl Fn(&str) -> bool) -> bool {
    let text = String::from_utf8_lossy(name);
    let text = text.split(':').next().unwrap_or_default();
    let kept = text.chars().filter(|c| !is_passed_over(*c));
    // Both ways, as some letters have one of the other case only.
    let folded: String = kept
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    test(folded.trim_end_matches(['.', ' ']))
}
