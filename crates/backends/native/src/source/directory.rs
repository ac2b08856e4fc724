//! A directory on disk.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use workspace_archive::{Owner, RepositoryParts, Sieve};
use workspace_core::{
    EntryKind, Error, ErrorKind, Result, Sought, SourceEntry, SourceKind, Text, TreePath,
};

use super::ahead::{ReadAhead, Sink, Stop};
use super::beneath::{Beneath, Kind};
use super::ignore::{Before, GIT, RULES, Rules};
use super::{SPECIAL, SourceOptions, invalid, source_error};
use crate::context::timestamp;

/// The entries of a directory, in byte order, parents first.
#[derive(Debug)]
pub struct DirectorySource(pub(super) ReadAhead);

impl DirectorySource {
    /// Starts to read the directory at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and [`ErrorKind::NotADirectory`]. While reading:
    /// [`ErrorKind::Invalid`] for a name or link that is not UTF-8 and for what is
    /// neither file, directory nor symlink; [`ErrorKind::Source`] for what cannot
    /// be read, for a file in whose place something else came before it was opened,
    /// and for one that was changed while it was read; [`ErrorKind::LimitExceeded`] for
    /// a directory of more names than there may be entries, and for ignore files that
    /// are too long.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        let mut reading = Reading::open(path, options)?;
        let read = move |sink: &mut Sink| {
            reading.run(|reading, path, kind| reading.entry(path, kind, sink))
        };
        ReadAhead::start(read).map(Self)
    }
}

/// Lists what [`DirectorySource`] would read of a directory, without reading it: the same
/// paths in the same order, but for devices, FIFOs and sockets.
///
/// # Errors
/// Those of [`DirectorySource`], but for those of contents.
pub fn list(path: &Path, options: &SourceOptions) -> Result<Vec<(TreePath, EntryKind)>> {
    let mut found = Vec::new();
    let mut reading = Reading::open(path, options)?;
    let listed = reading.run(|reading, relative, kind| {
        let path = tree_path(relative)?;
        reading.sieve.count(&path, 0)?;
        found.push(match kind {
            Kind::Directory => (path, EntryKind::Directory),
            Kind::File => (path, EntryKind::File),
            Kind::Symlink => (path, EntryKind::Symlink),
            Kind::Special => return Ok(()),
        });
        Ok(())
    });
    match listed {
        Ok(()) | Err(Stop::Abandoned) => Ok(found),
        Err(Stop::Failed(error)) => Err(error),
    }
}

impl Reading {
    fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        let root = path.canonicalize().map_err(|cause| {
            Error::not_found(Sought::Source, "open source")
                .at(path.display())
                .with_source(cause)
        })?;
        if !root.is_dir() {
            return Err(Error::new(ErrorKind::NotADirectory, "open source").at(path.display()));
        }
        let exclude = options.exclude.as_deref();
        let exclude = exclude.and_then(|path| path.canonicalize().ok());
        Ok(Self {
            beneath: Beneath::new(&root).map_err(|cause| source_error(root.display(), cause))?,
            exclude: exclude.and_then(|path| Some(path.strip_prefix(&root).ok()?.to_owned())),
            rules: match options.ignore {
                true => Some(Rules::above(&root)?),
                false => None,
            },
            sieve: options.sieve(),
            options: options.clone(),
        })
    }
}

struct Reading {
    beneath: Beneath,
    /// What is left out, relative to the directory.
    exclude: Option<PathBuf>,
    rules: Option<Rules>,
    /// Counts what is read; names and repositories are looked at here, so that what is
    /// below them is not even listed.
    sieve: Sieve,
    options: SourceOptions,
}

/// A directory that is being read.
struct Level {
    path: PathBuf,
    /// What is still to be read, the next at the end.
    left: Vec<(OsString, Kind)>,
    /// What held in the directory above.
    before: Option<Before>,
}

