//! Paths and names, normalized by rejection.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::reason::Reason;

/// The longest name of an entry, in bytes.
pub const MAX_NAME: usize = 255;
/// The longest path, in bytes, its leading `/` included.
pub const MAX_PATH: usize = 4096;

/// The name of an entry in its directory.
///
/// Invariants: 1 to 255 bytes of UTF-8, no `/`, no NUL, neither `.` nor `..`.
/// Names order by byte.
///
/// ```
/// use workspace_core::Name;
/// assert!(Name::new("read me.txt").is_ok());
/// for bad in ["", ".", "..", "a/b", "a\0b"] {
///     assert!(Name::new(bad).is_err());
/// }
/// assert!(Name::new(&"x".repeat(256)).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the rule that it breaks.
    pub fn new(name: &str) -> Result<Self> {
        match name_fault(name) {
            None => Ok(Self(name.into())),
            Some((reason, why)) => Err(Error::invalid(reason, "parse name")
                .at(name.escape_debug())
                .because(why)),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn name_fault(name: &str) -> Option<(Reason, &'static str)> {
    let malformed = |why| Some((Reason::MalformedPath, why));
    match name {
        "" => malformed("empty segment"),
        "." => malformed("`.` segment"),
        ".." => malformed("`..` segment"),
        _ if name.len() > MAX_NAME => Some((Reason::PathTooLong, "segment longer than 255 bytes")),
        _ if name.contains('\0') => malformed("NUL byte"),
        _ if name.contains('/') => malformed("`/` in a name"),
        _ => None,
    }
}

/// An absolute path in a file tree.
///
/// Invariants: UTF-8, at most 4,096 bytes, starts with `/`; every segment is a
/// valid [`Name`]. Nothing is ever normalized: what is not in this form is
/// rejected. The root is `/`. Paths order by byte.
///
/// ```
/// use workspace_core::TreePath;
/// for good in ["/", "/a", "/a/b c/ü.txt", "/.hidden", "/..."] {
///     assert_eq!(TreePath::new(good).unwrap().as_str(), good);
/// }
/// for bad in ["", "a", "/a/", "//", "/a//b", "/.", "/a/..", "/a/./b", "/a\0"] {
///     assert!(TreePath::new(bad).is_err(), "{bad:?}");
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Arc<str>);

impl TreePath {
    /// Returns `/`.
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Checks and wraps a path.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the rule that it breaks.
    pub fn new(path: &str) -> Result<Self> {
        match path_fault(path) {
            None => Ok(Self(path.into())),
            Some((reason, why)) => Err(Error::invalid(reason, "parse path")
                .at(shorten(path))
                .because(why)),
        }
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Returns the names from the root down; none for `/`.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// Returns the names from the top down.
    pub(crate) fn names(&self) -> impl Iterator<Item = Name> {
        self.segments().map(|name| Name(name.into()))
    }

    /// Returns the last name; `None` for `/`.
    pub fn name(&self) -> Option<Name> {
        self.segments().next_back().map(|name| Name(name.into()))
    }

    /// Returns the directory that holds this entry; `None` for `/`.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        match self.0.rfind('/') {
            Some(at) if at > 0 => Some(Self(self.0[..at].into())),
            _ => Some(Self::root()),
        }
    }

    /// Returns the path of its first `names` names: of all where it has no more.
    pub(crate) fn first(&self, names: usize) -> Self {
        let mut slashes = self.0.match_indices('/').skip(1);
        match names.checked_sub(1) {
            None => Self::root(),
            Some(skipped) => match slashes.nth(skipped) {
                Some((end, _)) => Self(self.0[..end].into()),
                None => self.clone(),
            },
        }
    }

    /// Returns the path of the entry `name` in this directory.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the result is longer than 4,096 bytes.
    pub fn join(&self, name: &Name) -> Result<Self> {
        self.join_relative(name.as_str())
    }

    /// Returns this path extended by `relative` (segments between single slashes).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the result is not a path.
    pub fn join_relative(&self, relative: &str) -> Result<Self> {
        let base = if self.is_root() { "" } else { &self.0 };
        Self::new(&format!("{base}/{relative}"))
    }

    /// Tells whether this path is `ancestor` or below it.
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.strip_prefix(ancestor).is_some()
    }

    /// Returns this path as seen from `ancestor`: itself `/` there. `None`
    /// where it is not below.
    ///
    /// ```
    /// use workspace_core::TreePath;
    /// let path = TreePath::new("/a/b/c").unwrap();
    /// let below = |root| path.strip_prefix(&TreePath::new(root).unwrap());
    /// assert_eq!(below("/a").unwrap().as_str(), "/b/c");
    /// assert_eq!(below("/a/b/c").unwrap().as_str(), "/");
    /// assert_eq!(below("/a/bc"), None);
    /// ```
    pub fn strip_prefix(&self, ancestor: &Self) -> Option<Self> {
        if ancestor.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(ancestor.as_str())? {
            "" => Some(Self::root()),
            rest if rest.starts_with('/') => Some(Self(rest.into())),
            _ => None,
        }
    }

    /// Returns `self`, read as a path below `root`. The inverse of
    /// [`strip_prefix`](Self::strip_prefix).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the result is longer than 4,096 bytes.
    pub fn below(&self, root: &Self) -> Result<Self> {
        match (root.is_root(), self.is_root()) {
            (true, _) => Ok(self.clone()),
            (_, true) => Ok(root.clone()),
            _ => Self::new(&format!("{root}{self}")),
        }
    }
}

