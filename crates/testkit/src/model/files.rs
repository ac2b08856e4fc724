//! A file tree as a plain map, edited one path at a time.

use std::collections::BTreeMap;

use bytes::Bytes;
use workspace_core::{
    Change, Content, ContentId, ErrorKind, MAX_MEDIA_TYPE, MAX_PATH, MAX_PROVENANCE, MAX_TARGET,
    Precondition, Text, Timestamp, TreePath, WriteOptions,
};

/// What stands at a path of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Thing {
    /// A file.
    File(FileThing),
    /// A directory.
    Directory,
    /// A symlink: its target, and when it was modified.
    Symlink(Text<MAX_TARGET>, Timestamp),
}

/// A file of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileThing {
    /// Its bytes themselves.
    pub bytes: Bytes,
    /// Whether it may be executed.
    pub executable: bool,
    /// When it was modified.
    pub modified: Timestamp,
    /// Its media type.
    pub media_type: Option<Text<MAX_MEDIA_TYPE>>,
    /// Where it came from.
    pub provenance: Option<Text<MAX_PROVENANCE>>,
}

impl Thing {
    fn is_directory(&self) -> bool {
        *self == Self::Directory
    }

    /// Tells whether both are the same but for the time.
    pub(super) fn same_but_time(&self, other: &Self) -> bool {
        self.timeless() == other.timeless()
    }

    fn timeless(&self) -> Self {
        match self.clone() {
            Self::File(file) => Self::File(FileThing {
                modified: Timestamp::default(),
                ..file
            }),
            Self::Symlink(target, _) => Self::Symlink(target, Timestamp::default()),
            Self::Directory => Self::Directory,
        }
    }
}

/// Everything in a tree by path, directories included, the root left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Files(pub(super) BTreeMap<TreePath, Thing>);

/// One change as a value: what [`Change`] says, of bytes in memory.
#[derive(Debug, Clone)]
pub enum Edit {
    /// As [`Change::Write`].
    Write(TreePath, Bytes, WriteOptions),
    /// As [`Change::Mkdir`].
    Mkdir(TreePath, bool),
    /// As [`Change::Symlink`].
    Symlink(TreePath, Text<MAX_TARGET>, bool),
    /// As [`Change::Remove`].
    Remove(TreePath, bool),
    /// As [`Change::Rename`].
    Rename(TreePath, TreePath, bool),
    /// As [`Change::Copy`].
    Copy(TreePath, TreePath, bool),
    /// As [`Change::SetExecutable`].
    SetExecutable(TreePath, bool),
}

impl Edit {
    /// Returns the change for the facade.
    pub fn to_change(&self) -> Change {
        match self.clone() {
            Self::Write(path, bytes, options) => Change::Write {
                path,
                content: Content::Bytes(bytes),
                options,
            },
            Self::Mkdir(path, parents) => Change::Mkdir { path, parents },
            Self::Symlink(path, target, create_parents) => Change::Symlink {
                path,
                target,
                create_parents,
                modified: None,
            },
            Self::Remove(path, recursive) => Change::Remove { path, recursive },
            Self::Rename(from, to, replace) => Change::Rename { from, to, replace },
            Self::Copy(from, to, replace) => Change::Copy { from, to, replace },
            Self::SetExecutable(path, executable) => Change::SetExecutable { path, executable },
        }
    }
}

type Outcome<T = ()> = Result<T, ErrorKind>;

impl Files {
    /// Returns what is at `path`; the root is a directory.
    pub fn get(&self, path: &TreePath) -> Option<&Thing> {
        match path.is_root() {
            true => Some(&Thing::Directory),
            false => self.0.get(path),
        }
    }

    /// Returns everything below `path`, in byte order.
    pub fn below(&self, path: &TreePath) -> impl Iterator<Item = (&TreePath, &Thing)> {
        let within = move |other: &TreePath| other != path && other.starts_with(path);
        self.0.iter().filter(move |(other, _)| within(other))
    }

    /// Returns everything, in byte order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Thing)> {
        self.0.iter()
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes one change.
    ///
    /// # Errors
    /// The kind that the facade should fail with.
    pub fn edit(&mut self, edit: &Edit, now: Timestamp) -> Outcome {
        match edit {
            Edit::Write(path, bytes, options) => self.write(path, bytes, options, now),
            Edit::Mkdir(path, parents) => match self.get(path) {
                Some(Thing::Directory) if *parents => Ok(()),
                Some(_) => Err(ErrorKind::AlreadyExists),
                None => self.put(path, Thing::Directory, *parents),
            },
            Edit::Symlink(path, target, create_parents) => {
                self.put_leaf(path, Thing::Symlink(target.clone(), now), *create_parents)
            }
            Edit::Remove(path, recursive) => {
                if path.is_root() {
                    return Err(ErrorKind::Invalid);
                }
                self.get(path).ok_or(ErrorKind::NotFound)?;
                if !recursive && self.below(path).next().is_some() {
                    return Err(ErrorKind::NotEmpty);
                }
                self.remove(path);
                Ok(())
            }
            Edit::Rename(from, to, _) if from == to => {
                self.get(from).map(drop).ok_or(ErrorKind::NotFound)
            }
            Edit::Rename(from, to, replace) => {
                let things = self.transfer(from, to, *replace)?;
                self.remove(from);
                self.remove(to);
                self.0.extend(things);
                Ok(())
            }
            Edit::Copy(from, to, replace) => {
                let things = self.transfer(from, to, *replace)?;
                self.remove(to);
                self.0.extend(things);
                Ok(())
            }
            Edit::SetExecutable(path, executable) => {
                match self.get(path).ok_or(ErrorKind::NotFound)?.clone() {
                    Thing::File(file) if file.executable == *executable => Ok(()),
                    Thing::File(mut file) => {
                        file.executable = *executable;
                        file.modified = now;
                        self.0.insert(path.clone(), Thing::File(file));
                        Ok(())
                    }
                    _ => Err(ErrorKind::Invalid),
                }
            }
        }
    }

