//! Opens the files of a directory, and nothing that came in their place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The files below a directory.
pub(super) struct Files {
    root: PathBuf,
    #[cfg(target_os = "linux")]
    directory: File,
}

impl Files {
    /// Takes a directory whose path has no symlinks.
    pub(super) fn below(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            #[cfg(target_os = "linux")]
            directory: File::open(root)?,
        })
    }

    /// Opens what is at `relative`, without following a symlink and without waiting
    /// for the other end of a FIFO. It need not be a file.
    ///
    /// On Linux no part of the path may be a symlink (`openat2`, Linux 5.6); elsewhere,
    /// and where a sandbox refuses that call, the last one may not.
    pub(super) fn open(&self, relative: &Path) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
            use rustix::io::Errno;
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match openat2(&self.directory, relative, flags, Mode::empty(), resolve) {
                Ok(file) => return Ok(file.into()),
                Err(Errno::NOSYS | Errno::PERM) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        open_last(&self.root.join(relative))
    }
}

#[cfg(unix)]
fn open_last(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open_last(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn no_symlink_is_followed_by_either_way() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("d")).unwrap();
        std::fs::write(root.join("d/file"), "").unwrap();
        std::os::unix::fs::symlink("d", root.join("way")).unwrap();
        std::os::unix::fs::symlink("d/file", root.join("link")).unwrap();
        let files = Files::below(&root).unwrap();
        assert!(files.open(Path::new("d/file")).is_ok());
        assert!(files.open(Path::new("link")).is_err());
        assert!(open_last(&root.join("d/file")).is_ok());
        assert!(open_last(&root.join("link")).is_err());
        #[cfg(target_os = "linux")]
        assert!(files.open(Path::new("way/file")).is_err());
        assert!(files.open(Path::new("missing")).is_err());
    }
}
