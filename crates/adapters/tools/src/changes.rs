//! What differs between two trees: paths, and a unified diff, both bounded.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use workspace_core::{
    At, BinaryStyle, DiffOptions, Difference, Entry, ErrorKind, Patch, PatchMode, PatchSide,
    TreeId, TreePath,
};

use crate::refusal::Refusal;
use crate::result::{counted, cut};
use crate::tools::Tools;

/// A larger file is not compared line by line.
const MAX_FILE: u64 = 1 << 20;
/// So many bytes of files are compared for one result.
const MAX_READ: u64 = 16 << 20;
/// Paths of so many bytes are listed, about.
const MAX_LISTED: usize = 30_000;
/// The longest diff.
pub(crate) const MOST: usize = 1_000_000;
/// So many differences are listed where renames cannot be looked for.
const PAGE: usize = 1_000;
/// So many pages of them are looked through for those that the holder may see.
const PAGES: usize = 100;
/// The fewest that are asked for at once, where those are large.
const FEWEST: usize = 10;

/// How much a result tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) paths: usize,
    pub(crate) diff: usize,
}

impl Bounds {
    /// Of a call that changed something.
    pub(crate) const RESULT: Self = Self {
        paths: 100,
        diff: 20_000,
    };
}

/// What differs.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The first of the paths, each with what happened to it.
    pub(crate) paths: Vec<Value>,
    /// How many there are.
    pub(crate) total: u64,
    /// Whether that is all, and not only at least so many.
    pub(crate) exact: bool,
    /// Whether there are others, which the holder of the view may not see.
    pub(crate) hidden: bool,
    /// Files that were made, changed and removed.
    kinds: [u64; 4],
    pub(crate) diff: String,
    /// Whether the diff has all of it.
    pub(crate) whole: bool,
    /// What the diff left out.
    pub(crate) left_out: Option<LeftOut>,
}

/// What a diff left out, from some path on.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// The last path that it has.
    after: Option<String>,
    /// The one that it left out, where that alone is longer than the diff may be.
    long: Option<String>,
}

/// One path that differs, as the holder of the view sees it.
struct Seen {
    /// Where it is in the whole tree.
    full: TreePath,
    path: TreePath,
    from: Option<TreePath>,
    old: Option<Entry>,
    new: Option<Entry>,
}

/// The patch of one file.
struct Shown {
    text: String,
    added: u64,
    removed: u64,
    /// Whether it could be applied.
    whole: bool,
}

