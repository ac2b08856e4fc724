//! What a directory remembers of the copy that is checked out into it.
//!
//! It is a file in the directory, of JSON, a line for the whole and one for each entry as
//! the sides last agreed on it. A file has with its content what the system said of it
//! then: as long as it says the same, it need not be read again.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{fsync, renameat};
use serde::{Deserialize, Serialize};
use workspace_core::{At, ContentId, Error, ErrorKind, Reason, TreeId, TreePath};
use workspace_native::beneath::{self, State};

use super::plan::{Leaf, Leaves};
use crate::commands::export::Staging;
use crate::exit::{Failure, Result, io_error};
use crate::run::DIRECTORY;

/// The name of the file: that of a workspace's directory, so that nobody imports it.
pub(super) const NAME: &str = DIRECTORY;
/// The version of the format.
const VERSION: u32 = 1;
/// The longest line.
const MAX_LINE: u64 = 64 << 10;
/// Where a file was changed so short a time ago, in nanoseconds, the next change may have
/// the same time.
const FRESH: i128 = 2_000_000_000;

/// Where the files came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// A workspace in a directory.
    Workspace(PathBuf),
    /// One behind a URL.
    Remote(String),
}

/// What the directory is a checkout of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Of {
    Head,
    /// The copy's id.
    Copy(String),
    Revision(u64),
}

impl Of {
    /// Returns what `at` is, where it can be checked out.
    pub(super) fn new(at: At) -> Option<Self> {
        match at {
            At::Head => Some(Self::Head),
            At::Copy(id) => Some(Self::Copy(id.to_string())),
            At::Revision(id) => Some(Self::Revision(id.get())),
            At::Tree(_) => None,
        }
    }

    /// Returns which files these are.
    pub(super) fn at(&self) -> workspace_core::Result<At> {
        Ok(match self {
            Self::Head => At::Head,
            Self::Copy(id) => At::Copy(id.parse()?),
            Self::Revision(id) => At::Revision(workspace_core::RevisionId::new(*id)),
        })
    }
}

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    version: u32,
    from: Origin,
    of: Of,
    ignore: bool,
    allow_git: bool,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    modes: bool,
    /// How many lines follow.
    entries: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tree: Option<String>,
}

fn yes() -> bool {
    true
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    path: String,
    #[serde(flatten)]
    leaf: LeafLine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<StateLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum LeafLine {
    Directory,
    File { content: String, executable: bool },
    Symlink { target: String },
}

/// Size, mode, time of modification, of change, and number.
type StateLine = (u64, u32, i64, i64, u64);

/// What the system said of a file whose content is known.
pub(super) type States = std::collections::BTreeMap<TreePath, Known>;

/// A state by which a file is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(StateLine);

impl Known {
    /// Returns that of a file; `None` where it cannot be told from what may come.
    pub(super) fn of(state: &State, now: i128) -> Option<Self> {
        let is_fresh = |time: i128| time > now - FRESH;
        if is_fresh(state.modified) || is_fresh(state.changed) {
            return None;
        }
        Self::any(state)
    }

    /// Returns that of a file as it is.
    pub(super) fn any(state: &State) -> Option<Self> {
        let modified = i64::try_from(state.modified).ok()?;
        let changed = i64::try_from(state.changed).ok()?;
        Some(Self((
            state.size, state.mode, modified, changed, state.id.1,
        )))
    }
}

/// What a directory remembers.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) from: Origin,
    pub(super) of: Of,
    /// Whether what git ignores is left out.
    pub(super) ignore: bool,
    /// Whether what is git's own belongs to it.
    pub(super) allow_git: bool,
    /// Whether the directory's file system keeps whether a file may be executed. Where it
    /// does not, that is what it was.
    pub(super) modes: bool,
    /// The tree that the directory has, where it has all of one.
    pub(super) tree: Option<TreeId>,
    /// What both sides had when they agreed last.
    pub(super) base: Leaves,
    pub(super) states: States,
}

