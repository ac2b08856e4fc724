//! The parts of a text that are patches of a file each, found as `git apply` finds them.
//!
//! Whatever is between two of them is left out, as a letter around a patch is. What looks
//! like a part of a patch and belongs to none is refused: a hunk that nobody takes would
//! be missing, and nobody would be told.

use diffy::patch_set::{FilePatch, ParseOptions, PatchKind, PatchSet};
use jiff::Timestamp;

/// The patch of one file.
#[derive(Debug)]
pub(super) struct Section<'t> {
    /// The line at which it begins, the first being 1.
    pub(super) line: usize,
    pub(super) patch: FilePatch<'t, [u8]>,
    /// Whether its header is one of git's.
    pub(super) is_git: bool,
    /// Whether a header without git's says by its time that there is no old file, or no
    /// new one, as GNU diff does.
    pub(super) is_new: bool,
    pub(super) is_gone: bool,
}

/// What is wrong with a text, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) why: String,
}

/// The most lines of a text: those of hunks have more bytes in memory than in it.
const MAX_LINES: usize = 8 << 20;

/// Finds all patches in a text.
pub(super) fn sections(text: &[u8]) -> Result<Vec<Section<'_>>, Malformed> {
    if text
        .split(|byte| *byte == b'\n')
        .nth(MAX_LINES + 1)
        .is_some()
    {
        return Err(Malformed {
            line: MAX_LINES + 1,
            why: format!("a patch has up to {MAX_LINES} lines"),
        });
    }
    let mut lines = Lines {
        text,
        offset: 0,
        number: 1,
    };
    let mut found = Vec::new();
    while let Some(line) = lines.peek() {
        if line.starts_with(b"@@ -") {
            return Err(lines.refused("a hunk of no file: what is before it is no part of a patch"));
        }
        if line == b"GIT binary patch" {
            return Err(lines.refused("the content of no file"));
        }
        if is_binary_marker(line) {
            return Err(lines.refused("a binary file whose content is not in the patch"));
        }
        if is_mode(line) || is_half(&lines) {
            return Err(lines.refused("it is of no file's header"));
        }
        let header = if line.starts_with(b"diff --git ") {
            git_header(&mut lines)?
        } else if line.starts_with(b"--- ") {
            plain_header(&mut lines)?
        } else {
            None
        };
        match header {
            Some(header) => found.push(section(&mut lines, header)?),
            None => lines.skip(),
        }
    }
    Ok(found)
}

/// Tells whether a line of git's says what mode a file has.
fn is_mode(line: &[u8]) -> bool {
    let modes = EXTENDED.iter().filter(|it| it.ends_with("mode "));
    let mut rests = modes.filter_map(|it| line.strip_prefix(it.as_bytes()));
    rests.any(|mode| mode.len() == 6 && mode.iter().all(u8::is_ascii_digit))
}

/// Tells whether two lines of git's say from where to where a file goes.
fn is_half(lines: &Lines<'_>) -> bool {
    let mut next = lines.clone();
    next.skip();
    [("rename from ", "rename to "), ("copy from ", "copy to ")]
        .iter()
        .any(|(from, to)| {
            let begins = |lines: &Lines<'_>, with: &str| {
                lines
                    .peek()
                    .is_some_and(|line| line.starts_with(with.as_bytes()))
            };
            begins(lines, from) && begins(&next, to)
        })
}

/// A text, line by line.
#[derive(Clone)]
struct Lines<'t> {
    text: &'t [u8],
    offset: usize,
    number: usize,
}

impl<'t> Lines<'t> {
    /// Returns the next line with its end; `None` after the last.
    fn whole(&self) -> Option<&'t [u8]> {
        let rest = &self.text[self.offset..];
        rest.split_inclusive(|byte| *byte == b'\n').next()
    }

    /// Returns the next line without its end.
    fn peek(&self) -> Option<&'t [u8]> {
        let line = self.whole()?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn skip(&mut self) {
        if let Some(line) = self.whole() {
            self.offset += line.len();
            self.number += 1;
        }
    }

    /// Says what is wrong with the next line.
    fn refused(&self, why: impl Into<String>) -> Malformed {
        Malformed {
            line: self.number,
            why: why.into(),
        }
    }
}

/// What comes before the hunks of a file.
struct Header<'t> {
    /// Where it begins.
    start: usize,
    line: usize,
    /// The line `diff --git`, without that.
    git: Option<&'t [u8]>,
    old: Option<&'t [u8]>,
    new: Option<&'t [u8]>,
    /// Which of git's other lines there are.
    has: Vec<&'static str>,
    /// Whether what the file becomes follows as a binary patch, or not at all.
    binary: Option<Binary>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Content,
    Marker,
}

