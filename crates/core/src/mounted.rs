//! Mounted views: a path namespace composed of authorities.

mod layers;
mod state;
mod walk;
mod write;

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::id::CopyId;
use crate::path::{Name, TreePath};
use crate::reason::Reason;
use crate::workspace::At;

pub use state::{Found, Mounted, Moved, Owner, Shown};
pub use walk::MountedWalk;
pub use write::Routed;

/// The most mounts that a view may have.
pub const MAX_MOUNTS: usize = 256;
/// What the name of a file begins with that hides an entry of an overlay's base, as in the
/// layers of container images (OCI).
pub const WHITEOUT: &str = ".wh.";

/// Who owns the truth for the paths of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// The files of head, a copy, a revision or a tree by its id, such as the snapshot of a
    /// source.
    Files(At),
    /// The files of a copy over those of a base, at the same paths.
    ///
    /// What the copy has is shown in place of what the base has, directories of both are
    /// one, and an empty file [`.wh.NAME`](WHITEOUT) in the copy hides the base's `NAME`.
    /// Writes and removals go into the copy; the base never changes.
    Overlay {
        /// The copy.
        copy: CopyId,
        /// A revision or a tree.
        base: At,
    },
    /// A runtime owns it, where it runs: caches, dependencies, build output. What is there
    /// is not known here, and never becomes part of a copy.
    RuntimeLocal,
    /// Nobody: it neither shows nor may be written, for this reason.
    Rejected(String),
}

impl Authority {
    /// Returns what is written, where it can be: a copy.
    pub fn target(&self) -> Option<CopyId> {
        match self {
            Self::Files(At::Copy(copy)) | Self::Overlay { copy, .. } => Some(*copy),
            _ => None,
        }
    }

    /// Tells whether it has files that can be read here.
    fn has_files(&self) -> bool {
        matches!(self, Self::Files(_) | Self::Overlay { .. })
    }
}

/// Binds an authority to a prefix of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    prefix: TreePath,
    authority: Authority,
    root: TreePath,
    writable: bool,
    shadows: bool,
}

impl Mount {
    /// Mounts an authority, read-only, where no other mount is.
    pub fn new(prefix: TreePath, authority: Authority) -> Self {
        Self {
            prefix,
            authority,
            root: TreePath::root(),
            writable: false,
            shadows: false,
        }
    }

    /// Lets it be written; only a copy, or an overlay of one, can be.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.writable = true;
        self
    }

    /// Says that it is below another mount on purpose: it is shown in place of all that
    /// that one has at the prefix, and of a file that is on the way there.
    #[must_use]
    pub fn shadowing(mut self) -> Self {
        self.shadows = true;
        self
    }

    /// Shows a directory of the authority, rather than its root. Of an overlay it is that
    /// of the base, and the copy's of the same path, which need not be there.
    #[must_use]
    pub fn of_directory(mut self, root: TreePath) -> Self {
        self.root = root;
        self
    }

    /// Returns where it is.
    pub fn prefix(&self) -> &TreePath {
        &self.prefix
    }

    /// Returns who owns what is there.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns which directory of the authority it shows.
    pub fn root(&self) -> &TreePath {
        &self.root
    }

    /// Tells whether it may be written.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Returns a path of the view as one of the authority.
    ///
    /// # Errors
    /// `Invalid` where that is too long, and for a path that is not below the prefix.
    pub fn rewrite(&self, path: &TreePath) -> Result<TreePath> {
        let below = path.strip_prefix(&self.prefix).ok_or_else(|| {
            Error::invalid(Reason::MalformedPath, "rewrite path")
                .at(path)
                .because(format!("it is not below {}", self.prefix))
        })?;
        below.below(&self.root)
    }

    /// Refuses what no authority allows.
    fn check(&self) -> Result<()> {
        let refused = |why: &str| {
            Err(Error::invalid(Reason::Contradiction, "compose view")
                .at(&self.prefix)
                .because(why))
        };
        match &self.authority {
            Authority::Files(At::Head) if self.writable => {
                refused("head is not written through a view, which publishes nothing: fork a copy")
            }
            Authority::Overlay {
                base: At::Head | At::Copy(_),
                ..
            } => refused("the base of an overlay is a revision or a tree, which does not change"),
            authority if self.writable && authority.target().is_none() => {
                refused("only a copy can be written")
            }
            authority if !authority.has_files() && !self.root.is_root() => {
                refused("only files have a directory to be shown")
            }
            _ => Ok(()),
        }
    }
}

