//! What the double answers is what GitHub says that it answers: `github.json` is of GitHub's
//! own description, made by `examples/schemas.rs`.

#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::Value;
use workspace_github_double::Double;

/// Says what of a value is not as a schema has it.
fn faults(schemas: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(of) = schema["$ref"].as_str() {
        let name = of.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas[name].is_object(), "{name} is missing");
        return faults(schemas, &schemas[name], value, at, found);
    }
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    for (key, most) in [("anyOf", usize::MAX), ("oneOf", usize::MAX), ("allOf", 0)] {
        let Some(list) = schema[key].as_array() else {
            continue;
        };
        let tried = list.iter().map(|one| {
            let mut found = Vec::new();
            faults(schemas, one, value, at, &mut found);
            found
        });
        let tried: Vec<_> = tried.collect();
        let right = tried.iter().filter(|found| found.is_empty()).count();
        if right == 0 || (most == 0 && right < list.len()) {
            found.push(format!("{at}: none of {key}: {tried:?}"));
        }
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("a type {other}"),
    };
    if !types.is_empty() && !types.iter().any(is) {
        found.push(format!("{at}: {value} is not {types:?}"));
        return;
    }
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        found.push(format!("{at}: {value} is none of {known:?}"));
    }
    if let Some(object) = value.as_object() {
        for key in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(key.as_str().unwrap()) {
                found.push(format!("{at}: no {key}"));
            }
        }
        for (key, value) in object {
            let described = &schema["properties"][key];
            if described.is_object() {
                faults(schemas, described, value, &format!("{at}/{key}"), found);
            } else if schema["additionalProperties"] == false {
                found.push(format!("{at}: {key} is not described"));
            }
        }
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            faults(
                schemas,
                &schema["items"],
                value,
                &format!("{at}/{index}"),
                found,
            );
        }
    }
}

fn described() -> Value {
    serde_json::from_str(include_str!("../github.json")).unwrap()
}

#[tokio::test]
async fn each_answer_is_as_github_describes_it() {
    let described = described();
    let double = Double::start().await.unwrap();
    let samples = double.samples();
    for (name, value) in &samples {
        let schema = &described["schemas"][name];
        assert!(schema.is_object(), "{name}");
        let mut found = Vec::new();
        faults(&described["schemas"], schema, value, name, &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
    // And each route answers one of them.
    for (route, name) in described["routes"].as_object().unwrap() {
        let name = name.as_str().unwrap().trim_matches(['[', ']']);
        let known = samples.iter().any(|(sample, _)| *sample == name);
        assert!(known, "{route} answers {name}");
    }
}

#[test]
fn what_is_not_as_described_is_found() {
    let described = described();
    let schemas = &described["schemas"];
    for (name, value) in [
        ("basic-error", r#"{"message":1}"#),
        ("installation-token", r#"{"token":"x"}"#),
        ("installation-token", r#"{"token":"x","expires_at":7}"#),
        ("blob", r#"[]"#),
        ("pull-request", r#"{"state":"ajar"}"#),
    ] {
        let mut found = Vec::new();
        let value: Value = serde_json::from_str(value).unwrap();
        faults(schemas, &schemas[name], &value, name, &mut found);
        assert!(!found.is_empty(), "{name} {value}");
    }
}
