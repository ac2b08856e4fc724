//! Files below a directory of this machine, as a capture looks at them.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use bytes::Bytes;
use futures::stream;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, lgetxattr, llistxattr,
    openat2, readlinkat, statat,
};
use rustix::io::Errno;
use workspace_core::{Error, ErrorKind, Result, Sought, TreePath};

use crate::host::{HostEntry, HostFile, HostKind, Layer, Marks, Stamp};

/// How much of a file is read at once.
const CHUNK: usize = 256 << 10;
/// The most bytes of the list of an entry's attributes, and of one that is looked at.
const ATTRIBUTES: usize = 64 << 10;

/// A directory of this machine. Nothing outside of it is reached: no symlink is followed, and
/// where it is does not count towards the longest path.
#[derive(Debug)]
pub struct Files {
    root: OwnedFd,
    layer: Layer,
}

impl Files {
    /// Opens a directory; `layer` says whether it is the upper one of an overlay.
    ///
    /// # Errors
    /// `Source` where it cannot be opened.
    pub fn open(root: &Path, layer: Layer) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty())
            .map_err(|error| failed("open", &root.display(), error))?;
        Ok(Self { root, layer })
    }

    /// Returns which files these are.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    fn at(&self, path: &TreePath, flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let below = match path.as_str().trim_start_matches('/') {
            "" => ".",
            below => below,
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat2(self.root.as_fd(), below, flags, Mode::empty(), resolve)
    }

    /// Lists a directory.
    ///
    /// # Errors
    /// `NotFound`; `LimitExceeded` for more entries than `limit`; `Source`.
    pub fn list(&self, directory: &TreePath, limit: usize) -> Result<Vec<HostEntry>> {
        let open = self.at(directory, OFlags::RDONLY | OFlags::DIRECTORY);
        let open = open.map_err(|error| failed("list", directory, error))?;
        let mut found = Vec::new();
        let read = Dir::read_from(&open).map_err(|error| failed("list", directory, error))?;
        for entry in read {
            let entry = entry.map_err(|error| failed("list", directory, error))?;
            let name: &CStr = entry.file_name();
            if [c".", c".."].contains(&name) {
                continue;
            }
            if found.len() == limit {
                return Err(Error::new(ErrorKind::LimitExceeded, "list")
                    .at(directory)
                    .because(format!("more than {limit} entries")));
            }
            // One that went since it was named is not there.
            match self.entry(&open, name) {
                Err(Errno::NOENT) => {}
                entry => found.push(entry.map_err(|error| failed("list", directory, error))?),
            }
        }
        Ok(found)
    }

    fn entry(&self, directory: &OwnedFd, name: &CStr) -> std::result::Result<HostEntry, Errno> {
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => HostKind::File,
            FileType::Directory => HostKind::Directory,
            FileType::Symlink => {
                HostKind::Symlink(readlinkat(directory, name, Vec::new())?.into_bytes())
            }
            FileType::Fifo => HostKind::Fifo,
            FileType::Socket => HostKind::Socket,
            _ => HostKind::Device {
                zero: stat.st_rdev == 0,
            },
        };
        let marks = match (&self.layer, &kind) {
            (Layer::Upper, HostKind::File | HostKind::Directory) => match marks(directory, name) {
                // What may not be read has none that count: it will be refused.
                Err(Errno::ACCESS) => Marks::default(),
                marks => marks?,
            },
            _ => Marks::default(),
        };
        Ok(HostEntry {
            name: name.to_bytes().to_vec(),
            kind,
            stamp: stamp(&stat),
            marks,
        })
    }

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`; `Source`, also for what is no file.
    pub fn read(&self, path: &TreePath) -> Result<HostFile> {
        // A FIFO that came in its place is not waited for.
        let open = self.at(path, OFlags::RDONLY | OFlags::NONBLOCK);
        let open = open.map_err(|error| failed("read", path, error))?;
        let stat = fstat(&open).map_err(|error| failed("read", path, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::new(ErrorKind::Source, "read")
                .at(path)
                .because("it is no file"));
        }
        let path = path.clone();
        let body = stream::try_unfold(File::from(open), move |mut file| {
            let path = path.clone();
            async move {
                let mut chunk = vec![0; CHUNK];
                match file.read(&mut chunk) {
                    Ok(0) => Ok(None),
                    Ok(read) => {
                        chunk.truncate(read);
                        Ok(Some((Bytes::from(chunk), file)))
                    }
                    Err(error) => Err(Error::new(ErrorKind::Source, "read")
                        .at(&path)
                        .because(&error)
                        .with_source(error)),
                }
            }
        });
        Ok(HostFile {
            stamp: stamp(&stat),
            body: Box::pin(body),
        })
    }

    /// Returns what the system says of a file, if there is one.
    ///
    /// # Errors
    /// `Source`.
    pub fn stamp(&self, path: &TreePath) -> Result<Option<Stamp>> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return Ok(None);
        };
        let parent = match self.at(&parent, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(parent) => parent,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(failed("stat", path, error)),
        };
        match statat(&parent, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stamp(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed("stat", path, error)),
        }
    }
}

/// Reads what an overlay keeps in the attributes of an entry.
fn marks(directory: &OwnedFd, name: &CStr) -> std::result::Result<Marks, Errno> {
    let at = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let at = Path::new(&at).join(OsStr::from_bytes(name.to_bytes()));
    let mut listed = vec![0; ATTRIBUTES];
    let length = match llistxattr(&at, listed.as_mut_slice()) {
        Ok(length) => length,
        // A file system without attributes has no marks.
        Err(Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(error),
    };
    listed.truncate(length);
    let mut marks = Marks::default();
    for attribute in listed.split(|byte| *byte == 0) {
        let text = std::str::from_utf8(attribute).unwrap_or_default();
        let Some(mark) = text
            .strip_prefix("user.overlay.")
            .or_else(|| text.strip_prefix("trusted.overlay."))
        else {
            continue;
        };
        match mark {
            "opaque" => {
                let mut value = [0; 8];
                let length = lgetxattr(&at, text, value.as_mut_slice())?;
                match value.get(..length) {
                    Some(b"y") => marks.opaque = true,
                    Some(b"x") => marks.has_whiteouts = true,
                    _ => {}
                }
            }
            "whiteout" => marks.whiteout = true,
            "redirect" | "metacopy" => marks.elsewhere = true,
            _ => {}
        }
    }
    Ok(marks)
}

#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
fn stamp(stat: &Stat) -> Stamp {
    let time = |seconds: i64, rest: i128| i128::from(seconds) * 1_000_000_000 + rest;
    Stamp {
        size: stat.st_size as u64,
        executable: stat.st_mode & 0o111 != 0,
        modified: time(stat.st_mtime, stat.st_mtime_nsec as i128),
        changed: time(stat.st_ctime, stat.st_ctime_nsec as i128),
        id: (stat.st_dev as u64, stat.st_ino as u64),
    }
}

fn failed(operation: &'static str, at: &dyn std::fmt::Display, error: Errno) -> Error {
    let made = match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Error::not_found(Sought::Source, operation),
        _ => Error::new(ErrorKind::Source, operation),
    };
    made.at(at).because(error)
}
