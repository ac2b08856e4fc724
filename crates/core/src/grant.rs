//! Grants: what a holder may do, as a value that only narrows.

use crate::error::{Error, Result};
use crate::glob::{Glob, Progress};
use crate::path::{MAX_PATH, TreePath};
use crate::reason::Reason;

/// The longest root of a grant's first scope, in bytes.
pub const MAX_GRANT_ROOT: usize = 1024;
/// The longest root of each further scope, in bytes.
pub const MAX_SCOPE_ROOT: usize = 128;
/// The longest path that the holder of a grant can name, in bytes. What is longer is
/// outside every grant, wherever its root is: with the roots of 16 scopes it is still a
/// path, so that no refusal tells how long those are.
pub const MAX_HOLDER_PATH: usize = 1024;

/// The most scopes of a grant that is handed out.
pub(crate) const MAX_SCOPES: usize = 16;

const _: () =
    assert!(MAX_GRANT_ROOT + (MAX_SCOPES - 1) * MAX_SCOPE_ROOT + MAX_HOLDER_PATH <= MAX_PATH);

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
    /// The directory that the holder sees as `/`, as seen from the scope before. A first
    /// one longer than 1,024 bytes, and a further one longer than 128, grants nothing.
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
    /// `Invalid` where the root of a scope is longer than it may be.
    pub fn as_seen(&self) -> Result<Vec<Scope>> {
        self.check_roots()?;
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
    /// `Invalid` where the path, or the root of a scope, is longer than it may be.
    pub fn resolve(&self, path: &TreePath) -> Result<TreePath> {
        if !self.scopes.is_empty() && path.as_str().len() > MAX_HOLDER_PATH {
            return Err(too_long(path, MAX_HOLDER_PATH));
        }
        self.check_roots()?;
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

    /// Checks that no root is longer than it may be.
    ///
    /// # Errors
    /// `Invalid`, without the root: whoever narrows a grant is not told those above.
    pub(crate) fn check_roots(&self) -> Result<()> {
        for (at, scope) in self.scopes.iter().enumerate() {
            let limit = if at == 0 {
                MAX_GRANT_ROOT
            } else {
                MAX_SCOPE_ROOT
            };
            if scope.root.as_str().len() > limit {
                return Err(Error::invalid(Reason::PathTooLong, "resolve")
                    .because(format!("the root of a scope has more than {limit} bytes")));
            }
        }
        Ok(())
    }

    /// Returns how long a path of the whole tree may be that the holder makes: as long as
    /// the holder could name it.
    pub(crate) fn longest(&self) -> usize {
        let roots = self.scopes.iter().filter(|scope| !scope.root.is_root());
        let roots: usize = roots.map(|scope| scope.root.as_str().len()).sum();
        match self.scopes.is_empty() {
            true => MAX_PATH,
            false => MAX_PATH.min(roots + MAX_HOLDER_PATH),
        }
    }

    /// Tells whether `path`, and all below it, may be read.
    pub fn reads(&self, path: &TreePath) -> bool {
        let reach = self.reach(path, Rights::Read);
        reach.is_some_and(|reach| reach.covers())
    }

    /// Tells whether the directory `path` may be passed through: something
    /// below it could be read.
    pub fn passes(&self, path: &TreePath) -> bool {
        let reach = self.reach(path, Rights::Read);
        reach.is_some_and(|reach| reach.passes())
    }

    /// Tells whether `path`, and all below it, may be written.
    pub fn writes(&self, path: &TreePath) -> bool {
        let reach = self.reach(path, Rights::Write);
        reach.is_some_and(|reach| reach.covers())
    }

    /// Tells whether anything at all may be written.
    pub fn writes_anything(&self) -> bool {
        let reach = self.reach(&TreePath::root(), Rights::Write);
        reach.is_some_and(|reach| reach.covers() || reach.passes())
    }

    /// Tells whether it is for reading, and says so: its newest scope has nothing to be
    /// written and no removal.
    pub(crate) fn only_reads(&self) -> bool {
        let newest = self.scopes.last();
        newest.is_some_and(|scope| scope.write.is_empty() && !scope.delete)
    }

    /// Returns how many globs all scopes have.
    pub(crate) fn globs(&self) -> usize {
        let globs = |scope: &Scope| scope.read.len() + scope.write.len();
        self.scopes.iter().map(globs).sum()
    }

    /// Tells whether anything may be removed, or give way to another kind.
    pub(crate) fn replaces(&self) -> bool {
        self.scopes.iter().all(|scope| scope.delete)
    }

    /// Tells whether `path`, and all below it, may be removed.
    pub fn deletes(&self, path: &TreePath) -> bool {
        self.writes(path) && self.replaces()
    }

    /// Returns what the grant says of `path`, from one look at each of its globs;
    /// `None` where that is deeper in the whole tree than a path can be.
    pub(crate) fn look(&self, path: &TreePath) -> Option<Standing> {
        let resolved = self.resolve(path).ok()?;
        let root = TreePath::root();
        let above_root = self.resolve(&root).ok()?.parent();
        let mut read = self.reach(&root, Rights::Read)?;
        let mut write = self.reach(&root, Rights::Write)?;
        let mut end = 0;
        let mut not_made = None;
        for name in path.segments() {
            if !(read.passes() || write.covers()) {
                not_made = Some(end);
            }
            read.step(self, Rights::Read, name);
            write.step(self, Rights::Write, name);
            end += name.len() + 1;
        }
        let rests_on = match not_made {
            None => above_root,
            Some(0) => Some(self.resolve(&root).ok()?),
            Some(end) => Some(
                self.resolve(&TreePath::new(&path.as_str()[..end]).ok()?)
                    .ok()?,
            ),
        };
        Some(Standing {
            reads: read.covers(),
            writes: write.covers(),
            leads_to_writes: write.passes(),
            rests_on: rests_on.filter(|path| !path.is_root()),
            path: resolved,
        })
    }

    /// Returns how far the globs of each scope come along `path`; `None` where that or
    /// a root is longer than it may be.
    pub(crate) fn reach(&self, path: &TreePath, rights: Rights) -> Option<Reach> {
        self.resolve(path).ok()?;
        let mut path = path.clone();
        let mut scopes = Vec::with_capacity(self.scopes.len());
        for scope in self.scopes.iter().rev() {
            let globs = rights.of(scope).iter();
            scopes.push(globs.map(|glob| glob.along(&path)).collect());
            path = path.below(&scope.root).ok()?;
        }
        scopes.reverse();
        Some(Reach { scopes })
    }
}

/// What a grant says of a path.
pub(crate) struct Standing {
    /// Where it is in the whole tree.
    pub(crate) path: TreePath,
    /// Whether it, and all below it, may be read.
    pub(crate) reads: bool,
    /// Whether it, and all below it, may be written.
    pub(crate) writes: bool,
    /// Whether something below it could be written.
    pub(crate) leads_to_writes: bool,
    /// The directory, as in the whole tree, that must be there before something can
    /// be put at the path: the deepest above it that the holder may neither write
    /// nor pass through, which are those that a change may make. `None` where that
    /// is the root of the whole tree.
    pub(crate) rests_on: Option<TreePath>,
}

/// Which globs of a scope are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    Read,
    Write,
}

