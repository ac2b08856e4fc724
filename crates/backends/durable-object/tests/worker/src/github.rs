//! GitHub from inside an object: what `workspace-github` does natively, by the platform's
//! `fetch`.

use std::sync::Arc;

use bytes::Bytes;
use workspace_core::{
    At, EntriesOptions, Entry, Error, ErrorKind, ImportOptions, Result, Snapshot as _, TreePath,
    Workspace,
};
use workspace_durable_object::chunks;
use workspace_github::git::{Person, When};
use workspace_github::{
    Address, Change, FetchTransport, FileMode, GitHub, GitHubOptions, Push, Token,
};

/// Imports a repository into the workspace, and pushes what is in the workspace then to a
/// branch without a past: that git's id of both trees is the same, git says outside.
///
/// The arguments are a port, a token, the owner, the name, and the branch to push to, or
/// `none`.
pub(crate) async fn there_and_back(workspace: &Workspace, args: &[String]) -> Result<String> {
    let [port, token, owner, name, branch] = args else {
        return Err(Error::new(ErrorKind::Unsupported, "run case").because("five arguments"));
    };
    let options = GitHubOptions::default()
        .url(Some(format!("http://127.0.0.1:{port}")))
        .token(Token::personal(token)?);
    let github = GitHub::new(Arc::new(FetchTransport::new(chunks)), options)?;
    let address: Address = format!("github:{owner}/{name}").parse()?;
    let snapshot = github.open(&address).await?;
    let mut entries = snapshot.entries(EntriesOptions::default()).await?;
    let options = ImportOptions::default().delete_missing(true);
    let imported = workspace.import(At::Head, &mut *entries, options).await?;
    let said = format!(
        "{} files, {} symlinks, {} made good",
        imported.files,
        imported.symlinks,
        snapshot.repaired()
    );
    if branch == "none" {
        return Ok(said);
    }
    let mut changes = Vec::new();
    let head = workspace.files(At::Head);
    let mut walk = head.walk(&TreePath::root())?;
    while let Some((path, entry)) = walk.next().transpose()? {
        let (mode, bytes) = match entry {
            Entry::Directory(_) => continue,
            Entry::Symlink(link) => (
                FileMode::Symlink,
                Bytes::copy_from_slice(link.target.as_str().as_bytes()),
            ),
            Entry::File(file) => {
                let mode = match file.executable {
                    true => FileMode::Executable,
                    false => FileMode::File,
                };
                (mode, head.read(&path).await?)
            }
        };
        let path = path.as_str()[1..].into();
        changes.push(Change::Put { path, mode, bytes });
    }
    let person = Person::new("An object", "object@example.com")?;
    let when = When {
        seconds: 1_700_000_000,
        offset: 0,
    };
    let pushed = github
        .repository(address.repository.clone())
        .push(&Push {
            branch,
            expected: None,
            base: None,
            changes: &changes,
            author: (&person, when),
            committer: (&person, when),
            message: "There and back",
            co_authors: &[],
        })
        .await?;
    Ok(format!("{said}; {} objects back", pushed.objects))
}
