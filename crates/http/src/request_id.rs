//! How a server names a request.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderName;

/// The header of an answer that names its request, where the server does.
pub const REQUEST: HeaderName = HeaderName::from_static("workspace-request");

/// What names a request: a server that writes down requests puts it into their
/// extensions, and problems repeat it, so that who has one can find the line of the
/// other.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        request.extensions().get().cloned()
    }
}
