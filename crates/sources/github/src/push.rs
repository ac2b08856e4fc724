//! Changes out again: as a commit on a branch, in one request, without a clone.
//!
//! The directories of the commit that the changes are made to are fetched as they are stored,
//! and only those that change are written anew. So whatever an import left behind
//! (submodules, odd modes, names that a tree of ours cannot hold) stays as it is.

use crate::edit::{Edited, edit};
use crate::error::{Error, Kind, Moved, Result};
use crate::git::{
    Fetch, Filter, NewCommit, ObjectId, ObjectKind, PackLimits, PackWriter, Person, RefUpdate,
    Report, When,
};
use crate::github::Repository;
use crate::trees::Trees;

pub use crate::edit::{Change, FileMode};

/// How often a branch is looked at again, where a server may be behind.
const LOOKS: u32 = 4;
/// As many commits are looked through for one of ours.
const HISTORY: u32 = 100;

/// A commit that is to be made of changes, and put on a branch.
#[derive(Debug, Clone)]
pub struct Push<'a> {
    /// The branch, such as `main`.
    pub branch: &'a str,
    /// Where the branch is expected: it moves only from there. `None` where it must not be
    /// there, and is made.
    pub expected: Option<ObjectId>,
    /// The commit that the changes are made to, and that the new one follows; `None` for the
    /// first commit of all.
    pub base: Option<ObjectId>,
    /// What changes.
    pub changes: &'a [Change],
    /// Who wrote it, and when.
    pub author: (&'a Person, When),
    /// Who makes the commit, and when.
    pub committer: (&'a Person, When),
    /// What it is for.
    pub message: &'a str,
    /// Who else wrote it.
    pub co_authors: &'a [Person],
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The new commit.
    pub commit: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// How many objects were sent.
    pub objects: usize,
    /// What GitHub says to a person, if anything.
    pub messages: String,
}

impl Repository {
    /// Makes a commit of changes and moves a branch to it, in two requests, or does nothing:
    /// the branch moves only where it is at `expected`, and only once everything that the
    /// commit needs is there. Where the answer is lost, it is found out what came of it.
    ///
    /// # Errors
    /// `Moved` where the branch is elsewhere; `Invalid` for changes that cannot be made
    /// together, or to that commit; `Refused` where GitHub does not take it, with its words;
    /// `LimitExceeded` for more than a push may have; `NotFound`, `Denied`, `RateLimited`, and
    /// those of the network.
    pub async fn push(&self, push: &Push<'_>) -> Result<Pushed> {
        let name = branch_ref(push.branch)?;
        let remote = &self.remote;
        let (trees, root) = match &push.base {
            None => (Trees::default(), None),
            Some(base) => {
                let trees = Trees::fetch(remote, &[*base], false).await?;
                let root = trees.commit(base)?.tree;
                (trees, Some(root))
            }
        };
        let mut pack = PackWriter::new(remote.limits.push);
        let Edited { tree } = edit(&trees, root, push.changes, &mut pack)?;
        drop(trees);
        let parents: Vec<ObjectId> = push.base.into_iter().collect();
        let commit = NewCommit {
            tree,
            parents: &parents,
            author: push.author,
            committer: push.committer,
            message: push.message,
            co_authors: push.co_authors,
        };
        let commit = pack.add(ObjectKind::Commit, &commit.bytes()?)?;
        let objects = pack.len();
        let pack = pack.finish()?;
        let update = RefUpdate {
            name: &name,
            old: push.expected.unwrap_or(ObjectId::ZERO),
            new: commit,
        };
        let messages = self.deliver(&update, &pack).await?;
        Ok(Pushed {
            commit,
            tree,
            objects,
            messages,
        })
    }

    /// Sends a pack until it is known what came of it.
    async fn deliver(&self, update: &RefUpdate<'_>, pack: &[u8]) -> Result<String> {
        let mut attempts = self.remote.session.attempts();
        // Whether the branch may have been moved without our being told.
        let mut lost = false;
        loop {
            let failed = match self.remote.push_once(update, pack).await {
                Ok(report) => match judge(&report, update.name, &self.remote) {
                    Ok(()) => return Ok(report.messages),
                    Err(error) if error.kind() == Kind::Moved => {
                        let why = error.detail().unwrap_or_default().to_owned();
                        return self.moved(update, lost, &why).await;
                    }
                    Err(error) => error,
                },
                Err(error) => {
                    let unknown = matches!(
                        error.kind(),
                        Kind::Upstream | Kind::Truncated | Kind::Altered | Kind::LimitExceeded
                    );
                    lost |= unknown;
                    if unknown {
                        match self.look(update, lost).await {
                            Ok(Look::Ours) => return Ok(String::new()),
                            Ok(Look::Elsewhere(found)) => {
                                return Err(Error::moved("push", moved(update, found))
                                    .at(self.subject(update)));
                            }
                            // As it was: the same again is right, and cannot be made twice.
                            Ok(Look::Expected) => {}
                            Err(_) => {}
                        }
                    }
                    error
                }
            };
            attempts.after(failed).await?;
        }
    }

    /// Finds a branch that has the name of a directory that the new one is in, or is in the
    /// one that the new one would be: git does not hold both.
    async fn in_the_way(&self, name: &str) -> Result<Option<String>> {
        let branches = "refs/heads/".len();
        let above = name.match_indices('/').map(|(at, _)| &name[..at]);
        let mut prefixes: Vec<String> = above
            .filter(|above| above.len() > branches)
            .map(str::to_owned)
            .collect();
        let above = prefixes.clone();
        let below = format!("{name}/");
        prefixes.push(below.clone());
        let refs = self.remote.refs(&prefixes).await?;
        let found = refs
            .into_iter()
            .find(|found| above.contains(&found.name) || found.name.starts_with(&below));
        Ok(found.map(|found| found.name))
    }

    /// Tells where the branch is that was not where it was expected, or what else was in the
    /// way of what the server refused, and `why`.
    async fn moved(&self, update: &RefUpdate<'_>, lost: bool, why: &str) -> Result<String> {
        let mut pause = std::time::Duration::from_secs(1);
        for _ in 0..LOOKS {
            match self.look(update, lost).await? {
                Look::Ours => return Ok(String::new()),
                Look::Elsewhere(found) => {
                    let error = Error::moved("push", moved(update, found));
                    return Err(error.at(self.subject(update)));
                }
                // The server that was asked is behind the one that refused.
                Look::Expected => {
                    let new = update.old == ObjectId::ZERO;
                    if new && let Some(other) = self.in_the_way(update.name).await? {
                        return Err(Error::new(Kind::Refused, "push")
                            .at(self.subject(update))
                            .because(format!("{other} is there; {why}")));
                    }
                    self.remote.session.transport.wait(pause).await;
                    pause *= 2;
                }
            }
        }
        Err(Error::new(Kind::Upstream, "push")
            .at(self.subject(update))
            .because(format!(
                "it was refused although the branch is where it was expected: {why}"
            ))
            .until(Some(
                self.remote.session.transport.now().plus_millis(60_000),
            )))
    }

    async fn look(&self, update: &RefUpdate<'_>, lost: bool) -> Result<Look> {
        let refs = self.remote.refs(&[update.name.to_owned()]).await?;
        let found = refs.iter().find(|found| found.name == update.name);
        let found = found.map(|found| found.id);
        let expected = (update.old != ObjectId::ZERO).then_some(update.old);
        Ok(match found {
            Some(id) if id == update.new => Look::Ours,
            found if found == expected => Look::Expected,
            // Somebody may have gone on from ours.
            Some(id) if lost && self.follows(id, update.new).await? => Look::Ours,
            found => Look::Elsewhere(found),
        })
    }

    /// Tells whether a commit is among the newest that another follows.
    async fn follows(&self, newest: ObjectId, sought: ObjectId) -> Result<bool> {
        let wants = [newest];
        let fetch = Fetch {
            wants: &wants,
            haves: &[],
            depth: Some(HISTORY),
            filter: Some(Filter::TreeNone),
        };
        let mut attempts = self.remote.session.attempts();
        loop {
            let (pack, fetched) = self.remote.fetch_once(&fetch, PackLimits::default()).await;
            match fetched {
                Ok(()) => return Ok(pack.get(&sought).is_some()),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    fn subject(&self, update: &RefUpdate<'_>) -> String {
        format!("{}@{}", self.remote.name, update.name)
    }
}

enum Look {
    Ours,
    Expected,
    Elsewhere(Option<ObjectId>),
}

fn moved(update: &RefUpdate<'_>, found: Option<ObjectId>) -> Moved {
    Moved {
        expected: (update.old != ObjectId::ZERO).then_some(update.old),
        found,
    }
}

/// Tells what a report says of the one ref that was to be moved.
fn judge(report: &Report, name: &str, remote: &crate::remote::Remote) -> Result<()> {
    let said = |why: &str| {
        let said = crate::git::shown(report.messages.as_bytes());
        match said.is_empty() {
            true => why.to_owned(),
            false => format!("{why}; {said}"),
        }
    };
    let refused = |why: &str| {
        Error::new(Kind::Refused, "push")
            .at(format!("{}@{name}", remote.name))
            .because(said(why))
    };
    if let Some(why) = &report.unpack {
        return Err(refused(why));
    }
    match report.refs.iter().find(|(found, _)| found == name) {
        Some((_, None)) => Ok(()),
        Some((_, Some(why))) => {
            // What `receive-pack` says where the old id is another.
            const ELSEWHERE: [&str; 6] = [
                "failed to update ref",
                "failed to lock",
                "cannot lock ref",
                "fetch first",
                "stale info",
                "reference already exists",
            ];
            match ELSEWHERE.iter().any(|text| why.contains(text)) {
                true => Err(Error::new(Kind::Moved, "push").because(said(why))),
                false => Err(refused(why)),
            }
        }
        None => Err(refused("the report does not name the branch")),
    }
}

/// Returns the full name of a branch.
pub(crate) fn branch_ref(branch: &str) -> Result<String> {
    let name = match branch.starts_with("refs/") {
        true => branch.to_owned(),
        false => format!("refs/heads/{branch}"),
    };
    let valid = gix_validate::reference::name(name.as_str().into()).is_ok();
    match valid && name.starts_with("refs/heads/") && name.len() <= 1000 {
        true => Ok(name),
        false => {
            Err(Error::invalid("push", "git has no branch of that name").at(branch.escape_debug()))
        }
    }
}
