//! What the tasks do.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use workspace_core::store::{Budget, CopyState, OperationCause, Site};
use workspace_core::{
    ApplyOptions, At, Author, BatchSize, Change, ChangeOptions, CollectBudget, Content, ContentId,
    CopyId, DiffOptions, ErrorKind, ForkOptions, FsckOptions, Grant, GrantOptions, ImportOptions,
    KeepRevisions, OperationId, RevisionMessage, Scope, Stored, TreeId, TreePath, Upkeep, View,
    WriteOptions,
};

use super::blobs::SlowSource;
use super::executor::abandon;
use super::world::{End, Files, INLINE_LIMIT, KEEP_CLOSED_COPIES, World, is_fault, merge};
use crate::random::Random;
use crate::turn;

/// One call in so many is dropped half-way.
const DROPS: usize = 8;
/// The names in a directory of a task's own.
const NAMES: [&str; 4] = ["a", "b", "c", "d/e"];
/// What stays in each such directory, so that it is always there.
const KEEPER: &str = "keeper";
/// What any call on a copy may be refused for.
const GONE: [ErrorKind; 2] = [ErrorKind::Closed, ErrorKind::NotFound];

/// Few contents, so that they come and go and come back: every other one is an object.
fn content(number: usize) -> Bytes {
    let size = match number % 2 {
        0 => 1 + number,
        _ => INLINE_LIMIT + 50 * number,
    };
    Bytes::from(vec![b'a' + number as u8; size])
}

fn path(text: &str) -> TreePath {
    TreePath::new(text).expect("these are paths")
}

/// The directory that is a task's own: another one at head than in copies, so that
/// copies can be rebased and applied beside writers to head.
fn directory(at: At, number: usize, long_names: bool) -> TreePath {
    let tail = match long_names {
        true => "-".repeat(240),
        false => String::new(),
    };
    match at {
        At::Head => path(&format!("/h{number}{tail}")),
        _ => path(&format!("/t{number}{tail}")),
    }
}

fn write(path: TreePath, content: Content) -> Change {
    Change::Write {
        path,
        content,
        options: WriteOptions::default().create_parents(true),
    }
}

/// Makes the directories of all tasks at head, and records that as the first revision.
pub(super) fn furnish(world: &World<'_>, tasks: usize) {
    let places = [At::Head, At::Copy(CopyId::from_bytes([0; 16]))];
    let directories = places
        .iter()
        .flat_map(|at| (0..tasks).map(|number| directory(*at, number, world.long_names)));
    let keepers = directories.map(|directory| {
        let keeper = directory.join_relative(KEEPER).expect("a path");
        write(keeper, Content::Bytes(content(0)))
    });
    let files = world.workspace.files(At::Head);
    block_on(files.change(keepers.collect(), ChangeOptions::default())).expect("nothing fails yet");
    let recorded = world.workspace.snapshot(RevisionMessage::default());
    recorded.expect("nothing fails yet");
}

/// A task that edits, imports, reads, and does what else a product does.
pub(super) struct Task<'w> {
    world: &'w World<'w>,
    number: usize,
    random: Random,
    /// A content that was stored some calls ago and is not part of any tree yet.
    kept: Option<(Stored, ContentId)>,
}

impl<'w> Task<'w> {
    pub(super) fn new(world: &'w World<'w>, number: usize, random: Random) -> Self {
        Self {
            world,
            number,
            random,
            kept: None,
        }
    }

    pub(super) async fn live(mut self, steps: usize) {
        for _ in 0..steps {
            rest(&mut self.random).await;
            self.step().await;
        }
    }

    async fn step(&mut self) {
        match self.random.below(100) {
            0..30 => self.edit().await,
            30..40 => self.import_into_copy().await,
            40..45 => self.import_into_head().await,
            45..49 => self.store().await,
            49..53 => self.read_own().await,
            53..58 => self.read_any().await,
            58..62 => self.export().await,
            62..65 => self.walk_a_tree().await,
            65..67 => self.diff(),
            67..73 => self.undo(),
            73..78 => self.rebase(),
            78..82 => self.apply(),
            82..84 => self.snapshot(),
            84..86 => self.restore(),
            86..88 => self.prune(),
            88..92 => self.edit_by_token().await,
            92..94 => self.preview().await,
            94 => self.discard(),
            95 => self.rename(),
            96..98 => self.let_time_pass(),
            _ => self.fork(),
        }
    }

