//! What the facade does of an action.

use std::cell::RefCell;
use std::collections::HashMap;

use bytes::Bytes;
use futures::future::join;
use futures::stream::{self, TryStreamExt};
use futures::{FutureExt, future::BoxFuture};
use workspace_core::{
    ApplyOptions, At, Author, BatchSize, Change, ChangeOptions, CollectBudget, Content, ContentId,
    CopyId, DiffOptions, EntrySource, Error, ErrorKind, ForkOptions, Glob, Grant, GrantId,
    GrantOptions, ImportOptions, Issued, KeepRevisions, NextStep, RebaseOptions, Resolution,
    Result, RevisionMessage, Scope, SourceEntry, SourceKind, Stored, Take, Timestamp, Together,
    TreeId, TreePath, Upkeep, View, Walk, Workspace,
};

use super::action::{Action, Expect, Held, Place, Side};
use super::files::Edit;
use super::grants::Narrowing;
use super::import::{Import, Item};
use super::once;
use super::show::{Answer, Shown};
use super::state::Target;

pub(super) fn at(target: Target) -> At {
    match target {
        Target::Head => At::Head,
        Target::Copy(id) => At::Copy(id),
    }
}

fn place_at(place: Place) -> At {
    match place {
        Place::Head => At::Head,
        Place::Copy(id) => At::Copy(id),
        Place::Revision(id) => At::Revision(id),
    }
}

fn globs(texts: &[String]) -> Result<Vec<Glob>> {
    texts.iter().map(|text| Glob::new(text)).collect()
}

/// What calls returned, for others that need it.
#[derive(Default)]
pub(super) struct Kept {
    /// Contents that were stored ahead, for the next writes of their bytes.
    contents: RefCell<HashMap<ContentId, Stored>>,
    /// The tokens of grants.
    tokens: RefCell<HashMap<GrantId, String>>,
}

impl Kept {
    /// Drops the contents.
    pub(super) fn drop_contents(&self) {
        self.contents.take();
    }

    /// Tells whether the token of a grant was returned.
    pub(super) fn has_token(&self, id: &GrantId) -> bool {
        self.tokens.borrow().contains_key(id)
    }
}

fn changes(edits: &[Edit], kept: &Kept) -> Vec<Change> {
    let changes = edits.iter().map(|edit| match edit.to_change() {
        Change::Write {
            path,
            content: Content::Bytes(bytes),
            options,
        } => {
            let stored = kept.contents.borrow_mut().remove(&ContentId::of(&bytes));
            let content = stored.map_or(Content::Bytes(bytes), Content::Stored);
            Change::Write {
                path,
                content,
                options,
            }
        }
        other => other,
    });
    changes.collect()
}