impl Header<'_> {
    fn has(&self, what: &str) -> bool {
        self.has.contains(&what)
    }

    /// Tells whether it says something of a file without any hunk.
    fn says_enough(&self) -> bool {
        let modes = self.has("old mode ") && self.has("new mode ");
        let others = [
            "new file mode ",
            "deleted file mode ",
            "rename from ",
            "copy from ",
        ];
        modes || self.binary.is_some() || others.iter().any(|it| self.has(it))
    }
}

/// The lines that git puts into a header.
const EXTENDED: [&str; 11] = [
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "copy from ",
    "copy to ",
    "rename from ",
    "rename to ",
    "similarity index ",
    "dissimilarity index ",
    "index ",
];
/// What git wrote long ago.
const OLD: [&str; 2] = ["rename old ", "rename new "];

fn is_binary_marker(line: &[u8]) -> bool {
    line.starts_with(b"Binary files ") && line.ends_with(b" differ")
}

/// Reads a header of git's; `None` where the line stands by itself, as in a letter.
fn git_header<'t>(lines: &mut Lines<'t>) -> Result<Option<Header<'t>>, Malformed> {
    let before = lines.clone();
    let git = lines
        .peek()
        .and_then(|line| line.strip_prefix(b"diff --git "));
    let mut header = Header {
        start: lines.offset,
        line: lines.number,
        git,
        old: None,
        new: None,
        has: Vec::new(),
        binary: None,
    };
    lines.skip();
    let start = lines.offset;
    while let Some(line) = lines.peek() {
        if header.binary.is_some() || line.starts_with(b"@@ -") {
            break;
        } else if let Some(name) = line.strip_prefix(b"--- ") {
            header.old = Some(name);
        } else if let Some(name) = line.strip_prefix(b"+++ ") {
            header.new = Some(name);
        } else if OLD.iter().any(|it| line.starts_with(it.as_bytes())) {
            return Err(lines.refused("a rename as git does not write it any more"));
        } else if let Some(it) = EXTENDED.iter().find(|it| line.starts_with(it.as_bytes())) {
            if header.old.is_some() || header.new.is_some() {
                return Err(lines.refused("it belongs before the names of the file"));
            }
            header.has.push(it);
        } else if line == b"GIT binary patch" {
            header.binary = Some(Binary::Content);
        } else if is_binary_marker(line) {
            header.binary = Some(Binary::Marker);
        } else {
            break;
        }
        lines.skip();
    }
    if lines.offset == start {
        *lines = before;
        return Ok(None);
    }
    check(&header)?;
    Ok(Some(header))
}

/// Refuses a header that contradicts itself.
fn check(header: &Header<'_>) -> Result<(), Malformed> {
    let refused = |why: &str| Malformed {
        line: header.line,
        why: why.into(),
    };
    let kinds = [
        "new file mode ",
        "deleted file mode ",
        "rename from ",
        "copy from ",
    ];
    if kinds.iter().filter(|it| header.has(it)).count() > 1 {
        return Err(refused("its header contradicts itself"));
    }
    let pairs = [("rename from ", "rename to "), ("copy from ", "copy to ")];
    let is_half = pairs.iter().any(|(a, b)| header.has(a) != header.has(b));
    if is_half || header.old.is_some() != header.new.is_some() {
        return Err(refused("its header has one name of two"));
    }
    let (Some(old), Some(new)) = (header.old, header.new) else {
        return Ok(());
    };
    if header.binary.is_some() {
        return Err(refused("it is a text and binary"));
    }
    let is_nothing = |name: &[u8]| bare(name) == b"/dev/null";
    if is_nothing(old) != header.has("new file mode ")
        || is_nothing(new) != header.has("deleted file mode ")
    {
        return Err(refused("its names are not what its header says of it"));
    }
    // Names that both lines have are the same.
    let git = header.git.unwrap_or_default();
    let ends = |name: &[u8]| {
        let rest = git.strip_suffix(bare(name));
        rest.is_some_and(|rest| rest.ends_with(b" "))
    };
    let begins = |name: &[u8]| {
        let rest = git.strip_prefix(bare(name));
        rest.is_some_and(|rest| rest.starts_with(b" "))
    };
    if is_nothing(old) && !ends(new) || is_nothing(new) && !begins(old) {
        return Err(refused(
            "its names are not those that its header begins with",
        ));
    }
    Ok(())
}

/// Returns a name without what follows it.
fn bare(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b'\t').next().unwrap_or(name)
}

