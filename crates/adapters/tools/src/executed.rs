//! `run` and `exec`: what a host executes over the files.

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use workspace_core::{Author, ChangeOptions, CopyId, OperationId, Repeat, Result, TreePath, View};

use crate::arguments::Arguments;
use crate::refusal::Refusal;
use crate::result::ToolResult;
use crate::stored::Kept;
use crate::tools::{Call, Tools};

/// The longest code or command, in bytes.
const MAX_SOURCE: usize = 1 << 20;
/// So much is told of what was printed: of what is longer, as much of its beginning as of its
/// end.
const MAX_PRINTED: usize = 15_000;
/// The longest value that is told, in bytes of JSON.
const MAX_VALUE: usize = 15_000;
/// The longest time that can be asked for, in milliseconds.
const MAX_MILLIS: u64 = 3_600_000;

/// What is to be executed.
#[derive(Debug, Clone)]
pub struct Order {
    /// The call's id, which is no other call's of this agent over this copy: executing an
    /// order of the same id again is to lead to what the first one led to.
    pub call: String,
    /// The copy whose files it is about.
    pub copy: CopyId,
    /// What of them it may see and change.
    pub view: View,
    /// Whose operation it is to be, and its note: by that the call is found again.
    pub author: Author,
    /// The code, or the command.
    pub source: String,
    /// In which directory a command begins.
    pub cwd: Option<TreePath>,
    /// How long it may take, in milliseconds; `None` for as long as the host says.
    pub timeout_ms: Option<u64>,
}

/// How it ended, and what it changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ended {
    /// How, in a word or a few: `returned`, `threw`, `exited`, `timed out`.
    pub how: String,
    /// Whether it did what it was to do.
    pub succeeded: bool,
    /// The exit code of a command.
    pub exit: Option<i32>,
    /// What code returned.
    pub value: Option<Value>,
    /// What it printed.
    pub stdout: String,
    /// What it printed of errors, or what was thrown.
    pub stderr: String,
    /// The operation of the copy that holds all that it changed; `None` where it changed
    /// nothing.
    pub operation: Option<OperationId>,
}

/// Executes code over the files of a copy; what that writes is one operation where the code
/// returns, and none otherwise.
#[async_trait(?Send)]
pub trait Runner {
    /// Executes code.
    ///
    /// # Errors
    /// Where it was not executed, or is not known to be.
    async fn run(&self, order: Order) -> Result<Ended>;
}

/// Executes commands over the files of a copy; what they change is one operation, however
/// they end.
#[async_trait(?Send)]
pub trait Shell {
    /// Executes a command.
    ///
    /// # Errors
    /// Where it was not executed, or is not known to be.
    async fn exec(&self, order: Order) -> Result<Ended>;
}

impl Tools {
    pub(crate) async fn run(
        &self,
        call: Call<'_>,
        mut given: Arguments,
    ) -> Result<ToolResult, Refusal> {
        let code = given.required_text(&["code", "source", "script"])?;
        let order = self.order(call, &mut given, code)?;
        given.end()?;
        let Some(runner) = &self.runner else {
            return Err(Refusal::new("unsupported", "nothing here runs code"));
        };
        self.executed(call, order, async |order| runner.run(order).await)
            .await
    }

    pub(crate) async fn exec(
        &self,
        call: Call<'_>,
        mut given: Arguments,
    ) -> Result<ToolResult, Refusal> {
        let command = match given.take(&["command", "cmd"])? {
            Some(Value::Array(words)) => shell_of(&given, &words)?,
            Some(Value::String(command)) => command,
            Some(_) => return Err(given.malformed("`command` is no text")),
            None => return Err(given.missing(&["command"])),
        };
        // What it is for, which some agents say.
        given.text(&["description"])?;
        let cwd = given.path(&["cwd", "workdir", "working_dir"])?;
        let mut order = self.order(call, &mut given, command)?;
        order.cwd = cwd;
        given.end()?;
        let Some(shell) = &self.shell else {
            return Err(Refusal::new("unsupported", "nothing here runs commands"));
        };
        self.executed(call, order, async |order| shell.exec(order).await)
            .await
    }