    fn author(&self) -> Author {
        Author::default().actor(format!("t{}", self.number))
    }

    fn own(&self, at: At) -> TreePath {
        directory(at, self.number, self.world.long_names)
    }

    /// Waits for a call, or drops it half-way.
    async fn call<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        match self.random.below(DROPS) {
            0 => abandon(self.random.below(12), future).await,
            _ => Some(future.await),
        }
    }

    /// Returns one of the copies; where it is closed, another one takes its place.
    fn copy(&mut self) -> At {
        let slot = self.random.below(self.world.slots.borrow().len());
        let copy = At::Copy(self.world.slots.borrow()[slot]);
        match self.world.see(copy) {
            Some(_) => copy,
            None => self.renew(slot),
        }
    }

    /// Forks a copy into a slot; returns the one that is there then.
    fn renew(&mut self, slot: usize) -> At {
        let world = self.world;
        let named = self.random.below(2) == 0;
        let mut options = ForkOptions::default().name(named.then(|| format!("slot {slot}")));
        if self.random.below(4) == 0 {
            let after = 300 + self.random.below(2_000) as i64;
            options = options.expires(world.context.now().plus_millis(after));
        }
        let forked = world.workspace.fork(options);
        world.count("fork", Some(&forked), &[ErrorKind::AlreadyExists]);
        let mut slots = world.slots.borrow_mut();
        if let Ok(copy) = forked {
            world.note(|| format!("t{}: copy {} in slot {slot}", self.number, copy.id));
            world.learn(At::Copy(copy.id));
            slots[slot] = copy.id;
        }
        At::Copy(slots[slot])
    }

    fn target(&mut self) -> At {
        match self.random.below(4) {
            0 => At::Head,
            _ => self.copy(),
        }
    }

    /// Chooses changes to files of its own; returns them, and what they lead to.
    fn changes(&mut self, files: &Files, directory: &TreePath) -> (Vec<Change>, Files) {
        let mut wanted = files.clone();
        let mut changes = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let at = self.random.below(NAMES.len());
            let place = |name: &str| directory.join_relative(name).expect("a path");
            let path = place(NAMES[at]);
            match self.random.below(6) {
                0 if wanted.remove(&path).is_some() => changes.push(Change::Remove {
                    path,
                    recursive: false,
                }),
                1 if at > 0 && wanted.contains_key(&path) => {
                    let to = place(NAMES[0]);
                    let content = wanted.remove(&path).expect("it is there");
                    wanted.insert(to.clone(), content);
                    changes.push(Change::Rename {
                        from: path,
                        to,
                        replace: true,
                    });
                }
                2 if self.kept.is_some() => {
                    let (stored, id) = self.kept.take().expect("it is there");
                    wanted.insert(path.clone(), id);
                    changes.push(write(path, Content::Stored(stored)));
                }
                _ => {
                    let bytes = content(self.random.below(8));
                    wanted.insert(path.clone(), ContentId::of(&bytes));
                    changes.push(write(path, Content::Bytes(bytes)));
                }
            }
        }
        (changes, wanted)
    }

    async fn edit(&mut self) {
        let at = self.target();
        let view = self.world.workspace.files(at);
        let own = self.own(at);
        self.edit_through("edit", view, own.clone(), own).await;
    }

    /// Edits `within` as the view sees it, which is the task's own directory.
    async fn edit_through(
        &mut self,
        what: &'static str,
        view: View,
        within: TreePath,
        directory: TreePath,
    ) {
        let (world, at) = (self.world, view.at());
        let Some(mut own) = world.begin(at, &directory) else {
            return;
        };
        let seen = own.files.iter().filter_map(|(path, content)| {
            let tail = &path.as_str()[directory.as_str().len()..];
            Some((within.join_relative(&tail[1..]).ok()?, *content))
        });
        let (changes, wanted) = self.changes(&seen.collect(), &within);
        let outside = |path: &TreePath| {
            let tail = path.as_str()[within.as_str().len()..].trim_start_matches('/');
            directory.join_relative(tail).expect("a path")
        };
        for change in &changes {
            if let Change::Rename { from, to, .. } = change {
                own.rename(outside(from), outside(to));
            }
        }
        let wanted = wanted
            .iter()
            .map(|(path, content)| (outside(path), *content));
        let wanted = wanted.collect();
        let options = ChangeOptions::default().author(self.author());
        world.note(|| format!("t{}: {what} {at}: {}", self.number, told(&changes)));
        let outcome = self.call(view.change(changes, options)).await;
        world.note(|| format!("t{}: {what} {at} ended: {outcome:?}", self.number));
        // A renamed file may be gone by somebody else's undo, and then it is not found.
        world.count(what, outcome.as_ref(), &GONE);
        let end = match &outcome {
            None => End::Unclear,
            Some(Ok(_)) => End::Done,
            Some(Err(error)) if is_fault(error) => End::Unclear,
            Some(Err(error)) => End::Refused(error.kind()),
        };
        world.end(at, &directory, &own, &wanted, end);
    }

    /// Issues a grant to its own directory, edits by its token, and revokes it.
    async fn edit_by_token(&mut self) {
        let world = self.world;
        let at @ At::Copy(_) = self.copy() else {
            return;
        };
        let everything = || vec!["**".parse().expect("a glob")];
        let scope = |root| Scope {
            root,
            read: everything(),
            write: everything(),
            delete: true,
        };
        let directory = self.own(at);
        let grant = Grant::all().attenuate(scope(directory.clone()));
        let issued = world
            .workspace
            .issue_grant(at, grant, GrantOptions::default());
        world.count("issue", Some(&issued), &GONE);
        let Ok(issued) = issued else { return };
        rest(&mut self.random).await;
        let narrower = scope(TreePath::root());
        let narrower =
            world
                .workspace
                .attenuate_grant(&issued.token, narrower, None, Budget::default());
        world.count("attenuate", Some(&narrower), &[]);
        let Ok(Some(narrower)) = narrower else { return };
        rest(&mut self.random).await;
        let Ok(found) = world.workspace.find_grant(&narrower.token) else {
            return;
        };
        if let Some(found) = found
            && let Ok(view) = world.workspace.view_of(&found)
        {
            self.edit_through("edit by token", view, TreePath::root(), directory)
                .await;
        }
        let revoked = world.workspace.revoke_grant(&issued.grant.id);
        world.count("revoke", Some(&revoked), &[ErrorKind::NotFound]);
        if revoked.is_ok() {
            for token in [&issued.token, &narrower.token] {
                let found = world.plan.quietly(|| world.workspace.find_grant(token));
                assert!(matches!(found, Ok(None)), "a revoked token: {found:?}");
            }
        }
    }

    /// Shows a copy to whoever has the token, and ends that.
    async fn preview(&mut self) {
        let world = self.world;
        let at = self.target();
        let issued = world.workspace.issue_preview(at, Site::default(), None);
        world.count("preview", Some(&issued), &GONE);
        let Ok(issued) = issued else { return };
        rest(&mut self.random).await;
        let found = world
            .plan
            .quietly(|| world.workspace.find_preview(&issued.token));
        let found = found.expect("a preview is looked for");
        let there = world.see(at).is_some();
        assert_eq!(found.is_some(), there, "a preview of {at}");
        let revoked = world.workspace.revoke_preview(&issued.grant.id);
        world.count("revoke preview", Some(&revoked), &[ErrorKind::NotFound]);
    }

    async fn import_into_copy(&mut self) {
        let at = self.copy();
        self.import("import into copy", at, &GONE).await;
    }

    async fn import_into_head(&mut self) {
        self.import("import into head", At::Head, &[ErrorKind::Conflict])
            .await;
    }

    /// Imports some files of its own, some of them as they are.
    async fn import(&mut self, what: &'static str, at: At, refusals: &[ErrorKind]) {
        let (world, directory) = (self.world, self.own(at));
        let Some(own) = world.begin(at, &directory) else {
            return;
        };
        let options = ImportOptions::default()
            .into(directory.clone())
            .author(self.author())
            .batch(BatchSize::default().entries(1 + self.random.below(3)))
            .delete_missing(self.random.below(3) == 0);
        let mut wanted = own.files.clone();
        if options.delete_missing {
            wanted.clear();
        }
        let mut source = Vec::new();
        for name in NAMES.into_iter().chain([KEEPER]) {
            let path = directory.join_relative(name).expect("a path");
            let there = (0..8)
                .find(|number| own.files.get(&path) == Some(&ContentId::of(&content(*number))));
            let bytes = match (self.random.below(4), there) {
                _ if name == KEEPER => content(0),
                (0, _) => continue,
                (1 | 2, Some(as_it_is)) => content(as_it_is),
                _ => content(self.random.below(8)),
            };
            wanted.insert(path, ContentId::of(&bytes));
            source.push((crate::interleave::task::path(&format!("/{name}")), bytes));
        }
        let fails = self.random.below(8) == 0;
        world.note(|| {
            let files = source.iter().map(|(path, bytes)| (path, bytes.len()));
            format!(
                "t{}: {what} {at}, {} at once, {} what is missing: {:?}",
                self.number,
                options.batch.entries,
                ["keep", "remove"][usize::from(options.delete_missing)],
                files.collect::<Vec<_>>()
            )
        });
        let mut source = SlowSource::new(source, Random::new(self.random.bits()), fails);
        let imported = world.workspace.import(at, &mut source, options);
        let outcome = self.call(imported).await;
        world.note(|| format!("t{}: {what} {at} ended: {outcome:?}", self.number));
        let refusals: Vec<_> = refusals
            .iter()
            .copied()
            .chain([ErrorKind::Source])
            .collect();
        world.count(what, outcome.as_ref(), &refusals);
        let end = match &outcome {
            Some(Ok(_)) => End::Done,
            Some(Err(error)) if at == At::Head && !is_fault(error) => End::Refused(error.kind()),
            // As one apply, but whether that was reached is not known.
            _ if at == At::Head => End::Unclear,
            _ => End::Partial,
        };
        world.end(at, &directory, &own, &wanted, end);
    }

    /// Stores a content ahead of the change that will refer to it.
    async fn store(&mut self) {
        let bytes = content(self.random.below(8));
        let id = ContentId::of(&bytes);
        let world = self.world;
        let body = Box::pin(stream::iter([Ok(bytes)]));
        let stored = self.call(world.workspace.store(body)).await;
        world.count("store", stored.as_ref(), &[]);
        if let Some(Ok(stored)) = stored {
            self.kept = Some((stored, id));
        }
    }

    /// Reads a file of its own, which nobody else changes.
    async fn read_own(&mut self) {
        let (world, at) = (self.world, self.target());
        let directory = self.own(at);
        let Some(own) = world.begin(at, &directory) else {
            return;
        };
        let there: Vec<_> = own.files.keys().cloned().collect();
        let some = self.random.choose(&there).cloned();
        let path = match self.random.below(5) {
            0 => directory.join_relative(NAMES[0]).expect("a path"),
            _ => some.expect("what is never removed is there"),
        };
        let files = world.workspace.files(at);
        let outcome = self.call(files.read(&path)).await;
        world.count("read", outcome.as_ref(), &GONE);
        let (Some(outcome), false) = (outcome, world.stirred(at, &own, &path)) else {
            return;
        };
        let wanted = own.files.get(&path);
        match outcome {
            Ok(bytes) => assert_eq!(Some(&ContentId::of(&bytes)), wanted, "{at}: {path}"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(wanted.is_none() || world.see(at).is_none(), "{at}: {error}");
            }
            Err(_) => {}
        }
    }

    /// Reads a file that others may write and remove meanwhile.
    async fn read_any(&mut self) {
        let (world, at) = (self.world, self.target());
        let Some(files) = world.see(at) else { return };
        let all: Vec<_> = files.keys().collect();
        let Some(path) = self.random.choose(&all).copied() else {
            return;
        };
        let view = world.workspace.files(at);
        let outcome = self.call(view.read(path)).await;
        let refusals = [GONE[0], GONE[1], ErrorKind::Stale];
        world.count("read anything", outcome.as_ref(), &refusals);
    }

    /// Exports everything: it must be the state that was there at the beginning.
    async fn export(&mut self) {
        let (world, at) = (self.world, self.target());
        let Some(wanted) = world.see(at) else { return };
        let begun = world.workspace.files(at).export(&TreePath::root());
        world.count("begin export", Some(&begun), &GONE);
        let Ok(mut export) = begun else { return };
        let mut found = Files::new();
        let mut left = self.random.below(120);
        loop {
            let next = export.next().await;
            world.count("export", Some(&next), &[]);
            let Ok(Some(exported)) = next else {
                if next.is_ok() {
                    assert_eq!(found, *wanted, "an export of {at}");
                }
                return;
            };
            if let Some(opened) = exported.body {
                match whole(opened.body).await {
                    Ok(bytes) => {
                        assert_eq!(ContentId::of(&bytes), opened.file.content);
                        found.insert(exported.path, opened.file.content);
                    }
                    Err(error) if is_fault(&error) => return,
                    Err(error) => panic!("an export of {at}: {error}"),
                }
            }
            if left == 0 {
                return;
            }
            left -= 1;
        }
    }

    /// Walks a tree by its id, some time after it was seen somewhere.
    async fn walk_a_tree(&mut self) {
        let (world, at) = (self.world, self.target());
        let (Some(wanted), Ok(tree)) = (
            world.see(at),
            world.plan.quietly(|| world.workspace.tree(at)),
        ) else {
            return;
        };
        for _ in 0..self.random.below(8) {
            rest(&mut self.random).await;
        }
        let walk = world
            .workspace
            .files(At::Tree(tree))
            .walk(&TreePath::root());
        world.count("walk a tree", Some(&walk), &[ErrorKind::NotFound]);
        let Ok(walk) = walk else { return };
        let mut found = Files::new();
        for step in walk {
            rest(&mut self.random).await;
            match step {
                Ok((path, entry)) => {
                    if let Some(file) = entry.as_file() {
                        found.insert(path, file.content);
                    }
                }
                Err(error) if is_fault(&error) => return,
                Err(error) => panic!("a walk of tree {tree}: {error}"),
            }
        }
        assert_eq!(found, *wanted, "a walk of tree {tree}");
    }

    /// Compares two places: every file that differs must be listed.
    fn diff(&mut self) {
        let (world, from, to) = (self.world, self.target(), self.target());
        let (Some(old), Some(new)) = (world.see(from), world.see(to)) else {
            return;
        };
        let options = DiffOptions::default().renames(false);
        let outcome = world.workspace.diff(from, to, &options);
        world.count("diff", Some(&outcome), &GONE);
        let Ok(found) = outcome else { return };
        let found: BTreeMap<_, _> = found
            .into_iter()
            .map(|found| (found.path.clone(), found))
            .collect();
        for path in old.keys().chain(new.keys()) {
            let differs = old.get(path) != new.get(path);
            assert!(!differs || found.contains_key(path), "diff without {path}");
        }
    }

    /// Returns a copy's record, if it is open.
    fn record(&mut self) -> Option<workspace_core::store::CopyRecord> {
        let At::Copy(copy) = self.copy() else {
            return None;
        };
        let record = self
            .world
            .plan
            .quietly(|| self.world.workspace.copy(copy))
            .ok()?;
        (record.state == CopyState::Open).then_some(record)
    }

    fn undo(&mut self) {
        let world = self.world;
        let Some(record) = self.record() else { return };
        let newest = record.operation.map_or(0, OperationId::get);
        let back = self.random.below(4) as u64;
        let id = OperationId::new(newest.saturating_sub(back).max(1));
        let after = OperationId::new(id.get() - 1);
        let found = world
            .plan
            .quietly(|| world.workspace.operations(record.id, Some(after), 1));
        let found = found.expect("the copy is remembered");
        let merged = found
            .first()
            .filter(|found| found.id == id)
            .and_then(|undone| {
                let (base, theirs) = (
                    world.see(At::Tree(undone.after))?,
                    world.see(At::Tree(undone.before))?,
                );
                merge(&base, &*world.see(At::Copy(record.id))?, &theirs)
            });
        let author = self.author();
        let at = At::Copy(record.id);
        let outcome = world.stir(at, merged, || world.workspace.undo(record.id, id, &author));
        world.note(|| format!("t{}: undo {id} of {at}: {outcome:?}", self.number));
        let refusals = [GONE[0], GONE[1], ErrorKind::Conflict, ErrorKind::Invalid];
        world.count("undo", Some(&outcome), &refusals);
    }

    /// Returns what a copy and head merge to.
    fn merged(&self, record: &workspace_core::store::CopyRecord) -> Option<Files> {
        let base = self.world.see(At::Tree(record.base))?;
        let ours = self.world.see(At::Copy(record.id))?;
        merge(&base, &ours, &*self.world.see(At::Head)?)
    }

    fn rebase(&mut self) {
        let world = self.world;
        let Some(record) = self.record() else { return };
        let (at, author) = (At::Copy(record.id), self.author());
        let merged = self.merged(&record);
        let outcome = world.stir(at, merged, || world.workspace.rebase(record.id, &author));
        world.note(|| format!("t{}: rebase {at}: {outcome:?}", self.number));
        let refusals = [GONE[0], GONE[1], ErrorKind::Conflict];
        world.count("rebase", Some(&outcome), &refusals);
    }

    fn apply(&mut self) {
        let world = self.world;
        let Some(record) = self.record() else { return };
        let merged = self.merged(&record);
        let options = ApplyOptions::default().expect_tree(match self.random.below(4) {
            0 => Some(TreeId::from_bytes([9; 32])),
            1 | 2 => Some(record.tree),
            _ => None,
        });
        let outcome = world.stir(At::Head, merged, || {
            world.workspace.apply(record.id, options)
        });
        world.note(|| format!("t{}: apply {}: {outcome:?}", self.number, record.id));
        let refusals = [GONE[0], GONE[1], ErrorKind::Conflict, ErrorKind::Stale];
        world.count("apply", Some(&outcome), &refusals);
        if world.see(At::Copy(record.id)).is_none() {
            world.forget(At::Copy(record.id));
        }
    }

    fn snapshot(&mut self) {
        let world = self.world;
        let head = world.see(At::Head).as_deref().cloned();
        let outcome = world.stir(At::Head, head, || {
            world.workspace.snapshot(RevisionMessage::default())
        });
        world.count("snapshot", Some(&outcome), &[]);
    }

    fn restore(&mut self) {
        let world = self.world;
        let newest = world.plan.quietly(|| world.workspace.revisions(None, 5));
        let newest = newest.expect("revisions are listed");
        let Some(revision) = self.random.choose(&newest) else {
            return;
        };
        let files = world.see(At::Revision(revision.id)).as_deref().cloned();
        let outcome = world.stir(At::Head, files, || {
            let message = RevisionMessage::default();
            world.workspace.restore(revision.id, message)
        });
        world.note(|| format!("t{}: restore {}: {outcome:?}", self.number, revision.id));
        world.count("restore", Some(&outcome), &[]);
    }

    fn prune(&mut self) {
        let outcome = self
            .world
            .workspace
            .prune_revisions(keep_revisions(self.world, &mut self.random));
        self.world.count("prune", Some(&outcome), &[]);
    }

    fn discard(&mut self) {
        let world = self.world;
        let Some(record) = self.record() else { return };
        let outcome = world.workspace.discard(record.id);
        world.note(|| format!("t{}: discard {}: {outcome:?}", self.number, record.id));
        world.count("discard", Some(&outcome), &GONE);
        if world.see(At::Copy(record.id)).is_none() {
            world.forget(At::Copy(record.id));
        }
    }

    fn rename(&mut self) {
        let Some(record) = self.record() else { return };
        let name = format!("slot {}", self.random.below(4));
        let outcome = self.world.workspace.rename_copy(record.id, Some(name));
        let refusals = [GONE[0], GONE[1], ErrorKind::AlreadyExists];
        self.world.count("rename", Some(&outcome), &refusals);
    }

    /// Forks a copy in the place of one that is left open, or nothing of the kind.
    fn fork(&mut self) {
        let slot = self.random.below(self.world.slots.borrow().len());
        let old = self.world.slots.borrow()[slot];
        let renewed = self.renew(slot);
        if renewed != At::Copy(old) {
            let outcome = self.world.workspace.discard(old);
            self.world.count("discard", Some(&outcome), &GONE);
            self.world.forget(At::Copy(old));
        }
    }

    /// Moves the clock: mostly forward, sometimes back.
    fn let_time_pass(&mut self) {
        let millis = match self.random.below(6) {
            0 => -1_000,
            1 => KEEP_CLOSED_COPIES + 1,
            _ => 400,
        };
        self.world.note(|| format!("{millis} ms pass"));
        self.world.context.advance(millis);
    }
}

