//! Choosing actions at random that mean something in the model's state.

mod grants;

use bytes::Bytes;
use workspace_core::store::CopyState;
use workspace_core::{
    Author, ContentId, CopyId, KeepRevisions, MemoKey, Name, OperationId, Precondition, RevisionId,
    RevisionMessage, Text, Timestamp, TreePath, WriteOptions,
};

use super::action::{Action, Expect, Held, Place, Side};
use super::files::{Edit, Files, Thing};
use super::import::{Import, Item};
use super::once::KEYS;
use super::perform::Kept;
use super::state::{Model, Target};
use crate::random::Random;

/// How many copies are open before no more are forked.
const OPEN_COPIES: usize = 8;
/// How many entries a tree has before most changes are removals.
const ENTRIES: usize = 60;

/// Chooses for one session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taste {
    /// Whether names are long, so that a few entries fill a node.
    pub(super) long_names: bool,
}

pub(super) struct Chooser<'a> {
    pub(super) random: Random,
    pub(super) model: &'a Model,
    pub(super) kept: &'a Kept,
    pub(super) now: Timestamp,
    pub(super) taste: Taste,
}

impl Chooser<'_> {
    pub(super) fn action(&mut self) -> Action {
        let call = self.call();
        let can_be_once = matches!(
            call,
            Action::Change(..)
                | Action::Fork(..)
                | Action::Discard(_)
                | Action::Apply(..)
                | Action::Held(_, Held::Change(_))
        );
        match can_be_once && self.rarely(6) {
            true => {
                let key = self.random.choose(&KEYS).copied().unwrap_or(KEYS[0]);
                let key = MemoKey::new(key).expect("these are keys");
                let request = u8::from(self.rarely(5));
                Action::Once(Box::new(call), key, request)
            }
            false => call,
        }
    }

    fn call(&mut self) -> Action {
        let crowded = self.open_copies().len() >= OPEN_COPIES;
        match self.random.below(112) {
            0 if self.rarely(2) => Action::Conflicts(self.copy()),
            0 => Action::Overlap(self.some_copies()),
            1 => Action::ApplyAll(self.some_copies(), self.plain_message()),
            2..36 => self.change(),
            36..41 => {
                let target = self.target();
                Action::Import(target, self.import(target))
            }
            41..48 if !crowded => {
                let of = match self.rarely(2) {
                    true => Place::Head,
                    false => self.place(),
                };
                Action::Fork(of, self.name(), self.expiry())
            }
            48..50 => Action::RenameCopy(self.copy(), self.name()),
            41..52 => Action::Discard(self.copy()),
            52..59 => {
                let expect = match self.random.below(8) {
                    0 => Expect::Wrong,
                    1..4 => Expect::Right,
                    _ => Expect::Any,
                };
                let copy = self.copy();
                let only = match self.rarely(3) {
                    true => self.globs(&self.files(Place::Copy(copy)), 1),
                    false => Vec::new(),
                };
                Action::Apply(copy, expect, self.plain_message(), only, self.rarely(3))
            }
            59..61 => Action::Rebase(self.copy(), self.author()),
            61..64 => {
                let copy = self.conflicting_copy();
                Action::Resolve(copy, self.author(), self.decisions(copy))
            }
            64..69 => {
                let copy = self.copy();
                Action::Undo(copy, self.operation(copy), self.author())
            }
            69..72 => Action::Snapshot(self.message()),
            72..75 => Action::Restore(self.revision(), self.message()),
            75 => Action::Prune(self.keep_revisions()),
            76 if self.rarely(2) => Action::Expire,
            76 => Action::Store(self.bytes()),
            77..79 => {
                let during = self.rarely(2).then(|| self.target());
                Action::Gc(during.map(|target| (target, self.edits(target))))
            }
            79 => {
                let keep = self.rarely(2).then(|| self.keep_revisions());
                Action::Upkeep(1 + self.random.below(40), keep)
            }
            80..84 => Action::Collect(1 + self.random.below(12), 1 + self.random.below(9)),
            84..86 => {
                let place = self.place();
                Action::Stat(place, self.path_at(place))
            }
            86..88 => {
                let place = self.place();
                let path = self.directory_at(place);
                let after = self.rarely(3).then(|| self.segment());
                Action::List(place, path, after, self.random.below(9))
            }
            88..91 => {
                let place = self.place();
                let path = self.path_at(place);
                let start = self.random.below(100) as u64;
                let length = self.random.below(200) as u64;
                let range = self.rarely(2).then(|| start..start + length);
                Action::Read(place, path, range)
            }
            91 => {
                let place = self.place();
                Action::Walk(place, self.directory_at(place))
            }
            92..96 => {
                let (from, to) = (self.place(), self.place());
                let below = match self.rarely(3) {
                    true => self.path_at(from),
                    false => TreePath::root(),
                };
                let renames = self.rarely(2);
                let after = self.rarely(2).then(|| self.page_after(to, &below));
                let limit = match self.rarely(2) {
                    true => self.random.below(9),
                    false => usize::MAX,
                };
                Action::Diff(from, to, below, renames, after, limit)
            }
            96 => {
                let after = self.rarely(2).then(|| self.copy());
                Action::Copies(self.rarely(2), after, self.random.below(9))
            }
            97 => {
                let copy = self.copy();
                let after = self.rarely(2).then(|| self.operation(copy));
                Action::Operations(copy, after, self.random.below(9))
            }
            98 => {
                let before = self.rarely(2).then(|| self.revision());
                Action::Revisions(before, self.random.below(9))
            }
            99 => Action::Find(self.name().unwrap_or_else(|| self.copy().to_string())),
            _ => self.of_grants(),
        }
    }

    /// A batch of changes.
    pub(super) fn change(&mut self) -> Action {
        let target = self.target();
        let edits = self.edits(target);
        let expected = self.rarely(8).then(|| self.generation(target));
        Action::Change(target, edits, self.author(), expected)
    }

    /// A message that goes into an operation too, mostly.
    fn plain_message(&mut self) -> RevisionMessage {
        let message = self.message();
        match self.rarely(4) {
            true => message,
            false => message.metadata(Default::default()),
        }
    }

    fn some_copies(&mut self) -> Vec<CopyId> {
        let count = self.random.below(4);
        (0..count).map(|_| self.copy()).collect()
    }

    /// A copy that conflicts with its parent, where there is one.
    fn conflicting_copy(&mut self) -> CopyId {
        let copies = self.open_copies();
        let mut model = self.model.clone();
        let mut conflicting = copies.into_iter().filter(|id| {
            model
                .conflicts(*id, self.now)
                .is_ok_and(|it| !it.is_empty())
        });
        let found = conflicting.next();
        drop(conflicting);
        found.unwrap_or_else(|| self.copy())
    }

    /// Something for each conflict of a copy, mostly.
    fn decisions(&mut self, copy: CopyId) -> Vec<(TreePath, Side)> {
        let conflicts = self.model.clone().conflicts(copy, self.now);
        let mut decisions: Vec<(TreePath, Side)> = Vec::new();
        for (path, _) in conflicts.unwrap_or_default() {
            if self.rarely(12) {
                continue;
            }
            let side = match self.random.below(5) {
                0 => Side::Content(self.bytes()),
                1 | 2 => Side::Copy,
                _ => Side::Parent,
            };
            let path = match path.parent() {
                Some(above) if self.rarely(5) => above,
                _ => path,
            };
            let nested =
                |(other, _): &(TreePath, Side)| other.starts_with(&path) || path.starts_with(other);
            if self.rarely(20) || !decisions.iter().any(nested) {
                decisions.push((path, side));
            }
        }
        if self.rarely(20) {
            decisions.push((self.path_at(Place::Copy(copy)), Side::Copy));
        }
        decisions
    }

    fn keep_revisions(&mut self) -> KeepRevisions {
        let millis = [-20_000, -20_000, 0, 5_000][self.random.below(4)];
        let since = self.rarely(2).then(|| self.now.plus_millis(millis));
        let newest = self.random.below(6) as u64;
        KeepRevisions::default().newest(newest).since(since)
    }

    fn rarely(&mut self, one_in: usize) -> bool {
        self.random.below(one_in) == 0
    }

    fn open_copies(&self) -> Vec<CopyId> {
        let copies = self.model.copies.iter();
        let open = copies.filter(|(_, copy)| copy.state == CopyState::Open);
        open.map(|(id, _)| *id).collect()
    }

    /// An open copy mostly, sometimes a closed one, rarely nobody's id.
    fn copy(&mut self) -> CopyId {
        let nobody = CopyId::from_bytes([7; 16]);
        if self.rarely(40) {
            return nobody;
        }
        let mut ids = self.open_copies();
        if ids.is_empty() || self.rarely(8) {
            ids = self.model.copies.keys().copied().collect();
        }
        self.random.choose(&ids).copied().unwrap_or(nobody)
    }

    fn revision(&mut self) -> RevisionId {
        let newest = self.model.head.revision.map_or(1, RevisionId::get);
        let back = self.random.below(7) as u64;
        RevisionId::new(newest.saturating_sub(back).max(1))
    }

    fn operation(&mut self, copy: CopyId) -> OperationId {
        let copy = self.model.copies.get(&copy);
        let count = copy.map_or(0, |copy| copy.operations.len());
        let back = self.random.below(4).min(count);
        OperationId::new((count - back).max(1) as u64)
    }

    fn target(&mut self) -> Target {
        match self.random.below(4) {
            0 => Target::Head,
            _ if self.open_copies().is_empty() => Target::Head,
            _ => Target::Copy(self.copy()),
        }
    }

    fn place(&mut self) -> Place {
        match self.random.below(5) {
            0 => Place::Head,
            1 => Place::Revision(self.revision()),
            _ => Place::Copy(self.copy()),
        }
    }

    fn generation(&mut self, target: Target) -> u64 {
        let now = match target {
            Target::Head => self.model.head.version,
            Target::Copy(id) => self.model.copies.get(&id).map_or(0, |copy| copy.generation),
        };
        now + u64::from(self.rarely(2))
    }

    fn files(&self, place: Place) -> Files {
        let files = match place {
            Place::Head => Some(&self.model.head.files),
            Place::Copy(id) => self.model.copies.get(&id).map(|copy| &copy.files),
            Place::Revision(id) => self.model.revisions.get(&id).map(|found| &found.files),
        };
        files.map(|files| Files::clone(files)).unwrap_or_default()
    }

    fn author(&mut self) -> Author {
        Author::new(
            ["", "ann", "bö"][self.random.below(3)],
            ["", "why\nnot"][self.random.below(2)],
        )
    }

    fn message(&mut self) -> RevisionMessage {
        let metadata = self
            .rarely(4)
            .then(|| ("key".to_string(), "värde".to_string()));
        RevisionMessage::default()
            .actor(self.author().actor)
            .message(self.author().note)
            .metadata(metadata.into_iter().collect())
    }

    fn name(&mut self) -> Option<String> {
        let names = ["draft", "Draft", "dräft", "x"];
        let at = self.random.below(2 * names.len());
        names.get(at).map(|name| name.to_string())
    }

    fn expiry(&mut self) -> Option<Timestamp> {
        let millis = [0, 500, 3_000, 30_000][self.random.below(4)];
        self.rarely(3).then(|| self.now.plus_millis(millis))
    }

    fn segment(&mut self) -> Name {
        let names = ["a", "b", "c", "a-b", "a.b", "A", "é", "...", "..a", ".-"];
        let at = self.random.below(names.len() + 8);
        let name = match names.get(at) {
            Some(name) if !self.taste.long_names => name.to_string(),
            _ if self.taste.long_names => format!("{:x<200}", self.random.below(40)),
            _ => format!("f{}", self.random.below(6)),
        };
        Name::new(&name).expect("the alphabet holds names")
    }

    fn path_at(&mut self, place: Place) -> TreePath {
        let files = self.files(place);
        self.path(&files)
    }

    /// Where a page begins: anywhere, or at the edges of what is asked for.
    fn page_after(&mut self, place: Place, below: &TreePath) -> TreePath {
        let name = self.segment();
        let beside = below.parent().unwrap_or(TreePath::root());
        let found = match self.random.below(6) {
            0 => Ok(below.clone()),
            1 => below.join(&name),
            // Before what is below it, or past it.
            2 => beside.join(&name),
            3 => TreePath::new(&format!("{}-", below.as_str().trim_end_matches('/'))),
            _ => Ok(self.path_at(place)),
        };
        found.unwrap_or_else(|_| below.clone())
    }

    /// A directory that is there, mostly.
    fn directory_at(&mut self, place: Place) -> TreePath {
        let path = self.path_at(place);
        match self.rarely(4) {
            true => path,
            false => path.parent().unwrap_or(path),
        }
    }

    /// A path that is there, or would be a child of one that is.
    fn path(&mut self, files: &Files) -> TreePath {
        let there: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
        let root = TreePath::root();
        let at = self.random.below(there.len() + 1);
        let some = there.get(at).cloned().unwrap_or(root.clone());
        match self.random.below(20) {
            0 => root,
            1..11 => some,
            11 => {
                let deeper = some.join(&self.segment()).unwrap_or(root);
                deeper.join(&self.segment()).unwrap_or(deeper)
            }
            _ => {
                let mut directory = some;
                while files.get(&directory) != Some(&Thing::Directory) {
                    directory = directory.parent().unwrap_or(TreePath::root());
                }
                // Shallow trees meet in more places.
                if directory.segments().count() > 4 {
                    directory = TreePath::root();
                }
                directory.join(&self.segment()).unwrap_or(root)
            }
        }
    }

    fn edits(&mut self, target: Target) -> Vec<Edit> {
        let files = match target {
            Target::Head => self.files(Place::Head),
            Target::Copy(id) => self.files(Place::Copy(id)),
        };
        self.edits_of(files)
    }

    fn edits_of(&mut self, mut files: Files) -> Vec<Edit> {
        let count = match self.random.below(10) {
            0 => 0,
            1..7 => 1,
            _ => 1 + self.random.below(6),
        };
        let mut edits = Vec::new();
        for _ in 0..count {
            let edit = self.edit(&files);
            // Most batches go on from what they did; a few meet their own error.
            if files.edit(&edit, self.now).is_ok() || self.rarely(5) {
                edits.push(edit);
            }
        }
        edits
    }

    fn edit(&mut self, files: &Files) -> Edit {
        let path = self.path(files);
        if files.len() > ENTRIES && self.rarely(2) {
            return Edit::Remove(path, true);
        }
        let yes = self.rarely(2);
        match self.random.below(20) {
            0..9 => {
                let options = self.write_options(files, &path);
                Edit::Write(path, self.bytes(), options)
            }
            9..12 => Edit::Mkdir(path, yes),
            12 => Edit::Symlink(path, self.link(), yes),
            13..15 => Edit::Remove(path, yes),
            15..17 => Edit::Rename(path, self.path(files), yes),
            17..19 => Edit::Copy(path, self.path(files), yes),
            _ => Edit::SetExecutable(path, yes),
        }
    }

    fn link(&mut self) -> Text<{ workspace_core::MAX_TARGET }> {
        let target = ["a", "../b", "/nowhere/at all"][self.random.below(3)];
        Text::new(target).expect("these are targets")
    }

    /// Few different contents, so that they recur; some too large for a row.
    fn bytes(&mut self) -> Bytes {
        let size = match self.random.below(10) {
            0 => 0,
            1..6 => 1 + self.random.below(6),
            6 => super::INLINE_LIMIT,
            7 => super::INLINE_LIMIT + 1,
            _ => 100 + self.random.below(2) * 400,
        };
        let fill = b'a' + self.random.below(4) as u8;
        vec![fill; size].into()
    }

    fn write_options(&mut self, files: &Files, path: &TreePath) -> WriteOptions {
        let precondition = match (self.random.below(12), files.get(path)) {
            (0, _) => Precondition::Absent,
            (1, Some(Thing::File(file))) => Precondition::Content(ContentId::of(&file.bytes)),
            (2, _) => Precondition::Content(ContentId::of(b"another")),
            _ => Precondition::None,
        };
        let some = self.rarely(3);
        WriteOptions::default()
            .create_parents(self.rarely(2))
            .executable(some.then(|| self.rarely(2)))
            .modified(self.modified())
            .media_type(
                self.rarely(5)
                    .then(|| Text::new("text/css").expect("a text")),
            )
            .provenance(
                self.rarely(5)
                    .then(|| Text::new("from me").expect("a text")),
            )
            .precondition(precondition)
    }

    fn modified(&mut self) -> Option<Timestamp> {
        let millis = [-1, 0, 5][self.random.below(3)];
        self.rarely(3).then(|| Timestamp::from_millis(millis))
    }

    fn import(&mut self, target: Target) -> Import {
        let mut files = match target {
            Target::Head => self.files(Place::Head),
            Target::Copy(id) => self.files(Place::Copy(id)),
        };
        let into = match self.rarely(3) {
            true => self.path(&files),
            false => TreePath::root(),
        };
        if !into.is_root() {
            files = Files::default();
        }
        let count = match files.len() > ENTRIES {
            true => 2,
            false => self.random.below(20),
        };
        let mut entries = Vec::new();
        for _ in 0..count {
            let path = self.path(&files);
            let item = self.item();
            // Mostly a source is a tree; sometimes it fights with itself.
            if files.import(&path, &item, self.now).is_ok() || self.rarely(30) {
                entries.push((path, item));
            }
        }
        Import {
            into,
            entries,
            batch: [3, 1_000][self.random.below(2)],
            fails: self.rarely(10),
            delete_missing: self.rarely(4),
            author: self.author(),
        }
    }

    fn item(&mut self) -> Item {
        match self.random.below(10) {
            0..7 => Item::File(
                self.bytes(),
                WriteOptions::default()
                    .create_parents(true)
                    .executable(self.rarely(3))
                    .modified(self.modified()),
            ),
            7..9 => Item::Directory,
            _ => Item::Symlink(self.link(), self.modified()),
        }
    }
}
