//! The read-only file system below an overlay: the files of a tree, fetched when they are first
//! looked at.
//!
//! Threads of the file system ask the thread that has the workspace; at most one question of each
//! waits at a time.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyXattr, Request,
};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{StreamExt as _, TryStreamExt as _};
use workspace_core::{At, ContentId, Entry, File, Name, Result, TreeId, TreePath, Workspace};

/// What it says stays true: a tree does not change.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);
/// How many entries are listed at once.
const PAGE: usize = 10_000;
/// The largest file that is read whole, and so compared with its hash; of others ranges are.
const WHOLE: u64 = 4 << 20;
/// The most bytes of contents that are kept for the next read, and in how many files.
const KEPT: (usize, usize) = (64 << 20, 256);

/// The entries of a directory, in byte order of their names.
type Listed = Arc<Vec<(Name, Entry)>>;

/// A question of the file system.
enum Ask {
    List(TreeId, SyncSender<Result<Listed>>),
    Read(File, Range<u64>, SyncSender<Result<Bytes>>),
}

/// What answers the file system's questions, on the thread that has the workspace.
pub(super) struct Answers(UnboundedReceiver<Ask>);

impl Answers {
    /// Answers until the file system is gone.
    pub(super) async fn serve(mut self, workspace: &Workspace) {
        while let Some(ask) = self.0.next().await {
            // Who asked may be gone.
            match ask {
                Ask::List(tree, told) => drop(told.send(list(workspace, tree).map(Arc::new))),
                Ask::Read(file, range, told) => {
                    drop(told.send(read(workspace, &file, range).await));
                }
            }
        }
    }
}

fn list(workspace: &Workspace, tree: TreeId) -> Result<Vec<(Name, Entry)>> {
    let files = workspace.files(At::Tree(tree));
    let mut all: Vec<(Name, Entry)> = Vec::new();
    loop {
        let after = all.last().map(|(name, _)| name.clone());
        let page = files.list(&TreePath::root(), after.as_ref(), PAGE)?;
        let ended = page.len() < PAGE;
        all.extend(page);
        if ended {
            return Ok(all);
        }
    }
}

async fn read(workspace: &Workspace, file: &File, range: Range<u64>) -> Result<Bytes> {
    let mut body = workspace.open_entry(file, range).await?;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Something that the kernel knows by its number.
struct Node {
    parent: u64,
    entry: Entry,
    /// The numbers of a directory's entries, once it was listed.
    below: OnceLock<(Arc<[u64]>, Listed)>,
}

/// The file system.
pub(super) struct Lower {
    nodes: RwLock<Vec<Arc<Node>>>,
    ask: UnboundedSender<Ask>,
    kept: Mutex<VecDeque<(ContentId, Bytes)>>,
    /// Who owns all files, as who mounts it sees them.
    owner: u32,
}

impl Lower {
    /// Makes the file system of a tree, and what answers its questions.
    pub(super) fn new(root: Entry, owner: u32) -> (Self, Answers) {
        let (ask, answers) = unbounded();
        let root = Node {
            parent: 1,
            entry: root,
            below: OnceLock::new(),
        };
        let lower = Self {
            nodes: RwLock::new(vec![Arc::new(root)]),
            ask,
            kept: Mutex::default(),
            owner,
        };
        (lower, Answers(answers))
    }

    fn asked<T>(
        &self,
        ask: impl FnOnce(SyncSender<Result<T>>) -> Ask,
    ) -> std::result::Result<T, Errno> {
        let (told, answer): (_, Receiver<Result<T>>) = sync_channel(1);
        // What has no answer, or a failing one, is an error, and never an empty file.
        self.ask.unbounded_send(ask(told)).map_err(|_| Errno::EIO)?;
        match answer.recv() {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(Errno::EIO),
        }
    }

    fn node(&self, number: u64) -> std::result::Result<Arc<Node>, Errno> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(number).unwrap_or(0).checked_sub(1);
        at.and_then(|at| nodes.get(at))
            .cloned()
            .ok_or(Errno::ENOENT)
    }

    fn below(&self, number: u64) -> std::result::Result<(Arc<[u64]>, Listed), Errno> {
        let node = self.node(number)?;
        if let Some(below) = node.below.get() {
            return Ok(below.clone());
        }
        let Entry::Directory(directory) = &node.entry else {
            return Err(Errno::ENOTDIR);
        };
        let listed = self.asked(|told| Ask::List(directory.tree, told))?;
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been here meanwhile.
        let below = node.below.get_or_init(|| {
            let numbers = listed.iter().map(|(_, entry)| {
                nodes.push(Arc::new(Node {
                    parent: number,
                    entry: entry.clone(),
                    below: OnceLock::new(),
                }));
                nodes.len() as u64
            });
            (numbers.collect(), listed.clone())
        });
        Ok(below.clone())
    }

    fn attributes(&self, number: u64, entry: &Entry) -> FileAttr {
        let (kind, perm, size) = match entry {
            Entry::File(file) => {
                let perm = if file.executable { 0o755 } else { 0o644 };
                (FileType::RegularFile, perm, file.size)
            }
            Entry::Directory(_) => (FileType::Directory, 0o755, 4096),
            Entry::Symlink(link) => (FileType::Symlink, 0o777, link.target.as_str().len() as u64),
        };
        let millis = entry.modified().map_or(0, |time| time.as_millis());
        let after = Duration::from_millis(millis.unsigned_abs());
        let time = match millis < 0 {
            true => UNIX_EPOCH.checked_sub(after),
            false => UNIX_EPOCH.checked_add(after),
        };
        let time = time.unwrap_or(UNIX_EPOCH);
        FileAttr {
            ino: INodeNo(number),
            size,
            blocks: size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm,
            nlink: 1,
            uid: self.owner,
            gid: self.owner,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn content(&self, file: &File, range: Range<u64>) -> std::result::Result<Bytes, Errno> {
        if file.size > WHOLE {
            return self.asked(|told| Ask::Read(file.clone(), range, told));
        }
        let cut = |whole: &Bytes| {
            let at = |end: u64| usize::try_from(end).unwrap_or(usize::MAX).min(whole.len());
            whole.slice(at(range.start)..at(range.end))
        };
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, whole)) = lock().iter().find(|(id, _)| *id == file.content) {
            return Ok(cut(whole));
        }
        let whole = self.asked(|told| Ask::Read(file.clone(), 0..file.size, told))?;
        let mut kept = lock();
        kept.push_back((file.content, whole.clone()));
        let mut bytes: usize = kept.iter().map(|(_, bytes)| bytes.len()).sum();
        while bytes > KEPT.0 || kept.len() > KEPT.1 {
            let Some((_, oldest)) = kept.pop_front() else {
                break;
            };
            bytes -= oldest.len();
        }
        Ok(cut(&whole))
    }
}

