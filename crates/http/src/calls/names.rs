//! Names of fields, in snake_case where JSON goes over HTTP, in camelCase where it goes to
//! JavaScript. What a map has for keys are not names of fields: they stay.

use workspace_core::Result;

use crate::operation::wrong_arguments;

/// The fields that are maps; a test compares them with the document.
const MAPS: [&str; 1] = ["metadata"];

/// Returns a name of a field in snake_case.
///
/// # Errors
/// `Invalid` for one that is not in camelCase.
pub(super) fn snake_name(name: &str) -> Result<String> {
    if name.contains('_') {
        let wanted = told(&format!("`{name}`"));
        return Err(wrong_arguments(format!(
            "unknown field `{name}`, names are in camelCase: {wanted}"
        )));
    }
    let mut snake = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    Ok(snake)
}

/// Returns what the field `name` has, which is JSON, with the names within it in snake_case.
///
/// # Errors
/// `Invalid` for a name that is not in camelCase.
pub(super) fn snake(name: &str, json: &str) -> Result<String> {
    if MAPS.contains(&name) {
        return Ok(json.into());
    }
    let mut out = String::with_capacity(json.len() + 16);
    let mut at = 0;
    while let Some(start) = json[at..].find('"').map(|found| at + found) {
        out.push_str(&json[at..start]);
        let end = end_of_text(json.as_bytes(), start);
        let text = &json[start..end];
        at = end;
        if !json[end..].trim_start().starts_with(':') {
            out.push_str(text);
            continue;
        }
        // What has escapes is the name of no field.
        let name = text.trim_matches('"');
        out.push('"');
        out.push_str(&snake_name(name)?);
        out.push('"');
        if MAPS.contains(&name) {
            let end = end_of_map(json.as_bytes(), at);
            out.push_str(&json[at..end]);
            at = end;
        }
    }
    out.push_str(&json[at..]);
    Ok(out)
}

/// Returns compact JSON with the names of its fields in camelCase.
pub(super) fn camel(json: Vec<u8>) -> Vec<u8> {
    // Most answers have no name of several words, and no text with a `_` either.
    if !json.contains(&b'_') {
        return json;
    }
    let json = json.as_slice();
    let quote = |at: usize| {
        let rest = json.get(at..).unwrap_or_default();
        rest.iter()
            .position(|byte| *byte == b'"')
            .map(|found| at + found)
    };
    let mut out = Vec::with_capacity(json.len());
    // What is before it is written.
    let mut done = 0;
    let mut at = 0;
    while let Some(start) = quote(at) {
        let end = end_of_text(json, start);
        at = end;
        // In compact JSON what stands before a colon is a name, and nothing else is.
        if json.get(end) != Some(&b':') {
            continue;
        }
        let name = json.get(start + 1..end - 1).unwrap_or_default();
        if name.contains(&b'_') {
            out.extend_from_slice(json.get(done..=start).unwrap_or_default());
            camel_name(name, &mut out);
            done = end - 1;
        }
        if MAPS.iter().any(|map| name == map.as_bytes()) {
            at = end_of_map(json, end);
        }
    }
    out.extend_from_slice(json.get(done..).unwrap_or_default());
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
    use serde_json::{Value, json};

    use super::*;

    fn to_camel(value: &Value) -> Value {
        serde_json::from_slice(&camel(value.to_string().into_bytes())).unwrap()
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
        let back = snake("", &expected.to_string()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&back).unwrap(), value);
        let spaced = serde_json::to_string_pretty(&expected).unwrap();
        let back = snake("", &spaced).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&back).unwrap(), value);
        let map = r#"{"a_b":"c"}"#;
        assert_eq!(snake("metadata", map).unwrap(), map);
    }

    #[test]
    fn names_of_http_are_refused_with_the_right_one() {
        let fields = json!({ "a": [{ "create_parents": true }] });
        let told = snake("", &fields.to_string()).unwrap_err().to_string();
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
                    let camel = std::str::from_utf8(&camel).unwrap();
                    assert_eq!(snake_name(camel).unwrap(), *name);
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
