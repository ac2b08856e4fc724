//! GitHub as the source of an import.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::Serialize;
use workspace_archive::{Sieve, Sifted};
use workspace_core::{EntriesOptions, EntrySource, Error, ImportLimits, Reason, Snapshot as _};
use workspace_github::{
    Address, GitHub, GitHubOptions, GitHubSnapshot, NativeTransport, Patience, Token, Unheld, Why,
};

use crate::exit::Result;
use crate::output::count_text;
use crate::run::Run;

/// Where the token is.
const TOKEN: &str = "GITHUB_TOKEN";
/// As many paths are named of what is not imported as it is.
const NAMED: usize = 3;

/// How GitHub is asked.
#[derive(Debug, clap::Args)]
pub(super) struct FromGitHub {
    /// Where GitHub Enterprise is, for github:OWNER/REPOSITORY; the token is in GITHUB_TOKEN
    #[arg(long, value_name = "URL")]
    github_url: Option<String>,
    /// Bring the large files of Git LFS from GitHub, in place of what stands for them
    #[arg(long)]
    lfs: bool,
}

/// What is imported of GitHub.
pub(super) struct Opened {
    pub(super) source: Box<dyn EntrySource>,
    snapshot: GitHubSnapshot,
}

/// Tells whether a source is a repository of GitHub's.
pub(super) fn is_address(source: &Path) -> bool {
    let text = source.to_str();
    text.is_some_and(|text| text.starts_with(Address::SCHEME))
}

/// Finds the commit that an address means, and begins to read it.
pub(super) async fn open(
    run: &Run,
    source: &Path,
    from: &FromGitHub,
    sieve: (ImportLimits, bool, &Arc<AtomicU64>),
) -> Result<Opened> {
    let address: Address = source
        .to_str()
        .unwrap_or_default()
        .parse()
        .map_err(Error::from)?;
    let token = match std::env::var(TOKEN).ok().filter(|token| !token.is_empty()) {
        None => Token::None,
        Some(token) => {
            if let Some(url) = &from.github_url {
                run.check_clear(url)?;
            }
            Token::personal(&token)
                .map_err(|_| Error::invalid(Reason::MalformedToken, "read token").at(TOKEN))?
        }
    };
    let options = GitHubOptions::default()
        .url(from.github_url.clone())
        .token(token)
        .lfs(from.lfs);
    let transport = NativeTransport::new(Patience::default()).map_err(Error::from)?;
    let github = GitHub::new(Arc::new(transport), options).map_err(Error::from)?;
    let snapshot = github.open(&address).await.map_err(Error::from)?;
    let entries = snapshot.entries(EntriesOptions::default()).await?;
    let (limits, allow_git, left_out) = sieve;
    let sieve = Sieve::new(limits, allow_git, Arc::clone(left_out));
    Ok(Opened {
        source: Box::new(Sifted::new(entries, sieve)),
        snapshot,
    })
}

/// What of a commit is not in the workspace as it is there.
#[derive(Debug, Serialize)]
pub(super) struct CommitShape {
    /// The commit.
    commit: String,
    /// The tree of the commit, or of the directory of it that was asked for.
    tree: String,
    /// What is not, or not exactly, in the workspace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inexact: Vec<InexactShape>,
}

#[derive(Debug, Serialize)]
struct InexactShape {
    /// With `\u{fffd}` where it is not UTF-8.
    path: String,
    why: Why,
}

impl Opened {
    /// Returns what is left when the source is handed over.
    pub(super) fn split(self) -> (Box<dyn EntrySource>, GitHubSnapshot) {
        (self.source, self.snapshot)
    }
}

/// Tells which commit was imported, and what of it is not there as it is.
pub(super) async fn tell(run: &Run, snapshot: &GitHubSnapshot) -> Result<CommitShape> {
    let inexact = snapshot.inexact(&EntriesOptions::default()).await;
    let inexact = inexact.map_err(Error::from)?;
    let mut by_reason: BTreeMap<Why, Vec<&Unheld>> = BTreeMap::new();
    for one in &inexact {
        by_reason.entry(one.why).or_default().push(one);
    }
    for (why, found) in by_reason {
        let named: Vec<_> = found.iter().take(NAMED).map(|one| path_of(one)).collect();
        let more = match found.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let count = found.len() as u64;
        run.out.note(format_args!(
            "{}: {}{more}",
            said(why, count),
            run.out.safe(&named.join(", "))
        ));
    }
    let tree = snapshot.tree().await.map_err(Error::from)?;
    Ok(CommitShape {
        commit: snapshot.commit().to_string(),
        tree: tree.to_string(),
        inexact: inexact
            .iter()
            .map(|one| InexactShape {
                path: path_of(one),
                why: one.why,
            })
            .collect(),
    })
}

fn path_of(unheld: &Unheld) -> String {
    String::from_utf8_lossy(&unheld.path).into_owned()
}

fn said(why: Why, count: u64) -> String {
    match why {
        Why::Submodule => format!(
            "{} not imported",
            count_text(count, "submodule", "submodules")
        ),
        Why::Empty => format!(
            "{} without entries, which git does not make",
            count_text(count, "directory", "directories")
        ),
        Why::Mode => format!(
            "{} with a mode that git does not write any more",
            count_text(count, "entry", "entries")
        ),
        Why::Name => format!(
            "{} with a name that a workspace cannot have, not imported",
            count_text(count, "entry", "entries")
        ),
        Why::Target => format!(
            "{} with a target that a workspace cannot have, not imported",
            count_text(count, "symlink", "symlinks")
        ),
        Why::LeftOut => format!("{} left out", count_text(count, "entry", "entries")),
        Why::Lfs => format!(
            "{} in place of what stands for it",
            count_text(count, "large file", "large files")
        ),
    }
}