fn kind(entry: &Entry) -> FileType {
    match entry {
        Entry::File(_) => FileType::RegularFile,
        Entry::Directory(_) => FileType::Directory,
        Entry::Symlink(_) => FileType::Symlink,
    }
}

impl Filesystem for Lower {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        for flag in [
            InitFlags::FUSE_NO_OPEN_SUPPORT,
            InitFlags::FUSE_NO_OPENDIR_SUPPORT,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_ASYNC_READ,
        ] {
            // What the kernel has not is only slower.
            let _older = config.add_capabilities(flag);
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name.len() > workspace_core::MAX_NAME {
            return reply.error(Errno::ENAMETOOLONG);
        }
        let Some(name) = name.to_str() else {
            return reply.error(Errno::ENOENT);
        };
        let (numbers, listed) = match self.below(parent.0) {
            Ok(below) => below,
            Err(error) => return reply.error(error),
        };
        let at = listed.binary_search_by(|(it, _)| it.as_str().cmp(name));
        match at.ok().and_then(|at| listed.get(at).zip(numbers.get(at))) {
            Some(((_, entry), number)) => {
                let attributes = self.attributes(*number, entry);
                reply.entry(&FOR_EVER, &attributes, Generation(0));
            }
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.node(number.0) {
            Ok(node) => reply.attr(&FOR_EVER, &self.attributes(number.0, &node.entry)),
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _: &Request, number: INodeNo, reply: ReplyData) {
        match self.node(number.0).as_deref() {
            Ok(Node {
                entry: Entry::Symlink(link),
                ..
            }) => reply.data(link.target.as_str().as_bytes()),
            Ok(_) => reply.error(Errno::EINVAL),
            Err(error) => reply.error(*error),
        }
    }

    // Without these the kernel asks no more.
    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _: &Request, _: INodeNo, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.node(number.0).and_then(|node| match &node.entry {
            Entry::File(file) => {
                let start = offset.min(file.size);
                let end = offset.saturating_add(u64::from(size)).min(file.size);
                self.content(file, start..end)
            }
            _ => Err(Errno::EISDIR),
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let below = self
            .node(number.0)
            .and_then(|node| self.below(number.0).map(|below| (node.parent, below)));
        let (parent, (numbers, listed)) = match below {
            Ok(below) => below,
            Err(error) => return reply.error(error),
        };
        let own = [(".", number.0), ("..", parent)];
        let own = own.map(|(name, number)| (name, number, FileType::Directory));
        let listed = listed.iter().zip(numbers.iter());
        let listed = listed.map(|((name, entry), number)| (name.as_str(), *number, kind(entry)));
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        for (at, (name, number, kind)) in own.into_iter().chain(listed).enumerate().skip(from) {
            if reply.add(INodeNo(number), at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let below = self.node(number.0).and_then(|node| {
            let above = self.node(node.parent)?;
            let (numbers, listed) = self.below(number.0)?;
            Ok((node, above, numbers, listed))
        });
        let (node, above, numbers, listed) = match below {
            Ok(below) => below,
            Err(error) => return reply.error(error),
        };
        let own = [
            (".", number.0, &node.entry),
            ("..", node.parent, &above.entry),
        ];
        let listed = listed.iter().zip(numbers.iter());
        let listed = listed.map(|((name, entry), number)| (name.as_str(), *number, entry));
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        for (at, (name, number, entry)) in own.into_iter().chain(listed).enumerate().skip(from) {
            let attributes = self.attributes(number, entry);
            let next = at as u64 + 1;
            let number = INodeNo(number);
            if reply.add(number, next, name, &FOR_EVER, &attributes, Generation(0)) {
                break;
            }
        }
        reply.ok();
    }
}
