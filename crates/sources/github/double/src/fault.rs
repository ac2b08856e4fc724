//! What goes wrong.

use serde::{Deserialize, Serialize};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Git's refs.
    Refs,
    /// Git's objects.
    Fetch,
    /// A push.
    Push,
    /// Where an archive is.
    Tarball,
    /// An archive.
    Load,
    /// A commit, by REST.
    Commit,
    /// A blob, by REST.
    Blob,
    /// Pull requests.
    Pulls,
    /// The token of an App's installation.
    Token,
    /// Where large files are.
    Large,
    /// A large file.
    LargeFile,
    /// Anything else.
    Other,
}

/// How something goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The primary rate limit is used up; it is reset in as many seconds.
    UsedUp(u64),
    /// A secondary rate limit; with the seconds to wait, where GitHub says them.
    TooFast(Option<u64>),
    /// The same as 429.
    TooMany(Option<u64>),
    /// A status, with a page as GitHub's front has it.
    Status(u16),
    /// 503, and when to come again.
    Busy(u64),
    /// The connection ends before an answer.
    NoAnswer,
    /// The connection ends in the middle of the body.
    CutBody,
    /// The body ends in the middle, as if that were all.
    ShortBody,
    /// Some bytes of the body are others.
    AlteredBody,
    /// What was asked is done, and the connection ends before the answer.
    DoneUnsaid,
    /// It redirects to itself.
    RedirectLoop,
    /// It redirects to another host, which would like to have the token.
    RedirectAway(String),
    /// Nothing comes, for a long time.
    Stall,
    /// The token has expired.
    Expired,
    /// There is no such thing.
    Missing,
    /// A server that does not know of the newest commits: refs are those of before the last
    /// update, and the newest objects are missing.
    Behind,
    /// A page for people, as if all were well.
    Page,
    /// A directory of the commit is not sent.
    LacksTree,
}

/// What goes wrong, where, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub what: What,
    /// For which requests; all where it is not said.
    #[serde(default)]
    pub route: Option<Route>,
    /// How many such requests go well before.
    #[serde(default)]
    pub after: usize,
    /// How many go wrong then.
    #[serde(default = "always")]
    pub times: usize,
}

fn always() -> usize {
    usize::MAX
}

impl Fault {
    /// Goes wrong once, with the next request.
    pub fn once(what: What) -> Self {
        Self {
            what,
            route: None,
            after: 0,
            times: 1,
        }
    }

    /// Goes wrong each time.
    pub fn always(what: What) -> Self {
        Self {
            times: usize::MAX,
            ..Self::once(what)
        }
    }

    /// Goes wrong with requests of one kind alone.
    #[must_use]
    pub fn on(mut self, route: Route) -> Self {
        self.route = Some(route);
        self
    }

    /// Lets as many requests go well before.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.after = requests;
        self
    }

    /// Tells whether this request goes wrong, and counts it.
    pub(crate) fn strikes(&mut self, route: Route) -> bool {
        if self.times == 0 || self.route.is_some_and(|only| only != route) {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        self.times = self
            .times
            .saturating_sub(usize::from(self.times != usize::MAX));
        true
    }
}
