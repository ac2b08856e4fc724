//! `status`, `diff`, `undo` and `history`.

use serde_json::{Map, Value, json};
use workspace_core::store::OperationRecord;
use workspace_core::{OperationId, Repeat, Undone};

use crate::arguments::Arguments;
use crate::authors::changed_by;
use crate::changes::{Bounds, MOST};
use crate::looking::tell_next;
use crate::refusal::{Refusal, shortened};
use crate::result::{ToolResult, counted};
use crate::stored::{Kept, call_of, cause};
use crate::tools::{Call, Tools};

/// So much of a diff is shown, unless more is asked for, in bytes.
const DIFF_BYTES: u64 = 60_000;
/// The most operations that are taken back at once.
const MAX_UNDONE: u64 = 1_000;
/// So much of a note is told, in bytes.
const MAX_NOTE: usize = 200;
/// Of so many paths of a conflict it is told who changed them.
const TOLD: usize = 5;

impl Tools {
    pub(crate) async fn status(&self, given: Arguments) -> Result<ToolResult, Refusal> {
        given.end()?;
        let status = self.workspace.status(self.copy);
        let status = status.map_err(|error| self.told_of_error(error))?;
        let trees = (status.copy.base, status.copy.tree);
        let bounds = Bounds {
            paths: 200,
            diff: 0,
        };
        let changes = self.changes(trees, None, None, bounds).await?;
        let newest = status.copy.operation.map_or(0, OperationId::get);
        let complete = changes.exact && changes.paths.len() as u64 == changes.total;
        let mut text = format!(
            "The draft differs from what it is based on: {}.",
            changes.summary()
        );
        for path in &changes.paths {
            let told = |name: &str| path.get(name).and_then(Value::as_str).unwrap_or_default();
            text.push_str(&format!("\n  {} {}", told("change"), told("path")));
        }
        if !complete {
            let more = changes.total - changes.paths.len() as u64;
            text.push_str(&format!("\n  … and {more} more"));
        }
        text.push_str(match status.parent_moved {
            true => "\nWhat it is based on has changed meanwhile: it will have to be rebased.",
            false => "\nWhat it is based on has not changed.",
        });
        text.push_str(&format!(
            "\n{}. Stored; not published: a person decides on that, `propose` asks for it.",
            counted(newest, "operation", "operations")
        ));
        let mut value = json!({
            "agent": self.agent,
            "generation": status.copy.generation,
            "operations": newest,
            "changed": changes.paths,
            "complete": complete,
            "parent_moved": status.parent_moved,
            "durable": true,
            "published": false,
        });
        value[if changes.exact {
            "changed_total"
        } else {
            "changed_at_least"
        }] = changes.total.into();
        if let Some(name) = status.copy.name.filter(|_| !self.is_part()) {
            value["copy"] = name.into();
        }
        if !complete {
            tell_next(&mut text, &mut value, "diff", json!({}));
        }
        Ok(ToolResult::new(text, value))
    }

    pub(crate) async fn diff(&self, mut given: Arguments) -> Result<ToolResult, Refusal> {
        let path = given.path(&["path", "file_path"])?;
        let call = given.text(&["call"])?;
        let operation = given.number(&["operation"])?;
        let after = given.path(&["after"])?;
        let most = given.number_in(&["max_bytes"], 1..=MOST as u64, DIFF_BYTES)? as usize;
        if call.is_some() && operation.is_some() {
            return Err(given.contradiction("`call` and `operation` both name one: give one"));
        }
        given.end()?;
        let operation = self.named(call.as_deref(), operation)?;
        let (trees, what) = match &operation {
            Some(operation) => {
                let what = format!("Operation {} ({})", operation.id, cause(operation));
                ((operation.before, operation.after), what)
            }
            None => {
                let copy = self.state()?.copy;
                (
                    (copy.base, copy.tree),
                    "The draft, from what it is based on".into(),
                )
            }
        };
        let bounds = Bounds {
            paths: 500,
            diff: most,
        };
        let changes = self
            .changes(trees, path.as_ref(), after.as_ref(), bounds)
            .await?;
        let mut text = format!("{what}: {}.", changes.summary());
        let mut next = Map::new();
        if let Some(operation) = &operation {
            next.insert("operation".into(), operation.id.get().into());
        }
        if let Some(path) = &path {
            next.insert("path".into(), path.as_str().into());
        }
        if most as u64 != DIFF_BYTES {
            next.insert("max_bytes".into(), most.into());
        }
        let mut fields = Map::new();
        let number = operation.map(|operation| operation.id.get());
        fields.insert("operation".into(), number.into());
        fields.insert("durable".into(), true.into());
        fields.insert("published".into(), false.into());
        changes.tell(&mut fields, &mut text, next, most);
        Ok(ToolResult::new(text, Value::Object(fields)))
    }

