//! What a person writes: `github:owner/repository@reference:path`.

use std::fmt;
use std::str::FromStr;

use workspace_core::TreePath;

use crate::error::{Error, Result};
use crate::git::ObjectId;

/// A repository by its owner and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryName {
    owner: String,
    name: String,
}

impl RepositoryName {
    /// Checks and wraps both.
    ///
    /// # Errors
    /// `Invalid` where GitHub could not have one of them.
    pub fn new(owner: &str, name: &str) -> Result<Self> {
        let plain = |extra: &'static [u8]| {
            move |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || extra.contains(&byte)
        };
        // Enterprise has `_` in owners.
        let owner_is_one = (1..=39).contains(&owner.len()) && owner.bytes().all(plain(b"_"));
        let name_is_one = (1..=100).contains(&name.len())
            && name.bytes().all(plain(b"_."))
            && !matches!(name, "." | "..");
        match owner_is_one && name_is_one {
            true => Ok(Self {
                owner: owner.into(),
                name: name.strip_suffix(".git").unwrap_or(name).into(),
            }),
            false => Err(Error::invalid("read address", "expected OWNER/REPOSITORY")
                .at(format!("{owner}/{name}").escape_debug())),
        }
    }

    /// Returns who has it.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Returns its name, without the owner's.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl FromStr for RepositoryName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (owner, name) = text.split_once('/').unwrap_or((text, ""));
        Self::new(owner, name)
    }
}

/// What stands for a commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A branch or a tag, or the full name of a ref: `main`, `v1`, `refs/heads/main`. A
    /// branch comes before a tag of the same name. Seven to 39 hexadecimal digits may also
    /// be how a commit's id begins.
    Named(String),
    /// A commit, by all 40 digits of its id.
    Commit(ObjectId),
    /// The newest commit of a pull request.
    Pull(u64),
}

impl FromStr for Reference {
    type Err = Error;

    /// Reads a name, an id, or `#` and the number of a pull request.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(number) = text.strip_prefix('#') {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|number| digits && *number > 0);
            return number.map(Self::Pull).ok_or_else(|| {
                Error::invalid(
                    "read reference",
                    "expected # and the number of a pull request",
                )
                .at(text.escape_debug())
            });
        }
        if let Some(id) = ObjectId::parse(text) {
            return Ok(Self::Commit(id));
        }
        let valid = gix_validate::reference::name_partial(text.into()).is_ok();
        match valid && text.len() <= 1000 && !text.starts_with('-') {
            true => Ok(Self::Named(text.into())),
            false => Err(
                Error::invalid("read reference", "git has no ref of that name")
                    .at(text.escape_debug()),
            ),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Commit(id) => write!(f, "{id}"),
            Self::Pull(number) => write!(f, "#{number}"),
        }
    }
}

/// A repository, a reference, and a directory: `github:owner/repository`, then `@` and a
/// branch, a tag or a commit, or `#` and a pull request, then `:` and a path.
///
/// ```
/// use workspace_github::{Address, Reference};
///
/// let address: Address = "github:octocat/hello@feature/x:docs/api".parse()?;
/// assert_eq!(address.repository.to_string(), "octocat/hello");
/// assert_eq!(address.reference, Some(Reference::Named("feature/x".into())));
/// assert_eq!(address.path.as_str(), "/docs/api");
/// let address: Address = "github:octocat/hello#12".parse()?;
/// assert_eq!(address.reference, Some(Reference::Pull(12)));
/// # Ok::<(), workspace_github::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The repository.
    pub repository: RepositoryName,
    /// What stands for a commit; `None` for the default branch.
    pub reference: Option<Reference>,
    /// The directory of the repository that is meant.
    pub path: TreePath,
}

impl Address {
    /// How an address begins.
    pub const SCHEME: &str = "github:";
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid =
            |why: &'static str| Error::invalid("read address", why).at(text.escape_debug());
        let rest = text
            .strip_prefix(Self::SCHEME)
            .ok_or_else(|| invalid("expected github:OWNER/REPOSITORY"))?;
        // No ref has a colon in its name.
        let (rest, path) = match rest.split_once(':') {
            Some((rest, path)) => (rest, Some(path)),
            None => (rest, None),
        };
        let (repository, reference) = match rest.find(['@', '#']) {
            Some(at) if rest.as_bytes()[at] == b'#' => (&rest[..at], Some(&rest[at..])),
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let path = match path.map(|path| path.trim_matches('/')) {
            None | Some("") => TreePath::root(),
            Some(path) => TreePath::new(&format!("/{path}"))
                .map_err(|error| invalid("a path that is none").because(error.to_string()))?,
        };
        Ok(Self {
            repository: repository.parse()?,
            reference: reference.map(Reference::from_str).transpose()?,
            path,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::SCHEME, self.repository)?;
        match &self.reference {
            None => {}
            Some(pull @ Reference::Pull(_)) => write!(f, "{pull}")?,
            Some(reference) => write!(f, "@{reference}")?,
        }
        match self.path.is_root() {
            true => Ok(()),
            false => write!(f, ":{}", &self.path.as_str()[1..]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        let id = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        for (text, repository, reference, path) in [
            ("github:a/b", "a/b", None, "/"),
            ("github:a/b.c_d-e", "a/b.c_d-e", None, "/"),
            ("github:a/b@main", "a/b", Some("main"), "/"),
            ("github:a/b@feature/x@y", "a/b", Some("feature/x@y"), "/"),
            (
                "github:a/b@refs/tags/v1:src",
                "a/b",
                Some("refs/tags/v1"),
                "/src",
            ),
            ("github:a/b:src/main", "a/b", None, "/src/main"),
            ("github:a/b#7", "a/b", Some("#7"), "/"),
            ("github:a/b#7:x", "a/b", Some("#7"), "/x"),
            (&format!("github:a/b@{id}"), "a/b", Some(id), "/"),
        ] {
            let read: Address = text.parse().unwrap();
            assert_eq!(read.repository.to_string(), repository);
            assert_eq!(
                read.reference.as_ref().map(ToString::to_string).as_deref(),
                reference
            );
            assert_eq!(read.path.as_str(), path);
            assert_eq!(read.to_string(), text);
        }
        let read: Address = "github:a/b.git@#7:/x/".parse().unwrap();
        assert_eq!(read.to_string(), "github:a/b#7:x");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "a/b",
            "github:",
            "github:a",
            "github:a/",
            "github:/b",
            "github:a/..",
            "github:a/b/c",
            "github:a b/c",
            "github:a/b@",
            "github:a/b@x..y",
            "github:a/b@-x",
            "github:a/b@x y",
            "github:a/b@x^",
            "github:a/b#x",
            "github:a/b#+1",
            "github:a/b#0",
            "github:a/b:x/../y",
            "github:a/b@x.lock",
            "gitlab:a/b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
