//! One changed file as git's extended patch format, which `git apply` takes.
//!
//! The format is the one that `git diff --full-index --binary` prints
//! (git-diff(1), "Generating patch text with -p").

mod lines;
mod notation;

use self::lines::Lines;
use self::notation::{NO_BLOB, blob_id, literal, quoted};
use crate::path::TreePath;

/// A NUL among this many first bytes makes a file binary, as in git.
const BINARY_PROBE: usize = 8000;

/// What git knows of a file's mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatchMode {
    /// `100644`.
    Regular,
    /// `100755`.
    Executable,
    /// `120000`; the bytes are the target.
    Symlink,
}

impl PatchMode {
    fn digits(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
        }
    }
}

/// One side of a changed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchSide<'a> {
    /// Its mode.
    pub mode: PatchMode,
    /// Its whole content. Where both sides have the same content, both may be
    /// left empty: unchanged bytes do not appear in a patch.
    pub bytes: &'a [u8],
}

/// How a patch shows a binary file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryStyle {
    /// In full, so that the patch can be applied and reversed.
    Whole,
    /// In one line that says that it differs, for people.
    Named,
}

/// The difference of one file, compared and ready to be rendered.
///
/// ```
/// use workspace_core::{BinaryStyle, Patch, PatchMode, PatchSide, TreePath};
/// let side = |bytes| Some(PatchSide { mode: PatchMode::Regular, bytes });
/// let path = TreePath::new("/notes.txt").unwrap();
/// let patch = Patch::new(&path, None, side(b"one\n"), side(b"one\ntwo\n"));
/// assert_eq!((patch.added(), patch.removed()), (1, 0));
/// assert!(patch.render(BinaryStyle::Whole).ends_with(b"@@ -1 +1,2 @@\n one\n+two\n"));
/// ```
#[derive(Debug)]
pub struct Patch<'a> {
    old_path: &'a TreePath,
    new_path: &'a TreePath,
    old: Option<PatchSide<'a>>,
    new: Option<PatchSide<'a>>,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    Unchanged,
    Text(Lines<'a>),
    Binary,
    /// A file became a symlink or the other way round: git removes and adds.
    Retyped(Box<(Patch<'a>, Patch<'a>)>),
}

impl<'a> Patch<'a> {
    /// Compares the two sides of the file at `path`; `None` is no file. A rename
    /// names the path that it had before.
    pub fn new(
        path: &'a TreePath,
        renamed_from: Option<&'a TreePath>,
        old: Option<PatchSide<'a>>,
        new: Option<PatchSide<'a>>,
    ) -> Self {
        let old_path = renamed_from.unwrap_or(path);
        let body = match (old, new) {
            (Some(old), Some(new))
                if (old.mode == PatchMode::Symlink) != (new.mode == PatchMode::Symlink) =>
            {
                Body::Retyped(Box::new((
                    Patch::new(old_path, None, Some(old), None),
                    Patch::new(path, None, None, Some(new)),
                )))
            }
            _ => compare(bytes_of(old), bytes_of(new)),
        };
        Self {
            old_path,
            new_path: path,
            old,
            new,
            body,
        }
    }

    /// Tells whether either side is binary: whether it has a NUL among its first
    /// 8,000 bytes. Such a file counts no lines.
    pub fn is_binary(&self) -> bool {
        match &self.body {
            Body::Binary => true,
            Body::Retyped(halves) => halves.0.is_binary() || halves.1.is_binary(),
            Body::Unchanged | Body::Text(_) => false,
        }
    }

    /// Returns how many lines were added.
    pub fn added(&self) -> u64 {
        match &self.body {
            Body::Text(lines) => lines.added(),
            Body::Retyped(halves) => halves.1.added(),
            Body::Unchanged | Body::Binary => 0,
        }
    }

    /// Returns how many lines were removed.
    pub fn removed(&self) -> u64 {
        match &self.body {
            Body::Text(lines) => lines.removed(),
            Body::Retyped(halves) => halves.0.removed(),
            Body::Unchanged | Body::Binary => 0,
        }
    }

    /// Renders the patch; empty where git sees no difference. It holds the files' own bytes, in whatever encoding
    /// they are; paths outside printable ASCII are quoted as git quotes them.
    pub fn render(&self, binary: BinaryStyle) -> Vec<u8> {
        let mut out = Vec::new();
        self.render_to(&mut out, binary);
        out
    }