impl Rights {
    fn of(self, scope: &Scope) -> &[Glob] {
        match self {
            Self::Read => &scope.read,
            Self::Write => &scope.write,
        }
    }
}

/// How far the globs of a grant come along a path. Kept for a directory, it tells
/// what of its entries the grant covers by one step for each of their names.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// For each scope, the progress of each of its globs.
    scopes: Vec<Vec<Progress>>,
}

impl Reach {
    /// Goes on to the entry `name`.
    pub(crate) fn step(&mut self, grant: &Grant, rights: Rights, name: &str) {
        for (scope, reached) in grant.scopes.iter().zip(&mut self.scopes) {
            for (glob, progress) in rights.of(scope).iter().zip(reached) {
                *progress = glob.step(*progress, name);
            }
        }
    }

    /// Becomes that of the entry `name` of the directory that `directory` is of,
    /// without an allocation where it was one of the same grant.
    pub(crate) fn set(&mut self, directory: &Self, grant: &Grant, rights: Rights, name: &str) {
        self.scopes.clone_from(&directory.scopes);
        self.step(grant, rights, name);
    }

    /// Tells whether each scope covers the path, with all below it.
    pub(crate) fn covers(&self) -> bool {
        let mut scopes = self.scopes.iter();
        scopes.all(|globs| globs.iter().any(|progress| progress.matched))
    }

    /// Tells whether each scope could cover something below the path.
    pub(crate) fn passes(&self) -> bool {
        let mut scopes = self.scopes.iter();
        scopes.all(|globs| globs.iter().any(|progress| progress.may_match_below()))
    }
}

