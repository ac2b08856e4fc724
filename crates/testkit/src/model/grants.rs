//! Grants as tokens, and what their holders may see and do.

use std::rc::Rc;

use workspace_core::store::{Budget, CopyState, Used};
use workspace_core::{
    Author, ContentId, ErrorKind, GrantId, Precondition, Summary, Timestamp, TreePath,
};

use super::action::{Held, Place};
use super::files::{Edit, Files, Thing};
use super::glob::{matches, may_match_below};
use super::show::{Answer, Shown};
use super::state::{Failure, Model, Outcome, Target};

/// The longest path that a holder names, in bytes.
const LONGEST: usize = 1024;

/// One narrowing of a grant: a root, what may be read and written below it, and whether
/// that may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing {
    /// The directory that the holder sees as `/`.
    pub root: TreePath,
    /// What may be read.
    pub read: Vec<String>,
    /// What may be written.
    pub write: Vec<String>,
    /// Whether that may be removed.
    pub delete: bool,
}

/// A grant of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Granted {
    /// What it is to.
    pub at: Place,
    /// How it was narrowed, widest first.
    pub scopes: Vec<Narrowing>,
    /// What it was attenuated from.
    pub parent: Option<GrantId>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// What its holder may add.
    pub budget: Budget,
    /// What it has added.
    pub used: Used,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    Read,
    Write,
}

impl Granted {
    /// Returns where the holder's path is in the whole tree.
    fn absolute(&self, path: &TreePath) -> TreePath {
        let scopes = self.scopes.iter().rev();
        scopes.fold(path.clone(), |path, scope| join(&scope.root, &path))
    }

    /// Asks each scope, of the path as its holder sees it.
    fn every(&self, rights: Rights, path: &TreePath, allows: fn(&str, &TreePath) -> bool) -> bool {
        let mut path = path.clone();
        path.as_str().len() <= LONGEST
            && self.scopes.iter().rev().all(|scope| {
                let globs = match rights {
                    Rights::Read => &scope.read,
                    Rights::Write => &scope.write,
                };
                let allowed = globs.iter().any(|glob| allows(glob, &path));
                path = join(&scope.root, &path);
                allowed
            })
    }

    fn reads(&self, path: &TreePath) -> bool {
        self.every(Rights::Read, path, matches)
    }

    fn passes(&self, path: &TreePath) -> bool {
        self.every(Rights::Read, path, may_match_below)
    }

    fn writes(&self, path: &TreePath) -> bool {
        self.every(Rights::Write, path, matches)
    }

    fn removes(&self) -> bool {
        self.scopes.iter().all(|scope| scope.delete)
    }

    /// Tells whether it lets this be asked for.
    fn allows(&self, edit: &Edit) -> bool {
        match edit {
            // A condition of a write needs the grant to read.
            Edit::Write(path, _, options) => {
                let asks = options.precondition != Precondition::None;
                self.writes(path) && (!asks || self.reads(path))
            }
            Edit::Mkdir(path, _) | Edit::Symlink(path, ..) | Edit::SetExecutable(path, _) => {
                self.writes(path)
            }
            Edit::Remove(path, _) => self.writes(path) && self.removes(),
            Edit::Rename(from, to, _) => {
                self.reads(from) && self.writes(from) && self.writes(to) && self.removes()
            }
            Edit::Copy(from, to, replace) => {
                self.reads(from) && self.writes(to) && (self.removes() || !replace)
            }
        }
    }

    /// Tells whether all directories above a path are there that the grant lets be neither
    /// written nor passed through: no other may be made.
    fn rests(&self, files: &Files, path: &TreePath) -> bool {
        let above = std::iter::successors(path.parent(), TreePath::parent);
        let inside = above.filter(|path| !self.writes(path) && !self.passes(path));
        let root = self.absolute(&TreePath::root());
        let outside = std::iter::successors(root.parent(), TreePath::parent);
        let mut stays = inside.map(|path| self.absolute(&path)).chain(outside);
        stays.all(|path| files.get(&path) == Some(&Thing::Directory))
    }

    /// Returns an edit as it is of the whole tree.
    fn moved(&self, edit: &Edit) -> Edit {
        let mut edit = edit.clone();
        match &mut edit {
            Edit::Write(path, ..)
            | Edit::Mkdir(path, _)
            | Edit::Symlink(path, ..)
            | Edit::Remove(path, _)
            | Edit::SetExecutable(path, _) => *path = self.absolute(path),
            Edit::Rename(from, to, _) | Edit::Copy(from, to, _) => {
                (*from, *to) = (self.absolute(from), self.absolute(to));
            }
        }
        edit
    }

