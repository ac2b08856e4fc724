//! What the server writes down: one line for each request.
//!
//! A line says by which route a request was answered, and not its path: that may be
//! the token of a preview, and names of files are nobody's business outside a grant.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::level_filters::LevelFilter;
use workspace_http::{RECEIPT, REQUEST, RequestId};

use crate::exit::{Result, io_error};
use crate::random;

/// Begins to write lines to standard error: text for people, or JSON.
pub(super) fn start(json: bool) {
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Where there is one already, as in a test, that one is written to.
    let _ = match json {
        true => lines.json().flatten_event(true).try_init(),
        false => lines.try_init(),
    };
}

/// Answers a request, and writes its line.
pub(super) async fn request(mut request: Request, next: Next) -> Response {
    let Ok(id) = new_id() else {
        return next.run(request).await;
    };
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let began = Instant::now();
    let mut response = next.run(request).await;
    let millis = began.elapsed().as_secs_f64() * 1000.0;
    let status = response.status();
    let cost = response.headers().get(RECEIPT);
    let cost = cost.and_then(|cost| cost.to_str().ok()).unwrap_or_default();
    // What was asked of it that it cannot do is no failure of the server.
    match status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        true => tracing::error!(%id, %method, route, status = status.as_u16(), millis, cost),
        false => tracing::info!(%id, %method, route, status = status.as_u16(), millis, cost),
    }
    let id = HeaderValue::try_from(&*id).map(|id| (REQUEST, id));
    response.headers_mut().extend(id);
    response
}

/// Makes what names a request in its line and in its answer.
fn new_id() -> Result<Arc<str>> {
    let id = random::hex::<8>();
    let id = id.map_err(|error| io_error("name a request", "".as_ref(), error))?;
    Ok(id.into())
}
