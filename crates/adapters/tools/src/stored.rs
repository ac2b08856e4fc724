//! Calls that change something: planned on one state of the copy, committed if it is still
//! that, and kept under their ids.

use bytes::Bytes;
use serde_json::{Value, json};
use workspace_core::store::{CopyRecord, OperationCause, OperationRecord};
use workspace_core::{
    At, Author, Change, ChangeOptions, Changed, Error, ErrorKind, MemoKey, Once, OperationId,
    Repeat, RequestHash, TreeId, View,
};

use crate::arguments::canonical;
use crate::changes::{Bounds, Changes};
use crate::refusal::Refusal;
use crate::result::ToolResult;
use crate::tools::{Call, Tools};

/// How often a call is planned again, where others change the copy meanwhile.
const TRIES: usize = 16;
/// How many operations are looked through for one call, the newest first.
const SOUGHT: u64 = 10_000;
/// How many operations are read at once.
const PAGE: u64 = 500;
/// What the note of a call's operation begins with.
const MARK: &str = "call ";

/// One state of the copy.
pub(crate) struct State {
    pub(crate) copy: CopyRecord,
    /// Its files, as the view's grant shows them; they stay as they are.
    pub(crate) files: View,
}

/// What a call is going to do.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    /// What the note says, after the call's id and the tool's name.
    pub(crate) note: String,
    /// What else the result tells.
    pub(crate) extra: serde_json::Map<String, Value>,
}

/// What a call led to, as it is kept.
pub(crate) struct Kept {
    pub(crate) operation: Option<OperationId>,
    pub(crate) extra: serde_json::Map<String, Value>,
}

/// The key of a call, and what is asked for under it.
pub(crate) struct Key {
    key: MemoKey,
    request: RequestHash,
}

impl Tools {
    /// Returns the copy as it is.
    pub(crate) fn state(&self) -> Result<State, Refusal> {
        let status = self.workspace.status(self.copy);
        let copy = status.map_err(|error| self.told_of_error(error))?.copy;
        let files = self.files_of(copy.tree);
        Ok(State { copy, files })
    }

    /// Returns the files of a tree as the view's grant shows them.
    pub(crate) fn files_of(&self, tree: TreeId) -> View {
        (self.workspace).view(At::Tree(tree), self.view.grant().clone())
    }

    /// Tells of an error of the workspace itself, to the holder of a part of it no more than
    /// of which kind it is.
    pub(crate) fn told_of_error(&self, error: Error) -> Refusal {
        match self.is_part() {
            false => error.into(),
            true => {
                let told = Refusal::new(error.kind().code(), error.kind().to_string());
                match error.kind() {
                    ErrorKind::Unavailable => told.uncertain(),
                    _ => told,
                }
            }
        }
    }

    /// Tells whether the view is of a part of the files.
    pub(crate) fn is_part(&self) -> bool {
        !self.view.grant().scopes().is_empty()
    }

    pub(crate) fn key(&self, call: Call<'_>) -> Result<Key, Refusal> {
        let own = [
            self.agent.as_bytes(),
            self.copy.as_bytes().as_slice(),
            call.id.as_bytes(),
        ];
        let arguments = canonical(call.arguments);
        let request = [call.tool.name.as_bytes(), arguments.as_bytes()];
        Ok(Key {
            key: MemoKey::new(&format!("tool:{}", RequestHash::of(own)))?,
            request: RequestHash::of(request),
        })
    }

    /// Returns what the call led to that was made before under its id.
    pub(crate) fn before(&self, key: &Key) -> Result<Option<Kept>, Refusal> {
        match self.view.memo(&key.key)? {
            None => Ok(None),
            Some(memo) => {
                let answer = memo.answer_to("call", key.request).map_err(|error| {
                    Refusal::from(error).show("Use another id for another call.")
                })?;
                Kept::read(&answer).map(Some)
            }
        }
    }

    pub(crate) fn author(&self, call: Call<'_>, note: &str) -> Author {
        let note: String = note.chars().take(1_000).collect();
        let note = note.replace('\0', "");
        let note = format!("{MARK}{} {} {note}", call.id, call.tool.name);
        Author::new(self.agent.clone(), note.trim_end())
    }

