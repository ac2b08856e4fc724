//! Lists in pages: each of them whole, in whatever pages it is read.

use serde_json::{Value, json};

use crate::server::Server;

/// A list of three: its URL with as many parameters as it needs, the member that holds a
/// page, and the member of an item that the next page goes on after.
const LISTS: [(&str, &str, &str); 6] = [
    ("/v1/copies?closed=false", "copies", "id"),
    ("/v1/copies/draft/grants?", "grants", "id"),
    ("/v1/copies/draft/operations?", "operations", "id"),
    ("/v1/previews?", "previews", "id"),
    (
        "/v1/diff?from=head&to=copy:draft&renames=false",
        "differences",
        "path",
    ),
    ("/v1/diff?from=head&to=copy:draft", "differences", "path"),
];

fn filled() -> Server {
    let server = Server::new();
    for name in ["draft", "second", "third"] {
        server.post("/v1/copies", json!({ "name": name })).ok();
        let grant =
            json!({ "scope": { "root": "/", "read": ["**"], "write": [], "delete": false } });
        server.post("/v1/copies/draft/grants", grant).ok();
        server.post("/v1/previews", json!({})).ok();
        server
            .put(&format!("/v1/copies/draft/files/{name}"), name_of(name))
            .ok();
    }
    server
}

fn name_of(name: &str) -> &'static str {
    match name {
        "draft" => "one",
        "second" => "two",
        _ => "three",
    }
}

#[test]
fn a_list_is_whole_in_pages_of_any_size() {
    let server = filled();
    for (list, items, id) in LISTS {
        for limit in 1..=4 {
            let mut found: Vec<Value> = Vec::new();
            let mut after = String::new();
            let mut pages = 0;
            loop {
                let page = server
                    .get(&format!("{list}&limit={limit}{after}"))
                    .ok()
                    .json();
                let page_items = page[items].as_array().unwrap();
                assert!(page_items.len() <= limit, "{list}");
                found.extend(page_items.iter().map(|item| item[id].clone()));
                pages += 1;
                let Some(next) = page.get("next").filter(|next| !next.is_null()) else {
                    break;
                };
                assert_eq!(Some(next), found.last(), "{list} goes on after its last");
                let next = next.as_str().map_or(next.to_string(), ToOwned::to_owned);
                after = format!("&after={}", next.replace('/', "%2F"));
            }
            assert_eq!(found.len(), 3, "{list} in pages of {limit}: {found:?}");
            assert_eq!(pages, 3_usize.div_ceil(limit), "{list} in pages of {limit}");
        }
    }
}
