//! Refusals: what was wrong with a call, and what to do instead.

use serde_json::{Map, Value, json};
use workspace_core::{Error, ErrorKind, TreePath};

use crate::text::visible;

/// The longest subject or detail that is told, in characters.
const MAX_TOLD: usize = 300;

/// A call that was not made: nothing changed.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: String,
    message: String,
    /// What else is known, by its name in the value.
    about: Map<String, Value>,
    /// Lines of text that show it, after the message.
    shown: Vec<String>,
    next: Option<(&'static str, Value)>,
    is_stale: bool,
    /// Whether it may have been made all the same.
    uncertain: bool,
}

impl Refusal {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code: code.into(),
            message: message.into(),
            about: Map::new(),
            shown: Vec::new(),
            next: None,
            is_stale: false,
            uncertain: false,
        }))
    }

    /// Names the path that it is about.
    pub(crate) fn at(self, path: &TreePath) -> Self {
        self.with("path", path.as_str())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.about.entry(name).or_insert_with(|| value.into());
        self
    }

    /// Adds a line that people and models read.
    pub(crate) fn show(mut self, line: impl Into<String>) -> Self {
        self.0.shown.push(line.into());
        self
    }

    /// Adds a call that is ready to be made.
    pub(crate) fn next(mut self, tool: &'static str, arguments: Value) -> Self {
        self.0.next.get_or_insert((tool, arguments));
        self
    }

    /// Says that it is not known whether the call was made.
    pub(crate) fn uncertain(mut self) -> Self {
        self.0.uncertain = true;
        self
    }

    /// Tells whether the state was another one than was planned on.
    pub(crate) fn is_stale(&self) -> bool {
        self.0.is_stale
    }

    pub(crate) fn value(&self) -> Value {
        let mut value = self.0.about.clone();
        value.insert("ok".into(), false.into());
        value.insert("code".into(), self.0.code.clone().into());
        value.insert("message".into(), self.0.message.clone().into());
        let changed = match self.0.uncertain {
            true => Value::Null,
            false => json!([]),
        };
        value.insert("changed".into(), changed);
        if let Some((tool, arguments)) = &self.0.next {
            value.insert(
                "next".into(),
                json!({ "tool": tool, "arguments": arguments }),
            );
        }
        Value::Object(value)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("Refused ({}): {}", self.0.code, self.0.message);
        for line in &self.0.shown {
            text.push('\n');
            text.push_str(line);
        }
        text.push_str(match self.0.uncertain {
            true => {
                "\nWhether it was made is not known: the same call with the same id makes it once, \
                 and tells."
            }
            false => "\nNothing was changed.",
        });
        if let Some((tool, arguments)) = &self.0.next {
            text.push_str(&format!("\nNext call: {tool} {arguments}"));
        }
        text
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = match (error.reason(), error.kind()) {
            (Some(reason), _) => reason.code(),
            (None, kind) => kind.code(),
        };
        let told: String = error.to_string().chars().take(3 * MAX_TOLD).collect();
        let mut refusal = Self::new(code, told);
        if let Some(path) = error.subject().filter(|subject| subject.starts_with('/')) {
            refusal = refusal.with("path", shortened(path));
        }
        if let Some(conflict) = error.conflict() {
            let paths = conflict.both.paths.iter().map(|path| path.as_str());
            refusal = refusal
                .with("paths", paths.collect::<Vec<_>>())
                .with("paths_total", conflict.both.count);
        }
        // Of a commit that failed nobody knows whether it is there.
        refusal.0.uncertain = error.kind() == ErrorKind::Unavailable;
        refusal.0.is_stale = error.kind() == ErrorKind::Stale;
        refusal
    }
}

/// Returns a text that a caller gave, without what does not show, and cut where it is long.
pub(crate) fn shortened(text: &str) -> String {
    let line: String = text.chars().take(MAX_TOLD).collect();
    let shown = visible(&line, 0, false);
    match text.chars().nth(MAX_TOLD) {
        Some(_) => shown + "…",
        None => shown,
    }
}
