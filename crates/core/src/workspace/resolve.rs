//! The way out of a conflict: seeing what each side has, and deciding.

use derive_setters::Setters;

use crate::Timestamp;
use crate::change::{Author, Content};
use crate::entry::{Entry, File};
use crate::error::{Error, ErrorKind, Result};
use crate::id::CopyId;
use crate::path::TreePath;
use crate::reason::Reason;
use crate::store::CopyRecord;
use crate::tree::{Decision, Decisions, changed_beside, conflicts, resolve};
use crate::workspace::Workspace;
use crate::workspace::apply::Rebased;
use crate::workspace::batch::check_text;
use crate::workspace::contents::Stored;
use crate::workspace::nesting::Parent;
use crate::workspace::tx::Tx;

/// What stands in the way of a rebase.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflicts {
    /// The copy.
    pub copy: CopyRecord,
    /// The version of head, or the generation of the copy that is its parent.
    pub parent_version: u64,
    /// The first [`Conflict::LISTED`](crate::Conflict::LISTED) conflicting paths, in byte
    /// order.
    pub paths: Vec<Conflicting>,
    /// How many there are.
    pub count: u64,
}

/// A path that a copy and its parent both changed, and where they did not arrive at the
/// same, or at which one put something below what the other removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflicting {
    /// The path.
    pub path: TreePath,
    /// What was there in the tree that the copy is based on.
    pub base: Option<Entry>,
    /// What is there in the copy.
    pub copy: Option<Entry>,
    /// What is there in its parent.
    pub parent: Option<Entry>,
}

/// What is decided for a conflicting path, or for one above: for all that is there.
#[derive(Debug)]
pub struct Resolution {
    /// The path.
    pub path: TreePath,
    /// What is to be there.
    pub take: Take,
}

/// What a resolution takes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Take {
    /// What the copy has there.
    Copy,
    /// What its parent has there.
    Parent,
    /// A file with this content. Whether it is executable, and its media type, are the
    /// parent's where the copy has no file there or left them as they were, and else the
    /// copy's.
    Content(Content),
}

/// How to rebase a copy.
#[derive(Debug, Default, Setters)]
#[non_exhaustive]
pub struct RebaseOptions {
    /// Who does it, and what for.
    pub author: Author,
    /// What is decided for conflicting paths: up to 10,000, no two for one path, and none
    /// below another.
    pub resolutions: Vec<Resolution>,
    /// The generation of the copy that the resolutions were made for; at another the
    /// rebase fails with `Stale`.
    #[setters(into)]
    pub expect_generation: Option<u64>,
    /// The version of head, or the generation of the parent, that they were made for;
    /// likewise.
    #[setters(into)]
    pub expect_parent_version: Option<u64>,
}

impl RebaseOptions {
    /// How many conflicts one rebase can be told how to resolve.
    pub const MAX_RESOLUTIONS: usize = 10_000;

    /// Refuses more resolutions than that.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub fn check_count(resolutions: usize) -> Result<()> {
        match resolutions > Self::MAX_RESOLUTIONS {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::LimitExceeded, "rebase")
                .because(format!("more than {} resolutions", Self::MAX_RESOLUTIONS))),
        }
    }
}

impl Workspace {
    /// Lists what stands in the way of a rebase of a copy, with what each side has there.
    /// Costs what a rebase does: what the copy changed in directories that its parent
    /// changed too.
    ///
    /// # Errors
    /// `LimitExceeded` where it would look at more than 500,000 entries; `NotFound`,
    /// `Closed`.
    pub fn conflicts(&self, id: CopyId) -> Result<Conflicts> {
        let now = self.now();
        self.read("list conflicts", |tx| {
            let copy = tx.open_copy("list conflicts", id, now)?;
            let parent = Parent::of(tx, "list conflicts", &copy)?;
            let trees = [&copy.base, &parent.tree(), &copy.tree];
            let found = conflicts(tx, trees, &Decisions::default())?;
            let paths = found.paths.into_iter().map(|path| {
                let [base, parent, copy] = trees.map(|tree| resolve(tx, tree, &path));
                Ok(Conflicting {
                    base: base?,
                    copy: copy?,
                    parent: parent?,
                    path,
                })
            });
            Ok(Conflicts {
                paths: paths.collect::<Result<_>>()?,
                count: found.count,
                parent_version: parent.version(),
                copy,
            })
        })
    }

    /// Moves a copy onto what its parent is now, as [`rebase`](Self::rebase) does, with what
    /// was decided where that conflicts. It moves where no conflict is left open, as one
    /// operation; otherwise nothing does.
    ///
    /// # Errors
    /// `Conflict`, with the paths that are left open. `Invalid` where something was decided
    /// for a path at and below which there is no conflict, twice for one path, or above
    /// another; and where a directory that is taken from one side would be in a file of the
    /// other. `Stale`; what [`rebase`](Self::rebase) fails with, and what storing a content
    /// does.
    pub async fn rebase_with(&self, id: CopyId, options: RebaseOptions) -> Result<Rebased> {
        let rebased = self.store_and_rebase(id, options).await;
        if rebased.is_err() {
            self.let_go().await;
        }
        rebased
    }