fn path_fault(path: &str) -> Option<(Reason, &'static str)> {
    let malformed = |why| Some((Reason::MalformedPath, why));
    if path.is_empty() {
        return malformed("empty path");
    }
    if path.len() > MAX_PATH {
        return Some((Reason::PathTooLong, "path longer than 4096 bytes"));
    }
    let Some(relative) = path.strip_prefix('/') else {
        return malformed("path does not start with `/`");
    };
    if relative.is_empty() {
        return None;
    }
    relative.split('/').find_map(name_fault)
}

/// Keeps a hostile path from flooding a message.
fn shorten(path: &str) -> String {
    let text: String = path
        .chars()
        .take(120)
        .flat_map(char::escape_debug)
        .collect();
    if path.chars().nth(120).is_some() {
        text + "…"
    } else {
        text
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// What a path can be given as: a [`TreePath`], or text that is checked to be one.
pub trait ToPath {
    /// Returns the path.
    ///
    /// # Errors
    /// Those of [`TreePath::new`].
    fn to_path(&self) -> Result<TreePath>;
}

impl ToPath for TreePath {
    fn to_path(&self) -> Result<TreePath> {
        Ok(self.clone())
    }
}

impl ToPath for str {
    fn to_path(&self) -> Result<TreePath> {
        TreePath::new(self)
    }
}

impl ToPath for String {
    fn to_path(&self) -> Result<TreePath> {
        TreePath::new(self)
    }
}

impl<T: ToPath + ?Sized> ToPath for &T {
    fn to_path(&self) -> Result<TreePath> {
        (**self).to_path()
    }
}

impl FromStr for TreePath {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self> {
        Self::new(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    #[test]
    fn limits_are_exact() {
        let name = "n".repeat(MAX_NAME);
        assert!(Name::new(&name).is_ok());
        let longest = format!("/{name}").repeat(MAX_PATH / (MAX_NAME + 1));
        assert_eq!(longest.len(), MAX_PATH);
        assert!(TreePath::new(&longest).is_ok());
        let error = path(&longest).join(&Name::new("x").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().len() < 300, "{error}");
    }

    #[test]
    fn parent_name_and_join_agree() {
        for text in ["/a", "/a/b", "/ä/ö/ü"] {
            let whole = path(text);
            let parent = whole.parent().unwrap();
            assert_eq!(parent.join(&whole.name().unwrap()).unwrap(), whole);
            assert!(whole.starts_with(&parent) && whole.starts_with(&TreePath::root()));
        }
        assert_eq!(TreePath::root().parent(), None);
        assert_eq!(TreePath::root().name(), None);
    }

    #[test]
    fn the_first_names_of_a_path_are_above_it() {
        let whole = path("/a/b c/d");
        for (names, first) in [
            (0, "/"),
            (1, "/a"),
            (2, "/a/b c"),
            (3, "/a/b c/d"),
            (9, "/a/b c/d"),
        ] {
            assert_eq!(whole.first(names), path(first));
        }
        assert_eq!(TreePath::root().first(1), TreePath::root());
    }

    #[test]
    fn below_inverts_strip_prefix() {
        for (root, inner) in [("/", "/"), ("/", "/a"), ("/r", "/"), ("/r/s", "/a/b")] {
            let whole = path(inner).below(&path(root)).unwrap();
            assert_eq!(whole.strip_prefix(&path(root)).unwrap(), path(inner));
        }
    }
}
