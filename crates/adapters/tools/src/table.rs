//! The table of tools: what a model is told of them.

use serde_json::{Value, json};

/// A tool, as a model is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub description: &'static str,
    /// The names by which models know it from elsewhere; a call by one of them is understood.
    pub aliases: &'static [&'static str],
    /// Whether a call of it can change files.
    pub changes: bool,
    /// The names of its arguments, each with its kind and what it is; those that have to be
    /// there first, as many as `required`.
    fields: &'static [(&'static str, Kind, &'static str)],
    required: usize,
    example: &'static str,
}

/// Of which kind an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    /// One of these.
    One(&'static [&'static str]),
    Edits,
}

use Kind::{Edits, Flag, Number, One, Text};

/// Every tool, in the order in which a model is told of them.
pub const TABLE: &[Tool] = &[
    Tool {
        name: "read",
        description: "Reads a text file by lines, or lists a directory. Tells the file's version, line ends, BOM and tabs.",
        aliases: &["Read", "read_file", "view"],
        changes: false,
        fields: &[
            ("path", Text, "from the root: src/main.rs"),
            ("offset", Number, "first line, from 1"),
            ("limit", Number, "lines; 2000 unless said"),
            ("byte_offset", Number, "first byte, instead of offset"),
            ("max_bytes", Number, "up to 1000000; 80000 unless said"),
        ],
        required: 1,
        example: r#"{"path":"src/main.rs","offset":1,"limit":200}"#,
    },
    Tool {
        name: "ls",
        description: "Lists a directory.",
        aliases: &["LS", "list", "list_dir", "list_directory"],
        changes: false,
        fields: &[
            ("path", Text, "directory; the root unless said"),
            ("limit", Number, "entries; 500 unless said"),
            ("after", Text, "name to go on after"),
        ],
        required: 0,
        example: r#"{"path":"src"}"#,
    },
    Tool {
        name: "find",
        description: "Finds files and directories by a glob: *.rs at any depth, src/**/*.{ts,tsx}.",
        aliases: &["Glob", "glob"],
        changes: false,
        fields: &[
            ("pattern", Text, "the glob, below path"),
            ("path", Text, "directory"),
            ("limit", Number, "paths; 200 unless said"),
            ("after", Text, "path to go on after"),
        ],
        required: 1,
        example: r#"{"pattern":"**/*.md","path":"docs"}"#,
    },
    Tool {
        name: "grep",
        description: "Searches file contents by a regular expression. Tells the exact total, or that it is incomplete and how to go on.",
        aliases: &["Grep", "search"],
        changes: false,
        fields: &[
            ("pattern", Text, "regular expression"),
            ("path", Text, "file or directory"),
            ("glob", Text, "files to search: *.rs"),
            (
                "output_mode",
                One(&["content", "files_with_matches", "count"]),
                "",
            ),
            ("literal", Flag, "pattern is plain text"),
            ("-i", Flag, "ignore case"),
            ("-A", Number, "lines after"),
            ("-B", Number, "lines before"),
            ("-C", Number, "lines around"),
            ("multiline", Flag, "matches may span lines"),
            ("head_limit", Number, "results; 250 unless said"),
            ("offset", Number, "results to skip"),
            ("after", Text, "path to go on after"),
        ],
        required: 1,
        example: r#"{"pattern":"fn main","glob":"*.rs","-C":2}"#,
    },
    Tool {
        name: "write",
        description: "Writes a whole file; makes missing directories. For a part of a file use edit.",
        aliases: &["Write", "write_file", "create_file"],
        changes: true,
        fields: &[
            ("path", Text, ""),
            ("content", Text, "all of it"),
            (
                "if_version",
                Text,
                "only if the file has this version; none for a new file",
            ),
        ],
        required: 2,
        example: r##"{"path":"notes/today.md","content":"# Today\n"}"##,
    },
    Tool {
        name: "edit",
        description: "Replaces exact texts in a file: old_string and new_string, or several as edits, all against the file as it is, all or none. Each has to be there once, or say replace_all or line. Or give patch: *** Begin Patch.",
        aliases: &[
            "Edit",
            "MultiEdit",
            "edit_file",
            "apply_patch",
            "str_replace",
        ],
        changes: true,
        fields: &[
            ("path", Text, ""),
            (
                "old_string",
                Text,
                "exactly as in the file, without line numbers",
            ),
            ("new_string", Text, ""),
            ("replace_all", Flag, ""),
            (
                "line",
                Number,
                "line on which old_string begins, if there are several",
            ),
            ("edits", Edits, ""),
            ("patch", Text, "instead of all others"),
            ("if_version", Text, "only if the file has this version"),
        ],
        required: 0,
        example: r#"{"path":"src/main.rs","edits":[{"old_string":"a = 1","new_string":"a = 2"}]}"#,
    },
    Tool {
        name: "delete",
        description: "Deletes a file, or a directory with recursive.",
        aliases: &["Delete", "delete_file", "rm"],
        changes: true,
        fields: &[
            ("path", Text, ""),
            ("recursive", Flag, "a directory with all in it"),
        ],
        required: 1,
        example: r#"{"path":"old.txt"}"#,
    },
    Tool {
        name: "move",
        description: "Moves or renames a file or directory.",
        aliases: &["Move", "rename", "mv"],
        changes: true,
        fields: &[
            ("from", Text, ""),
            ("to", Text, ""),
            ("replace", Flag, "what is there gives way"),
        ],
        required: 2,
        example: r#"{"from":"a.txt","to":"docs/a.txt"}"#,
    },
    Tool {
        name: "run",
        description: "Runs JavaScript over the files, without network. What it writes is one operation if it returns, none if it fails.",
        aliases: &["code", "execute_code"],
        changes: true,
        fields: &[
            ("code", Text, "a module or the body of an async function"),
            ("timeout_ms", Number, ""),
        ],
        required: 1,
        example: r#"{"code":"return (await env.WORKSPACE.list('/')).entries.length"}"#,
    },
    Tool {
        name: "exec",
        description: "Runs a shell command over the files. What it changed is one operation, also if it fails.",
        aliases: &["Bash", "bash", "shell"],
        changes: true,
        fields: &[
            ("command", Text, ""),
            ("cwd", Text, "directory"),
            ("timeout_ms", Number, ""),
        ],
        required: 1,
        example: r#"{"command":"npm test"}"#,
    },
    Tool {
        name: "status",
        description: "Tells what the draft changed, and how it stands to what is published.",
        aliases: &[],
        changes: false,
        fields: &[],
        required: 0,
        example: "{}",
    },
    Tool {
        name: "diff",
        description: "Shows what the draft changed, or one call or operation, as a unified diff.",
        aliases: &[],
        changes: false,
        fields: &[
            ("path", Text, "at and below it"),
            ("operation", Number, ""),
            ("call", Text, "a call's id"),
            ("after", Text, "path to go on after"),
            ("max_bytes", Number, "up to 1000000"),
        ],
        required: 0,
        example: r#"{"path":"src"}"#,
    },
    Tool {
        name: "undo",
        description: "Takes back one call, or operations from to to, and keeps what came later. An undo can be undone.",
        aliases: &[],
        changes: true,
        fields: &[
            ("call", Text, "a call's id"),
            ("operation", Number, ""),
            ("from", Number, "first operation"),
            ("to", Number, "last operation"),
        ],
        required: 0,
        example: r#"{"operation":3}"#,
    },
    Tool {
        name: "history",
        description: "Lists the calls that changed something, the newest first.",
        aliases: &[],
        changes: false,
        fields: &[
            ("limit", Number, "20 unless said"),
            ("before", Number, "operation to go on before"),
        ],
        required: 0,
        example: r#"{"limit":20}"#,
    },
    Tool {
        name: "propose",
        description: "Proposes the draft for publication. A person decides; no tool publishes.",
        aliases: &[],
        changes: false,
        fields: &[("message", Text, "what it changes and why")],
        required: 1,
        example: r#"{"message":"Fix the parser"}"#,
    },
];

