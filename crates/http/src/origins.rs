//! Pages of other origins that may ask the API.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, AUTHORIZATION, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LOCATION, ORIGIN, RANGE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, Method, Uri};
use axum::middleware::{Next, from_fn};
use tower::{Layer as _, Service as _};
use tower_http::cors::{AllowOrigin, CorsLayer};
use workspace_core::{Error, Reason, Result};

use crate::api::unsniffed;
use crate::once::IDEMPOTENCY_KEY;
use crate::request_id::REQUEST;
use crate::route::RECEIPT;
use crate::routes;
use crate::serve::{CONTENT, EXECUTABLE};

/// How many origins there may be.
const MAX_ORIGINS: usize = 100;
/// For so long a browser keeps what it was told before a request.
const AGE: Duration = Duration::from_secs(60 * 60);

/// The origins whose pages may ask the API from a browser, with a token that they have:
/// no cookie and no other credential of the browser's is asked for. Unless a server says
/// some, there are none.
///
/// Previews answer pages by rules of their own.
///
/// ```
/// use workspace_http::Origins;
///
/// assert!(Origins::new("https://app.example, http://localhost:5173").is_ok());
/// for none in ["*", "null", "https://app.example/", "app.example", "https://App.example"] {
///     assert!(Origins::new(none).is_err(), "{none}");
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Reads origins as browsers send them, with white space or commas between them.
    ///
    /// # Errors
    /// `Invalid` for what is none, `*` among it, and for more than 100.
    pub fn new(text: &str) -> Result<Self> {
        let invalid = |why: &str, origin: &str| {
            let start: String = origin.chars().take(120).collect();
            Error::invalid(Reason::MalformedSetting, "read origins")
                .at(start.escape_debug())
                .because(why)
        };
        let mut origins = Vec::new();
        for origin in text.split([' ', '\t', '\r', '\n', ',']) {
            if origin.is_empty() {
                continue;
            }
            let found = HeaderValue::try_from(origin).ok();
            let found = found.filter(|_| is_origin(origin)).ok_or_else(|| {
                invalid(
                    "not an origin in lower case, like https://app.example",
                    origin,
                )
            })?;
            origins.push(found);
            if origins.len() > MAX_ORIGINS {
                return Err(invalid("more than 100 origins", origin));
            }
        }
        Ok(Self(origins))
    }

    /// Returns a service that answers pages of these origins: what a browser asks before
    /// a request, and the requests themselves, each with the headers of answers that a
    /// page may read.
    pub fn admit(self, service: Router) -> Router {
        if self.0.is_empty() {
            return service;
        }
        let headers = |names: &[HeaderName]| names.to_vec();
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::list(self.0))
            .allow_methods(methods())
            .allow_headers(headers(&[
                ACCEPT,
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_MATCH,
                IF_NONE_MATCH,
                IF_MODIFIED_SINCE,
                IF_UNMODIFIED_SINCE,
                IF_RANGE,
                RANGE,
                HeaderName::from_static("last-event-id"),
                IDEMPOTENCY_KEY,
            ]))
            .expose_headers(headers(&[
                ACCEPT_RANGES,
                ALLOW,
                CONTENT_LENGTH,
                CONTENT_RANGE,
                ETAG,
                LAST_MODIFIED,
                LOCATION,
                RETRY_AFTER,
                WWW_AUTHENTICATE,
                CONTENT,
                EXECUTABLE,
                RECEIPT,
                REQUEST,
            ]))
            .max_age(AGE);
        service.layer(from_fn(move |request: Request, next: Next| {
            let cors = cors.clone();
            async move {
                let asks_before = request
                    .headers()
                    .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
                    && request.headers().contains_key(ORIGIN);
                let is_api = request.uri().path().starts_with("/v1/");
                // Any other OPTIONS is a method that no route has.
                if !is_api || (request.method() == Method::OPTIONS && !asks_before) {
                    return next.run(request).await;
                }
                match cors.layer(next).call(request).await {
                    // What is answered before a request comes from here.
                    Ok(response) => unsniffed(response),
                    Err(never) => match never {},
                }
            }
        }))
    }
}

/// Returns the methods of all routes of the API.
fn methods() -> Vec<Method> {
    let routes = routes::all().routes;
    let api = routes.iter().filter(|route| route.path.starts_with("/v1/"));
    let mut methods: Vec<_> = api.map(|route| route.method.clone()).collect();
    methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    methods.dedup();
    methods
}

/// Tells whether a text is an origin as a browser sends it: a scheme, a host in lower
/// case, and a port where it is not the usual one.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = Uri::try_from(text) else {
        return false;
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let port = match authority.port() {
        Some(port) if port.as_u16() == usual => return false,
        Some(port) => format!(":{port}"),
        None => String::new(),
    };
    let host = authority.host();
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if !host.starts_with('[') && !host.bytes().all(named) {
        return false;
    }
    // No user, no path, no query.
    text == format!("{scheme}://{}{port}", host.to_ascii_lowercase())
}
