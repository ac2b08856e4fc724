//! What a sync did, or would do.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;
use workspace_core::{Applied, TreePath};

use super::How;
use super::plan::{Leaf, Side, Sides, Step, Steps, Three};
use super::push::Push;
use crate::commands::export::Taken;
use crate::exit::{Outcome, Result};
use crate::output::{GREEN, RED, YELLOW, count_text};
use crate::run::Run;

/// What a sync did, or would do.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    directory: String,
    of: String,
    dry_run: bool,
    to_copy: Vec<ChangeShape>,
    to_directory: Vec<ChangeShape>,
    conflicts: Vec<ConflictShape>,
    /// What stayed in the directory, each with why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<KeptShape>,
    /// What the copy has and the directory cannot have, with all that is below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<KeptShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// How many changes in the directory wait for the next sync.
    #[serde(skip_serializing_if = "is_none")]
    waiting: u64,
    /// Directories in which syncs that were killed left what they had taken aside.
    #[serde(skip)]
    pub(super) aside: Vec<OsString>,
    /// Files that were written into the directory, and their bytes.
    #[serde(skip)]
    pub(super) files: u64,
    #[serde(skip)]
    pub(super) bytes: u64,
}

/// A path that one side gets from the other.
#[derive(Debug, Serialize)]
struct ChangeShape {
    path: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_from: Option<String>,
    #[serde(skip)]
    is_directory: bool,
}

/// A path in the directory that did not become what it is in the copy.
#[derive(Debug, PartialEq, Serialize)]
struct KeptShape {
    path: String,
    why: String,
}

/// A path that both sides changed.
#[derive(Debug, PartialEq, Serialize)]
struct ConflictShape {
    path: String,
    copy: &'static str,
    directory: &'static str,
}

impl Report {
    pub(super) fn new(directory: String, of: String, dry_run: bool) -> Self {
        Self {
            directory,
            of,
            dry_run,
            to_copy: Vec::new(),
            to_directory: Vec::new(),
            conflicts: Vec::new(),
            kept: Vec::new(),
            left_out: Vec::new(),
            operation: None,
            revision: None,
            waiting: 0,
            aside: Vec::new(),
            files: 0,
            bytes: 0,
        }
    }

    /// Notes what is to be done.
    pub(super) fn plan(&mut self, steps: &Steps, sides: &Sides<'_>, push: &Push, how: &How) {
        for list in [&mut self.to_copy, &mut self.to_directory] {
            list.clear();
        }
        self.conflicts.clear();
        self.waiting = 0;
        let gone: BTreeSet<&TreePath> = push.moved.values().collect();
        for (path, step) in steps {
            let three = sides.at(path);
            match step {
                Step::To(Side::Copy, _) if how.only_pull => self.waiting += 1,
                Step::To(side, leaf) => {
                    let (list, there) = match side {
                        Side::Copy => (&mut self.to_copy, three.copy),
                        Side::Directory => (&mut self.to_directory, three.directory),
                    };
                    let moved = push.moved.get(path);
                    if gone.contains(path) {
                        continue;
                    }
                    let any = leaf.as_ref().or(there);
                    list.push(ChangeShape {
                        path: path.to_string(),
                        status: match (moved, there, leaf) {
                            (Some(_), ..) => "renamed",
                            (_, None, _) => "added",
                            (_, _, None) => "removed",
                            _ => "modified",
                        },
                        renamed_from: moved.map(ToString::to_string),
                        is_directory: any == Some(&Leaf::Directory),
                    });
                }
                Step::Conflict => self.conflicts.push(ConflictShape {
                    path: path.to_string(),
                    copy: word(three, three.copy),
                    directory: word(three, three.directory),
                }),
                Step::Same | Step::Leave | Step::Frozen => {}
            }
        }
    }

    /// Notes what the copy's changes became.
    pub(super) fn applied(&mut self, applied: Applied) {
        match applied {
            Applied::Published { revision, .. } => self.revision = Some(revision.get()),
            Applied::ToParent { operation, .. } => self.operation = Some(operation.get()),
            Applied::Unchanged { .. } => {}
        }
    }

    /// Notes what stayed as it was.
    pub(super) fn kept(&mut self, kept: &BTreeMap<TreePath, String>) {
        let shape = |(path, why): (&TreePath, &String)| KeptShape {
            path: path.to_string(),
            why: why.clone(),
        };
        self.kept = kept.iter().map(shape).collect();
        let paths: BTreeSet<String> = kept.keys().map(ToString::to_string).collect();
        self.to_directory.retain(|it| !paths.contains(&it.path));
    }

    /// Notes what stays in the copy alone.
    pub(super) fn left_out(&mut self, left_out: &BTreeMap<TreePath, Taken>) {
        let shape = |taken: &Taken| KeptShape {
            path: taken.path.to_string(),
            why: taken.why.into(),
        };
        self.left_out = left_out.values().map(shape).collect();
    }

