//! A request as JavaScript hands it over.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use workspace_core::{Error, Reason, Result};

/// Makes a request of a method, a path with its query, and headers: lines of which names
/// and values alternate, in one text, which is handed over at once.
pub(crate) fn request(
    method: &str,
    target: &str,
    headers: &str,
    body: Body,
) -> Result<Request<Body>> {
    let invalid = |what: &str| Error::invalid(Reason::MalformedUrl, "read request").because(what);
    let mut request = Request::new(body);
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| invalid("not a method"))?;
    *request.uri_mut() = Uri::try_from(target).map_err(|_| invalid("not a URL"))?;
    let mut lines = headers.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let name = HeaderName::try_from(name).map_err(|_| invalid("not a header"))?;
        let value = HeaderValue::try_from(value).map_err(|_| invalid("not a header"))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}
