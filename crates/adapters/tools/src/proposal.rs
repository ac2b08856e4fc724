//! What a model asks to be published.

use serde_json::{Value, json};
use workspace_core::{ApplyOptions, RevisionMessage, TreeId, TreePath};

use crate::arguments::Arguments;
use crate::changes::Bounds;
use crate::refusal::Refusal;
use crate::result::ToolResult;
use crate::tools::Tools;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 4_000;
/// So many of the paths are named.
const NAMED: usize = 500;

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
    /// The copy's generation when it was made.
    pub generation: u64,
}

impl Proposal {
    /// Returns how the copy is applied if the proposal is approved: only if it still has the
    /// files that were proposed, in the agent's name and with its message.
    pub fn options(&self) -> ApplyOptions {
        let message = RevisionMessage::default()
            .actor(self.agent.clone())
            .message(self.message.clone());
        ApplyOptions::default()
            .message(message)
            .expect_tree(self.tree)
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