impl Tools {
    /// Compares two trees, at and below a path, after a path.
    pub(crate) async fn changes(
        &self,
        (before, after): (TreeId, TreeId),
        below: Option<&TreePath>,
        from: Option<&TreePath>,
        bounds: Bounds,
    ) -> Result<Changes, Refusal> {
        let grant = self.view.grant();
        let below = below.map(|path| grant.resolve(path)).transpose()?;
        let from = from.map(|path| grant.resolve(path)).transpose()?;
        let options = DiffOptions::default().below(below.unwrap_or_else(TreePath::root));
        let after_from = |path: &TreePath| from.as_ref().is_none_or(|from| path > from);
        let (one, other) = (At::Tree(before), At::Tree(after));
        let (seen, hidden, ended) = match self.workspace.diff(one, other, &options) {
            Ok(found) => {
                let (mut seen, hidden) = self.seen(found);
                seen.retain(|it| after_from(&it.full));
                (seen, hidden, true)
            }
            Err(error) if error.kind() == ErrorKind::LimitExceeded => {
                self.paged((one, other), &options.renames(false), from.clone())?
            }
            Err(error) => return Err(self.told_of_error(error)),
        };
        let exact = ended;
        let mut changes = Changes {
            total: seen.len() as u64,
            exact,
            hidden,
            whole: exact,
            ..Changes::default()
        };
        let (mut read, mut listed_bytes, mut last) = (0, 0, None);
        for (n, seen) in seen.iter().enumerate() {
            changes.count(seen);
            let full = changes.left_out.is_some() || changes.diff.len() >= bounds.diff;
            let listed = n < bounds.paths && listed_bytes < MAX_LISTED;
            listed_bytes += seen.path.as_str().len() + 40;
            let patch = match full {
                true => None,
                false => self.patch(seen, &mut read).await?,
            };
            let lines = patch.as_ref().map(|shown| (shown.added, shown.removed));
            if listed {
                changes.paths.push(seen.told(lines));
            }
            match patch {
                Some(shown) if changes.diff.len() + shown.text.len() <= bounds.diff => {
                    changes.whole &= shown.whole;
                    changes.diff.push_str(&shown.text);
                }
                Some(Shown { text, .. }) if changes.left_out.is_none() => {
                    // One alone that is longer is told from its beginning.
                    let long = changes.diff.is_empty().then(|| seen.path.to_string());
                    if long.is_some() {
                        let end = cut(&text, bounds.diff);
                        changes.diff.push_str(text.get(..end).unwrap_or_default());
                    }
                    changes.whole = false;
                    let after = last.clone();
                    changes.left_out = Some(LeftOut { after, long });
                }
                Some(_) => {}
                None if full && changes.left_out.is_none() => {
                    changes.whole = false;
                    let after = last.clone();
                    changes.left_out = Some(LeftOut { after, long: None });
                }
                None => {}
            }
            last = Some(seen.path.to_string());
        }
        if !exact && changes.left_out.is_none() && last.is_some() {
            changes.left_out = Some(LeftOut {
                after: last,
                long: None,
            });
        }
        Ok(changes)
    }

    /// Looks through differences, a page after the other, until there are enough that the
    /// holder of the view sees; tells whether those were all.
    fn paged(
        &self,
        (one, other): (At, At),
        options: &DiffOptions,
        mut after: Option<TreePath>,
    ) -> Result<(Vec<Seen>, bool, bool), Refusal> {
        let (mut seen, mut hidden, mut most) = (Vec::new(), false, PAGE);
        for _ in 0..PAGES {
            let page = (self.workspace).diff_page(one, other, options, after.as_ref(), most + 1);
            let page = match page {
                Ok(page) => page,
                // Fewer take less memory.
                Err(error) if error.kind() == ErrorKind::LimitExceeded && most > FEWEST => {
                    most /= 2;
                    continue;
                }
                Err(error) => return Err(self.told_of_error(error)),
            };
            let ended = page.len() <= most;
            after = page.last().map(|it| it.path.clone()).or(after);
            let (found, others) = self.seen(page);
            seen.extend(found);
            hidden |= others;
            if ended || seen.len() > PAGE {
                return Ok((seen, hidden, ended));
            }
        }
        Ok((seen, hidden, false))
    }

    /// Returns what the holder of the view sees of differences: where it may read. Of what came
    /// from elsewhere, or went there, that is what is here. Tells whether there is more; a
    /// directory above what it sees is not.
    fn seen(&self, found: Vec<Difference>) -> (Vec<Seen>, bool) {
        let grant = self.view.grant();
        let located = |path: &TreePath| grant.locate(path).filter(|path| grant.reads(path));
        let (mut seen, mut made, mut hidden) = (Vec::new(), Vec::new(), false);
        for difference in found {
            let Difference {
                path: full,
                old,
                new,
                renamed_from,
            } = difference;
            let to = located(&full);
            let from = renamed_from.map(|from| (located(&from), from));
            match (to, from) {
                (Some(path), None) => seen.push(Seen {
                    full,
                    path,
                    from: None,
                    old,
                    new,
                }),
                (Some(path), Some((Some(from), _))) => seen.push(Seen {
                    full,
                    path,
                    from: Some(from),
                    old,
                    new,
                }),
                (Some(path), Some((None, _))) => {
                    hidden = true;
                    seen.push(Seen {
                        full,
                        path,
                        from: None,
                        old: None,
                        new,
                    });
                }
                (None, Some((Some(path), full))) => {
                    hidden = true;
                    seen.push(Seen {
                        full,
                        path,
                        from: None,
                        old,
                        new: None,
                    });
                }
                (None, None) if old.is_none() && matches!(new, Some(Entry::Directory(_))) => {
                    made.push(full);
                }
                (None, _) => hidden = true,
            }
        }
        seen.sort_by(|one, other| one.full.cmp(&other.full));
        hidden |= made.iter().any(|directory| {
            let from = seen.partition_point(|it| it.full < *directory);
            let first = seen.get(from);
            first.is_none_or(|it| it.new.is_none() || !it.full.starts_with(directory))
        });
        (seen, hidden)
    }

