//! What code can ask of its files: the methods, and the operations that they are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The longest arguments of a call, in bytes: what is longer is contents, which are not among
/// them.
pub(crate) const MAX_ARGUMENTS: usize = 1 << 20;

/// A method of the files. Its arguments come by their names.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) does: Does,
    /// Those that it must have.
    pub(crate) needs: &'static [&'static str],
    /// Those that it may have besides.
    pub(crate) takes: &'static [&'static str],
}

/// What a method does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// Reads a file as bytes.
    Read,
    /// Reads one as text.
    ReadText,
    /// Writes one.
    Write,
    /// Tells whether something is there.
    Exists,
    /// Lists what the run has changed.
    Diff,
    /// Calls the operation of the contract that has this name.
    Call(&'static str),
    /// Makes a change with this name.
    Change(&'static str),
}

const fn method(
    name: &'static str,
    does: Does,
    needs: &'static [&'static str],
    takes: &'static [&'static str],
) -> Method {
    Method {
        name,
        does,
        needs,
        takes,
    }
}

const METHODS: [Method; 14] = [
    method("readFile", Does::Read, &["path"], &[]),
    method("readText", Does::ReadText, &["path"], &[]),
    method(
        "writeFile",
        Does::Write,
        &["path"],
        &["executable", "mediaType", "createParents"],
    ),
    method("edit", Does::Call("edit"), &["path", "edits"], &[]),
    method("list", Does::Call("list"), &[], &["path", "after", "limit"]),
    method("stat", Does::Call("stat"), &["path"], &[]),
    method("exists", Does::Exists, &["path"], &[]),
    method(
        "glob",
        Does::Call("glob"),
        &["pattern"],
        &["path", "after", "limit"],
    ),
    method(
        "grep",
        Does::Call("grep"),
        &["pattern"],
        &["path", "literal", "ignoreCase", "glob", "after", "limit"],
    ),
    method("mkdir", Does::Change("mkdir"), &["path"], &[]),
    method("delete", Does::Change("remove"), &["path"], &[]),
    method("move", Does::Change("move"), &["from", "to"], &["replace"]),
    method("copy", Does::Change("copy"), &["from", "to"], &["replace"]),
    method("diff", Does::Diff, &[], &["after", "limit"]),
];

impl Method {
    /// Finds a method by its name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// Tells whether it may change files.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.does, Does::Write | Does::Change(_)) || self.name == "edit"
    }

    /// Reads its arguments, each as JSON of its kind. Nothing is made of what a list has: that
    /// may take fifty times its size.
    ///
    /// # Errors
    /// What is wrong with them: no JSON object, one that it has not, one that is missing, one
    /// of another kind.
    pub(crate) fn read<'a>(&'static self, text: &'a str) -> Result<Arguments<'a>, String> {
        let mut wrong = None;
        let reader = Reader {
            method: self,
            wrong: &mut wrong,
        };
        let mut all = serde_json::Deserializer::from_str(text);
        let read = reader.deserialize(&mut all);
        let read = read.and_then(|found| all.end().map(|()| found));
        let mut found = read.map_err(|error| {
            wrong.unwrap_or_else(|| format!("arguments are a JSON object: {error}"))
        })?;
        if let Some(missing) = self.needs.iter().find(|name| !found.has(name)) {
            return Err(format!("missing field `{missing}`"));
        }
        for (name, value) in &found.0 {
            kind_of(name).check(name, value)?;
        }
        // What is looked below is the root, unless it is said.
        if self.takes.contains(&"path") && !found.has("path") {
            found.set("path", r#""/""#);
        }
        Ok(found)
    }

    /// Returns the name of one of its arguments.
    fn argument(&self, name: &str) -> Result<&'static str, String> {
        let all = || self.needs.iter().chain(self.takes);
        if let Some(known) = all().find(|known| **known == name) {
            return Ok(known);
        }
        let expected: Vec<String> = all().map(|name| format!("`{name}`")).collect();
        let expected = match expected.is_empty() {
            true => "none".to_owned(),
            false => expected.join(", "),
        };
        let name: String = name.chars().take(100).collect();
        Err(format!("unknown field `{name}`, expected {expected}"))
    }

    /// Returns its arguments as those of the operation that it is.
    pub(crate) fn operation<'a>(&self, mut arguments: Arguments<'a>) -> Arguments<'a> {
        match self.does {
            Does::Change(op) => {
                arguments.set("op", format!("\"{op}\""));
                match op {
                    "mkdir" => arguments.set("parents", "true"),
                    "remove" => arguments.set("recursive", "true"),
                    _ => {}
                }
                let mut batch = Arguments::default();
                batch.set("changes", format!("[{}]", arguments.to_json()));
                batch
            }
            Does::Write => {
                if !arguments.has("createParents") {
                    arguments.set("createParents", "true");
                }
                arguments
            }
            _ => arguments,
        }
    }
}

