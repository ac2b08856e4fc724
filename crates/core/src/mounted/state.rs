//! A view as it is at one moment: looking up, listing, reading, staleness.

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;

use crate::entry::{Directory, Entry, File, Symlink};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::mounted::layers::{Layers, Node};
use crate::mounted::{Authority, Mount, MountedView, MountedWalk};
use crate::path::{Name, TreePath};
use crate::reason::{Reason, Sought};
use crate::tree::resolve;
use crate::view::Opened;
use crate::workspace::tx::Tx;
use crate::workspace::{At, Pin, Workspace};

/// The most entries of one page.
const MAX_PAGE: usize = 10_000;

/// A mounted view over a workspace, as all of it was at one moment.
///
/// What it shows stays the same until it is opened again, and is kept from being collected;
/// [`moved`](Self::moved) tells whether that is still what the authorities have.
#[derive(Clone)]
pub struct Mounted {
    pub(super) workspace: Workspace,
    pub(super) view: MountedView,
    pub(super) roots: Vec<Option<Layers>>,
    seen: Vec<Seen>,
    _pins: Vec<Rc<Pin>>,
}

/// At which version a mount was seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    mount: usize,
    at: At,
    generation: u64,
}

/// A mount whose authority is no longer what the view shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Where it is mounted.
    pub prefix: TreePath,
    /// The generation (of head the version) that the view shows.
    pub shown: u64,
    /// The present one; `None` where the copy is closed.
    pub now: Option<u64>,
}

/// Who owns a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The view itself: a directory that is there because a mount is below it.
    View,
    /// The mount with this place in [`MountedView::mounts`].
    Mount(usize),
}

/// What is at a path of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whose it is.
    pub owner: Owner,
    /// What shows.
    pub shown: Shown,
}

/// What shows at a path of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A file.
    File {
        /// The file.
        file: File,
        /// Whether it is that of an overlay's base.
        of_base: bool,
    },
    /// A symlink. It is not followed.
    Symlink {
        /// The symlink.
        symlink: Symlink,
        /// Whether it is that of an overlay's base.
        of_base: bool,
    },
    /// A directory: `Some` where it is all of one directory of a tree, `None` where it is
    /// composed.
    Directory(Option<Directory>),
    /// What a runtime owns. Whether anything is there, and what, only the runtime knows.
    Local,
}

impl MountedView {
    /// Opens the view as it is now, in one consistent state of the workspace.
    ///
    /// # Errors
    /// `NotFound` and `Closed` of a mount's copy, revision or tree; `NotFound` and
    /// `NotADirectory` of the directory that it shows.
    pub fn open(&self, workspace: &Workspace) -> Result<Mounted> {
        let now = workspace.now();
        let (mut roots, mut seen, mut pins) = (Vec::new(), Vec::new(), Vec::new());
        workspace.read("open view", |tx| {
            for (mount, it) in self.mounts().iter().enumerate() {
                let mut tree_of = |at: At| {
                    let (generation, tree) = match at {
                        At::Head => tx.head().map(|head| (Some(head.version), head.tree))?,
                        At::Copy(id) => tx
                            .open_copy("open view", id, now)
                            .map(|copy| (Some(copy.generation), copy.tree))?,
                        At::Revision(_) | At::Tree(_) => (None, tx.resolve(at)?),
                    };
                    if let Some(generation) = generation {
                        let at = Seen {
                            mount,
                            at,
                            generation,
                        };
                        seen.push(at);
                    }
                    Ok::<_, Error>(tree)
                };
                roots.push(match it.authority() {
                    Authority::Files(at) => {
                        let tree = tree_of(*at)?;
                        pins.push(workspace.pin(tree));
                        Some(Layers::One(root_of(tx, it, &tree)?))
                    }
                    Authority::Overlay { copy, base } => {
                        let (copy, base) = (tree_of(At::Copy(*copy))?, tree_of(*base)?);
                        pins.extend([workspace.pin(copy), workspace.pin(base)]);
                        Some(Layers::Two {
                            copy: copy_root(tx, it, &copy)?,
                            base: Some(root_of(tx, it, &base)?),
                        })
                    }
                    Authority::RuntimeLocal | Authority::Rejected(_) => None,
                });
            }
            Ok(())
        })?;
        Ok(Mounted {
            workspace: workspace.clone(),
            view: self.clone(),
            roots,
            seen,
            _pins: pins,
        })
    }
}

/// Returns the directory of a tree that a mount shows.
fn root_of(tx: &Tx<'_>, mount: &Mount, tree: &TreeId) -> Result<TreeId> {
    let error = match resolve(tx, tree, mount.root())? {
        Some(Entry::Directory(directory)) => return Ok(directory.tree),
        Some(_) => Error::new(ErrorKind::NotADirectory, "open view"),
        None => Error::not_found(Sought::Path, "open view"),
    };
    Err(error
        .at(mount.root())
        .because(format!("it is to be mounted at {}", mount.prefix())))
}