    fn order(
        &self,
        call: Call<'_>,
        given: &mut Arguments,
        source: String,
    ) -> Result<Order, Refusal> {
        let names = ["timeout_ms", "timeout"];
        let timeout_ms = match given.given(&names) {
            Some(_) => Some(given.number_in(&names, 1..=MAX_MILLIS, 1)?),
            None => None,
        };
        if source.trim().is_empty() {
            return Err(given.malformed("there is nothing to be executed"));
        }
        if source.len() > MAX_SOURCE {
            return Err(Refusal::new(
                "limit_exceeded",
                format!("{} bytes; up to {MAX_SOURCE} are executed", source.len()),
            ));
        }
        let first = source.trim_start().lines().next().unwrap_or_default();
        let note: String = first.chars().take(200).collect();
        Ok(Order {
            call: call.id.into(),
            copy: self.copy,
            view: self.view.clone(),
            author: self.author(call, &note),
            source,
            cwd: None,
            timeout_ms,
        })
    }

    async fn executed(
        &self,
        call: Call<'_>,
        order: Order,
        execute: impl AsyncFnOnce(Order) -> Result<Ended>,
    ) -> Result<ToolResult, Refusal> {
        let key = self.key(call)?;
        if let Some(kept) = self.before(&key)? {
            return self.told_of(call, kept, true).await;
        }
        let ended = execute(order).await;
        let ended = ended.map_err(|error| self.told_of_error(error).uncertain())?;
        let operation = ended.operation;
        let extra = ended.told();
        let answer = |_: &_| {
            let extra = extra.clone();
            Ok(Kept { operation, extra }.written())
        };
        let once = Self::once(&key, &answer);
        // Where this is not kept, the host knows the id all the same.
        let kept = (self.view).change_once(Vec::new(), ChangeOptions::default(), &once);
        match kept.await {
            Ok(Repeat::Again(answer)) => self.told_of(call, Kept::read(&answer)?, true).await,
            _ => self.told_of(call, Kept { operation, extra }, false).await,
        }
    }
}

impl Ended {
    fn told(self) -> Map<String, Value> {
        let mut note = match (self.succeeded, self.exit) {
            (_, Some(exit)) => format!("Ended: {} with exit code {exit}.", self.how),
            (true, None) => format!("Ended: {}.", self.how),
            (false, None) => format!("Ended: {} (failed).", self.how),
        };
        let value = self.value.map(|value| match value.to_string() {
            long if long.len() > MAX_VALUE => Value::String(shortened(&long)),
            _ => value,
        });
        let (stdout, stderr) = (shortened(&self.stdout), shortened(&self.stderr));
        if let Some(value) = &value {
            note.push_str(&format!("\nvalue: {value}"));
        }
        for (name, printed) in [("stdout", &stdout), ("stderr", &stderr)] {
            if !printed.is_empty() {
                note.push_str(&format!("\n{name}:\n{}", printed.trim_end_matches('\n')));
            }
        }
        let mut told = Map::new();
        told.insert("note".into(), note.into());
        told.insert(
            "ended".into(),
            json!({
                "how": self.how,
                "succeeded": self.succeeded,
                "exit": self.exit,
                "value": value,
                "stdout": stdout,
                "stderr": stderr,
                "stdout_bytes": self.stdout.len(),
                "stderr_bytes": self.stderr.len(),
            }),
        );
        told
    }
}

/// Cuts what is long in its middle, and says so there.
fn shortened(text: &str) -> String {
    if text.len() <= MAX_PRINTED {
        return text.into();
    }
    let head = text.floor_char_boundary(MAX_PRINTED / 2);
    let tail = text.ceil_char_boundary(text.len() - MAX_PRINTED / 2);
    format!(
        "{}\n[… {} bytes are left out …]\n{}",
        text.get(..head).unwrap_or_default(),
        tail - head,
        text.get(tail..).unwrap_or_default()
    )
}

/// Returns the script of a command that is a list, as `bash -lc SCRIPT`.
fn shell_of(given: &Arguments, words: &[Value]) -> Result<String, Refusal> {
    let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
    match words.as_deref() {
        Some(["bash" | "sh", "-c" | "-lc", script]) => Ok((*script).into()),
        Some([one]) => Ok((*one).into()),
        _ => Err(given.malformed(
            "`command` is a list of words; expected one text, or bash, -lc and a script",
        )),
    }
}