/// Arguments by their names, each as JSON.
#[derive(Debug, Default)]
pub(crate) struct Arguments<'a>(BTreeMap<&'static str, Cow<'a, str>>);

impl<'a> Arguments<'a> {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Sets one to JSON.
    pub(crate) fn set(&mut self, name: &'static str, json: impl Into<Cow<'a, str>>) {
        self.0.insert(name, json.into());
    }

    /// Returns one that is text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.0.get(name)?).ok()
    }

    /// Returns one that is a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        serde_json::from_str(self.0.get(name)?).ok()
    }

    /// Returns them as a JSON object.
    pub(crate) fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (name, value) in &self.0 {
            if json.len() > 1 {
                json.push(',');
            }
            // No name has what is to be escaped.
            json.extend(["\"", name, "\":", value]);
        }
        json.push('}');
        json
    }
}

/// Reads the arguments of a method, up to the first that it has not.
struct Reader<'a> {
    method: &'static Method,
    /// What is wrong with them, but that they are no JSON.
    wrong: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Arguments<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Arguments<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        let mut found = Arguments::default();
        while let Some(name) = all.next_key::<Cow<'de, str>>()? {
            match self.method.argument(&name) {
                Ok(name) => found.set(name, all.next_value::<&RawValue>()?.get()),
                Err(why) => {
                    *self.wrong = Some(why);
                    return Err(de::Error::custom("unknown field"));
                }
            }
        }
        Ok(found)
    }
}

/// What an argument is.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Yes,
    Limit,
    /// What the operation reads.
    Other,
}

fn kind_of(name: &str) -> Kind {
    match name {
        "executable" | "createParents" | "literal" | "ignoreCase" | "replace" => Kind::Yes,
        "limit" => Kind::Limit,
        "edits" => Kind::Other,
        _ => Kind::Text,
    }
}

impl Kind {
    fn check(self, name: &str, json: &str) -> Result<(), String> {
        fn is<'a, T: Deserialize<'a>>(json: &'a str) -> bool {
            serde_json::from_str::<T>(json).is_ok()
        }
        match self {
            Self::Text if !is::<Cow<'_, str>>(json) => Err(format!("`{name}` is text")),
            Self::Yes if !is::<bool>(json) => Err(format!("`{name}` is true or false")),
            Self::Limit if !is::<u64>(json) => Err(format!("`{name}` is a whole number")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod compared;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_what_was_said_and_as_what_they_are_called() {
        let edit = Method::named("edit").unwrap();
        let text = r#"{ "path": "/\u0061", "edits": [{"a":0}, {"a":0}] }"#;
        let read = edit.read(text).unwrap();
        assert_eq!(read.text("path").as_deref(), Some("/a"));
        let json = r#"{"edits":[{"a":0}, {"a":0}],"path":"/\u0061"}"#;
        assert_eq!(read.to_json(), json);
        let delete = Method::named("delete").unwrap();
        let read = delete.read(r#"{"path":"/a"}"#).unwrap();
        assert_eq!(
            delete.operation(read).to_json(),
            r#"{"changes":[{"op":"remove","path":"/a","recursive":true}]}"#
        );
        let list = Method::named("list").unwrap();
        let read = list.read(r#"{"limit":7}"#).unwrap();
        assert_eq!(
            (read.number("limit"), read.text("path")),
            (Some(7), Some("/".into()))
        );
    }

    #[test]
    fn what_a_method_does_not_take_is_refused_by_its_name() {
        let method = Method::named("move").unwrap();
        let wrong = |text: &str| method.read(text).unwrap_err();
        assert_eq!(
            wrong(r#"{"from":"/a","to":"/b","copy":"x"}"#),
            "unknown field `copy`, expected `from`, `to`, `replace`"
        );
        assert_eq!(wrong(r#"{"from":"/a"}"#), "missing field `to`");
        assert!(wrong("[]").starts_with("arguments are a JSON object"));
        assert!(wrong(r#"{"from":"/a","to":"/b"} {}"#).starts_with("arguments are a JSON object"));
        assert_eq!(wrong(r#"{"from":["/a"],"to":"/b"}"#), "`from` is text");
        let long = format!(r#"{{"{}":1}}"#, "x".repeat(5_000));
        assert!(wrong(&long).len() < 200);
        assert!(Method::named("apply").is_none());
    }
}