/// Performs `action`.
pub(super) async fn perform(workspace: &Workspace, action: &Action, kept: &Kept) -> Result<Answer> {
    Ok(match action.clone() {
        Action::Change(target, edits, author, expect_generation) => {
            let (changes, options) = batch(&edits, author, expect_generation, kept);
            let changed = workspace.files(at(target)).change(changes, options).await?;
            Answer::Moved((changed.generation, changed.operation))
        }
        Action::Import(target, import) => {
            let options = ImportOptions::default()
                .into(import.into.clone())
                .delete_missing(import.delete_missing)
                .author(import.author.clone())
                .batch(BatchSize::default().entries(import.batch));
            let mut source = Source::new(import);
            let imported = workspace.import(at(target), &mut source, options).await?;
            Answer::Imported(imported)
        }
        Action::Fork(of, name, expires) => {
            let copy = workspace.fork(fork(of, name, expires))?;
            Answer::Copies(vec![copy.id])
        }
        Action::RenameCopy(copy, name) => {
            workspace.rename_copy(copy, name)?;
            Answer::Done
        }
        Action::Discard(copy) => {
            workspace.discard(copy)?;
            Answer::Done
        }
        Action::Apply(copy, expect, message, only, rebase) => {
            let options = apply(workspace, copy, expect, message, &only, rebase)?;
            Answer::Applied(workspace.apply(copy, options)?)
        }
        Action::ApplyAll(copies, message) => {
            let copies: Vec<Together> = copies.into_iter().map(Together::from).collect();
            Answer::AllApplied(workspace.apply_all(&copies, &message)?)
        }
        Action::Rebase(copy, author) => Answer::Rebased(workspace.rebase(copy, &author)?.operation),
        Action::Resolve(copy, author, decided) => {
            let resolutions = decided.into_iter().map(|(path, side)| Resolution {
                path,
                take: match side {
                    Side::Copy => Take::Copy,
                    Side::Parent => Take::Parent,
                    Side::Content(bytes) => Take::Content(Content::Bytes(bytes)),
                },
            });
            let options = RebaseOptions::default()
                .author(author)
                .resolutions(resolutions.collect());
            Answer::Rebased(workspace.rebase_with(copy, options).await?.operation)
        }
        Action::Conflicts(copy) => {
            let found = workspace.conflicts(copy)?.paths.into_iter().map(|found| {
                let sides = [found.base, found.copy, found.parent];
                (found.path, sides.map(|side| side.map(Shown::from)))
            });
            Answer::Conflicts(found.collect())
        }
        Action::Overlap(copies) => {
            let found = workspace.overlap(&copies)?.into_iter();
            let found = found.map(|found| (found.one, found.other, found.paths.paths));
            Answer::Overlaps(found.collect())
        }
        Action::Undo(copy, operation, author) => {
            Answer::Undone(workspace.undo(copy, operation, &author)?)
        }
        Action::Snapshot(message) => Answer::Recorded(workspace.snapshot(message)?),
        Action::Restore(revision, message) => {
            Answer::Recorded(workspace.restore(revision, message)?)
        }
        Action::Prune(keep) => Answer::Count(workspace.prune_revisions(keep)?),
        Action::Expire => Answer::Count(workspace.expire_copies()?),
        Action::Gc(None) => {
            workspace.gc(|_| {}).await?;
            Answer::Done
        }
        Action::Gc(Some((target, edits))) => {
            let files = workspace.files(at(target));
            let change = files.change(changes(&edits, kept), ChangeOptions::default());
            let (collected, changed) = join(workspace.gc(|_| {}), change).await;
            collected?;
            let changed = changed?;
            Answer::Moved((changed.generation, changed.operation))
        }
        Action::Store(bytes) => {
            let body = Box::pin(stream::iter([Ok(bytes)]));
            let stored = workspace.store(body).await?;
            kept.contents.borrow_mut().insert(stored.id(), stored);
            Answer::Done
        }
        Action::Collect(steps, rows) => {
            for _ in 0..steps {
                workspace
                    .collect(CollectBudget::default().rows(rows))
                    .await?;
            }
            Answer::Done
        }
        Action::IssueGrant(place, scope, expires, budget) => {
            let grant = Grant::all().attenuate(scope_of(&scope)?);
            let options = GrantOptions::default().expires(expires).budget(budget);
            let issued = workspace.issue_grant(place_at(place), grant, options)?;
            Answer::Granted(keep_token(kept, issued))
        }
        Action::AttenuateGrant(of, scope, expires, budget) => {
            let token = kept.tokens.borrow().get(&of).cloned();
            let scope = scope_of(&scope)?;
            let issued =
                workspace.attenuate_grant(&token.unwrap_or_default(), scope, expires, budget)?;
            Answer::Granted(keep_token(kept, issued.ok_or_else(no_grant)?))
        }
        Action::RevokeGrant(id) => {
            workspace.revoke_grant(&id)?;
            Answer::Done
        }
        Action::Held(id, held) => {
            let view = view_of(workspace, &id, kept)?;
            match held {
                Held::Change(edits) => {
                    let changes = changes(&edits, kept);
                    let changed = view.change(changes, ChangeOptions::default()).await?;
                    Answer::Moved((changed.generation, changed.operation))
                }
                Held::Stat(path) => Answer::Entry(view.stat(&path)?.map(Shown::from)),
                Held::List(path) => {
                    let page = view.list(&path, None, usize::MAX)?.into_iter();
                    let shown = page.map(|(name, entry)| (name.to_string(), entry.into()));
                    Answer::Entries(shown.collect())
                }
                Held::Read(path) => Answer::Bytes(view.read(&path).await?),
                Held::Walk(path) => Answer::Entries(walked(view.walk(&path)?)?),
            }
        }
        Action::Once(call, key, request) => {
            once::perform(workspace, &call, &key, request, kept).await?
        }
        Action::Upkeep(rows, keep) => Answer::Kept(keep_house(workspace, rows, keep).await?),
        action => look(workspace, action).await?,
    })
}