/// Reads a header that has names only; `None` where it is none.
fn plain_header<'t>(lines: &mut Lines<'t>) -> Result<Option<Header<'t>>, Malformed> {
    let before = lines.clone();
    let old = lines.peek().and_then(|line| line.strip_prefix(b"--- "));
    lines.skip();
    let new = lines.peek().and_then(|line| line.strip_prefix(b"+++ "));
    if new.is_none() {
        *lines = before;
        return Ok(None);
    }
    lines.skip();
    Ok(Some(Header {
        start: before.offset,
        line: before.number,
        git: None,
        old,
        new,
        has: Vec::new(),
        binary: None,
    }))
}

/// Reads what follows a header.
fn section<'t>(lines: &mut Lines<'t>, header: Header<'t>) -> Result<Section<'t>, Malformed> {
    let mut hunks = 0;
    if header.binary == Some(Binary::Content) {
        // What it becomes, and what it was.
        binary_block(lines)?;
        binary_block(lines)?;
    } else {
        while lines.peek().is_some_and(|line| line.starts_with(b"@@ -")) {
            hunk(lines)?;
            hunks += 1;
        }
    }
    let refused = |why: String| Malformed {
        line: header.line,
        why,
    };
    let is_git = header.git.is_some();
    if hunks == 0 && !(is_git && header.says_enough()) {
        return Err(refused(
            "a file is named, and nothing follows that is to be done".into(),
        ));
    }
    if hunks > 0 && header.binary.is_some() {
        return Err(refused("it is a text and binary".into()));
    }
    let options = match is_git {
        true => ParseOptions::gitdiff(),
        false => ParseOptions::unidiff(),
    };
    let text = &lines.text[header.start..lines.offset];
    let mut parsed = PatchSet::parse_bytes(text, options);
    let patch = match (parsed.next(), parsed.next()) {
        (Some(Ok(patch)), None) => patch,
        (Some(Err(error)), _) | (_, Some(Err(error))) => return Err(refused(error.to_string())),
        _ => return Err(refused("it is no patch of one file".into())),
    };
    let read = match patch.patch() {
        PatchKind::Text(text) => text.hunks().len(),
        PatchKind::Binary(_) => 0,
    };
    if read != hunks {
        return Err(refused(format!(
            "{hunks} hunks, of which {read} can be read"
        )));
    }
    let is_nothing = |name: Option<&[u8]>| !is_git && name.is_some_and(has_epoch);
    Ok(Section {
        line: header.line,
        patch,
        is_git,
        is_new: is_nothing(header.old),
        is_gone: is_nothing(header.new),
    })
}

/// Reads a block of a binary patch.
fn binary_block(lines: &mut Lines<'_>) -> Result<(), Malformed> {
    let is_head = |line: &[u8]| line.starts_with(b"literal ") || line.starts_with(b"delta ");
    if !lines.peek().is_some_and(is_head) {
        return Err(lines.refused("a binary file has two blocks, what it becomes and what it was"));
    }
    lines.skip();
    while let Some(line) = lines.peek() {
        lines.skip();
        if line.is_empty() {
            return Ok(());
        }
    }
    Err(lines.refused("the text ends in a binary file"))
}

/// Reads a hunk to its end, which its head says.
fn hunk(lines: &mut Lines<'_>) -> Result<(), Malformed> {
    let head = lines.clone();
    let counts = lines.peek().and_then(counts);
    let Some((mut old, mut new)) = counts else {
        return Err(lines.refused("it is no head of a hunk"));
    };
    lines.skip();
    let mut changes = false;
    while old > 0 || new > 0 {
        let Some(line) = lines.whole() else {
            return Err(head.refused("the text ends in this hunk"));
        };
        if !line.ends_with(b"\n") {
            return Err(lines.refused("the text ends in this line"));
        }
        let (of_old, of_new) = match line[0] {
            b' ' | b'\n' => (1, 1),
            b'-' => (1, 0),
            b'+' => (0, 1),
            b'\\' => (0, 0),
            _ => return Err(lines.refused("it is no line of the hunk, which is longer")),
        };
        changes |= of_old != of_new;
        match (old.checked_sub(of_old), new.checked_sub(of_new)) {
            (Some(less_old), Some(less_new)) => (old, new) = (less_old, less_new),
            _ => return Err(lines.refused("the hunk has more lines than its head says")),
        }
        lines.skip();
    }
    // Of the last line it is said behind it.
    if lines.peek().is_some_and(|line| line.starts_with(b"\\ ")) {
        lines.skip();
    }
    match changes {
        true => Ok(()),
        false => Err(head.refused("the hunk changes nothing")),
    }
}

