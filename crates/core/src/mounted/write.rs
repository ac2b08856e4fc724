//! Where writes through a view go.

use crate::change::{Change, ChangeOptions, Changed, Content, Precondition, WriteOptions};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::id::CopyId;
use crate::mounted::layers::{Layers, Node};
use crate::mounted::state::{copy_root, rejected};
use crate::mounted::{Authority, Mount, Mounted, WHITEOUT};
use crate::path::TreePath;
use crate::reason::{Reason, Sought};
use crate::workspace::tx::Tx;
use crate::workspace::{Applied, ApplyOptions, At, ForkOptions, RevisionMessage};

/// After which time, in milliseconds, a spare copy is gone whose call was cut off.
const EXPIRES: i64 = 60 * 60 * 1000;

/// The part of a batch that goes to one copy.
#[derive(Debug)]
pub struct Routed {
    /// The place in [`MountedView::mounts`](crate::MountedView::mounts) of the mount that
    /// owns the first of its paths.
    pub mount: usize,
    /// The copy that is written.
    pub copy: CopyId,
    /// The changes: as they are to be made to the copy; of an overlay as seen in the
    /// composition of its copy and base.
    pub changes: Vec<Change>,
}

impl Mounted {
    /// Splits a batch by the copies that own its paths, each part in the order of the batch.
    /// Changes nothing.
    ///
    /// # Errors
    /// `ReadOnly` for what is mounted read-only, is runtime-local, or below no mount; `Denied`
    /// for what is rejected; `Invalid` for removing or moving what a mount is at or below,
    /// and for moving or copying from one mount to another; `Unsupported` for moving or
    /// copying within an overlay; `IsADirectory` and `AlreadyExists` where a mount is.
    pub fn route(&self, changes: Vec<Change>) -> Result<Vec<Routed>> {
        let mut parts: Vec<Routed> = Vec::new();
        for change in changes {
            let Some((mount, copy, change)) = self.route_one(change)? else {
                continue;
            };
            let at = match parts.iter().position(|part| part.copy == copy) {
                Some(at) => at,
                None => {
                    parts.push(Routed {
                        mount,
                        copy,
                        changes: Vec::new(),
                    });
                    parts.len() - 1
                }
            };
            if let Some(part) = parts.get_mut(at) {
                part.changes.extend(change);
            }
        }
        Ok(parts)
    }

    /// Makes a batch of changes to the one copy that owns all of its paths: all or nothing,
    /// as one operation. `None` where there was nothing to do. The view shows it once it is
    /// opened again.
    ///
    /// # Errors
    /// As for [`route`](Self::route); `Invalid` where the paths are those of several copies,
    /// which no batch changes together; those of [`View::change`](crate::View::change); of an
    /// overlay `Unsupported` for making a file of the base executable, and `Conflict` where
    /// its copy moved meanwhile.
    pub async fn change(
        &self,
        changes: Vec<Change>,
        options: ChangeOptions,
    ) -> Result<Option<Changed>> {
        let mut parts = self.route(changes)?;
        let Some(part) = parts.pop() else {
            return Ok(None);
        };
        if !parts.is_empty() {
            return Err(Error::invalid(Reason::Contradiction, "change")
                .because("its paths are those of several copies: split it by `route`"));
        }
        match self.mount(part.mount)? {
            (mount, _) if matches!(mount.authority(), Authority::Files(_)) => {
                let files = self.workspace.files(At::Copy(part.copy));
                files.change(part.changes, options).await.map(Some)
            }
            (mount, Some(root)) => self.overlay(mount, root, part, options).await.map(Some),
            (mount, None) => Err(Error::new(ErrorKind::ReadOnly, "change").at(mount.prefix())),
        }
    }