    /// Returns the patch of a file; `None` where there is none that could be shown.
    async fn patch(&self, seen: &Seen, read: &mut u64) -> Result<Option<Shown>, Refusal> {
        let directory = |entry: &Option<Entry>| matches!(entry, Some(Entry::Directory(_)));
        if directory(&seen.old) || directory(&seen.new) {
            return Ok(None);
        }
        let size = |entry: &Option<Entry>| entry.as_ref().map_or(0, Entry::size);
        let sizes = size(&seen.old).saturating_add(size(&seen.new));
        if size(&seen.old).max(size(&seen.new)) > MAX_FILE || *read + sizes > MAX_READ {
            let text = format!(
                "# {}: too large to be compared line by line ({} and {} bytes)\n",
                seen.path,
                size(&seen.old),
                size(&seen.new)
            );
            return Ok(Some(Shown {
                text,
                added: 0,
                removed: 0,
                whole: false,
            }));
        }
        *read += sizes;
        let (old, new) = (self.side(&seen.old).await?, self.side(&seen.new).await?);
        let from = seen.from.as_ref().filter(|_| old.is_some());
        let patch = Patch::new(&seen.path, from, as_side(&old), as_side(&new));
        let (text, whole) = match String::from_utf8(patch.render(BinaryStyle::Named)) {
            Ok(text) => (text, !patch.is_binary()),
            Err(_) => (
                format!("# {}: text that is not UTF-8 differs\n", seen.path),
                false,
            ),
        };
        Ok(Some(Shown {
            text,
            added: patch.added(),
            removed: patch.removed(),
            whole,
        }))
    }

    async fn side(&self, entry: &Option<Entry>) -> Result<Option<(PatchMode, Bytes)>, Refusal> {
        Ok(match entry {
            Some(Entry::File(file)) => {
                let bytes = self.workspace.read_entry(file).await;
                let bytes = bytes.map_err(|error| self.told_of_error(error))?;
                let mode = match file.executable {
                    true => PatchMode::Executable,
                    false => PatchMode::Regular,
                };
                Some((mode, bytes))
            }
            Some(Entry::Symlink(symlink)) => {
                let target = Bytes::copy_from_slice(symlink.target.as_str().as_bytes());
                Some((PatchMode::Symlink, target))
            }
            Some(Entry::Directory(_)) | None => None,
        })
    }
}

fn as_side(side: &Option<(PatchMode, Bytes)>) -> Option<PatchSide<'_>> {
    let (mode, bytes) = side.as_ref()?;
    Some(PatchSide { mode: *mode, bytes })
}

impl Seen {
    fn kind(&self) -> (&'static str, usize) {
        match (&self.old, &self.new) {
            _ if self.from.is_some() => ("moved", 3),
            (None, _) => ("added", 0),
            (_, None) => ("deleted", 2),
            _ => ("modified", 1),
        }
    }