    fn render_to(&self, out: &mut Vec<u8>, binary: BinaryStyle) {
        if let Body::Retyped(halves) = &self.body {
            halves.0.render_to(out, binary);
            halves.1.render_to(out, binary);
            return;
        }
        if self.is_empty() {
            return;
        }
        self.header(out);
        match &self.body {
            Body::Unchanged | Body::Retyped(_) => {}
            Body::Text(lines) => {
                self.label(out, "---", self.old.map(|_| ("a", self.old_path)));
                self.label(out, "+++", self.new.map(|_| ("b", self.new_path)));
                lines.render(out);
            }
            Body::Binary if binary == BinaryStyle::Named => {
                let name = |side: Option<PatchSide<'_>>, prefix, path| match side {
                    Some(_) => quoted(prefix, path),
                    None => "/dev/null".into(),
                };
                let old = name(self.old, "a/", self.old_path);
                let new = name(self.new, "b/", self.new_path);
                push(out, &["Binary files ", &old, " and ", &new, " differ\n"]);
            }
            Body::Binary => {
                out.extend_from_slice(b"GIT binary patch\n");
                literal(out, bytes_of(self.new));
                literal(out, bytes_of(self.old));
            }
        }
    }

    /// Tells whether there is nothing that a patch could say: `git apply` takes no
    /// header without a change.
    fn is_empty(&self) -> bool {
        let mode = |side: Option<PatchSide<'_>>| side.map(|side| side.mode);
        matches!(self.body, Body::Unchanged)
            && mode(self.old) == mode(self.new)
            && self.old_path == self.new_path
    }

    fn header(&self, out: &mut Vec<u8>) {
        let (old_name, new_name) = (quoted("a/", self.old_path), quoted("b/", self.new_path));
        push(out, &["diff --git ", &old_name, " ", &new_name, "\n"]);
        let mut index_mode = None;
        match (self.old, self.new) {
            (None, Some(new)) => push(out, &["new file mode ", new.mode.digits(), "\n"]),
            (Some(old), None) => push(out, &["deleted file mode ", old.mode.digits(), "\n"]),
            (Some(old), Some(new)) if old.mode != new.mode => {
                push(out, &["old mode ", old.mode.digits(), "\n"]);
                push(out, &["new mode ", new.mode.digits(), "\n"]);
            }
            (Some(old), Some(_)) => index_mode = Some(old.mode),
            (None, None) => {}
        }
        if self.old_path != self.new_path {
            let similarity = self.similarity();
            push(out, &["similarity index ", &similarity.to_string(), "%\n"]);
            push(out, &["rename from ", &quoted("", self.old_path), "\n"]);
            push(out, &["rename to ", &quoted("", self.new_path), "\n"]);
        }
        // A created or deleted empty file has no body, and yet an index line.
        if !matches!(self.body, Body::Unchanged) || self.old.is_none() || self.new.is_none() {
            push(out, &["index ", &blob(self.old), "..", &blob(self.new)]);
            if let Some(mode) = index_mode {
                push(out, &[" ", mode.digits()]);
            }
            out.push(b'\n');
        }
    }

    fn label(&self, out: &mut Vec<u8>, mark: &str, named: Option<(&str, &TreePath)>) {
        let Some((prefix, path)) = named else {
            return push(out, &[mark, " /dev/null\n"]);
        };
        // A tab ends a name with spaces: what follows would be read as a time.
        let tab = if path.as_str().contains(' ') {
            "\t"
        } else {
            ""
        };
        let name = quoted(&format!("{prefix}/"), path);
        push(out, &[mark, " ", &name, tab, "\n"]);
    }

    /// Returns which part of the larger side both share, in percent of bytes.
    fn similarity(&self) -> usize {
        let (old, new) = (bytes_of(self.old), bytes_of(self.new));
        let kept: usize = match &self.body {
            Body::Unchanged => return 100,
            Body::Text(lines) => lines.kept_bytes(),
            Body::Binary | Body::Retyped(_) => {
                let start = common(old.iter(), new.iter());
                start + common(old[start..].iter().rev(), new[start..].iter().rev())
            }
        };
        (kept * 100 / old.len().max(new.len()).max(1)).min(99)
    }
}

fn bytes_of(side: Option<PatchSide<'_>>) -> &[u8] {
    side.map_or(&[], |side| side.bytes)
}

fn blob(side: Option<PatchSide<'_>>) -> String {
    side.map_or_else(|| NO_BLOB.into(), |side| blob_id(side.bytes))
}