    /// Returns what shows at a path.
    fn stat(&self, files: &Files, path: &TreePath) -> Result<Option<Shown>, ErrorKind> {
        let absolute = self.absolute(path);
        if self.reads(path) {
            return Ok(files.show(&absolute));
        }
        match self.passes(path) && files.get(&absolute) == Some(&Thing::Directory) {
            true => Ok(Some(Shown::Directory(Summary::default()))),
            false => Err(ErrorKind::Denied),
        }
    }

    /// Returns what shows in a directory, by name.
    fn list(&self, files: &Files, path: &TreePath) -> Result<Vec<(String, Shown)>, ErrorKind> {
        let absolute = self.absolute(path);
        match files.get(&absolute) {
            Some(Thing::Directory) if self.reads(path) || self.passes(path) => {}
            _ if !self.reads(path) => return Err(ErrorKind::Denied),
            Some(_) => return Err(ErrorKind::NotADirectory),
            None => return Err(ErrorKind::NotFound),
        }
        let children = files.below(&absolute).map(|(child, _)| child);
        let children = children.filter(|child| child.parent().as_ref() == Some(&absolute));
        let shown = children.filter_map(|child| {
            let name = child.name()?;
            let shown = self.stat(files, &path.join(&name).ok()?).ok().flatten()?;
            Some((name.to_string(), shown))
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(shown)
    }

    fn walk(&self, files: &Files, path: &TreePath) -> Result<Vec<(String, Shown)>, ErrorKind> {
        let mut found = Vec::new();
        for (name, shown) in self.list(files, path)? {
            let at = path.join_relative(&name).map_err(|error| error.kind())?;
            let enters = matches!(shown, Shown::Directory(_));
            found.push((at.to_string(), shown));
            if enters {
                found.extend(self.walk(files, &at)?);
            }
        }
        Ok(found)
    }
}

fn join(directory: &TreePath, path: &TreePath) -> TreePath {
    path.below(directory).expect("these are not long")
}

/// Returns how many bytes the files have that an edit writes or copies.
fn added(files: &Files, edit: &Edit) -> u64 {
    let size = |thing: &Thing| match thing {
        Thing::File(file) => file.bytes.len() as u64,
        _ => 0,
    };
    match edit {
        Edit::Write(path, bytes, _) => match files.get(path) {
            Some(Thing::File(file)) if ContentId::of(&file.bytes) == ContentId::of(bytes) => 0,
            _ => bytes.len() as u64,
        },
        Edit::Copy(from, ..) => {
            let below: u64 = files.below(from).map(|(_, thing)| size(thing)).sum();
            below + files.get(from).map_or(0, size)
        }
        _ => 0,
    }
}

/// Returns how many bytes the entries say beside their contents that an edit puts: their
/// names, those of directories that it makes on the way included, targets, media types and
/// provenance.
fn said(before: &Files, after: &Files, edit: &Edit) -> u64 {
    let (to, moves) = match edit {
        Edit::Write(path, ..)
        | Edit::Mkdir(path, _)
        | Edit::Symlink(path, ..)
        | Edit::SetExecutable(path, _) => (path, false),
        Edit::Rename(from, to, _) | Edit::Copy(from, to, _) => (to, from != to),
        Edit::Remove(..) => return 0,
    };
    let texts = |thing: &Thing| match thing {
        Thing::File(file) => {
            let media_type = file
                .media_type
                .as_ref()
                .map_or(0, |text| text.as_str().len());
            media_type
                + file
                    .provenance
                    .as_ref()
                    .map_or(0, |text| text.as_str().len())
        }
        Thing::Symlink(target, _) => target.as_str().len(),
        Thing::Directory => 0,
    };
    let mut bytes = 0;
    let mut next = Some(to.clone());
    while let Some(path) = next {
        let (was, is) = (before.get(&path), after.get(&path));
        let put = was != is || (moves && path == *to);
        if let (true, Some(name), Some(is)) = (put, path.name(), is) {
            bytes += name.as_str().len() + texts(is);
        }
        next = path.parent();
    }
    bytes as u64
}

impl Model {
    /// Tells whether a grant is worth something: neither it nor one that it was made from
    /// has expired or was revoked, and what it is to is there.
    pub(super) fn is_alive(&self, id: GrantId, now: Timestamp) -> bool {
        let mut next = Some(id);
        while let Some(id) = next {
            let Some(grant) = self.grants.get(&id) else {
                return false;
            };
            if grant.expires.is_some_and(|expires| expires <= now) {
                return false;
            }
            next = grant.parent;
        }
        match self.grants[&id].at {
            Place::Head => true,
            Place::Copy(copy) => self
                .copies
                .get(&copy)
                .is_some_and(|copy| copy.state == CopyState::Open && !copy.expired(now)),
            Place::Revision(revision) => self.revisions.contains_key(&revision),
        }
    }

    /// Hands out the grant `id`.
    ///
    /// # Errors
    /// As the facade.
    pub(super) fn issue_grant(
        &mut self,
        id: GrantId,
        at: Place,
        scope: &Narrowing,
        expires: Option<Timestamp>,
        budget: Budget,
        now: Timestamp,
    ) -> Outcome<()> {
        let only_reads = scope.write.is_empty() && !scope.delete;
        if !matches!(at, Place::Copy(_)) && !only_reads {
            return Err(ErrorKind::ReadOnly.into());
        }
        if expires.is_some_and(|expires| expires <= now) {
            return Err(ErrorKind::Invalid.into());
        }
        match at {
            Place::Head => {}
            Place::Copy(copy) => drop(self.open_copy(copy, now)?),
            Place::Revision(revision) if self.revisions.contains_key(&revision) => {}
            Place::Revision(_) => return Err(ErrorKind::NotFound.into()),
        }
        let granted = Granted {
            at,
            scopes: vec![scope.clone()],
            parent: None,
            expires,
            budget,
            used: Used::default(),
        };
        self.grants.insert(id, Rc::new(granted));
        Ok(())
    }

    /// Makes the grant `id` of another one, which is alive.
    ///
    /// # Errors
    /// As the facade; `NotFound` where the other one is dead.
    pub(super) fn attenuate_grant(
        &mut self,
        id: GrantId,
        of: GrantId,
        scope: &Narrowing,
        expires: Option<Timestamp>,
        budget: Budget,
        now: Timestamp,
    ) -> Outcome<()> {
        if expires.is_some_and(|expires| expires <= now) {
            return Err(ErrorKind::Invalid.into());
        }
        if !self.is_alive(of, now) {
            return Err(ErrorKind::NotFound.into());
        }
        let parent = Granted::clone(&self.grants[&of]);
        let only_reads = scope.write.is_empty() && !scope.delete;
        if !matches!(parent.at, Place::Copy(_)) && !only_reads {
            return Err(ErrorKind::ReadOnly.into());
        }
        // Where it has none of its own, that of the other one counts.
        let least = |one: Option<u64>, other: Option<u64>| {
            one.map(|one| other.map_or(one, |other| one.min(other)))
        };
        let granted = Granted {
            scopes: [parent.scopes, vec![scope.clone()]].concat(),
            parent: Some(of),
            expires: parent.expires.into_iter().chain(expires).min(),
            budget: Budget {
                max_bytes: least(budget.max_bytes, parent.budget.max_bytes),
                max_entries: least(budget.max_entries, parent.budget.max_entries),
            },
            used: Used::default(),
            ..parent
        };
        self.grants.insert(id, Rc::new(granted));
        Ok(())
    }

    /// Ends a grant and all that were made from it.
    ///
    /// # Errors
    /// `NotFound` for one that is dead.
    pub(super) fn revoke_grant(&mut self, id: GrantId) -> Outcome<()> {
        // One that expired this moment can be revoked as well.
        if !self.grants.contains_key(&id) {
            return Err(ErrorKind::NotFound.into());
        }
        let mut revoked = vec![id];
        while let Some(id) = revoked.pop() {
            self.grants.remove(&id);
            self.revoked.insert(id);
            let made = self.grants.iter();
            let made = made.filter(|(_, grant)| grant.parent == Some(id));
            revoked.extend(made.map(|(id, _)| *id));
        }
        Ok(())
    }

    /// Does what the holder of a grant asks for.
    ///
    /// # Errors
    /// As the facade; `NotFound` for a grant that is dead.
    pub(super) fn held(&mut self, id: GrantId, held: &Held, now: Timestamp) -> Outcome<Answer> {
        if !self.is_alive(id, now) {
            return Err(ErrorKind::NotFound.into());
        }
        let grant = Rc::clone(&self.grants[&id]);
        let files = match grant.at {
            Place::Head => Rc::clone(&self.head.files),
            Place::Copy(copy) => self.copy_files(copy, now)?,
            Place::Revision(revision) => Rc::clone(&self.revisions[&revision].files),
        };
        Ok(match held {
            Held::Stat(path) => Answer::Entry(grant.stat(&files, path)?),
            Held::List(path) => Answer::Entries(grant.list(&files, path)?),
            Held::Walk(path) => Answer::Entries(grant.walk(&files, path)?),
            Held::Read(path) => {
                let found = match grant.reads(path) {
                    true => files.get(&grant.absolute(path)),
                    false => return Err(ErrorKind::Denied.into()),
                };
                Answer::Bytes(match found {
                    Some(Thing::File(file)) => file.bytes.clone(),
                    Some(Thing::Directory) => return Err(ErrorKind::IsADirectory.into()),
                    Some(Thing::Symlink(..)) => return Err(ErrorKind::Invalid.into()),
                    None => return Err(ErrorKind::NotFound.into()),
                })
            }
            Held::Change(edits) => {
                let mut after = self.clone();
                let moved = after.change_held(id, &grant, &files, edits, now)?;
                *self = after;
                moved
            }
        })
    }

    /// Refuses a batch of a holder before what was made under a key is looked up.
    pub(super) fn check_held(&self, id: GrantId, edits: &[Edit], now: Timestamp) -> Outcome<()> {
        if !self.is_alive(id, now) {
            return Err(ErrorKind::NotFound.into());
        }
        match edits.iter().all(|edit| self.grants[&id].allows(edit)) {
            true => Ok(()),
            false => Err(ErrorKind::Denied.into()),
        }
    }

    fn change_held(
        &mut self,
        id: GrantId,
        grant: &Granted,
        before: &Files,
        edits: &[Edit],
        now: Timestamp,
    ) -> Outcome<Answer> {
        if !edits.iter().all(|edit| grant.allows(edit)) {
            return Err(ErrorKind::Denied.into());
        }
        let target = match grant.at {
            Place::Head => Target::Head,
            Place::Copy(copy) => Target::Copy(copy),
            Place::Revision(_) => return Err(ErrorKind::ReadOnly.into()),
        };
        let mut files = before.clone();
        let mut bytes = 0;
        let mut whole = Vec::new();
        for edit in edits {
            let to = match edit {
                Edit::Write(path, ..)
                | Edit::Mkdir(path, _)
                | Edit::Symlink(path, ..)
                | Edit::Remove(path, _)
                | Edit::SetExecutable(path, _) => path,
                Edit::Rename(_, to, _) | Edit::Copy(_, to, _) => to,
            };
            if !grant.rests(&files, to) {
                return Err(ErrorKind::Denied.into());
            }
            let edit = grant.moved(edit);
            let was = files.clone();
            files.edit(&edit, now)?;
            bytes += added(&was, &edit) + said(&was, &files, &edit);
            whole.push(edit);
        }
        let (had, has) = (before.len() as u64, files.len() as u64);
        let mut next = Some(id);
        while let Some(id) = next {
            let granted = self.grants.get_mut(&id).map(Rc::make_mut);
            let granted = granted.expect("it is alive, and those above it are there");
            granted.spend(bytes, had, has)?;
            next = granted.parent;
        }
        let author = Author::default();
        self.change(target, &whole, &author, None, now)
            .map(Answer::Moved)
    }

    /// Forgets the grants that are dead.
    pub(super) fn bury(&mut self, now: Timestamp) {
        let ids: Vec<GrantId> = self.grants.keys().copied().collect();
        let dead: Vec<_> = ids
            .into_iter()
            .filter(|id| !self.is_alive(*id, now))
            .collect();
        for id in dead {
            self.grants.remove(&id);
        }
    }
}

impl Granted {
    /// Takes from its budget what a batch adds.
    fn spend(&mut self, bytes: u64, had: u64, has: u64) -> Result<(), Failure> {
        if let Some(max) = self.budget.max_bytes {
            self.used.bytes += bytes;
            if bytes > 0 && self.used.bytes > max {
                return Err(ErrorKind::LimitExceeded.into());
            }
        }
        if let Some(max) = self.budget.max_entries {
            self.used.entries = (self.used.entries + has).saturating_sub(had);
            if has > had && self.used.entries > max {
                return Err(ErrorKind::LimitExceeded.into());
            }
        }
        Ok(())
    }
}
