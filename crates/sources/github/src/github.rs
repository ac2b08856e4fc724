//! GitHub, or GitHub Enterprise, as who has a token sees it.

use std::fmt;
use std::sync::Arc;

use derive_setters::Setters;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Uri;
use workspace_core::{FileBodies, FileId, Hydrator, Snapshot, SnapshotId, Source, TreePath};

use crate::address::{Address, Reference, RepositoryName};
use crate::entries::Transfer;
use crate::error::{Error, Result};
use crate::git::ObjectId;
use crate::remote::{Limits, Remote};
use crate::session::{Retries, Session};
use crate::snapshot::{GitHubSnapshot, bodies};
use crate::token::{Credentials, Token};
use crate::transport::Transport;

/// The kind of source that this is, in a [`SnapshotId`].
pub const KIND: &str = "github";
const WEB: &str = "https://github.com";
const API: &str = "https://api.github.com";

/// How GitHub is used.
#[derive(Debug, Clone, Setters)]
#[non_exhaustive]
pub struct GitHubOptions {
    /// Where GitHub Enterprise is, such as `https://github.example.com`; `None` for
    /// github.com.
    pub url: Option<String>,
    /// In whose name it is asked.
    pub token: Token,
    /// How much is taken.
    pub limits: Limits,
    /// How often a request is repeated.
    pub retries: Retries,
    /// Whether large files (Git LFS) are brought in place of what stands for them.
    pub lfs: bool,
    /// Where the bytes of files come from.
    pub transfer: Transfer,
}

impl Default for GitHubOptions {
    fn default() -> Self {
        Self {
            url: None,
            token: Token::None,
            limits: Limits::default(),
            retries: Retries::default(),
            lfs: false,
            transfer: Transfer::default(),
        }
    }
}

/// GitHub, or GitHub Enterprise, as who has a token sees it. Cheap to clone.
#[derive(Clone)]
pub struct GitHub {
    session: Arc<Session>,
    web: String,
    api: String,
    /// How the host is named in identities; nothing for github.com.
    host: Option<String>,
    options: GitHubOptions,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("web", &self.web)
            .finish_non_exhaustive()
    }
}

impl GitHub {
    /// Prepares to ask. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` for a URL that is none of a server.
    pub fn new(transport: Arc<dyn Transport>, options: GitHubOptions) -> Result<Self> {
        let (web, api, host) = match &options.url {
            None => (WEB.to_owned(), API.to_owned(), None),
            Some(url) => {
                let web = url.trim_end_matches('/').to_owned();
                let host = host_of(&web)?;
                match host.as_str() {
                    "github.com" | "www.github.com" | "api.github.com" => {
                        (WEB.to_owned(), API.to_owned(), None)
                    }
                    _ => (web.clone(), format!("{web}/api/v3"), Some(host)),
                }
            }
        };
        let session = Session {
            transport,
            credentials: Credentials::new(options.token.clone(), api.clone()),
            retries: options.retries,
        };
        Ok(Self {
            session: Arc::new(session),
            web,
            api,
            host,
            options,
        })
    }

    /// Returns a repository.
    pub fn repository(&self, name: RepositoryName) -> Repository {
        Repository {
            remote: Remote {
                session: Arc::clone(&self.session),
                name,
                web: self.web.clone(),
                api: self.api.clone(),
                limits: self.options.limits,
            },
            github: self.clone(),
            path: TreePath::root(),
        }
    }

    /// Finds the commit that an address means now.
    ///
    /// # Errors
    /// As for [`Repository::snapshot`].
    pub async fn open(&self, address: &Address) -> Result<GitHubSnapshot> {
        self.repository(address.repository.clone())
            .within(address.path.clone())
            .snapshot(address.reference.as_ref())
            .await
    }

    fn identity(&self, name: &RepositoryName) -> String {
        match &self.host {
            None => name.to_string(),
            Some(host) => format!("{host}/{name}"),
        }
    }
}

