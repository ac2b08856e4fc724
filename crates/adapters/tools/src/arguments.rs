//! The arguments of a call, in the shapes that models know.

use serde_json::{Map, Value, json};
use workspace_core::{Error, Reason, TreePath};

use crate::refusal::{Refusal, shortened};
use crate::table::Tool;

/// The arguments of a call of one tool, taken one by one.
pub(crate) struct Arguments {
    tool: &'static Tool,
    fields: Map<String, Value>,
}

impl Arguments {
    /// Reads arguments: an object. What is `null` is not there.
    pub(crate) fn new(tool: &'static Tool, arguments: &Value) -> Result<Self, Refusal> {
        match arguments {
            Value::Object(fields) => {
                let given = fields.iter().filter(|(_, value)| !value.is_null());
                let fields = given.map(|(name, value)| (name.clone(), value.clone()));
                Ok(Self {
                    tool,
                    fields: fields.collect(),
                })
            }
            Value::Null => Ok(Self {
                tool,
                fields: Map::new(),
            }),
            other => Err(malformed(
                tool,
                format!("arguments are an object, not {}", kind(other)),
            )),
        }
    }

    pub(crate) fn tool(&self) -> &'static Tool {
        self.tool
    }

    /// Refuses arguments, saying what was expected, with an example.
    pub(crate) fn malformed(&self, why: impl Into<String>) -> Refusal {
        malformed(self.tool, why)
    }

    /// Refuses two things of which only one can be.
    pub(crate) fn contradiction(&self, why: impl Into<String>) -> Refusal {
        told(self.tool, Reason::Contradiction, why)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Tells which of some names are there.
    pub(crate) fn given(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// Takes an argument that has several names; two of them at once are refused.
    pub(crate) fn take(&mut self, names: &[&'static str]) -> Result<Option<Value>, Refusal> {
        let mut found = None;
        for name in names {
            if let Some(value) = self.fields.remove(*name) {
                if let Some((before, _)) = &found {
                    return Err(self.contradiction(format!(
                        "`{before}` and `{name}` are the same argument: give one of them"
                    )));
                }
                found = Some((*name, value));
            }
        }
        Ok(found.map(|(_, value)| value))
    }

    pub(crate) fn text(&mut self, names: &[&'static str]) -> Result<Option<String>, Refusal> {
        match self.take(names)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.of_kind(names, "a text", &other)),
        }
    }

    pub(crate) fn required_text(&mut self, names: &[&'static str]) -> Result<String, Refusal> {
        let found = self.text(names)?;
        found.ok_or_else(|| self.missing(names))
    }

    /// Takes a whole number from 0 on, also where it is written as a text.
    pub(crate) fn number(&mut self, names: &[&'static str]) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.take(names)? else {
            return Ok(None);
        };
        let number = match &value {
            Value::Number(number) => {
                let whole = number
                    .as_f64()
                    .filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number));
                number.as_u64().or(whole.map(|number| number as u64))
            }
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(self.of_kind(names, "a whole number from 0 on", &value)),
        }
    }

    /// Takes a number that is within a range.
    pub(crate) fn number_in(
        &mut self,
        names: &[&'static str],
        range: std::ops::RangeInclusive<u64>,
        otherwise: u64,
    ) -> Result<u64, Refusal> {
        let number = self.number(names)?.unwrap_or(otherwise);
        match range.contains(&number) {
            true => Ok(number),
            false => Err(self.malformed(format!(
                "`{}` is {number}; expected {} to {}",
                names.first().copied().unwrap_or_default(),
                range.start(),
                range.end()
            ))),
        }
    }

    pub(crate) fn flag(&mut self, names: &[&'static str]) -> Result<Option<bool>, Refusal> {
        match self.take(names)? {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(other) => Err(self.of_kind(names, "true or false", &other)),
        }
    }

    /// Takes a path, as models write it: from the root, with a `/` before it or without.
    pub(crate) fn path(&mut self, names: &[&'static str]) -> Result<Option<TreePath>, Refusal> {
        let text = self.text(names)?;
        text.map(|text| self.read_path(&text)).transpose()
    }

    pub(crate) fn required_path(&mut self, names: &[&'static str]) -> Result<TreePath, Refusal> {
        let found = self.path(names)?;
        found.ok_or_else(|| self.missing(names))
    }

    pub(crate) fn read_path(&self, text: &str) -> Result<TreePath, Refusal> {
        path_of(text).map_err(|error| {
            let refusal = Refusal::from(error);
            let refusal = refusal.with("given", shortened(text));
            match text.contains('\\') {
                true => refusal.show("Names in a path are separated by `/`."),
                false => refusal.show("Paths are from the root of the files: `/src/main.rs`."),
            }
        })
    }

    /// Refuses what is left: arguments that the tool does not have.
    pub(crate) fn end(self) -> Result<(), Refusal> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.malformed(format!("`{}` is not understood", shortened(name)))),
        }
    }

    pub(crate) fn missing(&self, names: &[&'static str]) -> Refusal {
        let name = names.first().copied().unwrap_or_default();
        self.malformed(format!("`{name}` is missing"))
    }

    fn of_kind(&self, names: &[&'static str], expected: &str, found: &Value) -> Refusal {
        let name = names.first().copied().unwrap_or_default();
        self.malformed(format!("`{name}` is {}; expected {expected}", kind(found)))
    }
}

fn malformed(tool: &'static Tool, why: impl Into<String>) -> Refusal {
    told(tool, Reason::MalformedArgument, why)
}

fn told(tool: &'static Tool, reason: Reason, why: impl Into<String>) -> Refusal {
    Refusal::new(reason.code(), format!("{}: {}", tool.name, why.into()))
        .with("expected", tool.schema())
        .with("example", tool.example())
        .show(format!("Example: {}", tool.example()))
}

/// Says of which kind a value is.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Reads a path as models write it: `x`, `./x`, `x/`, `.` and nothing are from the root. What
/// would lead out of it, or has backslashes for slashes, is refused.
fn path_of(text: &str) -> Result<TreePath, Error> {
    let invalid = |why: &str| {
        Error::invalid(Reason::MalformedPath, "read path")
            .at(shortened(text))
            .because(why)
    };
    let drive = text.as_bytes().get(1..3) == Some(b":\\");
    if drive || text.contains('\\') && !text.contains('/') {
        return Err(invalid("a path of Windows"));
    }
    let names = text
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".");
    let names: Vec<&str> = names.collect();
    if names.contains(&"..") {
        return Err(invalid("`..` is not followed"));
    }
    TreePath::new(&format!("/{}", names.join("/")))
}

/// Returns a value with the fields of its objects in order, as one text: two values that mean
/// the same are the same text.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .collect();
            sorted.sort_by_key(|(name, _)| *name);
            let fields = sorted.into_iter();
            let fields =
                fields.map(|(name, value)| format!("{}:{}", json!(name), canonical(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(canonical).collect();
            format!("[{}]", values.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_models_write_them() {
        for (text, path) in [
            ("src/a.rs", "/src/a.rs"),
            ("/src/a.rs", "/src/a.rs"),
            ("./src//a.rs", "/src/a.rs"),
            ("src/", "/src"),
            (".", "/"),
            ("", "/"),
            ("a\\b/c", "/a\\b/c"),
        ] {
            assert_eq!(path_of(text).unwrap().as_str(), path, "{text}");
        }
        for bad in ["../a", "a/../b", "C:\\a", "a\\b", "a\0", &"x".repeat(5_000)] {
            assert!(path_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_means_the_same_is_the_same_text() {
        let one = json!({ "b": [1, { "y": "é", "x": null }], "a": true });
        let other = json!({ "a": true, "b": [1, { "y": "é" }] });
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(canonical(&one), r#"{"a":true,"b":[1,{"y":"é"}]}"#);
    }
}
