//! What a model asks to be published.

use serde_json::{Value, json};
use workspace_core::{ApplyOptions, At, RevisionMessage, TreeId, TreePath};

use crate::arguments::Arguments;
use crate::changes::Bounds;
use crate::refusal::Refusal;
use crate::result::ToolResult;
use crate::tools::Tools;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 4_000;
/// So many of the paths are named.
const NAMED: usize = 500;
/// What the parent is called that is no copy.
const HEAD: &str = "head";

/// What a model asks to be published: it is a value and no more. Whoever approves it applies
/// the copy with [`options`](Self::options), which publishes exactly the files that were
/// proposed, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What it changes, and why, in the model's words.
    pub message: String,
    /// The agent that made it.
    pub agent: String,
    /// The first 500 of the paths that it changes.
    pub paths: Vec<TreePath>,
    /// How many it changes.
    pub total: u64,
    /// The files that are proposed.
    pub tree: TreeId,
    /// Where it would be published: head, or the copy that the draft was forked from.
    pub parent: At,
    /// The copy's generation when it was made.
    pub generation: u64,
}

impl Proposal {
    /// Returns how the copy is applied if the proposal is approved: only if it still has the
    /// files that were proposed and the parent that they were proposed to, in the agent's name
    /// and with its message.
    pub fn options(&self) -> ApplyOptions {
        let message = RevisionMessage::default()
            .actor(self.agent.clone())
            .message(self.message.clone());
        ApplyOptions::default()
            .message(message)
            .expect_tree(self.tree)
            .expect_parent(self.parent)
    }

    /// Reads a proposal out of the value of a result of `propose`; `None` where there is none.
    pub fn of(result: &Value) -> Option<Self> {
        let value = result.get("proposal")?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let paths = value.get("paths")?.as_array()?.iter();
        Some(Self {
            message: text("message")?,
            agent: text("agent")?,
            paths: paths
                .map(|path| TreePath::new(path.as_str()?).ok())
                .collect::<Option<_>>()?,
            total: value.get("total")?.as_u64()?,
            tree: text("tree")?.parse().ok()?,
            parent: match text("parent")?.as_str() {
                HEAD => At::Head,
                copy => At::Copy(copy.parse().ok()?),
            },
            generation: value.get("generation")?.as_u64()?,
        })
    }

    fn value(&self) -> Value {
        let paths: Vec<&str> = self.paths.iter().map(TreePath::as_str).collect();
        json!({
            "message": self.message,
            "agent": self.agent,
            "paths": paths,
            "total": self.total,
            "tree": self.tree.to_string(),
            "parent": match self.parent {
                At::Copy(copy) => copy.to_string(),
                _ => HEAD.to_owned(),
            },
            "generation": self.generation,
        })
    }
}

pub(crate) async fn propose(tools: &Tools, mut given: Arguments) -> Result<ToolResult, Refusal> {
    let message = given.required_text(&["message"])?;
    if message.trim().is_empty() || message.len() > MAX_MESSAGE || message.contains('\0') {
        return Err(given.malformed(format!(
            "`message` has 1 to {MAX_MESSAGE} bytes, none a NUL"
        )));
    }
    given.end()?;
    let copy = tools.state()?.copy;
    let bounds = Bounds {
        paths: NAMED,
        diff: 0,
    };
    let changes = tools
        .changes((copy.base, copy.tree), None, None, bounds)
        .await?;
    // All of the copy is published: what the approver is not told of must not be in it.
    if changes.hidden || (tools.is_part() && !changes.exact) {
        let why = match changes.hidden {
            true => {
                "the draft has changes at paths that may not be read here, which would be \
                     published with these: only who may read all of it can propose it"
            }
            false => {
                "the draft has too many changes to tell whether all are at paths that may be \
                      read here: only who may read all of it can propose it"
            }
        };
        return Err(Refusal::new("denied", why).next("status", json!({})));
    }
    if changes.total == 0 {
        return Err(Refusal::new(
            "no_change",
            "the draft changes nothing: there is nothing to propose",
        )
        .next("status", json!({})));
    }
    let paths = changes.paths.iter();
    let paths = paths.filter_map(|path| TreePath::new(path.get("path")?.as_str()?).ok());
    let proposal = Proposal {
        message,
        agent: tools.agent.clone(),
        paths: paths.collect(),
        total: changes.total,
        tree: copy.tree,
        parent: copy.parent.map_or(At::Head, At::Copy),
        generation: copy.generation,
    };
    let text = format!(
        "Proposed: {}. Not published: a person decides. A later change makes it another draft, \
         which is to be proposed again.",
        changes.summary()
    );
    let value = json!({
        "proposal": proposal.value(),
        "complete": changes.exact && proposal.paths.len() as u64 == proposal.total,
        "published": false,
    });
    Ok(ToolResult::new(text, value))
}
