//! Patches in the envelope that Codex writes: `*** Begin Patch` to `*** End Patch`.

use std::cell::Cell;

use crate::text::Lines;

/// The longest patch, in bytes.
const MAX_PATCH: usize = 4 << 20;
/// The most files of a patch, and hunks of a file.
const MAX_FILES: usize = 100;
const MAX_HUNKS: usize = 1_000;
/// So many comparisons of lines are made for the hunks of a file; of long ones more count.
const MAX_COMPARED: usize = 20_000_000;
/// So many places of a hunk are named.
const NAMED: usize = 10;

/// What a patch does with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilePatch {
    Add {
        path: String,
        content: String,
    },
    Delete {
        path: String,
    },
    Update {
        path: String,
        to: Option<String>,
        hunks: Vec<Hunk>,
    },
}

/// A part of a file that is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Hunk {
    /// Lines that it comes after, each after the one before.
    pub(crate) anchors: Vec<String>,
    /// The ranges that a unified diff has there, which are about another state of the file.
    pub(crate) range: Option<String>,
    /// Its lines, each with `' '`, `'-'` or `'+'`.
    pub(crate) lines: Vec<(char, String)>,
    /// Whether it is the end of the file.
    pub(crate) at_end: bool,
}

/// Why a hunk cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HunkFault {
    /// Its lines are not there.
    Absent,
    /// The line that it comes after is not there.
    Anchor(String),
    /// It is there at several places: on the first of these lines, counted from 1.
    Many(Vec<usize>),
    /// The line that it comes after is there at several places: on these lines.
    Anchors(String, Vec<usize>),
    /// It only says by ranges where it comes.
    Nowhere,
    /// Comparing would take too long.
    TooMuch,
}

impl FilePatch {
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Delete { path } | Self::Update { path, .. } => path,
        }
    }
}

impl Hunk {
    fn side(&self, other: char) -> Vec<&str> {
        let lines = self.lines.iter().filter(|(mark, _)| *mark != other);
        lines.map(|(_, line)| line.as_str()).collect()
    }

    /// Returns the lines that have to be there.
    pub(crate) fn before(&self) -> Vec<&str> {
        self.side('+')
    }

    /// Returns the lines that are to be there.
    pub(crate) fn after(&self) -> Vec<&str> {
        self.side('-')
    }

    /// Returns the hunk that replaces some lines with others.
    pub(crate) fn of(old: &str, new: &str) -> Self {
        let lines = |mark: char, text: &str| -> Vec<(char, String)> {
            let text = text.strip_suffix('\n').unwrap_or(text);
            text.split('\n')
                .map(|line| (mark, line.to_owned()))
                .collect()
        };
        let mut all = if old.is_empty() {
            Vec::new()
        } else {
            lines('-', old)
        };
        if !new.is_empty() {
            all.extend(lines('+', new));
        }
        Self {
            lines: all,
            ..Self::default()
        }
    }
}

