//! The integrity check.
//!
//! It goes in steps of some rows, nodes or bytes, each over one consistent state,
//! and lets others work in between. What it saw in one step stays there for the
//! next: the trees of all roots are pinned as they are read, so no collection
//! takes what is below them. What others change meanwhile is looked at again in
//! the step that would call it wrong.

mod contents;
mod nesting;
mod rows;
mod table;
mod trees;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use derive_setters::Setters;

use crate::error::{ErrorKind, Result};
use crate::id::{ContentId, TreeId};
use crate::workspace::{Pin, Workspace};

use rows::Feed;
use trees::{Known, Span};

/// How many problems a report names.
const MAX_NAMED: usize = 1000;
/// About how many bytes of contents a step reads.
const STEP_BYTES: u64 = 1 << 20;

/// How thorough a check is, and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setters)]
#[non_exhaustive]
pub struct FsckOptions {
    /// Also reads every content and compares it with its id.
    pub contents: bool,
    /// Repairs what can be; see [`fsck`](Workspace::fsck).
    pub repair: bool,
    /// About how many rows or nodes a step looks at, and how many keys of objects it
    /// lists; at least 1.
    pub rows: usize,
}

impl Default for FsckOptions {
    /// Reads no contents, repairs nothing, and looks at 1,000 rows in a step.
    fn default() -> Self {
        Self {
            contents: false,
            repair: false,
            rows: 1000,
        }
    }
}

/// What a check looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FsckReport {
    /// Trees that something keeps: head's, revisions', open copies', operations'.
    pub roots: u64,
    /// Distinct directories.
    pub directories: u64,
    /// Distinct nodes.
    pub nodes: u64,
    /// Distinct contents.
    pub contents: u64,
    /// Objects in the blob store.
    pub objects: u64,
    /// Bytes of contents that were read and compared.
    pub verified_bytes: u64,
    /// What nothing refers to. The next collection deletes it.
    pub garbage: Garbage,
    /// What is wrong; empty where all is well. The first 1,000 of them.
    pub problems: Vec<Problem>,
    /// How many things are wrong.
    pub problem_count: u64,
    /// About how many of them something was done.
    pub repaired: u64,
}

/// How much is stored that nothing refers to. It is no problem. Beside writers at
/// work, what they stored since the check began is counted as well. Where a node is
/// damaged, or a row that names a tree, nobody knows what they referred to: nothing is
/// counted, and nothing collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Garbage {
    /// Nodes.
    pub nodes: u64,
    /// Contents.
    pub contents: u64,
    /// Objects that no content is in and that nobody is storing or reading.
    pub objects: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The node, content or row that it is about.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
    /// What was done about it, where a repair was asked for and is possible.
    pub repair: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.detail)?;
        match &self.repair {
            Some(repair) => write!(f, " ({repair})"),
            None => Ok(()),
        }
    }
}

impl Workspace {
    /// Checks all rows and everything that they keep. Rows decode and agree with
    /// one another: head, revisions, copies, operations, events, grants, memos. Nodes are
    /// there, are what their ids say and are cut as they should be, and every
    /// directory states the right totals of those in it. Contents have a row and,
    /// if large, an object, of the right sizes; and, if asked for, the right bytes.
    ///
    /// Others may work meanwhile, a collection as well: what is wrong is wrong
    /// for certain. Trees that the check has met are not collected before its end.
    /// Each distinct node is read once. The blob store is asked for one page of keys
    /// for each 1,000 objects, and for each content's bytes if told to read them. In
    /// memory it holds about 300 bytes for each distinct node and each root, 100 for
    /// each other directory and content, and 200 for each object.
    ///
    /// A repair compares the bytes with the id first, those of an object twice. Where
    /// they are others, it drops the row of the content, so that the same bytes heal
    /// it when they are written or imported again; where they are right, it corrects
    /// the size in the row. It leaves the row of an object that is missing, which may
    /// come back, and which the same bytes heal all the same. Each is a transaction of
    /// its own. What else is wrong only a backup brings back.
    ///
    /// # Errors
    /// Those of the stores; what is wrong with the data is in the report.
    /// `Unavailable` for a repair where contents are in objects and the blob store
    /// holds none at all, as another one or one that is not mounted would.
    pub async fn fsck(&self, options: FsckOptions) -> Result<FsckReport> {
        let mut check = Check::new(self, options);
        check.rows().await?;
        check.trees().await?;
        check.contents().await?;
        check.garbage().await?;
        Ok(check.report)
    }
}

/// A check under way.
struct Check<'a> {
    workspace: &'a Workspace,
    options: FsckOptions,
    report: FsckReport,
    feed: Feed,
    /// What keeps the roots from being collected.
    pins: HashMap<TreeId, Rc<Pin>>,
    /// Nodes that were looked at; `None` for one that is damaged, or is above one.
    nodes: HashMap<TreeId, Option<Span>>,
    trees: HashMap<TreeId, Known>,
    /// Directories that were met and not looked at.
    todo: Vec<TreeId>,
    /// Contents that entries refer to, with their sizes there.
    contents: HashMap<ContentId, u64>,
    /// Those among them whose entries disagree.
    disputed: HashSet<ContentId>,
    /// Whether something could not be read that refers to others.
    partial: bool,
}

impl<'a> Check<'a> {
    fn new(workspace: &'a Workspace, options: FsckOptions) -> Self {
        Self {
            workspace,
            options: options.rows(options.rows.max(1)),
            report: FsckReport::default(),
            feed: Feed::default(),
            pins: HashMap::new(),
            nodes: HashMap::new(),
            trees: HashMap::new(),
            todo: Vec::new(),
            contents: HashMap::new(),
            disputed: HashSet::new(),
            partial: false,
        }
    }

    fn problem(&mut self, subject: impl fmt::Display, detail: impl fmt::Display) {
        self.found(subject, detail, None);
    }

    fn found(
        &mut self,
        subject: impl fmt::Display,
        detail: impl fmt::Display,
        repair: Option<&str>,
    ) {
        self.report.problem_count += 1;
        self.report.repaired += u64::from(repair.is_some());
        if self.report.problems.len() < MAX_NAMED {
            self.report.problems.push(Problem {
                subject: subject.to_string(),
                detail: detail.to_string(),
                repair: repair.map(str::to_string),
            });
        }
    }

    /// Returns what was read; what does not decode is a problem, and `None`.
    fn decoded<T>(&mut self, subject: impl fmt::Display, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                self.problem(subject, undecodable(error.detail()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn undecodable(why: Option<&str>) -> String {
    match why {
        Some(why) => format!("it does not decode: {why}"),
        None => "it does not decode".into(),
    }
}

/// Passes over what does not decode, where that is said elsewhere.
fn readable<T>(read: Result<Option<T>>) -> Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
        read => read,
    }
}

/// Lets every other task run once.
async fn pass() {
    let mut passed = false;
    poll_fn(|context| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