fn too_long(path: &TreePath, limit: usize) -> Error {
    let start: String = path.as_str().chars().take(120).collect();
    Error::invalid(Reason::PathTooLong, "use grant")
        .at(start.escape_debug())
        .because(format!("longer than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::steps;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    fn grant(root: &str, read: &[&str], write: &[&str]) -> Grant {
        let globs = |globs: &[&str]| globs.iter().map(|glob| glob.parse().unwrap()).collect();
        Grant::all().attenuate(Scope {
            root: path(root),
            read: globs(read),
            write: globs(write),
            delete: false,
        })
    }

    /// Looking at the entries of a directory takes a step of each glob for each
    /// name, however deep the directory is.
    #[test]
    fn entries_cost_steps_by_their_names_alone() {
        let read = ["/**/a/**/x*", "**/b/y"];
        let looked = |depth: usize| {
            let grant = grant("/", &read, &[]);
            let directory = path(&"/a".repeat(depth));
            let reach = grant.reach(&directory, Rights::Read).unwrap();
            let mut entry = reach.clone();
            let (steps, seen) = steps(|| {
                (0..1_000)
                    .filter(|n| {
                        entry.set(&reach, &grant, Rights::Read, &format!("x{n:03}"));
                        entry.covers()
                    })
                    .count()
            });
            assert_eq!(seen, 1_000);
            steps
        };
        // For each a name, looked up, and four characters of one glob, and a name,
        // looked up, of the other.
        assert_eq!(looked(1), 8_000);
        assert_eq!(looked(500), 8_000);
        let deep = path(&"/a".repeat(500));
        let (steps, _) = steps(|| grant("/", &read, &[]).reach(&deep, Rights::Read));
        assert!((500..3_100).contains(&steps), "{steps}");
    }

    /// How long the roots are makes no difference to what is too long.
    #[test]
    fn no_length_of_a_path_tells_how_long_the_root_is() {
        // Of an even number of bytes, or the root.
        let name = |bytes: usize| path(&format!("/{}", "n/".repeat(bytes))[..bytes]);
        let long = |scopes: &[usize]| {
            scopes.iter().fold(Grant::all(), |grant, root| {
                grant.attenuate(Scope {
                    root: name(*root),
                    read: vec!["**".parse().unwrap()],
                    write: vec!["**".parse().unwrap()],
                    delete: true,
                })
            })
        };
        let mut deepest = vec![1024];
        deepest.extend([128; 15]);
        for roots in [&[1][..], &[1, 1], &[10], &[1024], &[10, 128, 1], &deepest] {
            let grant = long(roots);
            for (bytes, within) in [(1, true), (1024, true), (1026, false), (4096, false)] {
                let at = name(bytes);
                assert_eq!(grant.reads(&at), within, "{roots:?} {bytes}");
                assert_eq!(grant.writes(&at), within, "{roots:?} {bytes}");
                assert_eq!(grant.look(&at).is_some(), within, "{roots:?} {bytes}");
            }
            assert!(grant.longest() <= MAX_PATH, "{roots:?}");
            let deep = grant.resolve(&name(1024)).unwrap();
            assert_eq!(deep.as_str().len(), grant.longest(), "{roots:?}");
        }
        // Such roots are not handed out; one that was stored grants nothing.
        for roots in [&[1026][..], &[1, 130]] {
            let grant = long(roots);
            assert!(
                !grant.reads(&path("/")) && !grant.writes(&path("/a")),
                "{roots:?}"
            );
            assert!(grant.as_seen().is_err());
        }
        assert!(
            Grant::all().reads(&name(4096)),
            "no grant at all has no limit"
        );
    }

    #[test]
    fn a_write_rests_on_what_it_may_not_make() {
        for (read, write, at, rests_on) in [
            (&[][..], &["/x/y/*.md"][..], "/x/y/a.md", Some("/site/x/y")),
            (&[], &["/x/y"], "/x/y/a", Some("/site/x")),
            (&[], &["/x/**/*.md"], "/x/y/z/a.md", Some("/site/x/y/z")),
            (&["/x/y/*.md"], &["/x/y/*.md"], "/x/y/a.md", None),
            (&["/x/o"], &["/x/y/*.md"], "/x/y/a.md", Some("/site/x/y")),
            (&["/o"], &["/x/**"], "/x/y/a", None),
            (&[], &["**"], "/x/y/a", None),
        ] {
            let grant = grant("/site", read, write);
            assert!(grant.writes(&path(at)));
            let found = grant.look(&path(at)).unwrap().rests_on;
            assert_eq!(found, rests_on.map(path), "{read:?} {write:?}");
        }
        let deeper = grant("/site/a", &[], &["**"]);
        assert_eq!(
            deeper.look(&path("/x/y")).unwrap().rests_on,
            Some(path("/site")),
            "above the root"
        );
        let all = Grant::all().look(&path("/x/y")).unwrap();
        assert!(all.reads && all.writes && all.rests_on.is_none());
    }

    #[test]
    fn a_grant_writes_something_where_each_of_its_scopes_may() {
        for (write, narrower, writes) in [
            (&["**"][..], &["**"][..], true),
            (&["/posts/*.md"], &["**"], true),
            (&["/posts/*.md"], &["/posts/*.md"], true),
            (&["**"], &[], false),
            (&[], &["**"], false),
        ] {
            let grant = grant("/site", &["**"], write).attenuate(Scope {
                root: TreePath::root(),
                read: Vec::new(),
                write: narrower.iter().map(|glob| glob.parse().unwrap()).collect(),
                delete: true,
            });
            assert_eq!(grant.writes_anything(), writes, "{write:?} {narrower:?}");
        }
        assert!(Grant::all().writes_anything());
    }
}