/// A batch of changes, and how it is made.
pub(super) fn batch(
    edits: &[Edit],
    author: Author,
    expect_generation: Option<u64>,
    kept: &Kept,
) -> (Vec<Change>, ChangeOptions) {
    let options = ChangeOptions::default()
        .author(author)
        .expect_generation(expect_generation);
    (changes(edits, kept), options)
}

pub(super) fn fork(of: Place, name: Option<String>, expires: Option<Timestamp>) -> ForkOptions {
    let options = ForkOptions::default().of(place_at(of));
    options.name(name).expires(expires)
}

pub(super) fn apply(
    workspace: &Workspace,
    copy: CopyId,
    expect: Expect,
    message: RevisionMessage,
    only: &[String],
    rebase: bool,
) -> Result<ApplyOptions> {
    Ok(ApplyOptions::default()
        .message(message)
        .expect_tree(expected_tree(workspace, copy, expect)?)
        .only(globs(only)?)
        .rebase(rebase))
}

/// The files of a grant, by its token, where that was returned.
pub(super) fn view_of(workspace: &Workspace, id: &GrantId, kept: &Kept) -> Result<View> {
    let token = kept.tokens.borrow().get(id).cloned();
    let found = match token {
        Some(token) => workspace.find_grant(&token)?,
        None => workspace.grant(id)?,
    };
    workspace.view_of(&found.ok_or_else(no_grant)?)
}

fn walked(walk: Walk) -> Result<Vec<(String, Shown)>> {
    let seen = walk.map(|step| step.map(|(path, entry)| (path.to_string(), entry.into())));
    seen.collect()
}

fn scope_of(scope: &Narrowing) -> Result<Scope> {
    Ok(Scope {
        root: scope.root.clone(),
        read: globs(&scope.read)?,
        write: globs(&scope.write)?,
        delete: scope.delete,
    })
}

fn keep_token(kept: &Kept, issued: Issued) -> GrantId {
    let id = issued.grant.id;
    kept.tokens.borrow_mut().insert(id, issued.token);
    id
}

fn no_grant() -> Error {
    Error::new(ErrorKind::NotFound, "find grant")
}

/// Takes steps of upkeep until nothing is due; returns how many copies it
/// discarded and forgot, and how many revisions it pruned.
async fn keep_house(
    workspace: &Workspace,
    rows: usize,
    keep_revisions: Option<KeepRevisions>,
) -> Result<[u64; 3]> {
    let policy = Upkeep::default()
        .keep_revisions(keep_revisions)
        .budget(CollectBudget::default().rows(rows))
        .idle(0);
    let mut kept = [0; 3];
    loop {
        let step = workspace.upkeep(&policy).await?;
        for (sum, count) in kept
            .iter_mut()
            .zip([step.expired, step.forgotten, step.pruned])
        {
            *sum += count;
        }
        if step.next != NextStep::Now {
            return Ok(kept);
        }
    }
}