    /// Makes a call as one operation: what `plan` makes of a state of the copy is committed
    /// if that is still its state, and planned again otherwise. Of a call that was made before
    /// the result is told again.
    pub(crate) async fn commit(
        &self,
        call: Call<'_>,
        plan: impl AsyncFn(&State) -> Result<Plan, Refusal>,
    ) -> Result<ToolResult, Refusal> {
        let key = self.key(call)?;
        if let Some(kept) = self.before(&key)? {
            return self.told_of(call, kept, true).await;
        }
        for _ in 0..TRIES {
            let state = self.state()?;
            let planned = plan(&state).await?;
            let extra = planned.extra;
            let answer = |changed: &Changed| {
                let kept = Kept {
                    operation: changed.operation,
                    extra: extra.clone(),
                };
                Ok(kept.written())
            };
            let once = Once {
                key: &key.key,
                request: key.request,
                of_a_part: true,
                answer: &answer,
            };
            let options = ChangeOptions::default()
                .author(self.author(call, &planned.note))
                .expect_generation(state.copy.generation);
            let changed = self.view.change_once(planned.changes, options, &once);
            match changed.await {
                Ok(Repeat::First(changed)) => {
                    let kept = Kept {
                        operation: changed.operation,
                        extra,
                    };
                    return self.told_of(call, kept, false).await;
                }
                Ok(Repeat::Again(answer)) => {
                    return self.told_of(call, Kept::read(&answer)?, true).await;
                }
                Err(error) => {
                    let refusal = Refusal::from(error);
                    if !refusal.is_stale() {
                        return Err(refusal);
                    }
                }
            }
        }
        Err(Refusal::new(
            "stale",
            format!("others changed the copy {TRIES} times while the call was made"),
        )
        .show("The same call with the same id may be made again."))
    }

