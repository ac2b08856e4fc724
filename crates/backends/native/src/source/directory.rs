//! A directory on disk.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};
use workspace_core::{
    Error, ErrorKind, Result, SourceEntry, SourceKind, Text, Timestamp, TreePath,
};

use super::ahead::{ReadAhead, Sink, Stop};
use super::directory_file::Files;
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
    /// and for one that was changed while it was read.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        let refused = |kind| Error::new(kind, "open source").at(path.display());
        let root = path
            .canonicalize()
            .map_err(|cause| refused(ErrorKind::NotFound).with_source(cause))?;
        if !root.is_dir() {
            return Err(refused(ErrorKind::NotADirectory));
        }
        let reading = Reading {
            files: Files::below(&root).map_err(|cause| source_error(root.display(), cause))?,
            root,
            exclude: options
                .exclude
                .as_deref()
                .and_then(|path| path.canonicalize().ok()),
            options: options.clone(),
        };
        ReadAhead::start(move |sink| reading.run(sink)).map(Self)
    }
}

struct Reading {
    root: PathBuf,
    files: Files,
    exclude: Option<PathBuf>,
    options: SourceOptions,
}

impl Reading {
    fn run(&self, sink: &mut Sink) -> Result<(), Stop> {
        let mut walk = WalkBuilder::new(&self.root);
        walk.standard_filters(false)
            .follow_links(false)
            .sort_by_file_name(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
        if self.options.ignore {
            walk.git_ignore(true)
                .git_exclude(true)
                .parents(true)
                .require_git(false);
        }
        let (ignore, exclude) = (self.options.ignore, self.exclude.clone());
        walk.filter_entry(move |entry| {
            let git = ignore && entry.depth() > 0 && entry.file_name() == ".git";
            !git && Some(entry.path()) != exclude.as_deref()
        });
        for entry in walk.build() {
            let entry = entry.map_err(|cause| {
                Error::new(ErrorKind::Source, "read source")
                    .at(self.root.display())
                    .because(&cause)
                    .with_source(cause)
            })?;
            self.entry(&entry, sink)?;
        }
        Ok(())
    }

    fn entry(&self, entry: &DirEntry, sink: &mut Sink) -> Result<(), Stop> {
        let on_disk = entry.path();
        let failed = |cause| source_error(on_disk.display(), cause);
        let path = self.tree_path(on_disk)?;
        let Some(kind) = entry.file_type() else {
            return Ok(());
        };
        if kind.is_dir() {
            let kind = SourceKind::Directory;
            sink.entry(SourceEntry { path, kind })
        } else if kind.is_file() {
            let relative = on_disk.strip_prefix(&self.root).unwrap_or(on_disk);
            let mut file = self.files.open(relative).map_err(failed)?;
            let before = file.metadata().map_err(failed)?;
            if !before.is_file() {
                return Err(changed(on_disk, "it is no file any more").into());
            }
            let kind = SourceKind::File {
                size: Some(before.len()),
                executable: executable(&before),
                modified: modified(&before),
                media_type: None,
                provenance: None,
            };
            sink.entry(SourceEntry { path, kind })?;
            sink.bytes(&mut file, before.len(), failed)?;
            let after = file.metadata().map_err(failed)?;
            if (before.len(), before.modified().ok()) != (after.len(), after.modified().ok()) {
                return Err(changed(on_disk, "it changed while it was read").into());
            }
            Ok(())
        } else if kind.is_symlink() {
            let target = fs::read_link(on_disk).map_err(failed)?;
            let refused = |why| invalid(on_disk.display(), why);
            let target = target.to_str();
            let target = target.ok_or_else(|| refused("the link's target is not UTF-8"))?;
            let target = Text::new(target)
                .map_err(|cause| refused("the link's target").with_source(cause))?;
            let metadata = fs::symlink_metadata(on_disk).map_err(failed)?;
            let kind = SourceKind::Symlink {
                target,
                modified: modified(&metadata),
            };
            sink.entry(SourceEntry { path, kind })
        } else if self.options.skip_special {
            Ok(())
        } else {
            Err(invalid(on_disk.display(), SPECIAL).into())
        }
    }

    fn tree_path(&self, on_disk: &Path) -> Result<TreePath> {
        let relative = on_disk.strip_prefix(&self.root).unwrap_or(on_disk);
        let Some(relative) = relative.to_str() else {
            let shown = relative.to_string_lossy();
            return Err(invalid(shown.escape_debug(), "the name is not UTF-8"));
        };
        if cfg!(windows) {
            TreePath::new(&format!("/{}", relative.replace('\\', "/")))
        } else {
            TreePath::new(&format!("/{relative}"))
        }
    }
}

/// A file is not as it was when the directory was listed.
fn changed(on_disk: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Source, "read source")
        .at(on_disk.display())
        .because(why)
}

#[cfg(unix)]
fn executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &Metadata) -> bool {
    false
}

fn modified(metadata: &Metadata) -> Option<Timestamp> {
    metadata.modified().ok().map(timestamp)
}
