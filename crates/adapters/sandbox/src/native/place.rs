//! The directory of a sandbox: what was changed, and what it is compared with.
//!
//! ```text
//! showing.json   which copy, tree, generation; in which way; what files were like (plain)
//! dry            is there while what a command changes is only looked at
//! upper/ work/   of the overlay: what was changed; what the kernel needs for that
//! lower/ merged/ of the overlay: what is below; where it is mounted, in a box
//! files/         of the plain way
//! trash/         what is being removed
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use futures::TryStreamExt as _;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use serde::{Deserialize, Serialize};
use workspace_core::{Entry, Error, ErrorKind, Result, Timestamp, TreePath, View};

use super::{Files, Way, make_private};
use crate::host::{Layer, Showing, Stamp};

/// The file that says what is shown.
const SHOWING: &str = "showing.json";
/// The file that says that what was changed is to be forgotten.
const DRY: &str = "dry";
/// All that a way has.
const DIRECTORIES: [&str; 5] = ["upper", "work", "lower", "merged", "files"];

/// The directory, which this process has to itself.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Shown {
    copy: String,
    tree: String,
    generation: u64,
    way: String,
    known: Vec<Known>,
}

#[derive(Serialize, Deserialize)]
struct Known {
    path: String,
    size: u64,
    executable: bool,
    modified: String,
    changed: String,
    device: u64,
    number: u64,
}

fn failed(operation: &'static str, at: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Source, operation)
        .at(at.display())
        .because(&error)
        .with_source(error)
}

