//! What a call led to.

use serde_json::{Value, json};

use crate::refusal::Refusal;

/// The most bytes of a result's text, unless more are asked for: about 25,000 tokens, of four
/// bytes each.
pub const MAX_RESULT: usize = 100_000;

/// What a call led to: as text for a model, and as a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// For a model to read.
    pub text: String,
    /// The same for a program: an object with `ok`; of a call that changed something with
    /// `operation`, `changed`, `durable` and `published`; of a refused one with `code`,
    /// `message` and mostly `next`.
    pub value: Value,
}

impl ToolResult {
    pub(crate) fn new(text: String, mut value: Value) -> Self {
        if let Some(fields) = value.as_object_mut() {
            fields.insert("ok".into(), true.into());
        }
        Self { text, value }
    }

    /// Tells whether the call was made.
    pub fn is_ok(&self) -> bool {
        self.value.get("ok") == Some(&json!(true))
    }
}

impl From<Refusal> for ToolResult {
    fn from(refusal: Refusal) -> Self {
        Self {
            text: refusal.text(),
            value: refusal.value(),
        }
    }
}

/// Cuts a text at the end of a line, or of a character where a line alone is longer; returns
/// how much there is of it.
pub(crate) fn cut(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let most = text.floor_char_boundary(most);
    let whole = text.get(..most).and_then(|start| start.rfind('\n'));
    whole.map_or(most, |at| at + 1)
}

/// Writes one of several.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}
