//! Room on a full disk for what frees some.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use workspace_http::Access;
use workspace_native::Reserve;

/// Answers a request; where it frees room, it may use what is kept for that. Only the root
/// token's holder gets it: it is kept once more only where there is room again, so that
/// one that is refused would have used it up.
pub(super) async fn request(
    State((reserve, access)): State<(Reserve, Access)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let frees = route.is_some_and(|route| frees(request.method(), route.as_str()));
    if !frees || !access.is_root(request.headers()) {
        return next.run(request).await;
    }
    reserve.give();
    let response = next.run(request).await;
    reserve.keep();
    response
}

/// Tells whether a route frees room, as the commands of these names do: `gc`, `discard`,
/// `rm`.
fn frees(method: &Method, route: &str) -> bool {
    match *method {
        Method::POST => route == "/v1/gc" || route == "/v1/copies/{copy}/discard",
        Method::DELETE => route.ends_with("/files/{*path}"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::http::header::AUTHORIZATION;
    use axum::middleware::from_fn_with_state;
    use axum::routing::{delete, post};
    use tower::ServiceExt as _;

    use super::*;

    /// Whoever asked to collect was given what is kept, and then refused.
    #[test]
    fn a_stranger_is_not_given_the_reserve() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.build().unwrap();
        let place = tempfile::tempdir().unwrap();
        let (kept, reserve) = (place.path().join("reserve"), Reserve::of(place.path()));
        let access = Access::root("a-token-of-16-bytes").unwrap();
        let service = Router::new()
            .route("/v1/gc", post(|| async {}))
            .route("/v1/head/files/{*path}", delete(|| async {}))
            .layer(from_fn_with_state((reserve, access), request));
        // It is kept again after each request that was given it, also where none was.
        let ask = |method: Method, path: &str, token: Option<&str>| {
            let _gone = fs::remove_file(&kept);
            let mut request = Request::builder().method(method).uri(path);
            if let Some(token) = token {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(Body::empty()).unwrap();
            let response = runtime.block_on(service.clone().oneshot(request));
            let response = response.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            kept.exists()
        };
        let root = Some("a-token-of-16-bytes");
        for (method, path) in [
            (Method::POST, "/v1/gc"),
            (Method::DELETE, "/v1/head/files/x"),
        ] {
            assert!(ask(method.clone(), path, root), "{path}");
            for token in [None, Some("another-of-16-bytes")] {
                assert!(!ask(method.clone(), path, token), "{path} {token:?}");
            }
        }
    }
}