impl Hydrator for GitHub {
    /// Reads files of snapshots of this very server.
    fn read<'a>(
        &'a self,
        snapshot: &'a SnapshotId,
        files: &'a [FileId],
    ) -> BoxFuture<'a, workspace_core::Result<Box<dyn FileBodies>>> {
        async move {
            let unknown = || {
                workspace_core::Error::new(workspace_core::ErrorKind::Unsupported, "read files")
                    .at(snapshot)
                    .because("a source that is not known here")
            };
            if snapshot.kind.as_str() != KIND {
                return Err(unknown());
            }
            let identity = snapshot.identity.as_str();
            let name = match &self.host {
                None => identity,
                Some(host) => identity
                    .strip_prefix(host.as_str())
                    .and_then(|rest| rest.strip_prefix('/'))
                    .ok_or_else(unknown)?,
            };
            let name = name.parse::<RepositoryName>().map_err(|_| unknown())?;
            Ok(bodies(&self.repository(name).remote, files)?)
        }
        .boxed()
    }
}

/// Returns the host, and the port, of a server's URL.
fn host_of(web: &str) -> Result<String> {
    let invalid = |why: &'static str| Error::invalid("read URL", why);
    let uri: Uri = web.parse().map_err(|_| invalid("expected https://HOST"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(invalid("expected https://HOST"));
    }
    let authority = uri
        .authority()
        .ok_or_else(|| invalid("expected https://HOST"))?;
    // What it holds is not repeated: it may be a password.
    if authority.as_str().contains('@') {
        return Err(invalid(
            "a URL with a user in it; give the token on its own",
        ));
    }
    if uri.query().is_some() || web.contains('#') || uri.path().len() > 1 {
        return Err(invalid("expected https://HOST without a path"));
    }
    Ok(authority.as_str().to_ascii_lowercase())
}

/// A repository, or a directory of it, as a source.
#[derive(Clone)]
pub struct Repository {
    pub(crate) remote: Remote,
    github: GitHub,
    path: TreePath,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({})", self.remote.name)
    }
}

impl Repository {
    /// Limits what is read to a directory of it.
    #[must_use]
    pub fn within(mut self, path: TreePath) -> Self {
        self.path = path;
        self
    }

    /// Returns its owner and its name.
    pub fn name(&self) -> &RepositoryName {
        &self.remote.name
    }

    /// Finds the commit that a reference means now; without one, that of the default branch.
    /// One request, and one for a commit that is given, or named by how its id begins.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `RateLimited`, and those of the network.
    pub async fn snapshot(&self, reference: Option<&Reference>) -> Result<GitHubSnapshot> {
        let resolved = self.remote.resolve(reference).await?;
        let known = !matches!(reference, Some(Reference::Commit(_)));
        let asked = reference.map(ToString::to_string);
        let identity = self.github.identity(&self.remote.name);
        let id = SnapshotId::new(KIND, &identity, &resolved.commit.to_string())
            .and_then(|id| id.asked_as(asked.as_deref()))
            .map_err(|error| Error::invalid("resolve", error.to_string()))?
            .within(self.path.clone());
        let options = &self.github.options;
        let snapshot = GitHubSnapshot::new(
            id,
            self.remote.clone(),
            resolved.commit,
            known,
            (options.lfs, options.transfer),
        );
        if !known {
            snapshot.tree().await?;
        }
        Ok(snapshot)
    }

    /// Returns the commit that a branch is at; `None` where there is no such branch.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn branch(&self, branch: &str) -> Result<Option<ObjectId>> {
        let name = crate::push::branch_ref(branch)?;
        let refs = self.remote.refs(std::slice::from_ref(&name)).await?;
        Ok(refs
            .iter()
            .find(|found| found.name == name)
            .map(|found| found.id))
    }
}

impl Source for Repository {
    fn resolve<'a>(
        &'a self,
        reference: Option<&'a str>,
    ) -> BoxFuture<'a, workspace_core::Result<Arc<dyn Snapshot>>> {
        async move {
            let reference = reference.map(str::parse::<Reference>).transpose()?;
            let snapshot = self.snapshot(reference.as_ref()).await?;
            Ok(Arc::new(snapshot) as Arc<dyn Snapshot>)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_by_their_urls() {
        for (url, host) in [
            ("https://GitHub.example.com", "github.example.com"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(host_of(url).unwrap(), host);
        }
        for url in [
            "",
            "github.com",
            "ftp://x",
            "https://a:b@x",
            "https://x/y",
            "https://x?y",
            "https://x#y",
        ] {
            let error = host_of(url).unwrap_err().to_string();
            assert!(!error.contains("a:b"), "{error}");
        }
    }
}
