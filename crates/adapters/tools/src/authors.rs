//! Who changed a file.

use serde_json::{Value, json};
use workspace_core::store::OperationRecord;
use workspace_core::{Entry, File, TreePath};

use crate::stored::{State, call_of};
use crate::text::as_text;
use crate::tools::Tools;

/// So many operations are looked through for the one that changed a file, so many versions of
/// the file read, and none that is larger.
const MAX_LOOKED: u64 = 200;
const MAX_READ: usize = 5;
const MAX_VERSION: u64 = 1 << 20;

/// The operation that changed a file last, or took a text out of it.
pub(crate) struct ChangedBy {
    operation: OperationRecord,
    own: bool,
    /// Whether it is not told whose it is: of others, to the holder of a part of the files.
    hidden: bool,
    /// Whether the text that is looked for was there before it, and not after.
    took: bool,
}

impl ChangedBy {
    pub(crate) fn value(&self) -> Value {
        let call = call_of(&self.operation);
        json!({
            "operation": self.operation.id.get(),
            "agent": (!self.hidden).then_some(&self.operation.actor),
            "call": call.map(|(call, ..)| call).filter(|_| !self.hidden),
            "tool": call.map(|(_, tool, _)| tool).filter(|_| !self.hidden),
            "yours": self.own,
            "took_the_text": self.took,
        })
    }

    pub(crate) fn told(&self) -> String {
        let id = self.operation.id;
        let whose = match (self.own, call_of(&self.operation)) {
            _ if self.hidden => "somebody".into(),
            (true, Some((call, tool, _))) => format!("your own call {call} ({tool})"),
            (false, Some((call, tool, _))) => {
                format!("call {call} ({tool}) of {}", self.operation.actor)
            }
            (_, None) if self.operation.actor.is_empty() => "somebody".into(),
            (_, None) => self.operation.actor.clone(),
        };
        match self.took {
            true => format!("The text was there until operation {id}, by {whose}, changed it."),
            false => format!("The file was changed last by operation {id}, by {whose}."),
        }
    }
}

/// Returns the newest of the last 200 operations that changed a file; the one that took `text`
/// out of it where that is among the first five versions.
pub(crate) fn changed_by(
    tools: &Tools,
    state: &State,
    path: &TreePath,
    text: Option<&str>,
) -> Option<ChangedBy> {
    let newest = state.copy.operation?.get();
    let operations = tools.operations_before(newest + 1, MAX_LOOKED).ok()?;
    let (mut last, mut read) = (None, 0);
    for operation in operations {
        let file = |tree| match tools.files_of(tree).stat(path) {
            Ok(Some(Entry::File(file))) => Some(file),
            _ => None,
        };
        let (before, after) = (file(operation.before), file(operation.after));
        let content = |file: &Option<File>| file.as_ref().map(|file| file.content);
        if content(&before) == content(&after) {
            continue;
        }
        let own = operation.actor == tools.agent;
        let hidden = !own && tools.is_part();
        if let (Some(text), Some(before)) = (text, &before) {
            read += 1;
            let small = before.size <= MAX_VERSION;
            let had = small
                .then(|| {
                    tools
                        .files_of(operation.before)
                        .read_now(path.as_str())
                        .ok()
                })
                .flatten();
            if had.is_some_and(|had| as_text(&had).is_some_and(|had| had.contains(text))) {
                return Some(ChangedBy {
                    operation,
                    own,
                    hidden,
                    took: true,
                });
            }
        }
        last = last.or(Some(ChangedBy {
            operation,
            own,
            hidden,
            took: false,
        }));
        if text.is_none() || read >= MAX_READ {
            break;
        }
    }
    last
}