    async fn store_and_rebase(&self, id: CopyId, options: RebaseOptions) -> Result<Rebased> {
        let RebaseOptions {
            author,
            resolutions,
            expect_generation,
            expect_parent_version,
        } = options;
        check_text("rebase", &author.actor, &author.note)?;
        RebaseOptions::check_count(resolutions.len())?;
        let mut sides = Vec::new();
        let mut contents = Vec::new();
        for Resolution { path, take } in resolutions {
            match take {
                Take::Copy => sides.push((path, Decision::Theirs)),
                Take::Parent => sides.push((path, Decision::Ours)),
                Take::Content(Content::Bytes(bytes)) => {
                    contents.push((path, self.store_bytes(bytes).await?));
                }
                Take::Content(Content::Stored(stored)) => {
                    contents.push((path, self.own(stored).await?));
                }
            }
        }
        let now = self.now();
        let mut unneeded = Vec::new();
        let rebased = self.write("rebase", |tx| {
            let copy = tx.open_copy("rebase", id, now)?;
            let parent = Parent::of(tx, "rebase", &copy)?;
            let stale = |expected: Option<u64>, found, what: &str| match expected {
                Some(expected) if expected != found => Err(Error::new(ErrorKind::Stale, "rebase")
                    .at(id)
                    .because(format!("{what} is {found}, not {expected}"))),
                _ => Ok(()),
            };
            stale(expect_generation, copy.generation, "its generation")?;
            stale(
                expect_parent_version,
                parent.version(),
                "its parent's version",
            )?;
            let mut decisions = Decisions::default();
            for (path, decision) in &sides {
                decide(&mut decisions, path, decision.clone())?;
            }
            for (path, stored) in &contents {
                unneeded.extend(stored.commit(tx)?);
                let file = file_of(tx, &copy, &parent, path, stored, now)?;
                decide(&mut decisions, path, Decision::Entry(Entry::File(file)))?;
            }
            self.rebase_in(tx, copy, &parent, &decisions, &author, now)
        })?;
        self.drop_objects(unneeded).await;
        Ok(rebased)
    }
}

fn decide(decisions: &mut Decisions, path: &TreePath, decision: Decision) -> Result<()> {
    match decisions.add(path, decision) {
        true => Ok(()),
        false => Err(Error::invalid(Reason::Contradiction, "rebase")
            .at(path)
            .because("it is resolved twice, or is below a path that is resolved")),
    }
}

/// Returns the file that a content makes where something is resolved by it.
fn file_of(
    tx: &Tx<'_>,
    copy: &CopyRecord,
    parent: &Parent,
    path: &TreePath,
    content: &Stored,
    now: Timestamp,
) -> Result<File> {
    let found = |tree| match resolve(tx, tree, path) {
        Ok(Some(Entry::File(file))) => Ok(Some(file)),
        Ok(Some(Entry::Directory(_))) => Err(Error::invalid(Reason::Contradiction, "rebase")
            .at(path)
            .because("a directory is there on one side: take one of them")),
        Ok(_) => Ok(None),
        Err(error) => Err(error),
    };
    let (ours, theirs) = (found(&copy.tree)?, found(&parent.tree())?);
    let base = match resolve(tx, &copy.base, path)? {
        Some(Entry::File(base)) => Some(base),
        _ => None,
    };
    let executable = |file: &File| file.executable;
    let media_type = |file: &File| file.media_type.clone();
    let sides = [&base, &ours, &theirs].map(Option::as_ref);
    Ok(File {
        content: content.id(),
        size: content.size(),
        executable: kept(sides, executable).unwrap_or(false),
        modified: now,
        media_type: kept(sides, media_type).flatten(),
        provenance: None,
    })
}

/// Returns what is kept of an attribute: the parent's, unless the copy changed it.
fn kept<T: PartialEq>(
    [base, copy, parent]: [Option<&File>; 3],
    of: impl Fn(&File) -> T,
) -> Option<T> {
    let [base, copy, parent] = [base, copy, parent].map(|file| file.map(&of));
    match copy {
        Some(copy) if base.as_ref() != Some(&copy) => Some(copy),
        copy => parent.or(copy),
    }
}

/// Makes sure that every conflict is decided, and that nothing else is.
pub(crate) fn check_decided(
    tx: &Tx<'_>,
    id: CopyId,
    trees: [&crate::TreeId; 3],
    decisions: &Decisions,
) -> Result<()> {
    let open = conflicts(tx, trees, decisions)?;
    if open.count > 0 {
        let conflict = changed_beside(tx, trees, open)?;
        return Err(Error::conflicting("rebase", conflict).at(id));
    }
    match decisions.idle() {
        None => Ok(()),
        Some(path) => Err(Error::invalid(Reason::NoConflict, "rebase")
            .at(path)
            .because("there is no conflict to resolve at or below it")),
    }
}