    fn route_one(&self, change: Change) -> Result<Option<(usize, CopyId, Vec<Change>)>> {
        match change {
            Change::Rename { from, to, replace } => {
                let (mount, from, made) = self.both(&from, &to)?;
                let (to, mut changes) = made;
                changes.push(Change::Rename { from, to, replace });
                Ok(Some((mount.0, mount.1, changes)))
            }
            Change::Copy { from, to, replace } => {
                let (mount, from, made) = self.both(&from, &to)?;
                let (to, mut changes) = made;
                changes.push(Change::Copy { from, to, replace });
                Ok(Some((mount.0, mount.1, changes)))
            }
            Change::Remove { path, recursive } => {
                self.refuse_mounts(&path)?;
                let (at, copy, mount) = self.writable(&path)?;
                let path = place(mount, &path)?;
                Ok(Some((at, copy, vec![Change::Remove { path, recursive }])))
            }
            Change::Mkdir { path, parents } if self.view.is_passage(&path) => match parents {
                true => Ok(None),
                false => Err(Error::new(ErrorKind::AlreadyExists, "change").at(&path)),
            },
            mut change => {
                let path = match &mut change {
                    Change::Write { path, .. }
                    | Change::Mkdir { path, .. }
                    | Change::Symlink { path, .. }
                    | Change::SetExecutable { path, .. } => path,
                    Change::Rename { to: path, .. }
                    | Change::Copy { to: path, .. }
                    | Change::Remove { path, .. } => path,
                };
                if self.view.is_passage(path) {
                    return Err(Error::new(ErrorKind::IsADirectory, "change").at(path));
                }
                let (at, copy, mount) = self.writable(path)?;
                if path == mount.prefix() {
                    return match change {
                        Change::Mkdir { parents: true, .. } => Ok(None),
                        Change::Mkdir { .. } => {
                            Err(Error::new(ErrorKind::AlreadyExists, "change").at(mount.prefix()))
                        }
                        _ => Err(Error::new(ErrorKind::IsADirectory, "change").at(mount.prefix())),
                    };
                }
                let mut changes = self.way(mount, path)?;
                *path = place(mount, path)?;
                changes.push(change);
                Ok(Some((at, copy, changes)))
            }
        }
    }

    /// Routes a change of two paths: those of one copy.
    #[allow(clippy::type_complexity, reason = "it is taken apart at once")]
    fn both(
        &self,
        from: &TreePath,
        to: &TreePath,
    ) -> Result<((usize, CopyId), TreePath, (TreePath, Vec<Change>))> {
        self.refuse_mounts(from)?;
        self.refuse_mounts(to)?;
        let (at, copy, target) = self.writable(to)?;
        let (_, source, mount) = self.writable(from)?;
        if source != copy {
            return Err(Error::invalid(Reason::Contradiction, "change")
                .at(to)
                .because(format!(
                    "{from} is of the mount at {}, and nothing is moved or copied from one mount \
                     to another",
                    mount.prefix()
                )));
        }
        if matches!(target.authority(), Authority::Overlay { .. }) {
            return Err(Error::new(ErrorKind::Unsupported, "change")
                .at(to)
                .because("nothing is moved or copied within an overlay: write it anew"));
        }
        let made = (place(target, to)?, self.way(target, to)?);
        Ok(((at, copy), place(mount, from)?, made))
    }