    pub(crate) async fn undo(
        &self,
        call: Call<'_>,
        mut given: Arguments,
    ) -> Result<ToolResult, Refusal> {
        let named = given.text(&["call", "call_id"])?;
        let operation = given.number(&["operation"])?;
        let (from, to) = (given.number(&["from"])?, given.number(&["to"])?);
        let ways = [
            named.is_some(),
            operation.is_some(),
            from.is_some() || to.is_some(),
        ];
        match ways.iter().filter(|way| **way).count() {
            1 => {}
            0 => return Err(given.missing(&["operation"])),
            _ => {
                return Err(given.contradiction(
                    "`call`, `operation`, and `from` with `to` each say what: give one of them",
                ));
            }
        }
        let range = match (from, to) {
            (None, None) => None,
            (Some(from), Some(to)) if from >= 1 && from <= to && to - from < MAX_UNDONE => {
                Some((from, to))
            }
            _ => {
                return Err(given.malformed(format!(
                    "`from` and `to` are numbers of operations, the first no greater than the \
                     last, and up to {MAX_UNDONE} of them"
                )));
            }
        };
        given.end()?;
        let key = self.key(call)?;
        if let Some(kept) = self.before(&key)? {
            return self.told_of(call, kept, true).await;
        }
        let ids: Vec<OperationId> = match range {
            Some((from, to)) => (from..=to).map(OperationId::new).collect(),
            None => {
                let found = self.named(named.as_deref(), operation)?;
                found.into_iter().map(|found| found.id).collect()
            }
        };
        let note = match (ids.first(), ids.last()) {
            (Some(first), Some(last)) if first != last => format!("operations {first} to {last}"),
            (Some(first), _) => format!("operation {first}"),
            (None, _) => String::new(),
        };
        let author = self.author(call, &note);
        let answer = |undone: &Undone| Ok(Kept::answer(undone.operation));
        let once = Self::once(&key, &answer);
        match self.view.undo_once(&ids, &author, &once) {
            Ok(Repeat::First(undone)) => {
                let kept = Kept {
                    operation: undone.operation,
                    extra: Map::new(),
                };
                self.told_of(call, kept, false).await
            }
            Ok(Repeat::Again(answer)) => self.told_of(call, Kept::read(&answer)?, true).await,
            Err(error) => {
                let paths = error.conflict().map(|conflict| conflict.both.paths.clone());
                let mut refusal = Refusal::from(error);
                let state = self.state()?;
                for path in paths.into_iter().flatten().take(TOLD) {
                    let own = path;
                    if let Some(by) = changed_by(self, &state, &own, None) {
                        refusal = refusal
                            .show(format!("{own}: {}", by.told()))
                            .with("changed_by", by.value());
                    }
                }
                Err(match ids.as_slice() {
                    [one] => refusal.next("diff", json!({ "operation": one.get() })),
                    _ => refusal.next("history", json!({})),
                })
            }
        }
    }

    pub(crate) fn history(&self, mut given: Arguments) -> Result<ToolResult, Refusal> {
        let limit = given.number_in(&["limit"], 1..=100, 20)?;
        let before = given.number(&["before"])?;
        given.end()?;
        let newest = self.state()?.copy.operation.map_or(0, OperationId::get);
        let before = before.unwrap_or(u64::MAX).min(newest + 1);
        let found = self.operations_before(before, limit)?;
        // Whoever holds a part of the files learns of its own calls.
        let own_only = self.is_part();
        let last = found.last().map(|last| last.id.get());
        let complete = last.is_none_or(|last| last == 1);
        let shown = found
            .iter()
            .filter(|it| !own_only || it.actor == self.agent);
        let calls: Vec<Value> = shown.map(|it| self.told_call(it)).collect();
        let mut text = String::new();
        for call in &calls {
            let told = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or("-");
            text.push_str(&format!(
                "{}. {} by {}: {} {}\n",
                call["operation"],
                told("call"),
                told("agent"),
                told("tool"),
                told("note")
            ));
        }
        let mut value = json!({ "calls": calls, "complete": complete, "operations": newest });
        match last {
            Some(last) if !complete => {
                text.push_str(&format!("Not complete: there are {newest}."));
                let next = json!({ "before": last, "limit": limit });
                tell_next(&mut text, &mut value, "history", next);
            }
            _ => text.push_str("Complete: there are no earlier ones."),
        }
        Ok(ToolResult::new(text, value))
    }

    fn told_call(&self, operation: &OperationRecord) -> Value {
        let call = call_of(operation);
        let note = call.map_or(operation.note.as_str(), |(_, _, note)| note);
        let note = note
            .get(..note.floor_char_boundary(MAX_NOTE))
            .unwrap_or(note);
        json!({
            "operation": operation.id.get(),
            "call": call.map(|(call, ..)| call),
            "tool": call.map(|(_, tool, _)| tool),
            "agent": operation.actor,
            "yours": operation.actor == self.agent,
            "cause": cause(operation),
            "note": note,
            "at_ms": operation.at.as_millis(),
        })
    }

    /// Returns the operation that is named, by the id of a call or by its number.
    fn named(
        &self,
        call: Option<&str>,
        operation: Option<u64>,
    ) -> Result<Option<OperationRecord>, Refusal> {
        let (found, what) = match (call, operation) {
            (None, None) => return Ok(None),
            (Some(call), _) => (
                self.operation_of(call)?,
                format!("call {} of yours that changed something", shortened(call)),
            ),
            (None, Some(number)) => {
                let found = self.operation(OperationId::new(number))?;
                (found, format!("operation {number}"))
            }
        };
        match found {
            Some(found) => Ok(Some(found)),
            None => {
                Err(Refusal::new("not_found", format!("there is no {what}"))
                    .next("history", json!({})))
            }
        }
    }
}
