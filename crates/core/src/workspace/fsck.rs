//! The integrity check.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::rc::Rc;

use futures::TryStreamExt;

use crate::entry::{Directory, Entry, File, Summary, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ContentId, TreeId};
use crate::store::{MetaTx, Place};
use crate::tree::{Item, Node, Nodes, edit};
use crate::workspace::Workspace;
use crate::workspace::tx::Tx;

/// How thorough a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsckOptions {
    /// Also reads every content and compares it with its id.
    pub contents: bool,
}

/// What a check looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FsckReport {
    /// Trees that something keeps: head's, revisions', copies', operations'.
    pub roots: u64,
    /// Distinct directories.
    pub directories: u64,
    /// Distinct nodes.
    pub nodes: u64,
    /// Distinct contents.
    pub contents: u64,
    /// Bytes of contents that were read and compared.
    pub verified_bytes: u64,
    /// What is wrong; empty where all is well.
    pub problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The node, content or row that it is about.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.detail)
    }
}

impl Workspace {
    /// Checks everything that can be reached: nodes are there, are what their
    /// ids say and are cut as they should be; totals are right; contents are
    /// there with their sizes and, if asked for, their bytes. Changes nothing.
    ///
    /// # Errors
    /// Those of the stores; what is wrong with the data is in the report.
    pub async fn fsck(&self, options: FsckOptions) -> Result<FsckReport> {
        let mut check = self.read("check", |tx| {
            let mut check = Check::default();
            check.roots(tx)?;
            check.rows(tx)?;
            Ok(check)
        })?;
        if options.contents {
            let contents = std::mem::take(&mut check.contents);
            for (content, size) in contents {
                match self.verify(content, size).await {
                    Ok(()) => check.report.verified_bytes += size,
                    Err(error) if error.kind() == ErrorKind::Corrupt => {
                        check.problem(content, error.detail().unwrap_or("altered"));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(check.report)
    }

    async fn verify(&self, content: ContentId, size: u64) -> Result<()> {
        let file = File {
            content,
            size,
            executable: false,
            modified: Timestamp::default(),
            media_type: None,
            provenance: None,
        };
        let mut body = self.open_entry(&file, 0..size).await?;
        while body.try_next().await?.is_some() {}
        Ok(())
    }
}

#[derive(Default)]
struct Check {
    report: FsckReport,
    nodes: HashSet<TreeId>,
    directories: HashSet<TreeId>,
    contents: HashMap<ContentId, u64>,
    todo: Vec<(TreeId, Option<Summary>)>,
}

/// How many rows a check asks for at once.
const PAGE: usize = 1000;

impl Check {
    fn problem(&mut self, subject: impl fmt::Display, detail: impl fmt::Display) {
        self.report.problems.push(Problem {
            subject: subject.to_string(),
            detail: detail.to_string(),
        });
    }

    fn roots(&mut self, tx: &Tx<'_>) -> Result<()> {
        let head = tx.head()?;
        self.root(tx, head.tree)?;
        if let Some(newest) = head.revision {
            match tx.rows.revision(newest)? {
                Some(revision) if head.recorded == Some(revision.tree) => {}
                Some(_) => self.problem("head", format!("revision {newest} has another tree")),
                None => self.problem("head", format!("revision {newest} is missing")),
            }
        }
        let mut before = None;
        loop {
            let page = tx.rows.revisions(before, PAGE)?;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            for revision in &page {
                self.root(tx, revision.tree)?;
            }
        }
        let mut after = None;
        loop {
            let page = tx.rows.copies(true, after.as_ref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for copy in &page {
                self.root(tx, copy.base)?;
                self.root(tx, copy.tree)?;
                let mut newest = None;
                loop {
                    let page = tx.rows.operations(&copy.id, newest, PAGE)?;
                    let Some(last) = page.last() else { break };
                    newest = Some(last.id);
                    for operation in &page {
                        self.root(tx, operation.before)?;
                        self.root(tx, operation.after)?;
                    }
                }
                if newest != copy.operation {
                    self.problem(
                        format!("copy {}", copy.id),
                        "its newest operation is missing",
                    );
                }
            }
        }
        Ok(())
    }

    fn root(&mut self, tx: &Tx<'_>, tree: TreeId) -> Result<()> {
        self.report.roots += 1;
        self.todo.push((tree, None));
        while let Some((tree, summary)) = self.todo.pop() {
            if tree != TreeId::empty() && self.directories.insert(tree) {
                self.directory(tx, tree, summary)?;
            }
        }
        Ok(())
    }

    /// Reads a directory's nodes, and builds it anew from its entries: the same
    /// entries must give the same id and totals.
    fn directory(&mut self, tx: &Tx<'_>, tree: TreeId, expected: Option<Summary>) -> Result<()> {
        self.report.directories += 1;
        let mut entries = BTreeMap::new();
        let mut open = vec![tree];
        let mut whole = true;
        while let Some(id) = open.pop() {
            let Some(node) = self.node(tx, &id)? else {
                whole = false;
                continue;
            };
            for (name, item) in node.items {
                match item {
                    Item::Child(child) => open.push(child.id),
                    Item::Entry(entry) => {
                        match &entry {
                            Entry::Directory(below) => {
                                self.todo.push((below.tree, Some(below.summary)));
                            }
                            Entry::File(file) => self.file(file),
                            Entry::Symlink(_) => {}
                        }
                        entries.insert(name, Some(entry));
                    }
                }
            }
        }
        if whole {
            let built = edit(&Scratch::default(), &Directory::empty(), entries)?;
            if built.tree != tree {
                self.problem(
                    format!("directory {tree}"),
                    "its nodes are not cut as they should be",
                );
            }
            if expected.is_some_and(|expected| expected != built.summary) {
                self.problem(format!("directory {tree}"), "its totals are wrong");
            }
        }
        Ok(())
    }

    fn node(&mut self, tx: &Tx<'_>, id: &TreeId) -> Result<Option<Node>> {
        if self.nodes.insert(*id) {
            self.report.nodes += 1;
        }
        let Some(encoded) = tx.rows.node(id)? else {
            self.problem(format!("node {id}"), "it is missing");
            return Ok(None);
        };
        if TreeId::of_node(&encoded) != *id {
            self.problem(
                format!("node {id}"),
                "its bytes are not those that were stored",
            );
            return Ok(None);
        }
        match Node::decode(&encoded) {
            Ok(node) => Ok(Some(node)),
            Err(error) => {
                self.problem(
                    format!("node {id}"),
                    error.detail().unwrap_or("it does not decode"),
                );
                Ok(None)
            }
        }
    }

    fn file(&mut self, file: &File) {
        match self.contents.insert(file.content, file.size) {
            Some(size) if size != file.size => {
                self.problem(
                    format!("content {}", file.content),
                    "entries disagree on its size",
                );
            }
            _ => {}
        }
    }

    /// Checks that each content has a row of the right size.
    fn rows(&mut self, tx: &Tx<'_>) -> Result<()> {
        let contents: Vec<(ContentId, u64)> = self
            .contents
            .iter()
            .map(|(id, size)| (*id, *size))
            .collect();
        self.report.contents = contents.len() as u64;
        for (id, size) in contents {
            let wrong = match tx.rows.content(&id)? {
                None => Some("its row is missing".to_string()),
                Some(row) if row.size != size => Some(format!(
                    "its row says {} bytes, its entries {size}",
                    row.size
                )),
                Some(row) => match row.place {
                    Place::Inline(bytes) if bytes.len() as u64 != size => {
                        Some(format!("its row holds {} bytes, not {size}", bytes.len()))
                    }
                    _ => None,
                },
            };
            if let Some(wrong) = wrong {
                self.problem(format!("content {id}"), wrong);
                self.contents.remove(&id);
            }
        }
        Ok(())
    }
}

/// Holds the nodes of one directory while it is built anew.
#[derive(Default)]
struct Scratch(RefCell<HashMap<TreeId, Rc<Node>>>);

impl Nodes for Scratch {
    fn load(&self, id: &TreeId) -> Result<Rc<Node>> {
        if *id == TreeId::empty() {
            return Ok(Rc::new(Node {
                level: 0,
                items: Vec::new(),
            }));
        }
        self.0
            .borrow()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "check").at(id))
    }

    fn save(&self, id: &TreeId, _: &[u8], node: Node) -> Result<()> {
        self.0.borrow_mut().insert(*id, Rc::new(node));
        Ok(())
    }
}
