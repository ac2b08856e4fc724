//! A program as a Worker Loader takes it.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::program::Program;
use crate::runs::Run;

/// Where what surrounds a program is, among its modules.
pub(crate) const OURS: &str = "_workspace/";
pub(crate) const PRELUDE: &str = include_str!("../guest/prelude.js");
pub(crate) const HARNESS: &str = include_str!("../guest/harness.js");

/// A program as a Worker Loader takes it, with what it is run by.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Load<'a> {
    /// What tells its code and its authority from those of others: the loader's name for it.
    key: &'a str,
    /// The module that is the Worker's.
    main_module: String,
    /// All modules, by their names.
    modules: Map<String, Value>,
    /// The module that is run.
    main: &'a str,
    /// What it is called with, as JSON.
    input: String,
    /// Bytes of its value.
    value: u32,
    /// Bytes that it may read and write.
    bytes: u64,
    /// How many calls it may make.
    calls: u32,
    /// For how many milliseconds it may go on.
    millis: u32,
    /// How many lines of its console are kept, and how many bytes of them.
    lines: u32,
    /// Bytes of them.
    console: u32,
}

impl Run {
    /// Returns what a Worker Loader is given to run it.
    pub fn load(&self) -> Load<'_> {
        let order = self.order();
        let limits = order.limits;
        let main = order.program.modules.first();
        Load {
            key: self.loaded_as(),
            main_module: format!("{OURS}harness.js"),
            modules: modules(&order.program),
            main: main.map_or("", |module| &module.name),
            input: order.input.to_string(),
            value: limits.value,
            bytes: limits.bytes,
            calls: limits.calls,
            millis: limits.millis,
            lines: limits.lines,
            console: limits.console,
        }
    }
}

fn modules(program: &Program) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, text) in [("prelude.js", PRELUDE), ("harness.js", HARNESS)] {
        all.insert(format!("{OURS}{name}"), json!({ "js": text }));
    }
    for module in &program.modules {
        let kind = match module.name.rsplit_once('.') {
            Some((_, "json")) => "json",
            Some((_, "txt")) => "text",
            _ => "js",
        };
        let value = match kind {
            // What is no JSON is told by whoever imports it.
            "json" => match serde_json::from_str(&module.source) {
                Ok(value) => json!({ "json": Value::clone(&value) }),
                Err(error) => {
                    let told = json!(format!("{}: {error}", module.name)).to_string();
                    json!({ "js": format!("throw new SyntaxError({told});") })
                }
            },
            kind => json!({ kind: module.source }),
        };
        all.insert(module.name.clone(), value);
    }
    all
}