    fn write(
        &mut self,
        path: &TreePath,
        bytes: &Bytes,
        options: &WriteOptions,
        now: Timestamp,
    ) -> Outcome {
        let found = self.get(path);
        if found.is_some_and(Thing::is_directory) {
            return Err(ErrorKind::IsADirectory);
        }
        let old = match found {
            Some(Thing::File(file)) => Some(file),
            _ => None,
        };
        match options.precondition {
            Precondition::Absent if found.is_some() => return Err(ErrorKind::AlreadyExists),
            Precondition::Content(wanted)
                if old.is_none_or(|file| ContentId::of(&file.bytes) != wanted) =>
            {
                return Err(ErrorKind::Stale);
            }
            _ => {}
        }
        let kept = old.filter(|file| file.bytes == *bytes);
        let media_type = options.media_type.clone();
        let provenance = options.provenance.clone();
        let new = FileThing {
            bytes: bytes.clone(),
            executable: options
                .executable
                .unwrap_or_else(|| old.is_some_and(|file| file.executable)),
            modified: options.modified.unwrap_or(now),
            media_type: media_type.or_else(|| old.and_then(|file| file.media_type.clone())),
            provenance: provenance.or_else(|| kept.and_then(|file| file.provenance.clone())),
        };
        self.put_leaf(path, Thing::File(new), options.create_parents)
    }

    /// Puts a file or symlink unless what is there differs in time at most.
    pub(super) fn put_leaf(
        &mut self,
        path: &TreePath,
        new: Thing,
        create_parents: bool,
    ) -> Outcome {
        match self.get(path) {
            Some(Thing::Directory) => Err(ErrorKind::IsADirectory),
            Some(old) if old.same_but_time(&new) => Ok(()),
            _ => self.put(path, new, create_parents),
        }
    }

    fn put(&mut self, path: &TreePath, new: Thing, create_parents: bool) -> Outcome {
        self.check_parent(path, create_parents)?;
        let mut above = path.parent();
        while let Some(directory) = above.filter(|path| !path.is_root()) {
            above = directory.parent();
            self.0.entry(directory).or_insert(Thing::Directory);
        }
        self.0.insert(path.clone(), new);
        Ok(())
    }

    /// Fails where an entry cannot be put at `path` for what is above it.
    fn check_parent(&self, path: &TreePath, create_parents: bool) -> Outcome {
        let mut above = TreePath::root();
        let names: Vec<_> = path.segments().collect();
        for name in &names[..names.len() - 1] {
            above = above.join_relative(name).map_err(|error| error.kind())?;
            match self.get(&above) {
                Some(Thing::Directory) => {}
                Some(_) => return Err(ErrorKind::NotADirectory),
                None if create_parents => return Ok(()),
                None => return Err(ErrorKind::NotFound),
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &TreePath) {
        self.0.retain(|other, _| !other.starts_with(path));
    }

    /// Checks a rename or copy; returns what it puts, by new path.
    fn transfer(
        &self,
        from: &TreePath,
        to: &TreePath,
        replace: bool,
    ) -> Outcome<BTreeMap<TreePath, Thing>> {
        let source = self.get(from).ok_or(ErrorKind::NotFound)?;
        if to.starts_with(from) {
            return Err(ErrorKind::Invalid);
        }
        if let Some(target) = self.get(to) {
            match (source.is_directory(), target.is_directory()) {
                _ if !replace => return Err(ErrorKind::AlreadyExists),
                (false, true) => return Err(ErrorKind::IsADirectory),
                (true, false) => return Err(ErrorKind::NotADirectory),
                _ if self.below(to).next().is_some() => return Err(ErrorKind::NotEmpty),
                _ => {}
            }
        }
        let mut things = BTreeMap::from([(to.clone(), source.clone())]);
        for (path, thing) in self.below(from) {
            let tail = &path.as_str()[from.as_str().len()..];
            if to.as_str().len() + tail.len() > MAX_PATH {
                return Err(ErrorKind::Invalid);
            }
            let path = to.join_relative(&tail[1..]).map_err(|error| error.kind())?;
            things.insert(path, thing.clone());
        }
        self.check_parent(to, false)?;
        Ok(things)
    }
}