/// Reads a patch.
///
/// # Errors
/// Says on which line, counted from 1, what was expected.
pub(crate) fn parse(text: &str) -> Result<Vec<FilePatch>, (usize, String)> {
    if text.len() > MAX_PATCH {
        return Err((
            1,
            format!("a patch of {} bytes; up to {MAX_PATCH}", text.len()),
        ));
    }
    let text = text.trim_matches(['\n', '\r', ' ']);
    let carriage = text.starts_with("*** Begin Patch\r\n");
    let lines = text.split('\n').map(|line| match carriage {
        true => line.strip_suffix('\r').unwrap_or(line),
        false => line,
    });
    let mut lines = lines.enumerate().peekable();
    match lines.next() {
        Some((_, first)) if first.trim_end() == "*** Begin Patch" => {}
        _ => return Err((1, "expected `*** Begin Patch`".into())),
    }
    let mut files = Vec::new();
    while let Some((n, line)) = lines.next() {
        let at = n + 1;
        if line.trim_end() == "*** End Patch" {
            return match (lines.next(), files.is_empty()) {
                (Some((n, _)), _) => Err((n + 1, "nothing comes after `*** End Patch`".into())),
                (None, true) => Err((at, "the patch changes no file".into())),
                (None, false) => Ok(files),
            };
        }
        if files.len() == MAX_FILES {
            return Err((at, format!("more than {MAX_FILES} files")));
        }
        let path = |name: &str| line.strip_prefix(name).map(|path| path.trim().to_owned());
        if let Some(path) = path("*** Add File:") {
            let mut content = String::new();
            while let Some((n, line)) = lines.next_if(|(_, line)| !line.starts_with("*** ")) {
                let Some(line) = line.strip_prefix('+') else {
                    return Err((n + 1, "each line of a new file begins with `+`".into()));
                };
                content.push_str(line);
                content.push('\n');
            }
            files.push(FilePatch::Add { path, content });
        } else if let Some(path) = path("*** Delete File:") {
            files.push(FilePatch::Delete { path });
        } else if let Some(path) = path("*** Update File:") {
            let to = lines.next_if(|(_, line)| line.starts_with("*** Move to:"));
            let to = to.and_then(|(_, line)| line.strip_prefix("*** Move to:"));
            let to = to.map(|to| to.trim().to_owned());
            let mut hunks: Vec<Hunk> = Vec::new();
            let mut open = false;
            while let Some((n, line)) =
                lines.next_if(|(_, line)| !line.starts_with("*** ") || line.trim_end() == END)
            {
                let fresh = !open || hunks.last().is_some_and(|hunk| hunk.at_end);
                if line.trim_end() == END {
                    match hunks.last_mut() {
                        Some(hunk) => hunk.at_end = true,
                        None => return Err((n + 1, "an end of the file without lines".into())),
                    }
                    continue;
                }
                if let Some(anchor) = line.strip_prefix("@@") {
                    let anchor = anchor.trim();
                    let anchors_only = hunks.last().is_some_and(|hunk| hunk.lines.is_empty());
                    if !anchors_only {
                        hunks.push(Hunk::default());
                    }
                    open = true;
                    if let Some(hunk) = hunks.last_mut().filter(|_| !anchor.is_empty()) {
                        match is_range(anchor) {
                            true => hunk.range = Some(anchor.to_owned()),
                            false => hunk.anchors.push(anchor.to_owned()),
                        }
                    }
                    continue;
                }
                if fresh {
                    hunks.push(Hunk::default());
                    open = true;
                }
                if hunks.len() > MAX_HUNKS {
                    return Err((n + 1, format!("more than {MAX_HUNKS} hunks of a file")));
                }
                let mut chars = line.chars();
                let entry = match chars.next() {
                    None => (' ', String::new()),
                    Some(mark @ (' ' | '-' | '+')) => (mark, chars.as_str().to_owned()),
                    Some('\r') if chars.as_str().is_empty() => (' ', "\r".to_owned()),
                    Some(_) => {
                        return Err((
                            n + 1,
                            "each line of a hunk begins with a space, `-` or `+`".into(),
                        ));
                    }
                };
                if let Some(hunk) = hunks.last_mut() {
                    hunk.lines.push(entry);
                }
            }
            if hunks.iter().any(|hunk| hunk.lines.is_empty()) {
                return Err((at, format!("a hunk of {path} has no lines")));
            }
            if hunks.is_empty() && to.is_none() {
                return Err((at, format!("nothing of {path} is changed")));
            }
            files.push(FilePatch::Update { path, to, hunks });
        } else {
            return Err((
                at,
                "expected `*** Add File: `, `*** Update File: `, `*** Delete File: ` and a path, \
                 or `*** End Patch`"
                    .into(),
            ));
        }
    }
    Err((text.lines().count(), "expected `*** End Patch`".into()))
}

const END: &str = "*** End of File";

