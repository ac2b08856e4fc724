//! The tools over a copy, and calling them.

use std::fmt;
use std::rc::Rc;

use serde_json::{Value, json};
use workspace_core::{At, CopyId, Error, ErrorKind, MemoKey, Reason, Result, View, Workspace};

use crate::arguments::Arguments;
use crate::executed::{Runner, Shell};
use crate::proposal;
use crate::refusal::{Refusal, shortened};
use crate::result::ToolResult;
use crate::table::{TABLE, Tool};
use crate::text;

/// The longest name of an agent, in bytes.
const MAX_AGENT: usize = 100;

/// The tools of one agent over one copy.
///
/// It reaches the files only through its view: what the view's grant does not allow, no tool
/// does. None of them reaches head, applies, discards, exports or makes tokens.
#[derive(Clone)]
pub struct Tools {
    pub(crate) workspace: Workspace,
    pub(crate) view: View,
    pub(crate) copy: CopyId,
    pub(crate) agent: String,
    pub(crate) runner: Option<Rc<dyn Runner>>,
    pub(crate) shell: Option<Rc<dyn Shell>>,
}

impl Tools {
    /// Returns the tools over the copy that `view` is of, in `workspace`, for an agent: its
    /// name goes into each operation, as the actor.
    ///
    /// # Errors
    /// `ReadOnly` for a view of anything but a copy; `Invalid` for a name of more than 100
    /// bytes, of none, or with control characters.
    pub fn new(workspace: Workspace, view: View, agent: impl Into<String>) -> Result<Self> {
        let agent = agent.into();
        if agent.is_empty() || agent.len() > MAX_AGENT || agent.chars().any(char::is_control) {
            return Err(Error::invalid(Reason::MalformedName, "make tools")
                .at("agent")
                .because(format!(
                    "expected 1 to {MAX_AGENT} bytes, no control characters"
                )));
        }
        let At::Copy(copy) = view.at() else {
            return Err(Error::new(ErrorKind::ReadOnly, "make tools")
                .because("tools are over a copy: fork one first"));
        };
        Ok(Self {
            workspace,
            view,
            copy,
            agent,
            runner: None,
            shell: None,
        })
    }

    /// Adds what executes code: the tool `run`.
    #[must_use]
    pub fn with_runner(mut self, runner: Rc<dyn Runner>) -> Self {
        self.runner = Some(runner);
        self
    }

    /// Adds what executes commands: the tool `exec`.
    #[must_use]
    pub fn with_shell(mut self, shell: Rc<dyn Shell>) -> Self {
        self.shell = Some(shell);
        self
    }

    /// Returns the tools that there are: of those of the table, without `run` and `exec` where
    /// nothing executes them.
    pub fn list(&self) -> Vec<&'static Tool> {
        TABLE.iter().filter(|tool| self.has(tool)).collect()
    }

    /// Returns what a model is told of them: of each its name, description and the JSON Schema
    /// of its arguments.
    pub fn told(&self) -> Value {
        let told = |tool: &Tool| {
            json!({
                "name": tool.name,
                "description": tool.description,
                "inputSchema": tool.schema(),
            })
        };
        self.list().into_iter().map(told).collect()
    }

    fn has(&self, tool: &Tool) -> bool {
        match tool.name {
            "run" => self.runner.is_some(),
            "exec" => self.shell.is_some(),
            _ => true,
        }
    }

    /// Calls a tool by its name, or by one by which it is known from elsewhere. Whatever is
    /// wrong is in the result. A call that changes something is made once for its id, of 1 to
    /// 255 visible ASCII characters: repeated with the same arguments, also at once, it is
    /// told what the first one led to; the id with other arguments is refused. A call that is
    /// dropped on its way was made, or was not.
    pub async fn call(&self, name: &str, arguments: &Value, call: &str) -> ToolResult {
        match self.called(name, arguments, call).await {
            Ok(result) => result,
            Err(refusal) => refusal.into(),
        }
    }

    async fn called(
        &self,
        name: &str,
        arguments: &Value,
        call: &str,
    ) -> Result<ToolResult, Refusal> {
        let Some(tool) = Tool::named(name).filter(|tool| self.has(tool)) else {
            return Err(self.unknown(name));
        };
        let given = Arguments::new(tool, arguments)?;
        if tool.changes {
            // Also where it turns out to change nothing.
            MemoKey::new(call).map_err(|error| {
                Refusal::from(error).show("Each call that changes files has an id of its own.")
            })?;
        }
        let call = Call {
            tool,
            id: call,
            arguments,
        };
        match tool.name {
            "read" => self.read(given).await,
            "ls" => self.ls(given),
            "find" => self.find(given),
            "grep" => self.grep(given).await,
            "write" => self.write(call, given).await,
            "edit" => self.edit(call, given).await,
            "delete" => self.delete(call, given).await,
            "move" => self.rename(call, given).await,
            "run" => self.run(call, given).await,
            "exec" => self.exec(call, given).await,
            "status" => self.status(given).await,
            "diff" => self.diff(given).await,
            "undo" => self.undo(call, given).await,
            "history" => self.history(given),
            "propose" => proposal::propose(self, given).await,
            _ => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> Refusal {
        let names: Vec<&str> = self.list().iter().map(|tool| tool.name).collect();
        let mut refusal = Refusal::new(
            "unknown_tool",
            format!(
                "there is no tool {}; there are {}",
                shortened(name),
                names.join(", ")
            ),
        )
        .with("tools", names.clone());
        if let Some(closest) = text::closest_names(name, &names, 1).first() {
            refusal = refusal.with("closest", *closest);
        }
        refusal
    }
}

/// A call that may change something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) tool: &'static Tool,
    pub(crate) id: &'a str,
    pub(crate) arguments: &'a Value,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools")
            .field("copy", &self.copy)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}
