//! The OpenAPI document, from the routes and the types.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::access::Who;
use crate::problem::{PROBLEM_JSON, ProblemDto, status};
use crate::route::{ContentDoc, Fail, Route};
use crate::routes;
use crate::serve::BYTES;

/// The OpenAPI document as it is served, in JSON.
///
/// It is kept in the repository, and a test compares it with what
/// [`openapi`] makes of the routes.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// The schemas, and the problems, that a document refers to.
#[derive(Default)]
pub(crate) struct Schemas {
    types: BTreeMap<String, Value>,
    problems: BTreeMap<String, Value>,
}

impl Schemas {
    /// Adds a type, with all that it refers to; returns a reference to it.
    pub(crate) fn reference<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.types.insert(name, json!(schema));
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }

    /// Adds an answer that is a problem with one of `codes`; returns a reference
    /// to it.
    fn problem(&mut self, status: &str, codes: &[&str]) -> Value {
        let schema = self.reference::<ProblemDto>();
        let name = format!("{status}-{}", codes.join("-"));
        let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        let response = json!({
            "description": format!("A problem: {}.", codes.join(" or ")),
            "content": { PROBLEM_JSON: { "schema": schema } },
        });
        self.problems.insert(name, response);
        reference
    }
}

/// Makes the OpenAPI 3.1 document of all routes. Types and queries are described with the
/// feature `document` only.
pub fn openapi() -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in routes::all()
        .routes
        .into_iter()
        .filter(|route| route.documented)
    {
        let path = route.path.replace("{*path}", "{path}");
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = operation(&route, &mut schemas);
        paths.entry(path).or_default().insert(method, operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Workspace",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A durable file tree: current files, isolated working copies, \
                explicit apply, immutable revisions. Failures are problem documents \
                (RFC 9457) with a stable `code`. A GET route answers HEAD as well.",
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "paths": paths,
        "components": {
            "schemas": schemas.types,
            "responses": schemas.problems,
            "securitySchemes": {
                "root": { "type": "http", "scheme": "bearer",
                    "description": "The root token: everything but the routes of a view." },
                "grant": { "type": "http", "scheme": "bearer",
                    "description": "The token of a grant: the routes of its view." },
            },
        },
        "security": [{ "root": [] }],
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), json!(route.id));
    operation.insert("summary".into(), json!(route.summary.trim()));
    if let Some((name, leads)) = &route.operation {
        let named = json!({ "name": name, "leads": leads });
        operation.insert("x-operation".into(), named);
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), json!(parameters));
    }
    if let Some(body) = &route.body {
        let (media_type, schema) = content(&body.content, schemas);
        let mut content = json!({ media_type: schema });
        if let ContentDoc::Bytes(_) = body.content {
            // Bytes may be called so, whatever they are.
            content[BYTES] = json!({});
        }
        let body = json!({ "required": body.required, "content": content });
        operation.insert("requestBody".into(), body);
    }
    operation.insert("responses".into(), json!(responses(route, schemas)));
    match route.who {
        Who::Anyone => operation.insert("security".into(), json!([])),
        Who::Holder => operation.insert("security".into(), json!([{ "grant": [] }])),
        Who::Root => None,
    };
    Value::Object(operation)
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let what = match name {
            "*path" => {
                "A path of the tree without its leading `/`; slashes as they are, or encoded."
            }
            "copy" => "A copy's name, or its id.",
            "tree" => "A tree's id, in hex; it has to be that of something that is kept.",
            "grant" => "A grant's id, in hex.",
            "preview" => "A preview's id, in hex.",
            "token" => "The token of a preview.",
            _ => "A revision's number.",
        };
        let schema = match name {
            "revision" => json!({ "type": "integer", "minimum": 1, "maximum": (1_u64 << 53) - 1 }),
            _ => json!({ "type": "string", "minLength": 1 }),
        };
        Some(json!({
            "name": name.trim_start_matches('*'),
            "in": "path",
            "required": true,
            "description": what,
            "schema": schema,
        }))
    });
    let in_query = route.query.map(|query| query()).unwrap_or_default();
    let in_headers = route.headers.iter().map(|(name, what)| {
        json!({
            "name": name,
            "in": "header",
            "description": what,
            "schema": { "type": "string" },
        })
    });
    let in_query = in_query.into_iter().map(|parameter| {
        let mut parameter = json!(parameter);
        leave_out_null(&mut parameter["schema"]);
        parameter
    });
    in_path.chain(in_query).chain(in_headers).collect()
}

/// What may be absent from a query cannot be null there.
fn leave_out_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array_mut() {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(any) = schema["oneOf"].as_array_mut() {
        any.retain(|schema| schema["type"] != "null");
        if let [only] = any.as_slice() {
            *schema = only.clone();
        }
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|_, value| !value.is_null());
    }
}

fn responses(route: &Route, schemas: &mut Schemas) -> BTreeMap<String, Value> {
    let mut responses = BTreeMap::new();
    for answer in &route.answers {
        let response = responses
            .entry(answer.status.as_str().to_string())
            .or_insert_with(|| json!({ "description": answer.what }));
        // The same answer may come in several media types.
        for (media_type, schema) in answer.content.iter().map(|body| content(body, schemas)) {
            response["content"][media_type] = schema;
        }
    }
    let mut codes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    if route.who != Who::Anyone {
        codes.insert("401".into(), vec!["unauthorized"]);
        codes.insert("403".into(), vec!["denied"]);
    }
    for fail in &route.fails {
        let (status, code) = match fail {
            Fail::Kind(kind) => (status(*kind), kind.code()),
            Fail::Http(status, code) => (*status, *code),
        };
        let codes = codes.entry(status.as_str().into()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    for (status, codes) in codes {
        let problem = schemas.problem(&status, &codes);
        responses.insert(status, problem);
    }
    responses
}

fn content(content: &ContentDoc, schemas: &mut Schemas) -> (&'static str, Value) {
    match content {
        ContentDoc::Json(schema) => ("application/json", json!({ "schema": schema(schemas) })),
        ContentDoc::Bytes(media_type) => (media_type, json!({})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the document compactly, since it is part of every binary, and an
    /// operation or a component a line, so that a change can be read.
    fn lines(document: &Value) -> String {
        fn write(value: &Value, depth: usize, out: &mut String) {
            let fields = value
                .as_object()
                .filter(|fields| depth > 0 && !fields.is_empty());
            let Some(fields) = fields else {
                return out.push_str(&value.to_string());
            };
            for (n, (name, value)) in fields.iter().enumerate() {
                out.push_str(if n == 0 { "{" } else { ",\n" });
                out.push_str(&format!("{}:", Value::from(name.as_str())));
                write(value, depth - 1, out);
            }
            out.push('}');
        }
        let mut out = String::new();
        write(document, 3, &mut out);
        out + "\n"
    }

    /// `UPDATE_OPENAPI=1` writes what the routes say.
    #[test]
    fn the_document_that_is_kept_is_that_of_the_routes() {
        let made = lines(&openapi());
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &made).unwrap();
        } else {
            assert!(
                made == OPENAPI,
                "openapi.json is old: run with UPDATE_OPENAPI=1"
            );
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_id_is_used_once() {
        let document = openapi();
        let text = document.to_string();
        for part in text.split("\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let documented = routes::all()
            .routes
            .into_iter()
            .filter(|route| route.documented);
        let mut ids: Vec<String> = documented.map(|route| route.id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
