//! Makes `github.json` anew of GitHub's description of its REST: `npm pack @octokit/openapi`,
//! unpack it, then
//! `cargo run -p workspace-github-double --example schemas -- package VERSION`.

#![allow(clippy::print_stdout, reason = "it talks to the person who started it")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What the double answers.
const ROUTES: [(&str, &str, &str); 8] = [
    ("get", "/repos/{owner}/{repo}/commits/{ref}", "200"),
    ("get", "/repos/{owner}/{repo}/commits/{ref}", "422"),
    ("get", "/repos/{owner}/{repo}/git/blobs/{file_sha}", "200"),
    ("get", "/repos/{owner}/{repo}/git/blobs/{file_sha}", "404"),
    ("get", "/repos/{owner}/{repo}/pulls", "200"),
    ("post", "/repos/{owner}/{repo}/pulls", "201"),
    ("post", "/repos/{owner}/{repo}/pulls", "422"),
    (
        "post",
        "/app/installations/{installation_id}/access_tokens",
        "201",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let package = args.next().ok_or("expected the unpacked package")?;
    let version = args.next().ok_or("expected its version")?;
    let described = Path::new(&package).join("generated/api.github.com.json");
    let described: Value = serde_json::from_slice(&std::fs::read(described)?)?;
    let components = &described["components"];
    let mut routes = BTreeMap::new();
    let mut names = BTreeSet::from(["basic-error".to_owned()]);
    for (method, path, status) in ROUTES {
        let mut answer = &described["paths"][path][method]["responses"][status];
        if let Some(name) = reference(answer, "responses") {
            answer = &components["responses"][name];
        }
        let schema = &answer["content"]["application/json"]["schema"];
        let (list, one) = match schema["type"].as_str() {
            Some("array") => (true, &schema["items"]),
            _ => (false, schema),
        };
        let name =
            reference(one, "schemas").ok_or(format!("{method} {path} {status}: {schema}"))?;
        names.insert(name.to_owned());
        let shown = if list {
            format!("[{name}]")
        } else {
            name.to_owned()
        };
        routes.insert(format!("{} {path} {status}", method.to_uppercase()), shown);
    }
    // The archive is not in JSON: it is somewhere else.
    let tarball = &described["paths"]["/repos/{owner}/{repo}/tarball/{ref}"]["get"]["responses"];
    assert!(tarball["302"].is_object(), "an archive is somewhere else");
    let (mut schemas, mut left) = (BTreeMap::new(), Vec::from_iter(names));
    while let Some(name) = left.pop() {
        if schemas.contains_key(&name) {
            continue;
        }
        let mut schema = components["schemas"][&name].clone();
        strip(&mut schema, &mut left);
        schemas.insert(name, schema);
    }
    let made = json!({
        "of": format!("https://www.npmjs.com/package/@octokit/openapi/v/{version}"),
        "licence": "MIT, Copyright (c) 2020 Gregor Martynus (https://dev.to/gr2m)",
        "routes": routes,
        "schemas": schemas,
    });
    let to = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("github.json");
    std::fs::write(&to, serde_json::to_string(&made)? + "\n")?;
    println!("{}: {} schemas", to.display(), schemas.len());
    Ok(())
}

fn reference<'a>(value: &'a Value, kind: &str) -> Option<&'a str> {
    let of = value["$ref"].as_str()?;
    of.strip_prefix(&format!("#/components/{kind}/"))
}

/// Leaves out what is for people, and finds what it refers to.
fn strip(value: &mut Value, found: &mut Vec<String>) {
    if let Some(name) = reference(value, "schemas") {
        found.push(name.to_owned());
    }
    match value {
        Value::Object(map) => {
            // A property may have one of these names as well.
            map.retain(|key, value| {
                let sample = matches!(key.as_str(), "example" | "examples" | "default");
                let text = matches!(key.as_str(), "description" | "title" | "format" | "pattern");
                let shown = sample || (text && value.is_string());
                !shown
            });
            map.values_mut().for_each(|value| strip(value, found));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| strip(value, found)),
        _ => {}
    }
}