/// Reads how many lines a hunk has, of the old file and of the new one.
fn counts(head: &[u8]) -> Option<(u64, u64)> {
    let head = head.strip_prefix(b"@@ -")?;
    let end = head.windows(3).position(|it| it == b" @@")?;
    let ranges = std::str::from_utf8(&head[..end]).ok()?;
    let (old, new) = ranges.split_once(" +")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse().ok(),
        None => Some(1),
    };
    Some((count(old)?, count(new)?))
}

/// Tells whether a name is followed by the time at which GNU diff has what is not there.
fn has_epoch(name: &[u8]) -> bool {
    let mut parts = name.splitn(2, |byte| *byte == b'\t');
    let time = parts.nth(1).and_then(|time| std::str::from_utf8(time).ok());
    let read = |time: &str| jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S%.f %z", time.trim());
    let time = time.and_then(|time| read(time).ok()?.to_timestamp().ok());
    time == Some(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "--- a/k\n+++ b/k\n@@ -1 +1 @@\n-x\n+y\n";
    const GIT: &str = "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n\
                       @@ -0,0 +1 @@\n+n\n";

    fn lines(text: &str) -> Result<Vec<usize>, usize> {
        match sections(text.as_bytes()) {
            Ok(found) => Ok(found.iter().map(|it| it.line).collect()),
            Err(malformed) => Err(malformed.line),
        }
    }

    #[test]
    fn each_file_is_found_whatever_its_header_is_like_and_whatever_is_around_it() {
        for (text, expected) in [
            (String::new(), vec![]),
            ("a letter\n\n".into(), vec![]),
            (format!("{PLAIN}{GIT}"), vec![1, 6]),
            (format!("{GIT}{PLAIN}"), vec![1, 7]),
            (format!("{GIT}-- \n2.47\n{PLAIN}"), vec![1, 9]),
            (
                format!("it says\ndiff --git a/k b/k\nthere\n{PLAIN}"),
                vec![4],
            ),
            (format!("---\n k | 1 +\n--- \n{PLAIN}"), vec![4]),
            (
                "diff --git a/k b/k\nold mode 100644\nnew mode 100755\n".into(),
                vec![1],
            ),
        ] {
            assert_eq!(lines(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_belongs_to_no_file_is_refused_in_its_line() {
        for (text, line) in [
            (format!("{PLAIN}\n@@ -20 +20 @@\n-x\n+y\n"), 7),
            (format!("{GIT}text\n@@ -20 +20 @@\n-x\n+y\n"), 8),
            (format!("{PLAIN}GIT binary patch\n"), 6),
            (format!("{PLAIN}Binary files a/x and b/x differ\n"), 6),
            ("--- a/k\n+++ b/k\n\n@@ -1 +1 @@\n-x\n+y\n".into(), 1),
            ("diff --git a/k b/k\nindex 1..2\n".into(), 1),
            ("diff --git a/k b/k\nrename old a\n".into(), 2),
            (
                "diff --git a/k b/k\n--- a/k\n+++ b/k\nnew mode 100755\n".into(),
                4,
            ),
            ("diff --git a/k b/k\nrename from k\n".into(), 1),
            (GIT.replace("b/new\nnew file", "b/new\n\nnew file"), 3),
            ("it was\nrename from a\nrename to b\n".into(), 2),
            (GIT.replace("+++ b/new", "+++ b/other"), 1),
            (GIT.replace("new file mode 100644", "index 1..2"), 1),
            (PLAIN.replace("+y\n", "+y"), 5),
            (PLAIN.replace("+y\n", "y\n"), 5),
            (PLAIN.replace("+y\n", ""), 3),
            (PLAIN.replace("-x\n+y", " x"), 3),
            (PLAIN.replace("+1", "1"), 3),
            ("\n".repeat(MAX_LINES + 1), MAX_LINES + 1),
        ] {
            assert_eq!(lines(&text), Err(line), "{text}");
        }
    }

    #[test]
    fn the_time_of_a_file_that_is_not_there_is_the_epoch_wherever_that_is() {
        for (name, is_epoch) in [
            ("a/k\t1970-01-01 00:00:00.000000000 +0000", true),
            ("a/k\t1970-01-01 01:00:00 +0100", true),
            ("a/k\t1969-12-31 16:00:00.000000000 -0800", true),
            ("a/k\t1970-01-01 00:00:00.000000000 +0100", false),
            ("a/k\t2026-01-01 00:00:00.000000000 +0000", false),
            ("a/k\t", false),
            ("a/k", false),
        ] {
            assert_eq!(has_epoch(name.as_bytes()), is_epoch, "{name}");
        }
    }
}