    /// Makes in the copy the directory that a path is in, where it is on the way to a mount
    /// and so need not be there.
    fn way(&self, mount: &Mount, path: &TreePath) -> Result<Vec<Change>> {
        match path.parent() {
            // The root of the mount is there in any case.
            Some(parent)
                if parent != *mount.prefix()
                    && parent.starts_with(mount.prefix())
                    && self.view.is_passage(&parent) =>
            {
                let path = place(mount, &parent)?;
                Ok(vec![Change::Mkdir {
                    path,
                    parents: true,
                }])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn refuse_mounts(&self, path: &TreePath) -> Result<()> {
        match self.view.is_around(path) {
            true => Err(Error::invalid(Reason::Root, "change")
                .at(path)
                .because("a mount is at or below it, which is neither removed nor moved")),
            false => Ok(()),
        }
    }

    /// Returns the mount that a path is written through.
    fn writable(&self, path: &TreePath) -> Result<(usize, CopyId, &Mount)> {
        let read_only = |why: String| {
            Err(Error::new(ErrorKind::ReadOnly, "change")
                .at(path)
                .because(why))
        };
        let Some(at) = self.view.owner_at(path) else {
            return read_only("it is below no mount".into());
        };
        let (mount, _) = self.mount(at)?;
        match (mount.authority(), mount.authority().target()) {
            (Authority::Rejected(why), _) => Err(rejected("change", path, mount, why)),
            (Authority::RuntimeLocal, _) => read_only(format!(
                "{} is runtime-local: only what runs there writes it",
                mount.prefix()
            )),
            (_, Some(copy)) if mount.is_writable() => Ok((at, copy, mount)),
            _ => read_only(format!("{} is mounted read-only", mount.prefix())),
        }
    }

    /// Changes an overlay: in a spare copy, change by change, as each sees what those before
    /// it did.
    async fn overlay(
        &self,
        mount: &Mount,
        root: Layers,
        part: Routed,
        options: ChangeOptions,
    ) -> Result<Changed> {
        let Layers::Two { base, .. } = root else {
            return Err(Error::new(ErrorKind::Unsupported, "change").at(mount.prefix()));
        };
        let unsynced = self.workspace.unsynced();
        let expires = self.workspace.now().plus_millis(EXPIRES);
        let spare = unsynced.fork(ForkOptions::of_copy(part.copy).expires(expires))?;
        let at = At::Copy(spare.id);
        let made = async {
            if let Some(expected) = options.expect_generation
                && expected != spare.base_version
            {
                return Err(Error::new(ErrorKind::Stale, "change")
                    .at(At::Copy(part.copy))
                    .because(format!(
                        "at generation {}, not {expected}",
                        spare.base_version
                    )));
            }
            let author = ChangeOptions::default().author(options.author.clone());
            for change in part.changes {
                let changes = self.workspace.read("change", |tx| {
                    let copy = copy_root(tx, mount, &tx.resolve(at)?)?;
                    let layers = Layers::Two { copy, base };
                    translate(tx, mount, layers, change)
                })?;
                unsynced.files(at).change(changes, author.clone()).await?;
            }
            let message = RevisionMessage::default()
                .actor(options.author.actor)
                .message(options.author.note);
            let options = ApplyOptions::default().message(message);
            self.workspace.apply(spare.id, options)
        };
        let applied = made.await;
        if !matches!(applied, Ok(Applied::ToParent { .. })) {
            // Where this fails, it expires.
            let _expires = unsynced.discard(spare.id);
        }
        let operation = match applied? {
            Applied::ToParent { operation, .. } => Some(operation),
            _ => None,
        };
        let copy = self.workspace.copy(part.copy)?;
        Ok(Changed {
            generation: copy.generation,
            tree: copy.tree,
            operation,
        })
    }
}

/// Returns a path of the view as its mount's authority has it; of an overlay, whose changes
/// are translated later, as one below the prefix.
fn place(mount: &Mount, path: &TreePath) -> Result<TreePath> {
    match mount.authority() {
        Authority::Overlay { .. } => {
            let below = path.strip_prefix(mount.prefix());
            let below = below.unwrap_or_else(|| path.clone());
            if below.segments().any(|name| name.starts_with(WHITEOUT)) {
                return Err(Error::invalid(Reason::MalformedPath, "change")
                    .at(path)
                    .because("in an overlay `.wh.` begins what hides a name"));
            }
            Ok(below)
        }
        _ => mount.rewrite(path),
    }
}

/// What stands at the place of a change, in the composition.
struct Stand {
    /// The path in the copy.
    path: TreePath,
    /// The directory above; `None` where it is not there.
    above: Option<Layers>,
    name: String,
    node: Option<Node>,
}

impl Stand {
    fn of(tx: &Tx<'_>, mount: &Mount, root: Layers, path: &TreePath) -> Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return Err(Error::invalid(Reason::Root, "change")
                .at(path)
                .because("it is the root of the mount"));
        };
        let mut above = Some(root);
        for segment in parent.segments() {
            above = match above {
                None => None,
                Some(layers) => match layers.child(tx, segment)? {
                    Some(Node::Directory(layers, _)) => Some(layers),
                    Some(Node::Leaf { .. }) => {
                        return Err(Error::new(ErrorKind::NotADirectory, "change").at(path));
                    }
                    None => None,
                },
            };
        }
        let node = match above {
            Some(layers) => layers.child(tx, name.as_str())?,
            None => None,
        };
        Ok(Self {
            path: path.below(mount.root())?,
            above,
            name: name.as_str().into(),
            node,
        })
    }

    /// Refuses what needs a directory above that is not there.
    fn needs_parent(&self, made: bool) -> Result<()> {
        match made || self.above.is_some() {
            true => Ok(()),
            false => Err(Error::not_found(Sought::Path, "change").at(&self.path)),
        }
    }

    fn refuse_directory(&self) -> Result<()> {
        match self.node {
            Some(Node::Directory(..)) => {
                Err(Error::new(ErrorKind::IsADirectory, "change").at(&self.path))
            }
            _ => Ok(()),
        }
    }

    fn file(&self) -> Option<&crate::entry::File> {
        match &self.node {
            Some(Node::Leaf { entry, .. }) => entry.as_file(),
            _ => None,
        }
    }
}

/// Returns what a change of an overlay is to its copy.
fn translate(tx: &Tx<'_>, mount: &Mount, root: Layers, change: Change) -> Result<Vec<Change>> {
    match change {
        Change::Write {
            path,
            content,
            options,
        } => {
            let stand = Stand::of(tx, mount, root, &path)?;
            stand.needs_parent(options.create_parents)?;
            stand.refuse_directory()?;
            let options = write_options(&stand, options)?;
            let path = stand.path;
            Ok(vec![Change::Write {
                path,
                content,
                options,
            }])
        }
        Change::Symlink {
            path,
            target,
            create_parents,
            modified,
        } => {
            let stand = Stand::of(tx, mount, root, &path)?;
            stand.needs_parent(create_parents)?;
            stand.refuse_directory()?;
            Ok(vec![Change::Symlink {
                path: stand.path,
                target,
                create_parents: true,
                modified,
            }])
        }
        Change::Mkdir { path, parents } if path.is_root() => match parents {
            true => Ok(Vec::new()),
            false => Err(Error::new(ErrorKind::AlreadyExists, "change").at(mount.prefix())),
        },
        Change::Mkdir { path, parents } => {
            let stand = Stand::of(tx, mount, root, &path)?;
            stand.needs_parent(parents)?;
            match stand.node {
                None => Ok(vec![Change::Mkdir {
                    path: stand.path,
                    parents: true,
                }]),
                Some(Node::Directory(..)) if parents => Ok(Vec::new()),
                Some(_) => Err(Error::new(ErrorKind::AlreadyExists, "change").at(&path)),
            }
        }
        Change::Remove { path, recursive } => {
            let stand = Stand::of(tx, mount, root, &path)?;
            remove(tx, &stand, recursive)
        }
        Change::SetExecutable { path, executable } => {
            let stand = Stand::of(tx, mount, root, &path)?;
            match &stand.node {
                None => Err(Error::not_found(Sought::Path, "change").at(&path)),
                Some(Node::Leaf {
                    entry: Entry::File(_),
                    of_base: true,
                }) => Err(Error::new(ErrorKind::Unsupported, "change")
                    .at(&path)
                    .because("the file is the base's: write it to have it otherwise")),
                Some(_) => Ok(vec![Change::SetExecutable {
                    path: stand.path,
                    executable,
                }]),
            }
        }
        Change::Rename { to, .. } | Change::Copy { to, .. } => {
            Err(Error::new(ErrorKind::Unsupported, "change").at(&to))
        }
    }
}

/// Has a write to the copy do what it would where the base's file were the copy's own.
fn write_options(stand: &Stand, mut options: WriteOptions) -> Result<WriteOptions> {
    let refused = |kind| Err(Error::new(kind, "change").at(&stand.path));
    match options.precondition {
        Precondition::None => {}
        Precondition::Absent if stand.node.is_some() => return refused(ErrorKind::AlreadyExists),
        Precondition::Content(content)
            if stand.file().is_none_or(|file| file.content != content) =>
        {
            return refused(ErrorKind::Stale);
        }
        _ => {}
    }
    options.precondition = Precondition::None;
    options.create_parents = true;
    if let Some(file) = stand.file() {
        options.executable = options.executable.or(Some(file.executable));
        options.media_type = options.media_type.or_else(|| file.media_type.clone());
    }
    Ok(options)
}

/// Removes what shows: the copy's, and hides the base's.
fn remove(tx: &Tx<'_>, stand: &Stand, recursive: bool) -> Result<Vec<Change>> {
    let (Some(node), Some(above)) = (&stand.node, stand.above) else {
        return Err(Error::not_found(Sought::Path, "change").at(&stand.path));
    };
    if let Node::Directory(layers, _) = node
        && !recursive
        && !layers.page(tx, None, 1)?.is_empty()
    {
        return Err(Error::new(ErrorKind::NotEmpty, "change").at(&stand.path));
    }
    let Layers::Two { copy, base } = above else {
        return Err(Error::new(ErrorKind::Unsupported, "change").at(&stand.path));
    };
    let has = |tree| match tree {
        Some(tree) => crate::tree::lookup(tx, &tree, &stand.name).map(|found| found.is_some()),
        None => Ok(false),
    };
    let mut changes = Vec::new();
    if has(copy)? {
        changes.push(Change::Remove {
            path: stand.path.clone(),
            recursive: true,
        });
    }
    if has(base)? && !above.hides(tx, &stand.name)? {
        let parent = stand.path.parent().unwrap_or_else(TreePath::root);
        let path = parent.join_relative(&format!("{WHITEOUT}{}", stand.name))?;
        changes.push(Change::Write {
            path,
            content: Content::from(""),
            options: WriteOptions::default().create_parents(true),
        });
    }
    Ok(changes)
}