/// Collects in small steps, in one go, or as part of upkeep.
pub(super) async fn collect_now_and_then(world: &World<'_>, mut random: Random, steps: usize) {
    for _ in 0..3 * steps {
        rest(&mut random).await;
        let dropped = random.below(DROPS) == 0;
        let polls = match dropped {
            true => random.below(12),
            false => usize::MAX,
        };
        let budget = CollectBudget::default().rows(1 + random.below(40));
        let workspace = &world.workspace;
        match random.below(12) {
            0 => {
                let outcome = abandon(polls, workspace.gc(|_| {})).await;
                world.count("gc", outcome.as_ref(), &[]);
            }
            1..3 => {
                let policy = Upkeep::default()
                    .budget(budget)
                    .idle([None, Some(0), Some(1_000)][random.below(3)])
                    .keep_revisions(
                        (random.below(2) == 0).then(|| keep_revisions(world, &mut random)),
                    );
                let outcome = abandon(polls, workspace.upkeep(&policy)).await;
                world.count("upkeep", outcome.as_ref(), &[]);
            }
            3 => {
                let outcome = workspace.expire_copies();
                world.count("expire", Some(&outcome), &[]);
            }
            _ => {
                let outcome = abandon(polls, workspace.collect(budget)).await;
                world.note(|| format!("collect {budget:?}: {outcome:?}"));
                world.count("collect", outcome.as_ref(), &[]);
            }
        }
    }
}

