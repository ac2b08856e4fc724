//! Texts in which white space and look-alikes show.

/// The longest line that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Returns the character that `char` is easily taken for; itself for most, and nothing for
/// what is not seen at all.
pub fn alike(char: char) -> Option<char> {
    Some(match char {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => return None,
        other => other,
    })
}

/// Returns a line in which what does not show does: `→` is a tab, `·` a space at an end of
/// the line, `␍` a carriage return, `␊` a line end; with `codes`, every character beyond
/// ASCII is its number, and otherwise those that are not seen, or taken for others, are.
/// Of a longer line, 200 characters from a little before the byte `around` on.
pub fn visible(line: &str, around: usize, codes: bool) -> String {
    let body = line.trim_end_matches(['\n', '\r']);
    let first = body.len() - body.trim_start_matches([' ', '\t']).len();
    let last = body.trim_end_matches([' ', '\t']).len();
    let before = line
        .char_indices()
        .take_while(|(at, _)| *at < around)
        .count();
    let skipped = match line.chars().nth(MAX_SHOWN) {
        Some(_) => before.saturating_sub(MAX_SHOWN / 4),
        None => 0,
    };
    let mut shown = String::new();
    if skipped > 0 {
        shown.push('…');
    }
    for (n, (at, char)) in line.char_indices().skip(skipped).enumerate() {
        if n == MAX_SHOWN {
            shown.push('…');
            break;
        }
        match char {
            '\t' => shown.push('→'),
            '\r' => shown.push('␍'),
            '\n' => shown.push('␊'),
            ' ' if at < first || at >= last => shown.push('·'),
            ' '..='~' => shown.push(char),
            other if codes || other.is_control() || alike(other) != Some(other) => {
                shown.push_str(&format!("<U+{:04X}>", u32::from(other)));
            }
            other => shown.push(other),
        }
    }
    shown
}

/// Returns the byte at which two texts begin to differ; `None` where they are the same.
pub fn first_difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return None;
    }
    let same = one
        .char_indices()
        .zip(other.chars())
        .find(|((_, one), other)| one != other);
    Some(same.map_or(one.len().min(other.len()), |((at, _), _)| at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_show_is_shown() {
        assert_eq!(visible("\tif x {  \r\n", 0, false), "→if x {··␍␊");
        assert_eq!(visible("    a b", 0, false), "····a b");
        assert_eq!(visible("é\u{200b}\u{a0}", 0, false), "é<U+200B><U+00A0>");
        assert_eq!(visible("e\u{301}", 0, true), "e<U+0301>");
        let long = "x".repeat(500);
        let shown = visible(&long, 400, false);
        assert!(shown.starts_with('…') && shown.chars().count() <= MAX_SHOWN + 2);
        assert_eq!(first_difference("abc", "abd"), Some(2));
        assert_eq!(first_difference("ab", "abd"), Some(2));
        assert_eq!(first_difference("é", "é"), None);
    }
}
