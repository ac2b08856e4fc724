//! Programs that are run on every host of delegated code, and what has to come of them: see
//! the page beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// A program, and what has to come of it.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name: the directory and the file, without the extension.
    pub name: String,
    /// The modules by their names; the first is run.
    pub modules: Vec<(String, String)>,
    /// Options: `input`, `scope`, `limits`.
    pub options: Map<String, Value>,
    expected: Map<String, Value>,
}

/// What came of a program: an outcome as JSON, or why it was refused.
#[derive(Debug, Clone)]
pub enum Came {
    /// An outcome.
    Of(Value),
    /// The code of the error with which it was refused.
    Refused(String),
}

const DIRECTORY: &str = env!("CARGO_MANIFEST_DIR");

/// Reads all programs, in the order of their names.
///
/// # Errors
/// A file that is none, naming it.
pub fn programs() -> Result<Vec<Program>> {
    let mut all = Vec::new();
    for kind in ["plain", "failing", "hostile"] {
        let directory = Path::new(DIRECTORY).join(kind);
        for entry in fs::read_dir(&directory).context("the corpus is beside its crate")? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{kind}/{name}");
            let text = fs::read_to_string(&path)?;
            let kind = path.extension().unwrap_or_default().to_string_lossy();
            let program = program(name, &format!("main.{kind}"), &text);
            all.push(program.with_context(|| path.display().to_string())?);
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Returns the tree that each of them begins with, as changes over HTTP make it: with one time
/// of modification, so that it is the same tree everywhere.
///
/// # Errors
/// What is no entry.
pub fn tree() -> Result<Vec<Value>> {
    let text = fs::read_to_string(Path::new(DIRECTORY).join("tree.json"))?;
    let entries: BTreeMap<String, Value> = serde_json::from_str(&text)?;
    let changes = entries.into_iter().map(|(path, entry)| {
        let write = |content: Value, executable: bool| {
            json!({
                "op": "write", "path": path, "content": content, "createParents": true,
                "executable": executable, "modified": MODIFIED,
            })
        };
        Ok(match &entry {
            Value::String(text) => write(json!({ "text": text }), false),
            entry if entry["directory"] == true => {
                json!({ "op": "mkdir", "path": path, "parents": true })
            }
            entry if entry["symlink"].is_string() => json!({
                "op": "symlink", "path": path, "target": entry["symlink"],
                "createParents": true, "modified": MODIFIED,
            }),
            entry if entry["base64"].is_string() => write(
                json!({ "base64": entry["base64"] }),
                entry["executable"] == true,
            ),
            entry if entry["text"].is_string() => write(
                json!({ "text": entry["text"] }),
                entry["executable"] == true,
            ),
            _ => bail!("{path}: {entry} is no entry"),
        })
    });
    changes.collect()
}

/// When all of the tree was modified, in milliseconds since 1970.
const MODIFIED: u64 = 1_700_000_000_000;

fn program(name: String, main: &str, text: &str) -> Result<Program> {
    let mut lines = text.lines();
    let mut header = |mark: &str| -> Result<Map<String, Value>> {
        let line = lines.next().and_then(|line| line.strip_prefix(mark));
        let line = line.with_context(|| format!("a line that begins with `{mark}`"))?;
        Ok(serde_json::from_str(line)?)
    };
    let (mut options, expected) = (header("//! ")?, header("//= ")?);
    let mut modules = vec![(main.to_owned(), text.to_owned())];
    if let Some(Value::Object(more)) = options.remove("modules") {
        for (name, source) in more {
            let source = source.as_str().context("a module is text")?;
            modules.push((name, source.to_owned()));
        }
    }
    options
        .entry("scope")
        .or_insert_with(|| json!({ "read": ["**"], "write": ["**"], "delete": true }));
    Ok(Program {
        name,
        modules,
        options,
        expected,
    })
}

impl Program {
    /// Returns it as the order of a run of a copy.
    pub fn order(&self, id: &str, copy: &str) -> Value {
        let modules = self.modules.iter();
        let modules = modules.map(|(name, source)| json!({ "name": name, "source": source }));
        let mut order = self.options.clone();
        order.insert("id".into(), id.into());
        order.insert("copy".into(), copy.into());
        order.insert(
            "program".into(),
            json!({ "modules": modules.collect::<Vec<_>>() }),
        );
        Value::Object(order)
    }

    /// Tells whether it leaves something in the files.
    pub fn writes(&self) -> bool {
        self.expected
            .get("files")
            .is_some_and(|files| files == "applied")
    }

    /// Compares what came of it with what has to.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self, came: &Came) -> Result<()> {
        let outcome = match (came, self.expected.get("refused")) {
            (Came::Refused(code), Some(expected)) if expected == code => return Ok(()),
            (Came::Of(outcome), None) => outcome,
            _ => bail!("{}: {came:?}, expected {:?}", self.name, self.expected),
        };
        for (key, expected) in &self.expected {
            let found = match &**key {
                "console" => pairs(&outcome["console"], ["level", "text"]),
                "denied" => pairs(&outcome["denied"], ["method", "path"]),
                "written" => outcome["written"]["paths"].clone(),
                "files" => outcome["files"]["status"].clone(),
                // That there are some, and not how many.
                "leftOut" if expected.as_u64() == Some(1) => {
                    u64::from(outcome["leftOut"].as_u64() > Some(0)).into()
                }
                key => outcome[key].clone(),
            };
            if found != *expected {
                bail!(
                    "{}: `{key}` is {found}, expected {expected}: {outcome}",
                    self.name
                );
            }
        }
        Ok(())
    }
}

fn pairs(list: &Value, names: [&str; 2]) -> Value {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| json!(names.map(|name| &one[name])))
        .collect()
}