fn compare<'a>(old: &'a [u8], new: &'a [u8]) -> Body<'a> {
    let binary = |bytes: &[u8]| bytes[..bytes.len().min(BINARY_PROBE)].contains(&0);
    if old == new {
        Body::Unchanged
    } else if binary(old) || binary(new) {
        Body::Binary
    } else {
        Body::Text(Lines::compare(old, new))
    }
}

/// Counts the items that both start with.
fn common<T: PartialEq>(left: impl Iterator<Item = T>, right: impl Iterator<Item = T>) -> usize {
    left.zip(right)
        .take_while(|(left, right)| left == right)
        .count()
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    parts
        .iter()
        .for_each(|part| out.extend_from_slice(part.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    fn regular(bytes: &[u8]) -> Option<PatchSide<'_>> {
        Some(PatchSide {
            mode: PatchMode::Regular,
            bytes,
        })
    }

    fn text(patch: &Patch<'_>) -> String {
        String::from_utf8(patch.render(BinaryStyle::Whole)).unwrap()
    }

    #[test]
    fn paths_are_quoted_as_git_quotes_them() {
        for (plain, expected) in [
            ("/a b", "a/a b"),
            ("/a/'x'", "a/a/'x'"),
            ("/é", r#""a/\303\251""#),
            ("/q\"\\", r#""a/q\"\\""#),
            ("/\t\n\u{1}\u{7f}", r#""a/\t\n\001\177""#),
        ] {
            assert_eq!(quoted("a/", &path(plain)), expected);
        }
    }

    #[test]
    fn a_whole_patch_reads_as_git_writes_it() {
        let (from, to) = (path("/old name"), path("/new name"));
        let old = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10";
        let new = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
        let patch = Patch::new(&to, Some(&from), regular(old), regular(new));
        assert_eq!((patch.added(), patch.removed()), (1, 1));
        let expected = "diff --git a/old name b/new name\n\
            similarity index 85%\n\
            rename from old name\n\
            rename to new name\n\
            index 0b669b66edab0c5c5ef2a11130752c24285b5202..f00c965d8307308469e537302baa73048488f162 100644\n\
            --- a/old name\t\n\
            +++ b/new name\t\n\
            @@ -7,4 +7,4 @@\n 7\n 8\n 9\n\
            -10\n\\ No newline at end of file\n\
            +10\n";
        assert_eq!(text(&patch), expected);
    }

    #[test]
    fn what_git_does_not_see_renders_as_nothing() {
        let at = path("/x");
        assert_eq!(
            text(&Patch::new(&at, None, regular(b"a"), regular(b"a"))),
            ""
        );
        assert_eq!(text(&Patch::new(&at, None, None, None)), "");
        assert_ne!(text(&Patch::new(&at, None, None, regular(b""))), "");
    }

    #[test]
    fn a_retyped_file_is_removed_and_added() {
        let at = path("/x");
        let link = Some(PatchSide {
            mode: PatchMode::Symlink,
            bytes: b"y",
        });
        let patch = Patch::new(&at, None, regular(b"a\nb\n"), link);
        assert_eq!((patch.added(), patch.removed()), (1, 2));
        let text = text(&patch);
        let removed = text.find("deleted file mode 100644").unwrap();
        assert!(removed < text.find("new file mode 120000").unwrap());
    }

    #[test]
    fn binary_files_are_named_or_whole() {
        let at = path("/x");
        let patch = Patch::new(&at, None, None, regular(b"\0"));
        assert!(patch.is_binary());
        assert_eq!((patch.added(), patch.removed()), (0, 0));
        let named = String::from_utf8(patch.render(BinaryStyle::Named)).unwrap();
        assert!(named.ends_with("\nBinary files /dev/null and b/x differ\n"));
        assert!(text(&patch).contains("\nGIT binary patch\nliteral 1\n"));
    }

    #[test]
    fn long_files_are_divided_and_then_replaced() {
        let at = path("/x");
        let counts = |old: &str, new: &str| {
            let patch = Patch::new(&at, None, regular(old.as_bytes()), regular(new.as_bytes()));
            (patch.added(), patch.removed())
        };
        let file = |line: &dyn Fn(usize) -> String| (0..90_000).map(line).collect::<String>();
        let numbers = file(&|n| format!("{n}\n"));
        let every = file(&|n| {
            if n % 1000 == 7 {
                "x\n".into()
            } else {
                format!("{n}\n")
            }
        });
        assert_eq!(counts(&numbers, &every), (90, 90));
        let even = file(&|n| format!("{}\n", n % 2));
        let odd = file(&|n| format!("{}\n", n / 2 % 2));
        let (added, removed) = counts(&even, &odd);
        assert!(added == removed && added > 89_000);
    }
}
