//! Nothing is open by default.

use crate::server::Server;

/// Returns a URL for a path of the document.
fn url(path: &str) -> String {
    path.replace("{path}", "a")
        .replace("{copy}", "draft")
        .replace("{revision}", "1")
}

#[test]
fn every_route_but_two_needs_the_token() {
    let server = Server::new();
    let mut open = Vec::new();
    for (method, path, is_open) in server.operations() {
        let url = url(&path);
        let wrong = [
            None,
            Some("Bearer a-token-for-tests-onlx"),
            Some("Basic YTpi"),
        ];
        for authorization in wrong {
            let call = server.call(&method, &url).without_token();
            let answer = match authorization {
                Some(value) => call.header("authorization", value).send(),
                None => call.send(),
            };
            if is_open {
                assert_eq!(answer.status, 200);
                continue;
            }
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            if method != "HEAD" {
                let problem = answer.json();
                for said in ["detail", "path", "operation"] {
                    assert!(problem.get(said).is_none());
                }
            }
        }
        if is_open {
            open.push(path);
        }
    }
    assert_eq!(open, ["/v1/health", "/v1/openapi.json"]);
}

#[test]
fn routes_that_are_not_there_are_not_told_from_others() {
    let server = Server::new();
    for uri in ["/", "/v1", "/v2/head", "/v1/head/files", "/favicon.ico"] {
        assert_eq!(server.call("GET", uri).without_token().send().status, 401);
        assert_eq!(server.get(uri).problem(), (404, "no_such_route".into()));
    }
    assert_eq!(
        server
            .call("POST", "/v1/head")
            .without_token()
            .send()
            .status,
        401
    );
    let answer = server.post("/v1/head", serde_json::json!({}));
    assert_eq!(answer.problem(), (405, "method_not_allowed".into()));
    assert!(answer.header("allow").unwrap().contains("GET"));
    let answer = server.put("/v1/revisions/1/files/a", "x");
    assert_eq!(answer.status, 405);
}

#[test]
fn the_document_and_the_health_are_served() {
    let server = Server::new();
    let document = server
        .call("GET", "/v1/openapi.json")
        .without_token()
        .send();
    assert_eq!(document.json()["openapi"], "3.1.0");
    assert_eq!(server.get("/v1/health").json()["status"], "ok");
}