    /// Returns how the call under a key is made once, by what makes its answer.
    pub(crate) fn once<'a, T>(
        key: &'a Key,
        answer: &'a dyn Fn(&T) -> Result<Bytes, Error>,
    ) -> Once<'a, T> {
        Once {
            key: &key.key,
            request: key.request,
            // A model's calls leave room for the product's own.
            of_a_part: true,
            answer,
        }
    }

    /// Tells what a call led to: what it changed is read back from its operation.
    pub(crate) async fn told_of(
        &self,
        call: Call<'_>,
        kept: Kept,
        repeated: bool,
    ) -> Result<ToolResult, Refusal> {
        let told = self.read_back(call, kept, repeated).await;
        // It was made: the same call tells of it later.
        told.map_err(Refusal::uncertain)
    }

    async fn read_back(
        &self,
        call: Call<'_>,
        kept: Kept,
        repeated: bool,
    ) -> Result<ToolResult, Refusal> {
        let operation = match kept.operation {
            None => None,
            Some(id) => self.operation(id)?,
        };
        let changes = match (&operation, kept.operation) {
            (Some(operation), _) => {
                let trees = (operation.before, operation.after);
                Some(self.changes(trees, None, None, Bounds::RESULT).await?)
            }
            (None, None) => Some(Changes::none()),
            // It is so old that it is kept no longer.
            (None, Some(_)) => None,
        };
        let mut value = json!({
            "tool": call.tool.name,
            "call": call.id,
            "agent": self.agent,
            "operation": kept.operation.map(OperationId::get),
            "durable": true,
            "published": false,
        });
        let mut text = match kept.operation {
            None => "Nothing changed: the files were so already.".to_owned(),
            Some(id) => {
                let summary = changes.as_ref().map(Changes::summary);
                let summary = summary.unwrap_or("what it changed is kept no longer".into());
                format!("Operation {id}: {summary}. Stored in the draft; not published.")
            }
        };
        if repeated {
            text.insert_str(0, "This call was made before. ");
            value["repeated"] = true.into();
        }
        if let Some(fields) = value.as_object_mut() {
            for (name, told) in kept.extra {
                if let Some(line) = told.as_str().filter(|_| name == "note") {
                    text.push('\n');
                    text.push_str(line);
                }
                fields.insert(name, told);
            }
            let mut next = serde_json::Map::new();
            if let Some(operation) = kept.operation {
                next.insert("operation".into(), operation.get().into());
            }
            if let Some(changes) = changes {
                changes.tell(fields, &mut text, next, Bounds::RESULT.diff);
            }
        }
        Ok(ToolResult::new(text, value))
    }

    /// Returns an operation of the copy.
    pub(crate) fn operation(&self, id: OperationId) -> Result<Option<OperationRecord>, Refusal> {
        let Some(before) = id.get().checked_sub(1) else {
            return Ok(None);
        };
        let after = (before > 0).then(|| OperationId::new(before));
        let found = self.workspace.operations(self.copy, after, 1);
        let found = found.map_err(|error| self.told_of_error(error))?;
        Ok(found.into_iter().find(|found| found.id == id))
    }

    /// Returns up to `limit` operations before `before`, the newest first.
    pub(crate) fn operations_before(
        &self,
        before: u64,
        limit: u64,
    ) -> Result<Vec<OperationRecord>, Refusal> {
        let last = before.saturating_sub(1);
        let first = last.saturating_sub(limit);
        let after = (first > 0).then(|| OperationId::new(first));
        let limit = usize::try_from(last - first).unwrap_or(usize::MAX);
        let found = self.workspace.operations(self.copy, after, limit);
        let found = found.map_err(|error| self.told_of_error(error))?;
        let mut found: Vec<_> = found.into_iter().filter(|it| it.id.get() <= last).collect();
        found.reverse();
        Ok(found)
    }

    /// Returns the operation of a call of this agent, of the newest 10,000.
    pub(crate) fn operation_of(&self, id: &str) -> Result<Option<OperationRecord>, Refusal> {
        let newest = self.state()?.copy.operation.map_or(0, OperationId::get);
        let mut before = newest + 1;
        while before > 1 && newest + 1 - before < SOUGHT {
            let page = self.operations_before(before, PAGE)?;
            let Some(last) = page.last() else { break };
            before = last.id.get();
            let mine = |it: &&OperationRecord| {
                it.actor == self.agent && call_of(it).is_some_and(|(call, _, _)| call == id)
            };
            if let Some(found) = page.iter().find(mine) {
                return Ok(Some(found.clone()));
            }
        }
        Ok(None)
    }
}

impl Kept {
    pub(crate) fn written(&self) -> Bytes {
        let value = json!({
            "operation": self.operation.map(OperationId::get),
            "extra": self.extra,
        });
        Bytes::from(value.to_string())
    }

    pub(crate) fn answer(operation: Option<OperationId>) -> Bytes {
        let extra = serde_json::Map::new();
        Self { operation, extra }.written()
    }

    pub(crate) fn read(answer: &[u8]) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(answer).map_err(|error| {
            Refusal::new(
                "corrupt",
                format!("what is kept of the call is not read: {error}"),
            )
        })?;
        let extra = value.get("extra").and_then(Value::as_object);
        Ok(Self {
            operation: value
                .get("operation")
                .and_then(Value::as_u64)
                .map(OperationId::new),
            extra: extra.cloned().unwrap_or_default(),
        })
    }
}

/// Returns the call of an operation, the tool, and what the note says beside them.
pub(crate) fn call_of(operation: &OperationRecord) -> Option<(&str, &str, &str)> {
    let rest = operation.note.strip_prefix(MARK)?;
    let (call, rest) = rest.split_once(' ')?;
    let (tool, note) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((call, tool, note))
}

/// Says what made an operation.
pub(crate) fn cause(operation: &OperationRecord) -> String {
    match operation.cause {
        OperationCause::Edit => "edit".into(),
        OperationCause::Import => "import".into(),
        OperationCause::Rebase(_) => "rebase".into(),
        OperationCause::Undo(id) => format!("undo of operation {id}"),
        OperationCause::Apply(_) => "run or merged copy".into(),
    }
}
