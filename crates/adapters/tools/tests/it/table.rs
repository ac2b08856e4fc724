//! What a model is told of the tools.

use std::fs;
use std::path::Path;

use workspace_tools::{TABLE, Tool};

use crate::support::Fixture;

#[test]
fn the_whole_list_has_at_most_10_kb() {
    let told = |tool: &Tool| {
        serde_json::json!({
            "name": tool.name,
            "description": tool.description,
            "inputSchema": tool.schema(),
        })
    };
    let all: serde_json::Value = TABLE.iter().map(told).collect();
    let bytes = all.to_string().len();
    assert!(bytes <= 10_000, "{bytes}");
    let fixture = Fixture::new();
    let names: Vec<_> = fixture.tools.list().iter().map(|tool| tool.name).collect();
    assert_eq!(names.len(), TABLE.len() - 2);
    assert!(!names.contains(&"run") && !names.contains(&"exec"));
    assert_eq!(fixture.tools.told().as_array().unwrap().len(), names.len());
    for publishes in ["apply", "discard", "export", "publish", "grant", "token"] {
        assert!(Tool::named(publishes).is_none());
    }
}

/// The page for agents has the table as it is.
#[test]
fn the_document_has_the_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/agents.md");
    let page = fs::read_to_string(page).unwrap();
    for tool in TABLE {
        let schema = tool.schema();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        names.sort();
        let arguments: Vec<_> = names
            .into_iter()
            .map(|name| match required.iter().any(|it| it == name) {
                true => format!("**`{name}`**"),
                false => format!("`{name}`"),
            })
            .collect();
        let also: Vec<_> = tool
            .aliases
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let row = format!(
            "| `{}` | {} | {} | {} |",
            tool.name,
            tool.description,
            arguments.join(", "),
            also.join(", ")
        );
        assert!(page.contains(&row), "docs/agents.md lacks:\n{row}");
    }
}
