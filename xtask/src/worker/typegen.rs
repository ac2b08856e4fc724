//! What is generated from the document of the contract: the operations as methods in
//! TypeScript, with the types that they take, and a table of them to read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::build::CONTRACT;
use crate::command::Program;
use crate::repository::Repository;

/// The methods.
const METHODS: &str = "crates/worker/ts/generated.ts";
/// The table.
const TABLE: &str = "docs/operations.md";
/// What can be called by name as well, with contents beside it, and is written by hand.
const BY_HAND: [(&str, &str); 8] = [
    ("read_file", "GET {files}/files/{path}"),
    ("read_text", "GET {files}/files/{path}"),
    ("open_file", "GET {files}/files/{path}"),
    ("write_file", "PUT {files}/files/{path}"),
    ("remove", "DELETE {files}/files/{path}"),
    ("walk", "GET {files}/walk/{path}"),
    ("import_tar", "POST {files}/import"),
    ("export_tar", "GET {files}/export/{path}"),
];

/// Writes everything that is generated; with `check`, fails where that changes something.
pub(crate) fn run(repository: &Repository, check: bool) -> Result<()> {
    super::npm::install(repository)?;
    let document = read(repository)?;
    let operations = operations(&document)?;
    for (path, made) in [
        (METHODS, methods(&document, &operations)?),
        (TABLE, table(&operations)?),
    ] {
        let path = repository.root.join(path);
        if check {
            let kept = fs::read_to_string(&path).unwrap_or_default();
            ensure!(
                kept == made,
                "{} is old: run `cargo xtask typegen`",
                path.display()
            );
        } else {
            fs::write(&path, made).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(())
}

/// Writes the types of the contract into `output`: `contract.d.ts` with names in camelCase,
/// as they are over RPC, and `wire.d.ts` with those that they have over HTTP.
pub(crate) fn types(repository: &Repository, output: &Path) -> Result<()> {
    let mut document = read(repository)?;
    camel(&mut document);
    let camel = output.join("contract.json");
    fs::write(&camel, document.to_string()).context("writing the document in camelCase")?;
    for (from, to) in [
        (camel.as_path(), "contract.d.ts"),
        (&repository.root.join(CONTRACT), "wire.d.ts"),
    ] {
        Program::new("node_modules/.bin/openapi-typescript")
            .args([from.display().to_string()])
            .args(["--output".as_ref(), output.join(to).as_os_str()])
            .run()?;
    }
    fs::remove_file(camel).context("removing it again")
}

fn read(repository: &Repository) -> Result<Value> {
    let path = repository.root.join(CONTRACT);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// An operation, as the document has it.
struct Operation<'a> {
    name: &'a str,
    about: &'a str,
    method: String,
    path: String,
    /// What names the files that it is about, among its options; empty where it is about none.
    files: &'static str,
    /// What its path names, in order.
    named: Vec<&'static str>,
    /// Which fields are arguments of their own.
    leads: Vec<&'a str>,
    takes: Takes<'a>,
    /// Whether it can be made once, for a key.
    once: bool,
    answers: Option<&'a str>,
}

/// What it takes.
enum Takes<'a> {
    Nothing,
    /// JSON of a schema, with the names of its fields and which of them must be there.
    Body {
        schema: &'a str,
        fields: &'a Map<String, Value>,
        required: BTreeSet<&'a str>,
    },
    Query(Vec<&'a Value>),
}

fn operations(document: &Value) -> Result<Vec<Operation<'_>>> {
    let mut found: BTreeMap<&str, Operation<'_>> = BTreeMap::new();
    let paths = document["paths"].as_object().context("paths")?;
    for (path, methods) in paths {
        if path.starts_with("/v1/view") {
            continue;
        }
        for (method, route) in methods.as_object().context("methods")? {
            let Some(name) = route["x-operation"]["name"].as_str() else {
                continue;
            };
            // Head's comes first of those of files; one with a path has all that is to say.
            let id = route["operationId"].as_str().unwrap_or_default();
            let of_files = id.starts_with("head_");
            if id != name && !of_files || id.ends_with("_root") {
                continue;
            }
            let operation = operation(document, path, method, route, of_files)?;
            found.insert(name, operation);
        }
    }
    Ok(found.into_values().collect())
}

fn operation<'a>(
    document: &'a Value,
    path: &str,
    method: &str,
    route: &'a Value,
    of_files: bool,
) -> Result<Operation<'a>> {
    let said = &route["x-operation"];
    let texts = |value: &'a Value| -> Vec<&'a str> {
        let values = value.as_array().into_iter().flatten();
        values.filter_map(Value::as_str).collect()
    };
    let schema = |value: &'a Value| -> Option<&'a str> {
        let of = &value["content"]["application/json"]["schema"]["$ref"];
        of.as_str()?.rsplit('/').next()
    };
    let named = ["copy", "revision", "grant", "preview", "path"];
    let parameters = route["parameters"].as_array();
    let is_key = |one: &Value| one["in"] == "header" && one["name"] == "Idempotency-Key";
    let once = parameters.is_some_and(|all| all.iter().any(is_key));
    let query = parameters.into_iter().flatten();
    let query: Vec<_> = query.filter(|one| one["in"] == "query").collect();
    let takes = match schema(&route["requestBody"]) {
        Some(name) => {
            let schema = &document["components"]["schemas"][name];
            Takes::Body {
                schema: name,
                fields: schema["properties"].as_object().context("properties")?,
                required: texts(&schema["required"]).into_iter().collect(),
            }
        }
        None if query.is_empty() => Takes::Nothing,
        None => Takes::Query(query),
    };
    let answers = &route["responses"];
    // What can be asked of a revision as well.
    let fixed = path.replacen("/v1/head", "/v1/revisions/{revision}", 1);
    Ok(Operation {
        name: said["name"].as_str().context("a name")?,
        about: route["summary"].as_str().context("a summary")?,
        method: method.to_ascii_uppercase(),
        path: match of_files {
            true => path.replacen("/v1/head", "{files}", 1),
            false => path.into(),
        },
        files: match (of_files, document["paths"].get(fixed)) {
            (false, _) => "",
            (true, Some(_)) => "At",
            (true, None) => "ToChange",
        },
        named: named
            .into_iter()
            .filter(|name| path.contains(&format!("{{{name}}}")))
            .collect(),
        leads: texts(&said["leads"]),
        takes,
        once,
        answers: schema(&answers["200"]).or(schema(&answers["201"])),
    })
}

