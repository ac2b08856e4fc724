//! Names of fields, in snake_case where JSON goes over HTTP, in camelCase where it goes to
//! JavaScript. What a map has for keys are not names of fields: they stay.

use serde_json::{Map, Value};
use workspace_core::Result;

use crate::operation::wrong_arguments;

/// The fields that are maps; a test compares them with the document.
const MAPS: [&str; 1] = ["metadata"];

/// Returns fields with their names in snake_case, and so within them.
///
/// # Errors
/// `Invalid` for a name that is not in camelCase.
pub(super) fn snake(fields: Map<String, Value>) -> Result<Map<String, Value>> {
    let renamed = fields.into_iter().map(|(name, value)| {
        if name.contains('_') {
            let wanted = told(&format!("`{name}`"));
            return Err(wrong_arguments(format!(
                "unknown field `{name}`, names are in camelCase: {wanted}"
            )));
        }
        let value = match MAPS.contains(&&*name) {
            true => value,
            false => within(value)?,
        };
        Ok((snake_name(&name), value))
    });
    renamed.collect()
}

fn within(value: Value) -> Result<Value> {
    Ok(match value {
        Value::Object(fields) => Value::Object(snake(fields)?),
        Value::Array(values) => {
            Value::Array(values.into_iter().map(within).collect::<Result<_>>()?)
        }
        other => other,
    })
}

fn snake_name(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Returns compact JSON with the names of its fields in camelCase.
pub(super) fn camel(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        if *byte != b'"' {
            out.push(*byte);
            at += 1;
            continue;
        }
        let end = end_of_text(json, at);
        let text = json.get(at..end).unwrap_or_default();
        at = end;
        // In compact JSON what stands before a colon is a name, and nothing else is.
        if json.get(at) != Some(&b':') {
            out.extend_from_slice(text);
            continue;
        }
        camel_name(text, &mut out);
        let name = text.get(1..text.len().saturating_sub(1));
        if MAPS.iter().any(|map| name == Some(map.as_bytes())) {
            let end = end_of_map(json, at);
            out.extend_from_slice(json.get(at..end).unwrap_or_default());
            at = end;
        }
    }
    out
}

fn camel_name(name: &[u8], out: &mut Vec<u8>) {
    let mut upper = false;
    for byte in name {
        match byte {
            b'_' => upper = true,
            byte if upper => {
                out.push(byte.to_ascii_uppercase());
                upper = false;
            }
            byte => out.push(*byte),
        }
    }
}

/// Returns where a text ends that starts at `start`.
fn end_of_text(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

/// Returns where a map of texts ends that comes after `start`.
fn end_of_map(json: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_text(json, at),
            b'}' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

/// Returns a text with the names that it has between backticks in camelCase.
pub(super) fn told(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(n, part)| {
        let is_name = n % 2 == 1
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        match is_name {
            false => part.to_owned(),
            true => {
                let mut name = Vec::with_capacity(part.len());
                camel_name(part.as_bytes(), &mut name);
                String::from_utf8(name).unwrap_or_default()
            }
        }
    });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn to_camel(value: &Value) -> Value {
        serde_json::from_slice(&camel(value.to_string().as_bytes())).unwrap()
    }

    #[test]
    fn names_are_renamed_and_nothing_else_is() {
        let value = json!({
            "parent_moved": true,
            "note": "a_b\":\"c_d\": \\",
            "list": [{ "used_bytes": 1 }, "x_y", ["a_b"]],
            "metadata": { "ticket_id": "a_b\"}", "other": "{" },
            "after_it": { "is_it": null },
        });
        let expected = json!({
            "parentMoved": true,
            "note": "a_b\":\"c_d\": \\",
            "list": [{ "usedBytes": 1 }, "x_y", ["a_b"]],
            "metadata": { "ticket_id": "a_b\"}", "other": "{" },
            "afterIt": { "isIt": null },
        });
        assert_eq!(to_camel(&value), expected);
        let Value::Object(fields) = expected else {
            unreachable!("it is one");
        };
        assert_eq!(Value::Object(snake(fields).unwrap()), value);
    }

    #[test]
    fn names_of_http_are_refused_with_the_right_one() {
        let Value::Object(fields) = json!({ "a": [{ "create_parents": true }] }) else {
            unreachable!("it is one");
        };
        let told = snake(fields).unwrap_err().to_string();
        assert!(told.contains("`createParents`"), "{told}");
    }

    #[test]
    fn what_is_told_of_fields_is_told_in_camel_case() {
        let found = told("unknown field `create_parent`, expected `create_parents` or `/a_b`");
        assert_eq!(
            found,
            "unknown field `createParent`, expected `createParents` or `/a_b`"
        );
    }

    /// Every field that the document says is a map is known, and every other name is such
    /// that it can be said in both ways.
    #[test]
    fn maps_are_those_of_the_document() {
        let document = crate::openapi();
        let mut maps = Vec::new();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        fn look(value: &Value, maps: &mut Vec<String>) {
            if let Some(properties) = value["properties"].as_object() {
                for (name, schema) in properties {
                    if schema["additionalProperties"].is_object() {
                        maps.push(name.clone());
                    }
                    let mut camel = Vec::new();
                    camel_name(name.as_bytes(), &mut camel);
                    assert_eq!(snake_name(std::str::from_utf8(&camel).unwrap()), *name);
                }
            }
            for inner in value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(_, inner)| inner)
            {
                look(inner, maps);
            }
            for inner in value.as_array().into_iter().flatten() {
                look(inner, maps);
            }
        }
        schemas.values().for_each(|schema| look(schema, &mut maps));
        maps.sort();
        maps.dedup();
        assert_eq!(maps, MAPS);
    }
}