impl Tool {
    /// Returns the tool of a name, or of one by which it is known from elsewhere.
    pub fn named(name: &str) -> Option<&'static Self> {
        let exact = TABLE.iter().find(|tool| tool.name == name);
        exact.or_else(|| TABLE.iter().find(|tool| tool.aliases.contains(&name)))
    }

    /// Returns the JSON Schema of its arguments, in the one shape that it tells of.
    pub fn schema(&self) -> Value {
        let property = |(name, kind, about): &(&str, Kind, &str)| {
            let mut property = match kind {
                Text => json!({ "type": "string" }),
                Number => json!({ "type": "integer" }),
                Flag => json!({ "type": "boolean" }),
                One(words) => json!({ "enum": words }),
                Edits => json!({
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "old_string": { "type": "string" },
                            "new_string": { "type": "string" },
                            "replace_all": { "type": "boolean" },
                            "line": { "type": "integer" },
                        },
                        "required": ["old_string", "new_string"],
                    },
                }),
            };
            if !about.is_empty() {
                property["description"] = (*about).into();
            }
            ((*name).to_owned(), property)
        };
        let required = self.fields.iter().take(self.required);
        let required: Vec<&str> = required.map(|(name, _, _)| *name).collect();
        let properties = self.fields.iter().map(property);
        let properties: serde_json::Map<String, Value> = properties.collect();
        match required.is_empty() {
            true => json!({ "type": "object", "properties": properties }),
            false => json!({ "type": "object", "properties": properties, "required": required }),
        }
    }

    /// Returns arguments of a call of it.
    pub(crate) fn example(&self) -> &'static str {
        self.example
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_means_two_tools_and_examples_have_what_is_required() {
        let names = TABLE
            .iter()
            .flat_map(|tool| tool.aliases.iter().copied().chain([tool.name]));
        let names: Vec<&str> = names.collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for tool in TABLE {
            let example: Value = serde_json::from_str(tool.example()).unwrap();
            let schema = tool.schema();
            let required = schema["required"].as_array().into_iter().flatten();
            for name in required {
                assert!(!example[name.as_str().unwrap()].is_null(), "{}", tool.name);
            }
            for name in example.as_object().unwrap().keys() {
                assert!(
                    !schema["properties"][name].is_null(),
                    "{} {name}",
                    tool.name
                );
            }
        }
    }
}