impl Memory {
    /// Reads it; `None` where the directory is no checkout.
    ///
    /// # Errors
    /// `Corrupt` for what it is not, `Unsupported` for a newer one.
    pub(super) fn read(directory: BorrowedFd<'_>, root: &Path) -> Result<Option<Self>> {
        let place = root.join(NAME);
        let Some(file) = open(directory, &place)? else {
            return Ok(None);
        };
        let mut lines = BufReader::new(file);
        let header = header(&mut lines, &place)?;
        let mut memory = Self {
            from: header.from,
            of: header.of,
            ignore: header.ignore,
            allow_git: header.allow_git,
            modes: header.modes,
            tree: match header.tree {
                Some(tree) => Some(tree.parse().map_err(|_| corrupt(&place))?),
                None => None,
            },
            base: Leaves::new(),
            states: States::new(),
        };
        while let Some(line) = line(&mut lines, &place)? {
            let line: Line = serde_json::from_slice(&line).map_err(|_| corrupt(&place))?;
            let path = TreePath::new(&line.path).map_err(|_| corrupt(&place))?;
            if path.is_root() {
                return Err(corrupt(&place));
            }
            let leaf = match line.leaf {
                LeafLine::Directory => Leaf::Directory,
                LeafLine::Symlink { target } => Leaf::Symlink(target),
                LeafLine::File {
                    content,
                    executable,
                } => Leaf::File {
                    content: content.parse::<ContentId>().map_err(|_| corrupt(&place))?,
                    executable,
                },
            };
            if let Some(state) = line.state {
                memory.states.insert(path.clone(), Known(state));
            }
            memory.base.insert(path, leaf);
        }
        match memory.base.len() == header.entries {
            true => Ok(Some(memory)),
            false => Err(corrupt(&place)),
        }
    }

    /// Tells whether a directory's file system keeps whether a file may be executed.
    pub(super) fn keeps_modes(directory: BorrowedFd<'_>, root: &Path) -> Result<bool> {
        let keeps = Staging::make(directory).and_then(|mut staging| staging.keeps_modes());
        Ok(keeps.map_err(|error| io_error("check out", root, error))?)
    }

    /// Writes it in the place of the one that is there, when it is whole.
    pub(super) fn write(&self, directory: BorrowedFd<'_>, root: &Path) -> Result<()> {
        let place = root.join(NAME);
        let failed = |error: io::Error| Failure::from(io_error("sync", &place, error));
        let staging = Staging::make(directory).map_err(failed)?;
        let file = beneath::make_file(&staging, NAME.as_ref(), 0o600).map_err(failed)?;
        let mut writer = BufWriter::new(&file);
        self.write_to(&mut writer).map_err(failed)?;
        writer.flush().map_err(failed)?;
        drop(writer);
        file.sync_all().map_err(failed)?;
        renameat(&staging, NAME, directory, NAME).map_err(|cause| failed(cause.into()))?;
        // Not every file system can.
        let _unflushed = fsync(directory);
        Ok(())
    }