/// Runs the integrity check beside the others, which never finds anything.
pub(super) async fn check_now_and_then(world: &World<'_>, mut random: Random) {
    for _ in 0..3 {
        for _ in 0..random.below(20) {
            rest(&mut random).await;
        }
        let options = FsckOptions::default()
            .contents(random.below(3) > 0)
            .rows([1, 3, 1000][random.below(3)]);
        let outcome = world.workspace.fsck(options).await;
        world.count("fsck", Some(&outcome), &[]);
        if let Ok(report) = outcome {
            assert_eq!(report.problems, [], "fsck beside others");
        }
    }
}

/// Reads the feed on and on: nothing twice, and nothing left out but what was trimmed.
pub(super) async fn follow(world: &World<'_>, mut random: Random) {
    loop {
        let last = world.followed.get();
        let limit = 1 + random.below(5);
        let outcome = world.workspace.next_events(last, limit).await;
        world.count("next events", Some(&outcome), &[ErrorKind::Stale]);
        match outcome {
            Ok(page) => {
                assert!(!page.is_empty() && page.len() <= limit);
                let numbers: Vec<u64> = page.iter().map(|found| found.sequence).collect();
                let wanted: Vec<u64> = (last + 1..).take(page.len()).collect();
                assert_eq!(numbers, wanted, "events after {last}");
                world.followed.set(last + page.len() as u64);
            }
            Err(error) if error.kind() == ErrorKind::Stale => {
                let newest = world.plan.quietly(|| world.workspace.last_event());
                world.followed.set(newest.expect("the feed is there"));
            }
            Err(_) => {}
        }
        rest(&mut random).await;
    }
}

