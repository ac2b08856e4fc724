//! What code can ask of its files: the methods, and the operations that they are.

use serde_json::{Map, Value, json};

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

    /// Reads its arguments.
    ///
    /// # Errors
    /// What is wrong with them: no JSON object, one that it has not, one that is missing.
    pub(crate) fn read(&self, text: &str) -> Result<Map<String, Value>, String> {
        let mut found: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| format!("arguments are a JSON object: {error}"))?;
        let known = |name: &str| self.needs.contains(&name) || self.takes.contains(&name);
        if let Some(unknown) = found.keys().find(|name| !known(name)) {
            let mut all = self.needs.iter().chain(self.takes);
            let expected = match all.next() {
                None => "none".to_owned(),
                Some(first) => all.fold(format!("`{first}`"), |text, name| {
                    format!("{text}, `{name}`")
                }),
            };
            return Err(format!("unknown field `{unknown}`, expected {expected}"));
        }
        if let Some(missing) = self.needs.iter().find(|name| !found.contains_key(**name)) {
            return Err(format!("missing field `{missing}`"));
        }
        for (name, value) in &found {
            kind_of(name).check(name, value)?;
        }
        // What is looked below is the root, unless it is said.
        if self.takes.contains(&"path") {
            found.entry("path").or_insert_with(|| "/".into());
        }
        Ok(found)
    }

    /// Returns its arguments as those of the operation that it is.
    pub(crate) fn operation(&self, mut arguments: Map<String, Value>) -> Map<String, Value> {
        match self.does {
            Does::Change(op) => {
                arguments.insert("op".into(), op.into());
                match op {
                    "mkdir" => arguments.insert("parents".into(), true.into()),
                    "remove" => arguments.insert("recursive".into(), true.into()),
                    _ => None,
                };
                let changes = json!([arguments]);
                Map::from_iter([("changes".to_owned(), changes)])
            }
            Does::Write => {
                arguments
                    .entry("createParents")
                    .or_insert_with(|| true.into());
                arguments
            }
            _ => arguments,
        }
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
    fn check(self, name: &str, value: &Value) -> Result<(), String> {
        match self {
            Self::Text if !value.is_string() => Err(format!("`{name}` is text")),
            Self::Yes if !value.is_boolean() => Err(format!("`{name}` is true or false")),
            Self::Limit if !value.is_u64() => Err(format!("`{name}` is a whole number")),
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
    fn what_a_method_does_not_take_is_refused_by_its_name() {
        let method = Method::named("move").unwrap();
        let wrong = |text: &str| method.read(text).unwrap_err();
        assert_eq!(
            wrong(r#"{"from":"/a","to":"/b","copy":"x"}"#),
            "unknown field `copy`, expected `from`, `to`, `replace`"
        );
        assert_eq!(wrong(r#"{"from":"/a"}"#), "missing field `to`");
        assert!(wrong("[]").starts_with("arguments are a JSON object"));
        assert!(Method::named("apply").is_none());
    }
}
