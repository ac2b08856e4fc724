//! Who may publish: whoever has the password, which browsers ask for and keep.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use worker::{Env, HttpRequest, Response, Result};

use crate::page;

/// Tells whether a request is the keeper's own, and not one that a page of another site
/// has their browser make.
pub(crate) fn is_there(request: &HttpRequest, env: &Env) -> Result<bool> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let by_another =
        header("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let sent = header("authorization").and_then(|sent| sent.strip_prefix("Basic "));
    let Some(sent) = sent.and_then(|sent| STANDARD.decode(sent).ok()) else {
        return Ok(false);
    };
    let password = env.secret("KEEPER_PASSWORD")?.to_string();
    let expected = format!("keeper:{password}");
    Ok(!by_another && !password.is_empty() && bool::from(sent.ct_eq(expected.as_bytes())))
}

/// Has the browser ask for the password.
pub(crate) fn ask() -> Result<Response> {
    let response = page::told(401, "Only the keeper may come in.")?;
    response
        .headers()
        .set("www-authenticate", r#"Basic realm="guestbook""#)?;
    Ok(response)
}
