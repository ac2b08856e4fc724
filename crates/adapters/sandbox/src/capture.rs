//! Captures: what was changed in a sandbox, compared with the tree that it shows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use derive_setters::Setters;
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use workspace_core::{
    At, Authority, ContentId, Entry, Error, ErrorKind, MAX_TARGET, MountedView, Name, Result, Text,
    Timestamp, TreePath, View, Workspace,
};

use crate::host::{Host, HostEntry, HostKind, Layer, Showing, Stamp};
use crate::plan::{Ignored, Leaf, Plan, Refused, Step, What};

/// How many entries of the tree are listed at once.
const PAGE: usize = 1000;

/// What one capture may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setters)]
#[non_exhaustive]
pub struct CaptureLimits {
    /// The most entries of the sandbox that are looked at, and steps that they lead to.
    pub entries: u64,
    /// The most bytes of a file; a larger one is refused.
    pub file: u64,
    /// The most bytes of all files that would be written.
    pub bytes: u64,
    /// The most entries that were deleted among which a file that is new is looked for, to
    /// tell it as renamed.
    pub renames: u64,
}

impl Default for CaptureLimits {
    /// Two million entries, 16 GiB a file, 64 GiB in all, 100,000 for renames.
    fn default() -> Self {
        Self {
            entries: 2_000_000,
            file: 16 << 30,
            bytes: 64 << 30,
            renames: 100_000,
        }
    }
}

/// Looks at what was changed in a sandbox.
pub(crate) async fn capture(
    host: &dyn Host,
    workspace: &Workspace,
    view: &MountedView,
    showing: &Showing,
    limits: CaptureLimits,
) -> Result<Plan> {
    let mut look = Look {
        host,
        files: workspace.files(At::Tree(showing.tree)),
        view,
        limits,
        plan: Plan::default(),
        replaced: BTreeSet::new(),
        bytes: 0,
        open: vec![Directory {
            path: TreePath::root(),
            in_base: true,
            is_all: host.layer() == Layer::Whole,
            has_whiteouts: false,
        }],
    };
    while let Some(directory) = look.open.pop() {
        look.directory(directory).await?;
    }
    look.find_renames()?;
    let mut plan = look.plan;
    // A deletion comes before what took its place.
    let is_late = |what: &What| !matches!(what, What::Deleted { .. });
    plan.steps
        .sort_by(|a, b| (&a.path, is_late(&a.what)).cmp(&(&b.path, is_late(&b.what))));
    plan.ignored.sort_by(|a, b| a.path.cmp(&b.path));
    plan.refused.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(plan)
}

/// A directory that is to be looked at.
struct Directory {
    path: TreePath,
    /// Whether the tree has a directory there.
    in_base: bool,
    /// Whether what is not among its entries is gone.
    is_all: bool,
    has_whiteouts: bool,
}

struct Look<'a> {
    host: &'a dyn Host,
    files: View,
    view: &'a MountedView,
    limits: CaptureLimits,
    plan: Plan,
    /// Where one kind of entry took the place of another.
    replaced: BTreeSet<TreePath>,
    bytes: u64,
    open: Vec<Directory>,
}