    fn told(&self, lines: Option<(u64, u64)>) -> Value {
        let mut told = json!({ "path": self.path.as_str(), "change": self.kind().0 });
        if let Some(from) = &self.from {
            told["from"] = from.as_str().into();
        }
        let entry = self.new.as_ref().or(self.old.as_ref());
        match entry {
            Some(Entry::File(_)) | None => {}
            Some(other) => told["kind"] = other.kind().to_string().into(),
        }
        if let Some(Entry::File(file)) = &self.new {
            told["version"] = file.content.to_string().into();
        }
        if let Some((added, removed)) = lines {
            told["lines_added"] = added.into();
            told["lines_removed"] = removed.into();
        }
        told
    }
}

impl Changes {
    /// Returns that nothing differs.
    pub(crate) fn none() -> Self {
        Self {
            exact: true,
            whole: true,
            ..Self::default()
        }
    }

    fn count(&mut self, seen: &Seen) {
        if let Some(count) = self.kinds.get_mut(seen.kind().1) {
            *count += 1;
        }
    }

    /// Says how many paths changed, and how.
    pub(crate) fn summary(&self) -> String {
        if let ([path], 1) = (self.paths.as_slice(), self.total) {
            let text = |name: &str| path.get(name).and_then(Value::as_str).unwrap_or_default();
            let count = |name: &str| path.get(name).and_then(Value::as_u64).unwrap_or(0);
            let mut told = format!("{} {}", text("change"), text("path"));
            if !text("from").is_empty() {
                told.push_str(&format!(" from {}", text("from")));
            }
            let (added, removed) = (count("lines_added"), count("lines_removed"));
            if added + removed > 0 {
                told.push_str(&format!(" (+{added} -{removed} lines)"));
            }
            return told;
        }
        let names = ["added", "modified", "deleted", "moved"];
        let each = names.iter().zip(self.kinds).filter(|(_, count)| *count > 0);
        let each: Vec<_> = each
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let at_least = if self.exact { "" } else { "at least " };
        let paths = counted(self.total, "path", "paths");
        match each.is_empty() {
            true if !self.exact => "too much changed to be looked through; none of that which was \
                                    looked at may be read"
                .into(),
            true => "no path changed that may be read".into(),
            false => format!("{at_least}{paths} changed: {}", each.join(", ")),
        }
    }

    /// Adds them to a result, whose diff has up to `most` bytes; `next` is what a call says
    /// that goes on.
    pub(crate) fn tell(
        self,
        fields: &mut Map<String, Value>,
        text: &mut String,
        mut next: Map<String, Value>,
        most: usize,
    ) {
        let listed = self.paths.len() as u64;
        if self.total > 1 {
            for path in &self.paths {
                let told = |name: &str| path.get(name).and_then(Value::as_str).unwrap_or_default();
                text.push_str(&format!("\n  {} {}", told("change"), told("path")));
            }
        }
        if listed < self.total {
            text.push_str(&format!("\n  … and {} more", self.total - listed));
        }
        if !self.diff.is_empty() {
            text.push('\n');
            text.push_str(self.diff.trim_end_matches('\n'));
        }
        let paths_complete = self.exact && listed == self.total;
        if let Some(LeftOut { after, long }) = &self.left_out {
            let after = match (long, most < MOST) {
                (Some(_), true) => {
                    next.insert("max_bytes".into(), MOST.into());
                    after
                }
                // No diff has it.
                (Some(_), false) => long,
                (None, _) => after,
            };
            if let Some(after) = after {
                next.insert("after".into(), after.clone().into());
            }
            let next = Value::Object(next);
            text.push_str(&format!("\nThe diff is cut here. Next call: diff {next}"));
            fields.insert("next".into(), json!({ "tool": "diff", "arguments": next }));
        }
        fields.insert("changed".into(), self.paths.into());
        fields.insert("complete".into(), paths_complete.into());
        let total = if self.exact {
            "changed_total"
        } else {
            "changed_at_least"
        };
        fields.insert(total.into(), self.total.into());
        fields.insert("diff".into(), self.diff.into());
        fields.insert("diff_complete".into(), self.whole.into());
    }
}