    /// Tells whether something stayed as it was.
    pub(super) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Tells whether both sides are the same now.
    pub(super) fn is_clean(&self, steps: &Steps, how: &How) -> bool {
        let is_open = |step: &Step| match step {
            Step::Conflict | Step::Frozen | Step::Leave => true,
            Step::To(Side::Copy, _) => how.only_pull,
            Step::Same | Step::To(Side::Directory, _) => false,
        };
        self.kept.is_empty() && self.left_out.is_empty() && !steps.values().any(is_open)
    }

    /// Tells whether there was nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        let lists = [&self.to_copy, &self.to_directory];
        lists.iter().all(|list| list.is_empty())
            && self.conflicts.is_empty()
            && self.kept.is_empty()
            && self.left_out.is_empty()
            && self.waiting == 0
    }

    /// Tells whether there is something that the report before did not tell.
    pub(super) fn is_news(&self, before: &Self) -> bool {
        let changed = [&self.to_copy, &self.to_directory];
        changed.iter().any(|list| !list.is_empty())
            || self.conflicts != before.conflicts
            || self.kept != before.kept
            || self.left_out != before.left_out
            || self.aside != before.aside
    }

    /// Prints it.
    pub(super) fn tell(&self, run: &Run) -> Result<Outcome> {
        let out = &run.out;
        if out.is_json() {
            out.json(self)?;
            return Ok(self.outcome());
        }
        let lists = [("copy", &self.to_copy), ("directory", &self.to_directory)];
        for (side, list) in lists {
            for it in list {
                let (letter, style) = match it.status {
                    "added" => ('A', GREEN),
                    "removed" => ('D', RED),
                    "renamed" => ('R', YELLOW),
                    _ => ('M', YELLOW),
                };
                let slash = if it.is_directory { "/" } else { "" };
                let from = it.renamed_from.as_ref();
                let from = from.map(|from| format!("{} -> ", out.safe(from)));
                out.line(format!(
                    "to {side:9}  {}  {}{}{slash}",
                    out.paint(style, letter),
                    from.unwrap_or_default(),
                    out.safe(&it.path)
                ))?;
            }
        }
        for it in &self.conflicts {
            out.line(format!(
                "{}      {}: {} in the copy, {} in the directory",
                out.paint(RED, "conflict"),
                out.safe(&it.path),
                it.copy,
                it.directory
            ))?;
        }
        for it in &self.kept {
            out.note(format_args!("{} stays: {}", it.path, it.why));
        }
        for it in &self.left_out {
            out.note(format_args!(
                "{} is left out of the directory: {}",
                it.path, it.why
            ));
        }
        for name in &self.aside {
            out.note(format_args!(
                "a sync that was killed left what it had taken aside in {}: look at it, and remove it",
                Path::new(&self.directory).join(name).display()
            ));
        }
        out.say(self.line(run))?;
        if !self.conflicts.is_empty() {
            out.note(
                "both sides stay as they are where they conflict; --take copy:PATH or \
                 --take directory:PATH decides",
            );
        }
        Ok(self.outcome())
    }

    fn outcome(&self) -> Outcome {
        match self.conflicts.is_empty() && self.kept.is_empty() && self.left_out.is_empty() {
            true => Outcome::Done,
            false => Outcome::Negative,
        }
    }

    fn line(&self, run: &Run) -> String {
        let directory = run.out.safe(&self.directory);
        let of = run.out.safe(&self.of);
        if self.is_empty() {
            return format!("{directory} and {of} are alike: nothing to do");
        }
        let counted = |count: u64, one, many, what: &str| match count {
            0 => None,
            n => Some(format!("{}{what}", count_text(n, one, many))),
        };
        let to_copy = match (self.revision, self.operation) {
            (Some(id), _) => format!(" to the copy as revision {id}"),
            (_, Some(id)) => format!(" to the copy as operation {id}"),
            _ => " to the copy".into(),
        };
        let parts = [
            counted(self.to_copy.len() as u64, "change", "changes", &to_copy),
            counted(
                self.to_directory.len() as u64,
                "change",
                "changes",
                " to the directory",
            ),
            counted(
                self.waiting,
                "change",
                "changes",
                " in the directory for the next sync",
            ),
            counted(self.conflicts.len() as u64, "conflict", "conflicts", ""),
            counted(self.kept.len() as u64, "entry", "entries", " kept"),
            counted(self.left_out.len() as u64, "entry", "entries", " left out"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let done = match self.dry_run {
            true => "would sync",
            false => "synced",
        };
        format!("{done} {directory} with {of}: {}", parts.join(", "))
    }
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Says what a side did to a path.
fn word(three: Three<'_>, now: Option<&Leaf>) -> &'static str {
    match (three.base, now) {
        (_, Some(Leaf::Special)) => "no file any more",
        (None, Some(_)) => "added",
        (Some(_), None) => "removed",
        (base, now) if base == now => "changed below",
        _ => "changed",
    }
}
