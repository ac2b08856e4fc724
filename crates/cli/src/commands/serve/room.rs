//! Room on a full disk for what frees some.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use workspace_native::Reserve;

/// Answers a request; where it frees room, it may use what is kept for that.
pub(super) async fn request(
    State(reserve): State<Reserve>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    if !route.is_some_and(|route| frees(request.method(), route.as_str())) {
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
