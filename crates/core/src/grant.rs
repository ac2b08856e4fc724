//! Grants: what a holder may do, as a value that only narrows.

use crate::error::Result;
use crate::glob::Glob;
use crate::path::TreePath;

/// What the holder of a view may do.
///
/// A grant is a list of scopes, each seen from the one before; what one of them
/// does not allow, the grant does not allow. So [`attenuate`](Self::attenuate)
/// can only narrow, and there is no call that widens.
///
/// Reading and writing are separate: who may write a path may not therefore
/// read it.
///
/// ```
/// use workspace_core::{Grant, Scope, TreePath};
/// let path = |path: &str| TreePath::new(path).unwrap();
/// let grant = Grant::all().attenuate(Scope {
///     root: path("/site"),
///     read: vec!["**".parse()?],
///     write: vec!["/posts/**".parse()?],
///     delete: false,
/// });
/// assert!(grant.reads(&path("/style.css")) && !grant.writes(&path("/style.css")));
/// assert!(grant.writes(&path("/posts/new.md")) && !grant.deletes(&path("/posts/new.md")));
/// assert_eq!(grant.resolve(&path("/posts"))?, path("/site/posts"));
/// # Ok::<(), workspace_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    scopes: Vec<Scope>,
}

/// One narrowing of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The directory that the holder sees as `/`, as seen from the scope before.
    pub root: TreePath,
    /// What may be read, as seen from the root.
    pub read: Vec<Glob>,
    /// What may be written, as seen from the root.
    pub write: Vec<Glob>,
    /// Whether what may be written may also be removed or moved away.
    pub delete: bool,
}

impl Grant {
    /// Allows everything. Product code starts here; a holder never should.
    pub fn all() -> Self {
        Self { scopes: Vec::new() }
    }

    /// Returns this grant narrowed by `scope`, whose root and globs are as seen
    /// by this grant's holder.
    #[must_use]
    pub fn attenuate(&self, scope: Scope) -> Self {
        let mut scopes = self.scopes.clone();
        scopes.push(scope);
        Self { scopes }
    }

    /// Returns the scopes, widest first, for storing a grant.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Returns the scopes as the holder sees them: each with its globs from the
    /// holder's root, which says nothing about where that is. Together they allow
    /// what the grant allows.
    ///
    /// # Errors
    /// `Invalid` where the root is deeper than a path can be.
    pub fn as_seen(&self) -> Result<Vec<Scope>> {
        let mut root = TreePath::root();
        let mut seen = Vec::new();
        for scope in self.scopes.iter().rev() {
            let below = |globs: &[Glob]| globs.iter().flat_map(|glob| glob.below(&root)).collect();
            seen.push(Scope {
                root: TreePath::root(),
                read: below(&scope.read),
                write: below(&scope.write),
                delete: scope.delete,
            });
            root = root.below(&scope.root)?;
        }
        seen.reverse();
        Ok(seen)
    }

    /// Returns where the holder's `path` is in the whole tree.
    ///
    /// # Errors
    /// `Invalid` where that is longer than a path can be.
    pub fn resolve(&self, path: &TreePath) -> Result<TreePath> {
        self.scopes
            .iter()
            .rev()
            .try_fold(path.clone(), |path, scope| path.below(&scope.root))
    }

    /// Returns where `path` of the whole tree is for the holder; `None` where it
    /// is outside the root.
    pub fn locate(&self, path: &TreePath) -> Option<TreePath> {
        self.scopes
            .iter()
            .try_fold(path.clone(), |path, scope| path.strip_prefix(&scope.root))
    }

    /// Tells whether `path`, and all below it, may be read.
    pub fn reads(&self, path: &TreePath) -> bool {
        self.every(path, |scope, path| {
            scope.read.iter().any(|glob| glob.matches(path))
        })
    }

    /// Tells whether the directory `path` may be passed through: something
    /// below it could be read.
    pub fn passes(&self, path: &TreePath) -> bool {
        self.every(path, |scope, path| {
            scope.read.iter().any(|glob| glob.may_match_below(path))
        })
    }

    /// Tells whether `path`, and all below it, may be written.
    pub fn writes(&self, path: &TreePath) -> bool {
        self.every(path, |scope, path| {
            scope.write.iter().any(|glob| glob.matches(path))
        })
    }

    /// Tells whether something below the directory `path` could be written.
    pub(crate) fn leads_to_writes(&self, path: &TreePath) -> bool {
        self.every(path, |scope, path| {
            scope.write.iter().any(|glob| glob.may_match_below(path))
        })
    }

    /// Tells whether anything may be removed, or give way to another kind.
    pub(crate) fn replaces(&self) -> bool {
        self.scopes.iter().all(|scope| scope.delete)
    }

    /// Tells whether `path`, and all below it, may be removed.
    pub fn deletes(&self, path: &TreePath) -> bool {
        self.writes(path) && self.replaces()
    }

    fn every(&self, path: &TreePath, allows: impl Fn(&Scope, &TreePath) -> bool) -> bool {
        let mut path = path.clone();
        self.scopes.iter().rev().all(|scope| {
            let allowed = allows(scope, &path);
            match path.below(&scope.root) {
                Ok(above) => {
                    path = above;
                    allowed
                }
                Err(_) => false,
            }
        })
    }
}