/// The tree of a copy, or another one. What is wrong with the copy is for
/// apply to say.
fn expected_tree(workspace: &Workspace, copy: CopyId, expect: Expect) -> Result<Option<TreeId>> {
    let tree = match workspace.copy(copy) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found?.tree),
    };
    Ok(match expect {
        Expect::Any => None,
        Expect::Right => tree,
        Expect::Wrong => Some(TreeId::from_bytes([9; 32])),
    })
}

async fn look(workspace: &Workspace, action: Action) -> Result<Answer> {
    let files = |place| workspace.files(place_at(place));
    Ok(match action {
        Action::Stat(place, path) => Answer::Entry(files(place).stat(&path)?.map(Shown::from)),
        Action::List(place, path, after, limit) => {
            let page = files(place).list(&path, after.as_ref(), limit)?;
            let page = page.into_iter();
            Answer::Entries(
                page.map(|(name, entry)| (name.to_string(), entry.into()))
                    .collect(),
            )
        }
        Action::Read(place, path, None) => Answer::Bytes(files(place).read(&path).await?),
        Action::Read(place, path, range) => {
            let opened = files(place).open(&path, range).await?;
            let chunks: Vec<Bytes> = opened.body.try_collect().await?;
            Answer::Bytes(chunks.concat().into())
        }
        Action::Walk(place, path) => Answer::Entries(walked(files(place).walk(&path)?)?),
        Action::Diff(from, to, below, renames, after, limit) => {
            let options = DiffOptions::default().below(below).renames(renames);
            let (from, to) = (place_at(from), place_at(to));
            let found = workspace.diff_page(from, to, &options, after.as_ref(), limit)?;
            let differs = found.into_iter().map(|found| {
                let (old, new) = (found.old.map(Shown::from), found.new.map(Shown::from));
                (found.path, old, new, found.renamed_from)
            });
            Answer::Differences(differs.collect())
        }
        Action::Copies(open_only, after, limit) => {
            let copies = workspace.copies(open_only, after.as_ref(), limit)?;
            Answer::Copies(copies.iter().map(|copy| copy.id).collect())
        }
        Action::Operations(copy, after, limit) => {
            let operations = workspace.operations(copy, after, limit)?;
            Answer::Numbers(operations.iter().map(|found| found.id.get()).collect())
        }
        Action::Revisions(before, limit) => {
            let revisions = workspace.revisions(before, limit)?;
            Answer::Numbers(revisions.iter().map(|found| found.id.get()).collect())
        }
        Action::Find(text) => Answer::Copies(vec![workspace.find_copy(&text)?.id]),
        writing => unreachable!("{writing:?} does not only look"),
    })
}

/// The source of an [`Import`], which hands files out in two chunks.
#[derive(Debug)]
struct Source {
    entries: std::vec::IntoIter<(TreePath, Item)>,
    chunks: Vec<Bytes>,
    fails: bool,
}

impl Source {
    fn new(import: Import) -> Self {
        Self {
            entries: import.entries.into_iter(),
            chunks: Vec::new(),
            fails: import.fails,
        }
    }

    fn step(&mut self) -> Result<Option<SourceEntry>> {
        let Some((path, item)) = self.entries.next() else {
            return match self.fails {
                true => Err(Error::new(ErrorKind::Source, "pull")),
                false => Ok(None),
            };
        };
        self.chunks.clear();
        let kind = match item {
            Item::Directory => SourceKind::Directory,
            Item::Symlink(target, modified) => SourceKind::Symlink { target, modified },
            Item::File(mut bytes, options) => {
                let size = Some(bytes.len() as u64);
                let rest = bytes.split_off(bytes.len() / 2);
                self.chunks = vec![rest, bytes];
                SourceKind::File {
                    size,
                    executable: options.executable == Some(true),
                    modified: options.modified,
                    media_type: options.media_type,
                    provenance: options.provenance,
                }
            }
        };
        Ok(Some(SourceEntry { path, kind }))
    }
}

impl EntrySource for Source {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async move {
            crate::turn::pass().await;
            self.step()
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        async move { Ok(self.chunks.pop()) }.boxed()
    }
}