/// Tells whether what comes after `@@` is the ranges of a unified diff.
fn is_range(anchor: &str) -> bool {
    let range = |part: Option<&str>, mark: char| {
        let numbers = part.and_then(|part| part.strip_prefix(mark));
        numbers.is_some_and(|numbers| {
            let (start, count) = numbers.split_once(',').unwrap_or((numbers, "1"));
            let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
            digits(start) && digits(count)
        })
    };
    let mut parts = anchor.split(' ');
    range(parts.next(), '-') && range(parts.next(), '+') && parts.next() == Some("@@")
}

/// Writes a patch.
pub(crate) fn written(files: &[FilePatch]) -> String {
    let mut text = String::from("*** Begin Patch\n");
    for file in files {
        match file {
            FilePatch::Add { path, content } => {
                text.push_str(&format!("*** Add File: {path}\n"));
                for line in content.split_terminator('\n') {
                    text.push_str(&format!("+{line}\n"));
                }
            }
            FilePatch::Delete { path } => text.push_str(&format!("*** Delete File: {path}\n")),
            FilePatch::Update { path, to, hunks } => {
                text.push_str(&format!("*** Update File: {path}\n"));
                if let Some(to) = to {
                    text.push_str(&format!("*** Move to: {to}\n"));
                }
                for hunk in hunks {
                    match &hunk.range {
                        Some(range) => text.push_str(&format!("@@ {range}\n")),
                        None if hunk.anchors.is_empty() => text.push_str("@@\n"),
                        None => {}
                    }
                    for anchor in &hunk.anchors {
                        text.push_str(&format!("@@ {anchor}\n"));
                    }
                    for (mark, line) in &hunk.lines {
                        text.push_str(&format!("{mark}{line}\n"));
                    }
                    if hunk.at_end {
                        text.push_str(&format!("{END}\n"));
                    }
                }
            }
        }
    }
    text.push_str("*** End Patch\n");
    text
}