impl Look<'_> {
    async fn directory(&mut self, directory: Directory) -> Result<()> {
        let left = self.limits.entries.saturating_sub(self.plan.looked);
        let limit = usize::try_from(left).unwrap_or(usize::MAX);
        let listed = match self.host.list(&directory.path, limit).await {
            Ok(listed) => listed,
            // It went since it was seen.
            Err(error) if error.kind() == ErrorKind::NotFound && !directory.path.is_root() => {
                self.refuse(&directory.path, "it went while it was captured");
                return Ok(());
            }
            // Nothing below it counts as deleted.
            Err(error) if error.kind() == ErrorKind::Source && !directory.path.is_root() => {
                self.refuse(&directory.path, format!("it cannot be listed: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.plan.looked = self.plan.looked.saturating_add(listed.len() as u64);
        let mut names = BTreeSet::new();
        for entry in listed {
            if let Some(name) = self.entry(&directory, entry).await? {
                names.insert(name);
            }
        }
        if directory.is_all && directory.in_base {
            self.missing(&directory.path, &names)?;
        }
        Ok(())
    }

    /// Looks at an entry; returns its name, where it is one that a tree can have.
    async fn entry(&mut self, directory: &Directory, entry: HostEntry) -> Result<Option<Name>> {
        let Ok(text) = std::str::from_utf8(&entry.name) else {
            let name = entry.name.escape_ascii();
            let path = format!("{}/{name}", directory.path.as_str().trim_end_matches('/'));
            self.plan.refused.push(Refused {
                path,
                why: "its name is not UTF-8".into(),
            });
            return Ok(None);
        };
        let name = Name::new(text)?;
        let Ok(path) = directory.path.join(&name) else {
            self.refuse(
                &directory.path,
                format!("the path of {name:?} in it is too long"),
            );
            return Ok(None);
        };
        match self.view.owner(&path).map(workspace_core::Mount::authority) {
            Some(Authority::RuntimeLocal) => {
                let why = "runtime-local";
                self.plan.ignored.push(Ignored { path, why });
                return Ok(Some(name));
            }
            Some(Authority::Rejected(why)) => {
                self.refuse(&path, format!("the view rejects it: {why}"));
                return Ok(Some(name));
            }
            _ => {}
        }
        let base = match directory.in_base {
            true => self.files.stat(&path)?,
            false => None,
        };
        let is_upper = self.host.layer() == Layer::Upper;
        if is_upper && entry.marks.elsewhere {
            return Err(Error::new(ErrorKind::Unsupported, "capture")
                .at(&path)
                .because("the overlay was mounted with `redirect_dir` or `metacopy`"));
        }
        match entry.kind {
            HostKind::Device { zero: true } if is_upper => self.deleted(&path, base),
            HostKind::File if directory.has_whiteouts && entry.marks.whiteout => {
                self.deleted(&path, base)
            }
            HostKind::Directory => {
                let in_base = matches!(base, Some(Entry::Directory(_)));
                if !in_base {
                    self.step(&path, base, Leaf::Directory, None)?;
                }
                self.open.push(Directory {
                    is_all: directory.is_all || entry.marks.opaque,
                    has_whiteouts: entry.marks.has_whiteouts,
                    in_base,
                    path,
                });
                Ok(())
            }
            HostKind::File => self.file(&path, base, entry.stamp).await,
            HostKind::Symlink(target) => {
                let target = std::str::from_utf8(&target).ok();
                let target = target.map(Text::<MAX_TARGET>::new);
                match target {
                    Some(Ok(target)) => {
                        let modified = time(&entry.stamp);
                        self.step(&path, base, Leaf::Symlink { target, modified }, None)
                    }
                    _ => {
                        self.refuse(&path, "where the symlink points is not UTF-8, or too long");
                        Ok(())
                    }
                }
            }
            HostKind::Fifo => self.special(&path, "it is a named pipe"),
            HostKind::Socket => self.special(&path, "it is a socket"),
            HostKind::Device { .. } => self.special(&path, "it is a device"),
        }?;
        Ok(Some(name))
    }

    fn special(&mut self, path: &TreePath, why: &str) -> Result<()> {
        self.refuse(path, why);
        Ok(())
    }

    fn refuse(&mut self, path: &TreePath, why: impl Into<String>) {
        self.plan.refused.push(Refused {
            path: path.as_str().into(),
            why: why.into(),
        });
    }

    /// Looks at a file: reads it, unless the system says of it what it said when it was put
    /// in place.
    async fn file(&mut self, path: &TreePath, base: Option<Entry>, stamp: Stamp) -> Result<()> {
        let was_file = matches!(base, Some(Entry::File(_)));
        if was_file && self.host.layer() == Layer::Whole && self.host.known(path) == Some(stamp) {
            return Ok(());
        }
        if stamp.size > self.limits.file {
            let limit = self.limits.file;
            self.refuse(path, format!("it has more than {limit} bytes"));
            return Ok(());
        }
        let read = match read(self.host, path, self.limits.file).await {
            Ok(read) => read,
            Err(error) => match error.kind() {
                ErrorKind::Source | ErrorKind::NotFound => {
                    self.refuse(path, format!("it cannot be read: {error}"));
                    return Ok(());
                }
                _ => return Err(error),
            },
        };
        let Some((content, stamp)) = read else {
            self.refuse(path, "it changed while it was captured");
            return Ok(());
        };
        let leaf = Leaf::File {
            content,
            size: stamp.size,
            executable: stamp.executable,
            modified: time(&stamp),
        };
        self.step(path, base, leaf, Some(stamp))
    }

    /// Takes note of what is at a path, where the tree has something else.
    fn step(
        &mut self,
        path: &TreePath,
        base: Option<Entry>,
        leaf: Leaf,
        stamp: Option<Stamp>,
    ) -> Result<()> {
        if base.as_ref().is_some_and(|base| leaf.is(base)) {
            return Ok(());
        }
        if let Leaf::File { size, .. } = &leaf {
            self.bytes = self.bytes.saturating_add(*size);
        }
        let limit = self.limits.bytes;
        if self.bytes > limit {
            return Err(Error::new(ErrorKind::LimitExceeded, "capture")
                .at(path)
                .because(format!("more than {limit} bytes would be written")));
        }
        let is_directory = |base: &Entry| matches!(base, Entry::Directory(_));
        let what = match base {
            None => What::Created(leaf),
            Some(base) if is_directory(&base) || leaf == Leaf::Directory => {
                self.replaced.insert(path.clone());
                self.deleted(path, Some(base))?;
                What::Created(leaf)
            }
            Some(_) => What::Modified(leaf),
        };
        self.push(path, what, stamp)
    }

    fn deleted(&mut self, path: &TreePath, base: Option<Entry>) -> Result<()> {
        // What was made and removed again leaves a whiteout as well.
        let Some(base) = base else {
            return Ok(());
        };
        let entries = match &base {
            Entry::Directory(directory) => directory.summary.entries().saturating_add(1),
            _ => 1,
        };
        let was = base.kind();
        self.push(path, What::Deleted { was, entries }, None)
    }

    fn push(&mut self, path: &TreePath, what: What, stamp: Option<Stamp>) -> Result<()> {
        if self.plan.steps.len() as u64 >= self.limits.entries {
            return Err(Error::new(ErrorKind::LimitExceeded, "capture")
                .because(format!("more than {} changes", self.limits.entries)));
        }
        self.plan.steps.push(Step {
            path: path.clone(),
            what,
            stamp,
        });
        Ok(())
    }

    /// Finds what the tree has in a directory and the sandbox has not.
    fn missing(&mut self, directory: &TreePath, names: &BTreeSet<Name>) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.files.list(directory, after.as_ref(), PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (name, entry) in page {
                let path = directory.join(&name)?;
                let owner = self.view.owner(&path);
                let is_shown = owner.is_none_or(|mount| mount.authority().target().is_some());
                if is_shown && !names.contains(&name) {
                    self.deleted(&path, Some(entry))?;
                }
            }
        }
    }

    /// Tells what is new and was deleted elsewhere as renamed: the same bytes, bit and time.
    fn find_renames(&mut self) -> Result<()> {
        let mut created: HashMap<(ContentId, bool, Timestamp), Vec<usize>> = HashMap::new();
        for (at, step) in self.plan.steps.iter().enumerate().rev() {
            let is_in_place = self.replaced.contains(&step.path)
                || above(&step.path).any(|above| self.replaced.contains(&above));
            if let What::Created(Leaf::File {
                content,
                executable,
                modified,
                size: 1..,
            }) = &step.what
                && !is_in_place
            {
                let key = (*content, *executable, *modified);
                created.entry(key).or_default().push(at);
            }
        }
        let mut left = self.limits.renames;
        let mut found: BTreeMap<usize, TreePath> = BTreeMap::new();
        let mut folded = BTreeSet::new();
        for (at, step) in self.plan.steps.iter().enumerate() {
            let What::Deleted { entries, .. } = step.what else {
                continue;
            };
            if created.is_empty() || left < entries {
                continue;
            }
            left -= entries;
            let mut look = |path: TreePath, entry: &Entry| {
                let file = entry.as_file()?;
                let key = (file.content, file.executable, file.modified);
                let to = created.get_mut(&key)?.pop()?;
                found.insert(to, path)
            };
            match self.files.stat(&step.path)? {
                Some(Entry::Directory(_)) => {
                    for walked in self.files.walk(&step.path)? {
                        let (path, entry) = walked?;
                        look(path, &entry);
                    }
                }
                Some(entry) => {
                    look(step.path.clone(), &entry);
                    // The rename says that it is gone, unless something is in its place.
                    if !self.replaced.contains(&step.path) {
                        folded.insert(at);
                    }
                }
                None => {}
            }
        }
        let renamed: BTreeSet<_> = found.values().cloned().collect();
        for (at, from) in found {
            if let Some(step) = self.plan.steps.get_mut(at)
                && let What::Created(leaf) = &step.what
            {
                let leaf = leaf.clone();
                step.what = What::Renamed { from, leaf };
            }
        }
        let mut at = 0;
        self.plan.steps.retain(|step| {
            let goes = folded.contains(&at) && renamed.contains(&step.path);
            at += 1;
            !goes
        });
        Ok(())
    }
}

/// Returns the directories above a path, without the root.
pub(crate) fn above(path: &TreePath) -> impl Iterator<Item = TreePath> {
    let mut at = path.parent();
    std::iter::from_fn(move || {
        let next = at.take().filter(|at| !at.is_root())?;
        at = next.parent();
        Some(next)
    })
}

fn time(stamp: &Stamp) -> Timestamp {
    let millis = stamp.modified.div_euclid(1_000_000);
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// Reads a file through; `None` where it was written meanwhile.
async fn read(host: &dyn Host, path: &TreePath, limit: u64) -> Result<Option<(ContentId, Stamp)>> {
    let mut file = host.open(path).await?;
    let mut hash = Sha256::new();
    let mut size = 0u64;
    while let Some(chunk) = file.body.try_next().await? {
        size = size.saturating_add(chunk.len() as u64);
        // One that grows while it is read has no end.
        if size > limit.min(file.stamp.size) {
            return Ok(None);
        }
        hash.update(&chunk);
    }
    let content = ContentId::from_bytes(hash.finalize().into());
    let is_same = host.stamp(path).await? == Some(file.stamp) && size == file.stamp.size;
    Ok(is_same.then_some((content, file.stamp)))
}