/// A path namespace composed of authorities, as a value: it keeps nothing, publishes
/// nothing, and changes no source.
///
/// Of the mounts that a path is below, the one with the longest prefix owns it. What is on
/// the way to a mount is a directory, whatever the mount around it has there.
///
/// ```
/// use workspace_core::{At, Authority, Mount, MountedView, TreeId, TreePath};
///
/// let path = |text| TreePath::new(text).unwrap();
/// let files = Authority::Files(At::Tree(TreeId::empty()));
/// let view = MountedView::new(vec![
///     Mount::new(path("/"), files.clone()),
///     Mount::new(path("/node_modules"), Authority::RuntimeLocal).shadowing(),
/// ])?;
/// let owner = view.owner(&path("/node_modules/left-pad")).unwrap();
/// assert_eq!(owner.authority(), &Authority::RuntimeLocal);
///
/// // Who does not say that one mount shadows another is told.
/// let unsaid = vec![Mount::new(path("/"), files), Mount::new(path("/x"), Authority::RuntimeLocal)];
/// assert!(MountedView::new(unsaid).is_err());
/// # Ok::<(), workspace_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountedView {
    /// In the order of their prefixes, so that one is after those that it is below.
    mounts: Vec<Mount>,
}

impl MountedView {
    /// Composes a view.
    ///
    /// # Errors
    /// `Invalid` for two mounts of one prefix; for one below another that does not say so;
    /// for one below what is runtime-local or rejected; for what is to be writable and cannot be; and
    /// where one directory of a copy would be written through two prefixes, or a copy through
    /// an overlay and anything else.
    /// `LimitExceeded` for more than 256 mounts.
    pub fn new(mut mounts: Vec<Mount>) -> Result<Self> {
        if mounts.len() > MAX_MOUNTS {
            return Err(Error::new(ErrorKind::LimitExceeded, "compose view")
                .because(format!("more than {MAX_MOUNTS} mounts")));
        }
        mounts.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        for (at, mount) in mounts.iter().enumerate() {
            mount.check()?;
            let refused = |why: String| {
                Err(Error::invalid(Reason::Contradiction, "compose view")
                    .at(&mount.prefix)
                    .because(why))
            };
            let before = mounts.get(..at).unwrap_or_default();
            if before.iter().any(|other| other.prefix == mount.prefix) {
                return refused("two mounts have this prefix".into());
            }
            let above = before
                .iter()
                .rev()
                .find(|other| mount.prefix.starts_with(&other.prefix));
            match above {
                Some(above) if !above.authority.has_files() => {
                    return refused(format!(
                        "{} is runtime-local or rejected, with all that is below it",
                        above.prefix
                    ));
                }
                Some(above) if !mount.shadows => {
                    return refused(format!(
                        "it would hide what {} has there, and does not say so",
                        above.prefix
                    ));
                }
                _ => {}
            }
            if let Some(other) = before.iter().find(|other| same_files(other, mount)) {
                return refused(format!(
                    "what it writes is written through {} as well",
                    other.prefix
                ));
            }
        }
        Ok(Self { mounts })
    }

    /// Returns the mounts, in the order of their prefixes.
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// Returns the mount that owns a path; `None` where it is below none.
    pub fn owner(&self, path: &TreePath) -> Option<&Mount> {
        self.mounts.get(self.owner_at(path)?)
    }

    /// Returns where in the list the mount is that owns a path.
    pub(crate) fn owner_at(&self, path: &TreePath) -> Option<usize> {
        // The one with the longest prefix is the last one.
        self.mounts
            .iter()
            .rposition(|mount| path.starts_with(&mount.prefix))
    }

    /// Tells whether a path is on the way to what shows: a directory in any case.
    pub(crate) fn is_passage(&self, path: &TreePath) -> bool {
        let below = |mount: &&Mount| mount.prefix.starts_with(path) && mount.prefix != *path;
        self.mounts
            .iter()
            .filter(below)
            .any(|mount| !matches!(mount.authority, Authority::Rejected(_)))
    }

    /// Tells whether there is a mount at or below a path, whether it shows or not.
    pub(crate) fn is_around(&self, path: &TreePath) -> bool {
        let mut mounts = self.mounts.iter();
        mounts.any(|mount| mount.prefix.starts_with(path))
    }

    /// Returns the names in a directory of the view at or below which a mount is.
    pub(crate) fn names_in(&self, directory: &TreePath) -> BTreeSet<Name> {
        let below = |mount: &Mount| mount.prefix.strip_prefix(directory)?.names().next();
        self.mounts.iter().filter_map(below).collect()
    }
}

/// Tells whether both write the same files of one copy. What an overlay writes rests on its
/// base, so no batch could go to its copy through another mount as well.
fn same_files(a: &Mount, b: &Mount) -> bool {
    let is_overlay = |mount: &Mount| matches!(mount.authority, Authority::Overlay { .. });
    a.writable
        && b.writable
        && a.authority.target() == b.authority.target()
        && (is_overlay(a)
            || is_overlay(b)
            || a.root.starts_with(&b.root)
            || b.root.starts_with(&a.root))
}