/// Makes the hunks of a file, all against the text as it is: each after the one before, its
/// lines exactly, and at one place only. One without lines that are there goes after its
/// anchor, which has to be there once, or to the end of the file; its lines end as those do.
///
/// # Errors
/// The first that cannot be made, counted from 0, and why.
pub(crate) fn apply(text: &str, hunks: &[Hunk]) -> Result<String, (usize, HunkFault)> {
    let lines = Lines::of(text);
    let left = Cell::new(MAX_COMPARED);
    // Counts one comparison, of so many bytes; where there were too many, nothing is the same.
    let counted = |bytes: usize| {
        left.set(left.get().saturating_sub(1 + bytes / 16));
        left.get() > 0
    };
    let line = |at: usize| {
        let whole = lines.whole(at);
        whole.strip_suffix('\n').unwrap_or(whole)
    };
    let mut out = String::with_capacity(text.len());
    let (mut cursor, mut from) = (0, 0);
    for (n, hunk) in hunks.iter().enumerate() {
        let (old, new) = (hunk.before(), hunk.after());
        // Its lines, or the end of the file, tell where it is; otherwise its anchors do.
        let placed = !old.is_empty() || hunk.at_end;
        for anchor in &hunk.anchors {
            let is_at = |at: &usize| counted(line(*at).len()) && line(*at).trim() == anchor.trim();
            let many = if placed { 1 } else { NAMED };
            let found: Vec<usize> = (cursor..lines.len()).filter(is_at).take(many).collect();
            if left.get() == 0 {
                return Err((n, HunkFault::TooMuch));
            }
            cursor = match found.as_slice() {
                [] => return Err((n, HunkFault::Anchor(anchor.clone()))),
                [at] => at + 1,
                several => {
                    let lines = several.iter().map(|at| at + 1).collect();
                    return Err((n, HunkFault::Anchors(anchor.clone(), lines)));
                }
            };
        }
        if !placed && hunk.anchors.is_empty() && hunk.range.is_some() {
            return Err((n, HunkFault::Nowhere));
        }
        let at = if old.is_empty() {
            match hunk.anchors.is_empty() || hunk.at_end {
                true => lines.len(),
                false => cursor,
            }
        } else {
            let is_at = |at: &usize| {
                let end = at + old.len();
                end <= lines.len()
                    && (!hunk.at_end || end == lines.len())
                    && old.iter().enumerate().all(|(n, old)| {
                        let there = line(at + n);
                        let bytes = if there.len() == old.len() {
                            old.len()
                        } else {
                            0
                        };
                        counted(bytes) && there == *old
                    })
            };
            let found: Vec<usize> = (cursor..lines.len()).filter(is_at).take(NAMED).collect();
            if left.get() == 0 {
                return Err((n, HunkFault::TooMuch));
            }
            match found.as_slice() {
                [] => return Err((n, HunkFault::Absent)),
                [at] => *at,
                several => {
                    let lines = several.iter().map(|at| at + 1).collect();
                    return Err((n, HunkFault::Many(lines)));
                }
            }
        };
        // What only comes in ends as the line before it, or the first one.
        let ended = (0..at).rev().find(|at| lines.whole(*at).ends_with('\n'));
        let carriage = old.is_empty() && lines.whole(ended.unwrap_or(at)).ends_with("\r\n");
        let range = lines.range(at..at + old.len());
        out.push_str(text.get(from..range.start).unwrap_or_default());
        if at == lines.len() && !new.is_empty() && !out.is_empty() && !out.ends_with('\n') {
            out.push_str(if carriage { "\r\n" } else { "\n" });
        }
        for line in &new {
            out.push_str(line);
            if carriage && !line.ends_with('\r') {
                out.push('\r');
            }
            out.push('\n');
        }
        let replaced = text.get(range.clone()).unwrap_or_default();
        if !replaced.is_empty() && !replaced.ends_with('\n') && !new.is_empty() {
            out.pop();
        }
        from = range.end;
        cursor = at + old.len();
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "*** Begin Patch\n*** Add File: new.txt\n+one\n+\n*** Update File: a.py\n\
        *** Move to: b.py\n@@ class A\n@@ def f():\n     x = 1\n-    y = 2\n+    y = 3\n@@\n+end\n\
        *** End of File\n*** Delete File: old.txt\n*** End Patch\n";

    #[test]
    fn a_patch_reads_as_it_is_written() {
        let files = parse(PATCH).unwrap();
        assert_eq!(files.len(), 3);
        assert_eq!(written(&files), PATCH);
        assert_eq!(parse(&PATCH.replace('\n', "\r\n")).unwrap(), files);
        let FilePatch::Update { hunks, .. } = &files[1] else {
            panic!("{files:?}");
        };
        let text =
            "class B\ndef f():\n    x = 1\n    y = 2\nclass A\n\tdef f():\n    x = 1\n    y = 2\n";
        let after = "class B\ndef f():\n    x = 1\n    y = 2\nclass A\n\tdef f():\n    x = 1\n    y = 3\nend\n";
        assert_eq!(apply(text, hunks).unwrap(), after);
    }

    #[test]
    fn what_is_no_patch_is_told_with_its_line() {
        for (bad, line) in [
            ("", 1),
            ("*** Begin Patch\n", 1),
            ("*** Begin Patch\n*** End Patch", 2),
            ("*** Begin Patch\nx", 2),
            ("*** Begin Patch\n*** Add File: a\nx\n*** End Patch", 3),
            ("*** Begin Patch\n*** Update File: a\n*** End Patch", 2),
            ("*** Begin Patch\n*** Update File: a\n@@\n*** End Patch", 2),
            (
                "*** Begin Patch\n*** Update File: a\n@@\n*bad\n*** End Patch",
                4,
            ),
            ("*** Begin Patch\n*** Delete File: a\n*** End Patch\nx", 4),
        ] {
            assert_eq!(parse(bad).map_err(|(line, _)| line), Err(line), "{bad:?}");
        }
    }

    fn updated(text: &str, hunks: &str) -> Result<String, HunkFault> {
        let patch = format!("*** Begin Patch\n*** Update File: a\n{hunks}*** End Patch\n");
        let files = parse(&patch).unwrap();
        assert_eq!(written(&files), patch);
        let FilePatch::Update { hunks, .. } = &files[0] else {
            panic!("{files:?}");
        };
        apply(text, hunks).map_err(|(_, fault)| fault)
    }

    #[test]
    fn lines_that_only_come_in_do_so_at_a_proven_place() {
        let twice = "def f():\n  a\ndef f():\n  b\n";
        let anchors = HunkFault::Anchors("def f():".into(), vec![1, 3]);
        assert_eq!(updated(twice, "@@ def f():\n+  x\n"), Err(anchors));
        let once = "  a\ndef f():\n  b\n";
        assert_eq!(
            updated(once, "@@ def f():\n+  x\n").unwrap(),
            "  a\ndef f():\n  x\n  b\n"
        );
        let yaml = "- name: a\n- name: b\n- name: c\n";
        assert_eq!(
            updated(yaml, "@@ - name: b\n+  x: 1\n").unwrap(),
            "- name: a\n- name: b\n  x: 1\n- name: c\n"
        );
        for range in ["-10,0 +11 @@", "-1 +1,2 @@ def f():"] {
            let hunk = format!("@@ {range}\n+x\n");
            assert_eq!(updated(once, &hunk), Err(HunkFault::Nowhere), "{range}");
            let hunk = format!("@@ {range}\n-  b\n+x\n");
            assert_eq!(updated(once, &hunk).unwrap(), "  a\ndef f():\nx\n");
        }
        for no_range in ["-1", "-1 +1", "-a +1 @@", "-1, +1 @@"] {
            let hunk = format!("@@ {no_range}\n+x\n");
            let fault = HunkFault::Anchor(no_range.into());
            assert_eq!(updated(once, &hunk), Err(fault));
        }
    }

    #[test]
    fn lines_that_only_come_in_end_as_those_around_them() {
        for (text, hunk, after) in [
            ("a\r\nb\r\n", "@@ a\n+x\n", "a\r\nx\r\nb\r\n"),
            ("a\r\nb", "@@\n+x\n", "a\r\nb\r\nx\r\n"),
            ("a\nb\n", "@@ a\n+x\n", "a\nx\nb\n"),
            ("", "@@\n+x\n", "x\n"),
        ] {
            assert_eq!(updated(text, hunk).unwrap(), after, "{text:?}");
        }
    }

    #[test]
    fn a_long_hunk_over_many_lines_is_refused_soon() {
        let lines = |n: usize| Hunk {
            lines: (0..n).map(|_| ('-', String::new())).collect(),
            ..Hunk::default()
        };
        let text = "\n".repeat(100_000) + "x";
        let mut hunk = lines(20_000);
        hunk.lines.push(('-', "y".into()));
        assert_eq!(apply(&text, &[hunk]), Err((0, HunkFault::TooMuch)));
    }

    #[test]
    fn a_hunk_is_made_where_it_is_once() {
        let hunk = |old: &str, new: &str| vec![Hunk::of(old, new)];
        assert_eq!(
            apply("a\nb\nc", &hunk("b\n", "x\ny\n")).unwrap(),
            "a\nx\ny\nc"
        );
        assert_eq!(apply("a\nb", &hunk("b", "x")).unwrap(), "a\nx");
        assert_eq!(apply("a\nb\n", &hunk("b", "")).unwrap(), "a\n");
        assert_eq!(apply("a\r\n", &hunk("a\r", "b\r")).unwrap(), "b\r\n");
        assert_eq!(apply("a", &hunk("", "b")).unwrap(), "a\nb\n");
        let twice = HunkFault::Many(vec![1, 2]);
        assert_eq!(apply("a\na\n", &hunk("a", "b")), Err((0, twice)));
        assert_eq!(apply("ab\n", &hunk("b", "c")), Err((0, HunkFault::Absent)));
        assert_eq!(apply("a\r\n", &hunk("a", "c")), Err((0, HunkFault::Absent)));
    }
}