    fn write_to(&self, writer: &mut impl io::Write) -> io::Result<()> {
        let header = Header {
            version: VERSION,
            from: self.from.clone(),
            of: self.of.clone(),
            ignore: self.ignore,
            allow_git: self.allow_git,
            modes: self.modes,
            entries: self.base.len(),
            tree: self.tree.map(|tree| tree.to_string()),
        };
        serde_json::to_writer(&mut *writer, &header)?;
        writer.write_all(b"\n")?;
        for (path, leaf) in &self.base {
            let leaf = match leaf {
                Leaf::Directory => LeafLine::Directory,
                Leaf::File {
                    content,
                    executable,
                } => LeafLine::File {
                    content: content.to_string(),
                    executable: *executable,
                },
                Leaf::Symlink(target) => LeafLine::Symlink {
                    target: target.clone(),
                },
                // No tree has it.
                Leaf::Special => continue,
            };
            let line = Line {
                path: path.to_string(),
                leaf,
                state: self.states.get(path).map(|known| known.0),
            };
            serde_json::to_writer(&mut *writer, &line)?;
            writer.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Tells which workspace the checkout is of whose file is at `place`; `None` where nothing
/// is, or a directory.
///
/// # Errors
/// Those of [`Memory::read`].
pub(crate) fn origin(place: &Path) -> Result<Option<Origin>> {
    let failed = |error| Failure::from(io_error("find workspace", place, error));
    // One who cannot look into a directory has no checkout in it.
    let Ok(directory) = File::open(place.parent().unwrap_or(Path::new("."))) else {
        return Ok(None);
    };
    if beneath::kind(&directory, NAME.as_ref())
        .map_err(failed)?
        .is_none()
    {
        return Ok(None);
    }
    match open(directory.as_fd(), place)? {
        None => Ok(None),
        Some(file) => Ok(Some(header(&mut BufReader::new(file), place)?.from)),
    }
}

/// Refuses a checkout from a URL that nobody named.
pub(crate) fn from_url(operation: &'static str, root: &Path, url: &str) -> Failure {
    Failure::Error {
        error: Error::invalid(Reason::MalformedArgument, operation)
            .at(root.display())
            .because(format!("it was checked out from {url}")),
        hint: Some(format!(
            "--remote {url}, or WORKSPACE_REMOTE, says that it may have the token"
        )),
    }
}

fn open(directory: BorrowedFd<'_>, place: &Path) -> Result<Option<File>> {
    match beneath::open_file(directory, Path::new(NAME)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A directory: that of a workspace.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
        Err(error) => Err(io_error("sync", place, error).into()),
    }
}

fn header(lines: &mut impl io::BufRead, place: &Path) -> Result<Header> {
    let first = line(lines, place)?.ok_or_else(|| corrupt(place))?;
    // Of a newer one nothing else may be as it is here.
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let version: Version = serde_json::from_slice(&first).map_err(|_| corrupt(place))?;
    if version.version != VERSION {
        let error = Error::new(ErrorKind::Unsupported, "sync").at(place.display());
        let why = format!(
            "it has version {}, and this knows {VERSION}",
            version.version
        );
        return Err(error.because(why).into());
    }
    serde_json::from_slice(&first).map_err(|_| corrupt(place))
}

fn line(lines: &mut impl io::BufRead, place: &Path) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = io::Read::take(&mut *lines, MAX_LINE).read_until(b'\n', &mut line);
    read.map_err(|error| io_error("sync", place, error))?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        // It is written whole.
        Some(_) => Err(corrupt(place)),
    }
}

/// The file is not what was written.
fn corrupt(place: &Path) -> Failure {
    Failure::Error {
        error: Error::new(ErrorKind::Corrupt, "sync")
            .at(place.display())
            .because("it is not what a checkout writes"),
        hint: Some("check out again, into another directory; what is here stays".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        let path = |text| TreePath::new(text).unwrap();
        let content = ContentId::of(b"x");
        let known = Known((1, 0o644, 2, 3, 4));
        Memory {
            from: Origin::Remote("http://localhost/w".into()),
            of: Of::Revision(7),
            ignore: true,
            allow_git: false,
            modes: false,
            tree: Some(TreeId::empty()),
            base: Leaves::from([
                (path("/d"), Leaf::Directory),
                (
                    path("/d/\u{e9}\n"),
                    Leaf::File {
                        content,
                        executable: true,
                    },
                ),
                (path("/link"), Leaf::Symlink("d".into())),
            ]),
            states: States::from([(path("/d/\u{e9}\n"), known)]),
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let root = File::open(place.path()).unwrap();
        let read = || Memory::read(root.as_fd(), place.path());
        assert!(read().unwrap().is_none());
        let memory = memory();
        memory.write(root.as_fd(), place.path()).unwrap();
        let found = read().unwrap().unwrap();
        assert_eq!(found.base, memory.base);
        assert_eq!(found.states, memory.states);
        assert_eq!((found.of, found.tree), (memory.of, memory.tree));
        assert!(!found.modes);
        let file = place.path().join(NAME);
        assert_eq!(origin(&file).unwrap(), Some(memory.from));
        assert_eq!(beneath::names(&root, 9).unwrap(), [NAME]);
        let whole = std::fs::read(&file).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&file, &whole[..end]).unwrap();
            assert!(read().is_err(), "{end}");
        }
        for wrong in [r#"{"version":2}"#, "{}", "x", ""] {
            std::fs::write(&file, format!("{wrong}\n")).unwrap();
            assert!(read().is_err(), "{wrong}");
            assert!(origin(&file).is_err(), "{wrong}");
        }
        // That of a workspace is none.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(read().unwrap().is_none());
        assert_eq!(origin(&file).unwrap(), None);
    }

    #[test]
    fn what_was_changed_just_now_is_read_again() {
        let state = |modified, changed| State {
            kind: rustix::fs::FileType::RegularFile,
            size: 1,
            mode: 0o644,
            modified,
            changed,
            id: (1, 2),
        };
        let now = 10 * FRESH;
        assert!(Known::of(&state(1, 1), now).is_some());
        assert!(Known::of(&state(now - 1, 1), now).is_none());
        assert!(Known::of(&state(1, now + FRESH), now).is_none());
    }
}