fn methods(document: &Value, operations: &[Operation<'_>]) -> Result<String> {
    let mut out = String::from(
        "// Made by `cargo xtask typegen` of the document of the contract: change that.\n\n\
         import { DurableObject } from \"cloudflare:workers\";\n\
         import { type Arguments, type At, called, type Once, type ToChange } from \"./call.js\";\n\
         import type { components } from \"./contract.js\";\n\
         import type { Result } from \"./result.js\";\n\n\
         type Schemas = components[\"schemas\"];\n\n",
    );
    let mut options = String::new();
    let mut body = String::new();
    for operation in operations {
        method(operation, &mut options, &mut body)?;
    }
    let schemas = document["components"]["schemas"].as_object();
    // Numbers are numbers.
    let schemas = schemas.into_iter().flatten().map(|(name, _)| name);
    for schema in schemas.filter(|name| !["Count", "Millis"].contains(&name.as_str())) {
        writeln!(
            out,
            "export type {} = Schemas[\"{schema}\"];",
            short(schema)
        )?;
    }
    out.push_str(&options);
    out.push_str(
        "\n/** The operations that take and answer values. */\n\
         export abstract class Generated<Env = unknown> extends DurableObject<Env> {\n\
         /** @internal */\n\
         abstract [called]<T>(name: string, args: Arguments): Promise<Result<T>>;\n",
    );
    out.push_str(&body);
    out.push_str("}\n");
    formatted(&out)
}

/// Writes an operation as a method, and the type of its options.
fn method(operation: &Operation<'_>, options: &mut String, body: &mut String) -> Result<()> {
    let name = camel_name(operation.name);
    let answers = operation.answers.context("an answer in JSON")?;
    let mut parameters = Vec::new();
    let mut passed = Vec::new();
    for named in &operation.named {
        let kind = if *named == "revision" {
            "number"
        } else {
            "string"
        };
        match (*named, operation.name) {
            ("path", "list") => parameters.push(format!("{named} = \"/\"")),
            _ => parameters.push(format!("{named}: {kind}")),
        }
        passed.push((*named).to_owned());
    }
    let kind = format!("{}Options", pascal(operation.name));
    let mut said = None;
    match &operation.takes {
        Takes::Nothing => {}
        Takes::Body {
            schema,
            fields,
            required,
        } => {
            for lead in &operation.leads {
                let camel = camel_name(lead);
                let optional = if required.contains(lead) { "" } else { "?" };
                parameters.push(format!(
                    "{camel}{optional}: Schemas[\"{schema}\"][\"{camel}\"]"
                ));
                passed.push(camel);
            }
            let rest = fields
                .keys()
                .filter(|field| !operation.leads.contains(&field.as_str()));
            let required = required
                .iter()
                .any(|field| !operation.leads.contains(field));
            if rest.count() > 0 {
                let leads: Vec<_> = operation
                    .leads
                    .iter()
                    .map(|lead| format!("\"{}\"", camel_name(lead)))
                    .collect();
                let own = match leads.is_empty() {
                    true => format!("Schemas[\"{schema}\"]"),
                    false => format!("Omit<Schemas[\"{schema}\"], {}>", leads.join(" | ")),
                };
                said = Some((own, required));
            }
        }
        Takes::Query(fields) => {
            let mut own = String::from("{");
            let (mut required, mut any) = (false, false);
            for field in fields {
                let name = field["name"].as_str().context("a name")?;
                if operation.leads.contains(&name) {
                    parameters.push(format!(
                        "{}: {}",
                        camel_name(name),
                        scalar(&field["schema"])
                    ));
                    passed.push(camel_name(name));
                    continue;
                }
                let optional = if field["required"] == true { "" } else { "?" };
                required |= optional.is_empty();
                any = true;
                let about = field["description"].as_str().unwrap_or_default();
                write!(
                    own,
                    "\n/** {} */\n{}{optional}: {};",
                    about.replace('\n', " "),
                    camel_name(name),
                    scalar(&field["schema"])
                )?;
            }
            own.push_str("\n}");
            said = any.then_some((own, required));
        }
    }
    if operation.once {
        let (own, required) = said.unwrap_or_else(|| ("{}".into(), false));
        said = Some((format!("{own} & Once"), required));
    }
    let mut at = operation.files;
    if let Some((own, _)) = &mut said
        && !at.is_empty()
    {
        *own = format!("{at} & {own}");
        at = "";
    }
    match said {
        Some((own, required)) => {
            writeln!(options, "export type {kind} = {own};")?;
            let default = if required { "" } else { " = {}" };
            parameters.push(format!("options: {kind}{default}"));
            passed.insert(0, "...options".into());
        }
        None if !at.is_empty() => {
            parameters.push(format!("at: {at} = {{}}"));
            passed.insert(0, "...at".into());
        }
        None => {}
    }
    writeln!(
        body,
        "\n/** {about} */\n{name}({parameters}): Promise<Result<{answers}>> {{\n\
         return this[called](\"{snake}\", {{ {passed} }});\n}}",
        about = operation.about,
        parameters = parameters.join(", "),
        answers = short(answers),
        snake = operation.name,
        passed = passed.join(", "),
    )?;
    Ok(())
}

fn table(operations: &[Operation<'_>]) -> Result<String> {
    let mut out = String::from(
        "# Operations\n\n\
         Made by `cargo xtask typegen` of the document of the contract, `crates/http/openapi.json`:\n\
         change that, not this page. Each has one name: in snake_case in the document, in\n\
         camelCase over JS RPC. `{files}` is `/v1/head`, `/v1/copies/{copy}`, and where they can\n\
         be meant `/v1/revisions/{revision}` and `/v1/trees/{tree}`; below `/v1/view` are those\n\
         that a grant's holder has.\n\n\
         | over HTTP | over RPC | |\n|---|---|---|\n",
    );
    for operation in operations {
        writeln!(
            out,
            "| `{} {}` | `{}` | {} |",
            operation.method,
            operation.path,
            camel_name(operation.name),
            operation.about
        )?;
    }
    out.push_str("\nWith contents beside what they say:\n\n| over HTTP | over RPC |\n|---|---|\n");
    for (name, route) in BY_HAND {
        writeln!(out, "| `{route}` | `{}` |", camel_name(name))?;
    }
    Ok(out)
}

/// The type of what a query says.
fn scalar(schema: &Value) -> &'static str {
    let of = schema["$ref"].as_str().unwrap_or_default();
    match schema["type"].as_str() {
        Some("boolean") => "boolean",
        Some("integer" | "number") => "number",
        None if of.ends_with("/Count") || of.ends_with("/Millis") => "number",
        _ => "string",
    }
}

/// The name of a schema's type.
fn short(schema: &str) -> &str {
    schema.strip_suffix("Dto").unwrap_or(schema)
}

fn camel_name(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &capital(word))
}