impl Place {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let at = |error| failed("open sandbox", path, error);
        make_private(path).map_err(at)?;
        let path = path.canonicalize().map_err(at)?;
        let lock = File::create(path.join("lock")).map_err(at)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Error::new(ErrorKind::Locked, "open sandbox")
                    .at(path.display())
                    .because("another process has it"));
            }
            Err(fs::TryLockError::Error(error)) => return Err(at(error)),
        }
        let place = Self { path, _lock: lock };
        for name in DIRECTORIES.into_iter().chain(["trash"]) {
            let path = place.path.join(name);
            make_private(&path).map_err(|error| failed("open sandbox", &path, error))?;
        }
        Ok(place)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a directory of the same file system to try mounts in.
    pub(super) fn probe(&self) -> PathBuf {
        self.path.join("probe")
    }

    pub(super) fn prepare_probe(&self) -> Result<()> {
        let probe = self.probe();
        self.remove(&probe)?;
        for name in DIRECTORIES {
            let path = probe.join(name);
            make_private(&path).map_err(|error| failed("probe", &path, error))?;
        }
        let below = probe.join("lower/below");
        fs::write(&below, "").map_err(|error| failed("probe", &below, error))
    }

    /// Returns what is shown, and in which way.
    pub(super) fn remembered(&self) -> Result<Option<(Showing, Way)>> {
        Ok(self.read()?.and_then(|shown| {
            let showing = Showing {
                copy: shown.copy.parse().ok()?,
                tree: shown.tree.parse().ok()?,
                generation: shown.generation,
            };
            Some((showing, Way::from_name(&shown.way)?))
        }))
    }

    fn read(&self) -> Result<Option<Shown>> {
        let path = self.path.join(SHOWING);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open sandbox", &path, error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Error::new(ErrorKind::Corrupt, "open sandbox")
                .at(path.display())
                .because(error)
        })
    }

    /// Takes note of what is shown: all of it, or nothing.
    pub(super) fn remember(
        &self,
        showing: &Showing,
        way: Way,
        known: &BTreeMap<TreePath, Stamp>,
    ) -> Result<()> {
        let known = known.iter().map(|(path, stamp)| Known {
            path: path.as_str().into(),
            size: stamp.size,
            executable: stamp.executable,
            modified: stamp.modified.to_string(),
            changed: stamp.changed.to_string(),
            device: stamp.id.0,
            number: stamp.id.1,
        });
        let shown = Shown {
            copy: showing.copy.to_string(),
            tree: showing.tree.to_string(),
            generation: showing.generation,
            way: way.name().into(),
            known: known.collect(),
        };
        let path = self.path.join(SHOWING);
        let text = serde_json::to_vec(&shown).map_err(|error| {
            Error::new(ErrorKind::Source, "show")
                .at(path.display())
                .because(error)
        })?;
        let new = self.path.join("showing.new");
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| failed("show", &path, error))
    }

    /// Forgets what is shown, before it changes.
    pub(super) fn forget(&self) -> Result<()> {
        let path = self.path.join(SHOWING);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("show", &path, error))
            }
            _ => File::open(&self.path)
                .and_then(|directory| directory.sync_all())
                .map_err(|error| failed("show", &self.path, error)),
        }
    }

    /// Removes all files, and forgets that they were to be.
    pub(super) fn clear(&self) -> Result<()> {
        DIRECTORIES.iter().try_for_each(|name| self.empty(name))?;
        let path = self.path.join(DRY);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("clear", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Takes note that what is changed from now on is to be forgotten.
    pub(super) fn mark_dry(&self) -> Result<()> {
        let path = self.path.join(DRY);
        let mark = || {
            File::create(&path)?.sync_all()?;
            File::open(&self.path)?.sync_all()
        };
        mark().map_err(|error| failed("run", &path, error))
    }

    /// Tells whether what was changed is to be forgotten.
    pub(super) fn is_dry(&self) -> Result<bool> {
        let path = self.path.join(DRY);
        path.try_exists()
            .map_err(|error| failed("open sandbox", &path, error))
    }

    /// Removes what the kernel left that the overlay was mounted by before.
    pub(super) fn clear_work(&self) -> Result<()> {
        self.empty("work")
    }

    fn empty(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        self.remove(&path)?;
        make_private(&path).map_err(|error| failed("clear", &path, error))?;
        // Who is somebody else inside goes through it.
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, mode).map_err(|error| failed("clear", &path, error))
    }

    /// Removes a directory, however deep: what is in it is moved up, one after the other.
    fn remove(&self, path: &Path) -> Result<()> {
        let trash = self.path.join("trash");
        let mut next = 0u64;
        let mut aside = |from: &Path| {
            loop {
                let to = trash.join(next.to_string());
                next += 1;
                if to.symlink_metadata().is_err() {
                    return fs::rename(from, &to);
                }
            }
        };
        match aside(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(|error| failed("remove", path, error))?,
        }
        let mut empty = || -> io::Result<()> {
            loop {
                let Some(found) = fs::read_dir(&trash)?.next().transpose()? else {
                    return Ok(());
                };
                let directory = found.path();
                if !directory.symlink_metadata()?.is_dir() {
                    fs::remove_file(&directory)?;
                    continue;
                }
                // A command may have made it such that not even its owner may look in.
                fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
                for entry in fs::read_dir(&directory)? {
                    let entry = entry?;
                    match entry.file_type()?.is_dir() {
                        true => {
                            // To be moved it has to be writable, for `..` is in it.
                            let open = fs::Permissions::from_mode(0o700);
                            fs::set_permissions(entry.path(), open)?;
                            aside(&entry.path())?;
                        }
                        false => fs::remove_file(entry.path())?,
                    }
                }
                fs::remove_dir(&directory)?;
            }
        };
        empty().map_err(|error| failed("remove", path, error))
    }

    /// Opens the files that a capture looks at, and what they were like.
    pub(super) fn files(&self, way: Way) -> Result<(Files, BTreeMap<TreePath, Stamp>)> {
        if way != Way::Plain {
            let files = Files::open(&self.path.join("upper"), Layer::Upper)?;
            return Ok((files, BTreeMap::new()));
        }
        let files = Files::open(&self.path.join("files"), Layer::Whole)?;
        let mut known = BTreeMap::new();
        for it in self.read()?.into_iter().flat_map(|shown| shown.known) {
            if let (Ok(path), Ok(modified), Ok(changed)) =
                (it.path.parse(), it.modified.parse(), it.changed.parse())
            {
                let stamp = Stamp {
                    size: it.size,
                    executable: it.executable,
                    modified,
                    changed,
                    id: (it.device, it.number),
                };
                known.insert(path, stamp);
            }
        }
        Ok((files, known))
    }

    /// Writes all files of a tree out; returns what the system says of them then.
    pub(super) async fn write(
        &self,
        name: &str,
        files: &View,
    ) -> Result<BTreeMap<TreePath, Stamp>> {
        let root = self.path.join(name);
        let mut written = Vec::new();
        for walked in files.walk(&TreePath::root())? {
            let (path, entry) = walked?;
            let at = root.join(path.as_str().trim_start_matches('/'));
            let failed = |error| failed("show", &at, error);
            match entry {
                Entry::Directory(_) => {
                    fs::create_dir(&at).map_err(failed)?;
                    let mode = fs::Permissions::from_mode(0o755);
                    fs::set_permissions(&at, mode).map_err(failed)?;
                }
                Entry::Symlink(link) => {
                    symlink(link.target.as_str(), &at).map_err(failed)?;
                    let time = spec(link.modified);
                    let times = Timestamps {
                        last_access: time,
                        last_modification: time,
                    };
                    utimensat(CWD, &at, &times, AtFlags::SYMLINK_NOFOLLOW)
                        .map_err(|error| failed(error.into()))?;
                }
                Entry::File(file) => {
                    let mut body = files.open(&path, None).await?.body;
                    let mut to = File::create_new(&at).map_err(failed)?;
                    while let Some(chunk) = body.try_next().await? {
                        to.write_all(&chunk).map_err(failed)?;
                    }
                    let mode = if file.executable { 0o755 } else { 0o644 };
                    to.set_permissions(fs::Permissions::from_mode(mode))
                        .map_err(failed)?;
                    to.set_modified(system_time(file.modified))
                        .map_err(failed)?;
                    written.push(path);
                }
            }
        }
        let made = Files::open(&root, Layer::Whole)?;
        let mut known = BTreeMap::new();
        for path in written {
            if let Some(stamp) = made.stamp(&path)? {
                known.insert(path, stamp);
            }
        }
        Ok(known)
    }

    pub(super) fn destroy(self) -> Result<()> {
        self.forget()?;
        for name in DIRECTORIES.into_iter().chain(["probe"]) {
            self.remove(&self.path.join(name))?;
        }
        fs::remove_dir_all(&self.path).map_err(|error| failed("remove", &self.path, error))
    }
}

fn spec(time: Timestamp) -> Timespec {
    let millis = time.as_millis();
    Timespec {
        tv_sec: millis.div_euclid(1000),
        tv_nsec: millis.rem_euclid(1000) * 1_000_000,
    }
}

fn system_time(time: Timestamp) -> std::time::SystemTime {
    let millis = time.as_millis();
    let after = Duration::from_millis(millis.unsigned_abs());
    let at = match millis < 0 {
        true => UNIX_EPOCH.checked_sub(after),
        false => UNIX_EPOCH.checked_add(after),
    };
    at.unwrap_or(UNIX_EPOCH)
}