/// Returns the directory of an overlay's copy, if it is there.
pub(super) fn copy_root(tx: &Tx<'_>, mount: &Mount, tree: &TreeId) -> Result<Option<TreeId>> {
    match resolve(tx, tree, mount.root())? {
        None => Ok(None),
        Some(_) => root_of(tx, mount, tree).map(Some),
    }
}

impl Mounted {
    /// Returns the view that it is of.
    pub fn view(&self) -> &MountedView {
        &self.view
    }

    /// Returns the mounts whose copy, or head, is at another generation by now, or closed.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn moved(&self) -> Result<Vec<Moved>> {
        let now = self.workspace.now();
        self.workspace.read("compare view", |tx| {
            let mut moved = Vec::new();
            for seen in &self.seen {
                let generation = match seen.at {
                    At::Copy(id) => match tx.open_copy("compare view", id, now) {
                        Ok(copy) => Some(copy.generation),
                        Err(error)
                            if matches!(error.kind(), ErrorKind::Closed | ErrorKind::NotFound) =>
                        {
                            None
                        }
                        Err(error) => return Err(error),
                    },
                    _ => Some(tx.head()?.version),
                };
                if generation != Some(seen.generation)
                    && let Some(mount) = self.view.mounts().get(seen.mount)
                {
                    moved.push(Moved {
                        prefix: mount.prefix().clone(),
                        shown: seen.generation,
                        now: generation,
                    });
                }
            }
            Ok(moved)
        })
    }

    /// Returns what is at `path`, and whose it is; `None` where nothing is.
    ///
    /// # Errors
    /// `Denied` at and below what is rejected; `Corrupt` where an authority cannot be read,
    /// which is never told as nothing being there.
    pub fn lookup(&self, path: &TreePath) -> Result<Option<Found>> {
        self.workspace
            .read("look up", |tx| self.lookup_in(tx, "look up", path))
    }

    pub(super) fn lookup_in(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        path: &TreePath,
    ) -> Result<Option<Found>> {
        let node = self.node(tx, operation, path)?;
        let owner = self.owner(path);
        Ok(match node {
            Place::Local => Some(Found {
                owner,
                shown: Shown::Local,
            }),
            Place::Files(_) if self.view.is_passage(path) => Some(Found {
                owner,
                shown: Shown::Directory(None),
            }),
            Place::Files(node) => node.map(|node| Found {
                owner,
                shown: shown(node),
            }),
        })
    }

    fn owner(&self, path: &TreePath) -> Owner {
        self.view.owner_at(path).map_or(Owner::View, Owner::Mount)
    }

    /// Returns what the owner of a path has there.
    fn node(&self, tx: &Tx<'_>, operation: &'static str, path: &TreePath) -> Result<Place> {
        let Some(at) = self.view.owner_at(path) else {
            return Ok(Place::Files(None));
        };
        let (mount, root) = self.mount(at)?;
        match (mount.authority(), root) {
            (Authority::Rejected(why), _) => Err(rejected(operation, path, mount, why)),
            (_, None) => Ok(Place::Local),
            (_, Some(root)) => {
                let below = path.strip_prefix(mount.prefix());
                let below = below.unwrap_or_else(TreePath::root);
                root.find(tx, &below).map(Place::Files)
            }
        }
    }

    pub(super) fn mount(&self, at: usize) -> Result<(&Mount, Option<Layers>)> {
        let found = self.view.mounts().get(at).zip(self.roots.get(at));
        let (mount, root) = found.ok_or_else(|| {
            Error::invalid(Reason::OutOfRange, "look up").because("the view has fewer mounts")
        })?;
        Ok((mount, *root))
    }

    /// Returns up to `limit` entries of the directory `path` after `after`, in byte order of
    /// their names: those of its owner and, as directories, the mounts below it.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Denied` for what is rejected; `Unsupported` for what is
    /// runtime-local, which only the runtime can list; `LimitExceeded` for more than 10,000
    /// at once; `Corrupt` where an authority cannot be read.
    pub fn list(
        &self,
        path: &TreePath,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(Name, Found)>> {
        if limit > MAX_PAGE {
            return Err(Error::new(ErrorKind::LimitExceeded, "list")
                .because(format!("more than {MAX_PAGE} entries at once")));
        }
        self.workspace
            .read("list", |tx| self.list_in(tx, "list", path, after, limit))
    }

    pub(super) fn list_in(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        path: &TreePath,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(Name, Found)>> {
        let passage = self.view.is_passage(path);
        let layers = match self.node(tx, operation, path)? {
            Place::Local => {
                return Err(Error::new(ErrorKind::Unsupported, operation)
                    .at(path)
                    .because("it is runtime-local: only where it runs can it be listed"));
            }
            Place::Files(Some(Node::Directory(layers, _))) => Some(layers),
            // What is there gives way to what is mounted below it.
            Place::Files(_) if passage => None,
            Place::Files(Some(_)) => {
                return Err(Error::new(ErrorKind::NotADirectory, operation).at(path));
            }
            Place::Files(None) => {
                return Err(Error::not_found(Sought::Path, operation).at(path));
            }
        };
        let owner = self.owner(path);
        let is_after = |name: &Name| after.is_none_or(|after| name > after);
        let mut mounts: VecDeque<Name> = self.view.names_in(path).into_iter().collect();
        mounts.retain(is_after);
        let mut found: Vec<(Name, Found)> = Vec::new();
        let mut own = VecDeque::new();
        let mut read_to = after.cloned();
        let mut ended = layers.is_none();
        while found.len() < limit {
            if own.is_empty()
                && !ended
                && let Some(layers) = layers
            {
                let size = limit - found.len();
                own = layers.page(tx, read_to.as_ref(), size)?.into();
                ended = own.len() < size;
                read_to = own.back().map(|(name, _)| name.clone()).or(read_to);
            }
            let mount = match (own.front(), mounts.front()) {
                (None, None) => break,
                (Some((own, _)), Some(mount)) => mount <= own,
                (own, _) => own.is_none(),
            };
            if !mount {
                if let Some((name, node)) = own.pop_front() {
                    let shown = shown(node);
                    found.push((name, Found { owner, shown }));
                }
                continue;
            }
            let Some(name) = mounts.pop_front() else {
                break;
            };
            if own.front().is_some_and(|(own, _)| *own == name) {
                own.pop_front();
            }
            let at = path.join(&name)?;
            match self.view.owner(&at).map(Mount::authority) {
                Some(Authority::Rejected(_)) => {}
                _ => {
                    if let Some(it) = self.lookup_in(tx, operation, &at)? {
                        found.push((name, it));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Walks everything below the directory `path`: a directory before its entries, names in
    /// byte order. What is runtime-local is told and not entered; what is rejected does not
    /// show. Memory is 256 entries for each directory that it is in.
    ///
    /// # Errors
    /// As for [`list`](Self::list), then and on the way.
    pub fn walk(&self, path: &TreePath) -> Result<MountedWalk> {
        MountedWalk::new(self.clone(), path)
    }

    /// Reads a whole file into memory, and checks it.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn read(&self, path: &TreePath) -> Result<Bytes> {
        self.workspace.read_kept(&self.file(path)?).await
    }

    /// Opens a file, or a range of it (in bytes, clamped to the file).
    ///
    /// # Errors
    /// `NotFound`; `IsADirectory`; `Invalid` for a symlink, and for a range that ends before it
    /// starts; `Denied` for what is rejected; `Unsupported` for what is runtime-local;
    /// `Corrupt` where its content is missing or altered, of a base as of a copy.
    pub async fn open(&self, path: &TreePath, range: Option<Range<u64>>) -> Result<Opened> {
        let file = self.file(path)?;
        let range = range.unwrap_or(0..file.size);
        if range.start > range.end {
            return Err(Error::invalid(Reason::MalformedRange, "open")
                .at(path)
                .because(format!("the range ends at {} before it starts", range.end)));
        }
        let range = range.start.min(file.size)..range.end.min(file.size);
        let body = self.workspace.open_kept(&file, range.clone()).await?;
        Ok(Opened { file, range, body })
    }

    fn file(&self, path: &TreePath) -> Result<File> {
        match self.lookup(path)?.map(|found| found.shown) {
            Some(Shown::File { file, .. }) => Ok(file),
            Some(Shown::Directory(_)) => Err(Error::new(ErrorKind::IsADirectory, "read").at(path)),
            Some(Shown::Symlink { symlink, .. }) => Err(Error::invalid(Reason::NotAFile, "read")
                .at(path)
                .because(format!(
                    "it is a symlink to {}, which is not followed",
                    symlink.target
                ))),
            Some(Shown::Local) => Err(Error::new(ErrorKind::Unsupported, "read")
                .at(path)
                .because("it is runtime-local: only where it runs can it be read")),
            None => Err(Error::not_found(Sought::Path, "read").at(path)),
        }
    }
}

/// What the owner of a path has there.
enum Place {
    /// Nobody here knows.
    Local,
    Files(Option<Node>),
}

fn shown(node: Node) -> Shown {
    match node {
        Node::Directory(_, whole) => Shown::Directory(whole),
        Node::Leaf { entry, of_base } => match entry {
            Entry::File(file) => Shown::File { file, of_base },
            Entry::Symlink(symlink) => Shown::Symlink { symlink, of_base },
            Entry::Directory(directory) => Shown::Directory(Some(directory)),
        },
    }
}

pub(super) fn rejected(
    operation: &'static str,
    path: &TreePath,
    mount: &Mount,
    why: &str,
) -> Error {
    Error::new(ErrorKind::Denied, operation)
        .at(path)
        .because(format!("{} is rejected: {why}", mount.prefix()))
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mounted")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}