fn pascal(name: &str) -> String {
    capital(&camel_name(name))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Gives names of fields and of parameters in camelCase.
fn camel(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let required = fields.get("required").cloned();
            let required = required.iter().filter_map(Value::as_array).flatten();
            let required: BTreeSet<_> = required.filter_map(Value::as_str).collect();
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                let optional = properties.iter_mut();
                optional
                    .filter(|(name, _)| !required.contains(name.as_str()))
                    .for_each(|(_, schema)| leave_out_null(schema));
                let renamed = std::mem::take(properties).into_iter();
                *properties = renamed.map(|(name, of)| (camel_name(&name), of)).collect();
            }
            if let Some(Value::Array(required)) = fields.get_mut("required") {
                for name in required {
                    *name = json!(camel_name(name.as_str().unwrap_or_default()));
                }
            }
            if fields.get("in").is_some_and(|place| place == "query")
                && let Some(name) = fields.get_mut("name")
            {
                *name = json!(camel_name(name.as_str().unwrap_or_default()));
            }
            fields.values_mut().for_each(camel);
        }
        Value::Array(values) => values.iter_mut().for_each(camel),
        _ => {}
    }
}

/// What is absent is not null as well: a page's `next` is what its `after` takes.
fn leave_out_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array_mut() {
        types.retain(|name| name != "null");
    }
    if let Some(any) = schema["oneOf"].as_array_mut() {
        any.retain(|schema| schema["type"] != "null");
    }
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
}

