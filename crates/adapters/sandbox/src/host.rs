//! What a sandbox is to this crate.

use async_trait::async_trait;
use workspace_core::store::ByteStream;
use workspace_core::{CopyId, Result, TreeId, TreePath, Workspace};

use crate::command::{Command, Ended};

/// What a host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Showing {
    /// The copy.
    pub copy: CopyId,
    /// Its files when they were put in place: what a capture compares with.
    pub tree: TreeId,
    /// Its generation then.
    pub generation: u64,
}

/// Which files of a host a capture looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The upper directory of the kernel's overlay: what was changed, and nothing else.
    Upper,
    /// All files, of which those count as unchanged that the host [knows](Host::known).
    Whole,
}

/// What the system says of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// How many bytes it has.
    pub size: u64,
    /// Whether anybody may execute it.
    pub executable: bool,
    /// When it was modified, in nanoseconds since 1970.
    pub modified: i128,
    /// When it was changed, its attributes included, likewise.
    pub changed: i128,
    /// The file system that it is on, and its number there.
    pub id: (u64, u64),
}

/// What a name stands for on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symlink, and where it points.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device; of an upper directory, the one with both numbers 0 hides the name below.
    Device {
        /// Whether both of its numbers are 0.
        zero: bool,
    },
}

/// What the attributes of the kernel's overlay say of an entry, be they `trusted.overlay.*` or
/// `user.overlay.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// A directory that hides all that is below it (`opaque=y`).
    pub opaque: bool,
    /// A directory with whiteouts that are files (`opaque=x`).
    pub has_whiteouts: bool,
    /// A file that is a whiteout, in such a directory.
    pub whiteout: bool,
    /// A directory that was moved, or a file without its bytes, which are elsewhere
    /// (`redirect`, `metacopy`): an overlay that makes those was not mounted as it has to be.
    pub elsewhere: bool,
}

/// An entry of a directory on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Its name, which need not be text.
    pub name: Vec<u8>,
    /// What it stands for.
    pub kind: HostKind,
    /// What the system says of it.
    pub stamp: Stamp,
    /// What the overlay says of it.
    pub marks: Marks,
}

/// A file of a host that is being read.
pub struct HostFile {
    /// What the system said when it was opened.
    pub stamp: Stamp,
    /// Its bytes.
    pub body: ByteStream<'static>,
}

impl std::fmt::Debug for HostFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostFile")
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}

/// A sandbox: files below a root, commands, a way to hold still.
///
/// Paths are those below the root, or below the upper directory; a host follows no symlink on
/// the way. What it cannot do it says as an error: `NotFound` for what is not there,
/// `Source` for what its system refuses.
#[async_trait(?Send)]
pub trait Host {
    /// Returns what it shows, as far as it remembers, also one that was started anew.
    async fn showing(&self) -> Result<Option<Showing>>;

    /// Puts the files of a tree in place, with nothing changed in them, and remembers it. What
    /// was changed before is gone. After a failure it shows what it did, or nothing.
    async fn show(&mut self, workspace: &Workspace, showing: &Showing) -> Result<()>;

    /// Returns which files [`list`](Self::list) and [`open`](Self::open) are about.
    fn layer(&self) -> Layer;

    /// Returns what the system said of a file when it was put in place, for a
    /// [`Layer::Whole`]. A file of which that is still said counts as unchanged.
    fn known(&self, path: &TreePath) -> Option<Stamp>;

    /// Lists a directory, in any order: more than `limit` entries are `LimitExceeded`.
    async fn list(&self, directory: &TreePath, limit: usize) -> Result<Vec<HostEntry>>;

    /// Opens a file.
    async fn open(&self, file: &TreePath) -> Result<HostFile>;

    /// Returns what the system says of a file; `None` where there is none.
    async fn stamp(&self, file: &TreePath) -> Result<Option<Stamp>>;

    /// Holds all commands for a capture, within a bounded time; tells whether nothing runs
    /// until [`thaw`](Self::thaw).
    async fn freeze(&self) -> Result<bool>;

    /// Lets commands go on.
    async fn thaw(&self) -> Result<()>;

    /// Runs a command to its end, or to that of its time: an exit, a signal and a timeout are
    /// results. Nothing that it started runs on.
    async fn run(&self, workspace: &Workspace, command: &Command) -> Result<Ended>;
}