/// Some of the newest, and sometimes those since a time that may be still to come.
fn keep_revisions(world: &World<'_>, random: &mut Random) -> KeepRevisions {
    let keep = KeepRevisions::default().newest(random.below(4) as u64);
    match random.below(3) {
        0 => {
            let millis = [-2_000, 0, 5_000][random.below(3)];
            keep.since(world.context.now().plus_millis(millis))
        }
        _ => keep,
    }
}

async fn rest(random: &mut Random) {
    for _ in 0..random.below(4) {
        turn::pass().await;
    }
}

async fn whole(body: workspace_core::store::ByteStream<'static>) -> workspace_core::Result<Bytes> {
    use futures::TryStreamExt;
    let chunks: Vec<Bytes> = body.try_collect().await?;
    Ok(chunks.concat().into())
}

/// Says in a few words what a batch of changes is.
fn told(changes: &[Change]) -> String {
    let told = changes.iter().map(|change| match change {
        Change::Write { path, content, .. } => match content {
            Content::Bytes(bytes) => format!("write {} bytes to {path}", bytes.len()),
            Content::Stored(stored) => format!("write {stored:?} to {path}"),
        },
        Change::Remove { path, .. } => format!("remove {path}"),
        Change::Rename { from, to, .. } => format!("rename {from} to {to}"),
        other => format!("{other:?}"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Tells whether an operation changed only what is its author's own.
pub(super) fn is_own(actor: &str, cause: &OperationCause, path: &TreePath) -> bool {
    let mine = path.as_str().trim_start_matches('/');
    let mine = mine.split(['/', '-']).next().unwrap_or_default();
    !matches!(cause, OperationCause::Edit | OperationCause::Import)
        || mine == actor
        || mine == actor.replace('t', "h")
}