/// Formats TypeScript as the repository's is.
fn formatted(text: &str) -> Result<String> {
    let mut biome = Command::new("node_modules/.bin/biome")
        .args(["format", &format!("--stdin-file-path={METHODS}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting biome")?;
    let stdin = biome.stdin.take().context("its input")?;
    let text = text.to_owned();
    let writing = thread::spawn(move || (&stdin).write_all(text.as_bytes()));
    let output = biome.wait_with_output()?;
    ensure!(output.status.success(), "biome: {}", output.status);
    match writing.join() {
        Ok(written) => written.context("writing to biome")?,
        Err(_) => anyhow::bail!("writing to biome failed"),
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(document: &Value) -> String {
        let mut out = (String::new(), String::new());
        for operation in operations(document).unwrap() {
            method(&operation, &mut out.0, &mut out.1).unwrap();
        }
        out.0 + &out.1
    }

    #[test]
    fn a_method_has_what_its_path_names_what_leads_and_the_rest_as_options() {
        let answer = json!({ "200": { "content": { "application/json": { "schema": {
            "$ref": "#/components/schemas/UndoneDto" } } } } });
        let document = json!({
            "paths": { "/v1/copies/{copy}/undo": { "post": {
                "operationId": "undo",
                "summary": "Undoes one.",
                "x-operation": { "name": "undo", "leads": ["operation_id"] },
                "requestBody": { "content": { "application/json": { "schema": {
                    "$ref": "#/components/schemas/UndoDto" } } } },
                "responses": answer,
            } } },
            "components": { "schemas": { "UndoDto": {
                "properties": { "operation_id": {}, "actor": {} },
                "required": ["operation_id"],
            } } },
        });
        let text = made(&document);
        for part in [
            "undo(copy: string, operationId: Schemas[\"UndoDto\"][\"operationId\"], options: UndoOptions = {})",
            "Promise<Result<Undone>>",
            "this[called](\"undo\", { ...options, copy, operationId })",
            "type UndoOptions = Omit<Schemas[\"UndoDto\"], \"operationId\">",
            "/** Undoes one. */",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn fields_are_renamed_and_values_are_not() {
        let mut document = json!({
            "properties": {
                "kept_by": { "enum": ["head_moved"] },
                "next_one": { "type": ["string", "null"] },
                "other": { "oneOf": [{ "type": "null" }, { "$ref": "#/x" }] },
            },
            "required": ["kept_by"],
            "in": "query",
            "name": "max_rows",
        });
        camel(&mut document);
        let expected = json!({
            "properties": {
                "keptBy": { "enum": ["head_moved"] },
                "nextOne": { "type": ["string"] },
                "other": { "oneOf": [{ "$ref": "#/x" }] },
            },
            "required": ["keptBy"],
            "in": "query",
            "name": "maxRows",
        });
        assert_eq!(document, expected);
    }
}