impl Reading {
    /// Hands each entry to `entry`, parents first.
    fn run(
        &mut self,
        mut entry: impl FnMut(&mut Self, &Path, Kind) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let root = PathBuf::new();
        if self.exclude.as_deref() == Some(&root) {
            return Ok(());
        }
        let left = self.list(&root)?;
        if self.is_repository(&left) {
            let why = "git takes the directory for a repository, and runs what it names";
            return Err(invalid(self.beneath.place(&root).display(), why).into());
        }
        entry(self, &root, Kind::Directory)?;
        let mut levels = vec![self.enter(root, left)?];
        while let Some(level) = levels.last_mut() {
            let Some((name, kind)) = level.left.pop() else {
                if let (Some(rules), Some(before)) = (&mut self.rules, level.before) {
                    rules.leave(before);
                }
                levels.pop();
                continue;
            };
            let path = level.path.join(&name);
            if self.leaves_out(&name, &path, kind)? {
                continue;
            }
            if kind != Kind::Directory {
                entry(self, &path, kind)?;
                continue;
            }
            let left = self.list(&path)?;
            if self.is_repository(&left) {
                self.options.left_out.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            entry(self, &path, kind)?;
            levels.push(self.enter(path, left)?);
        }
        Ok(())
    }

    /// Lists a directory, the last name first.
    fn list(&self, path: &Path) -> Result<Vec<(OsString, Kind)>> {
        let place = || self.beneath.place(path);
        let failed = |cause| source_error(place().display(), cause);
        let mut left = self.beneath.list(path).map_err(failed)?;
        if left.len() as u64 > self.options.limits.entries {
            return Err(Error::new(ErrorKind::LimitExceeded, "read source")
                .at(place().display())
                .because(format!("more than {} entries", self.options.limits.entries)));
        }
        left.sort_unstable_by(|(a, _), (b, _)| b.as_encoded_bytes().cmp(a.as_encoded_bytes()));
        Ok(left)
    }

    /// Tells whether git takes a directory with these names for a repository.
    fn is_repository(&self, names: &[(OsString, Kind)]) -> bool {
        let mut parts = RepositoryParts::default();
        if !self.options.allow_git {
            names
                .iter()
                .for_each(|(name, _)| parts.note(name.as_encoded_bytes()));
        }
        parts.is_repository()
    }

    /// Reads the rules that a directory adds.
    fn enter(&mut self, path: PathBuf, left: Vec<(OsString, Kind)>) -> Result<Level> {
        let mut before = None;
        if let Some(rules) = &mut self.rules {
            before = Some(rules.now());
            let has_git = left.iter().any(|(name, _)| name == GIT);
            let has_rules = left
                .iter()
                .any(|(name, kind)| name == RULES && *kind == Kind::File);
            rules.enter(&self.beneath, &path, &slashed(&path), has_git, has_rules)?;
        }
        Ok(Level { path, left, before })
    }

    /// Tells whether an entry of a directory that is read is not.
    fn leaves_out(&mut self, name: &OsStr, path: &Path, kind: Kind) -> Result<bool> {
        if self.exclude.as_deref() == Some(path) {
            return Ok(true);
        }
        match Owner::of_name(name.as_encoded_bytes()) {
            Some(Owner::Git) if self.options.allow_git => {}
            Some(_) => {
                self.options.left_out.fetch_add(1, Ordering::Relaxed);
                self.sieve.count(&tree_path(path)?, 0)?;
                return Ok(true);
            }
            None => {}
        }
        match &self.rules {
            Some(rules) => rules.ignores(&slashed(path), kind == Kind::Directory),
            None => Ok(false),
        }
    }

    fn entry(&mut self, relative: &Path, kind: Kind, sink: &mut Sink) -> Result<(), Stop> {
        let on_disk = &self.beneath.place(relative);
        let failed = |cause| source_error(on_disk.display(), cause);
        let path = tree_path(relative)?;
        self.sieve.count(&path, 0)?;
        match kind {
            Kind::Directory => {
                let kind = SourceKind::Directory;
                sink.entry(SourceEntry { path, kind })
            }
            Kind::File => {
                let mut file = self.beneath.open(relative).map_err(failed)?;
                let before = file.metadata().map_err(failed)?;
                if !before.is_file() {
                    return Err(changed(on_disk, "it is no file any more").into());
                }
                let kind = SourceKind::File {
                    size: Some(before.len()),
                    executable: executable(&before),
                    modified: before.modified().ok().map(timestamp),
                    media_type: None,
                    provenance: None,
                };
                self.sieve.count_bytes(&path, before.len())?;
                sink.entry(SourceEntry { path, kind })?;
                sink.bytes(&mut file, before.len(), failed)?;
                let after = file.metadata().map_err(failed)?;
                if (before.len(), before.modified().ok()) != (after.len(), after.modified().ok()) {
                    return Err(changed(on_disk, "it changed while it was read").into());
                }
                Ok(())
            }
            Kind::Symlink => {
                let (target, modified) = self.beneath.read_link(relative).map_err(failed)?;
                let refused = |why| invalid(on_disk.display(), why);
                let target = target.to_str();
                let target = target.ok_or_else(|| refused("the link's target is not UTF-8"))?;
                let target = Text::new(target)
                    .map_err(|cause| refused("the link's target").with_source(cause))?;
                let modified = modified.map(timestamp);
                let kind = SourceKind::Symlink { target, modified };
                sink.entry(SourceEntry { path, kind })
            }
            Kind::Special if self.options.skip_special => Ok(()),
            Kind::Special => Err(invalid(on_disk.display(), SPECIAL).into()),
        }
    }
}

/// Returns a path's bytes, with `/` between names.
fn slashed(path: &Path) -> Vec<u8> {
    let names: Vec<&[u8]> = path.iter().map(OsStr::as_encoded_bytes).collect();
    names.join(&b'/')
}

fn tree_path(relative: &Path) -> Result<TreePath> {
    let Some(shown) = relative.to_str() else {
        let shown = relative.to_string_lossy();
        return Err(invalid(shown.escape_debug(), "the name is not UTF-8"));
    };
    if cfg!(windows) {
        TreePath::new(&format!("/{}", shown.replace('\\', "/")))
    } else {
        TreePath::new(&format!("/{shown}"))
    }
}

/// A file is not as it was when the directory was listed.
fn changed(on_disk: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Source, "read source")
        .at(on_disk.display())
        .because(why)
}

#[cfg(unix)]
pub(super) fn executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
pub(super) fn executable(_: &Metadata) -> bool {
    false
}
