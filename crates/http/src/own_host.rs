//! Previews at hosts of their own.

use axum::http::{Request, Uri};
use workspace_core::{Error, Reason, Result};

/// Marks a request that came to a preview's own host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnHost;

/// Turns a request to a preview's own host into one to the [`router`](crate::router)
/// of its workspace.
///
/// A preview below `/preview/<token>/` shares its origin with everything else there,
/// and is sandboxed for that; at a host of its own it is an origin of its own, and may
/// do what a site may. A server that has a domain for such hosts reads the token and
/// the workspace from the host by its own rules; nothing in here looks at `Host`. Links
/// and redirects are relative, so no answer depends on where the site is mounted.
///
/// ```
/// use axum::http::Request;
///
/// let mut request = Request::get("/docs/?page=2").body(())?;
/// workspace_http::within_preview(&mut request, "abcdefghijklmnopqrstuvwxyz")?;
/// assert_eq!(request.uri(), "/preview/abcdefghijklmnopqrstuvwxyz/docs/?page=2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `Invalid` for a token that is none, or a URL that becomes too long.
pub fn within_preview<B>(request: &mut Request<B>, token: &str) -> Result<()> {
    let invalid = |why| Error::invalid(Reason::MalformedUrl, "read URL").because(why);
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(invalid("not the token of a preview"));
    }
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    let uri = Uri::try_from(format!("/preview/{token}{path}"));
    *request.uri_mut() = uri.map_err(|error| invalid("too long").with_source(error))?;
    request.extensions_mut().insert(OwnHost);
    Ok(())
}
