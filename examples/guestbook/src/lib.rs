//! A guestbook: visitors write into a draft, its keeper looks at the draft as a site and
//! publishes exactly that. See README.md.

#![cfg(target_arch = "wasm32")]

mod desk;
mod keeper;
mod page;

use worker::{Body, Context, Env, HttpRequest, Request, Response, Result, event};
use workspace_core::{At, ErrorKind, TreePath};

/// The one workspace, and the one desk.
const BOOK: &str = "guestbook";
/// Where the workspace is served from, and its previews.
const WORKSPACE: &str = "/workspaces/guestbook/";

#[event(fetch)]
async fn fetch(request: HttpRequest, env: Env, _: Context) -> Result<Response> {
    let path = request.uri().path();
    if path.starts_with(WORKSPACE) {
        // Who has the URL of a preview may look; all else needs the workspace's token.
        return pass_on(request, &env, "WORKSPACES").await;
    }
    let kept = path == "/desk" || path.starts_with("/desk/");
    if kept && !keeper::is_there(&request, &env)? {
        return keeper::ask();
    }
    match (request.method().as_str(), path) {
        ("GET", "/") => book(&env).await,
        ("POST", "/sign" | "/desk/preview" | "/desk/publish" | "/desk/discard")
        | ("GET", "/desk") => pass_on(request, &env, "DESK").await,
        _ => page::told(404, "There is no such page."),
    }
}

/// Shows what is published.
async fn book(env: &Env) -> Result<Response> {
    let client = workspace_worker::client(env, BOOK).map_err(failed)?;
    let path = TreePath::new(page::PATH).map_err(failed)?;
    match client.read(At::Head, &path).await {
        Ok(bytes) => page::answer(200, &String::from_utf8_lossy(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => page::answer(200, page::EMPTY),
        Err(error) => Err(failed(error)),
    }
}

async fn pass_on(request: HttpRequest, env: &Env, namespace: &str) -> Result<Response> {
    let object = env.durable_object(namespace)?.get_by_name(BOOK)?;
    let (parts, body) = request.into_parts();
    // What came with a GET is no body for the platform, whatever its length says.
    let body = match ["GET", "HEAD"].contains(&parts.method.as_str()) {
        true => Body::empty(),
        false => body,
    };
    let request = HttpRequest::from_parts(parts, body);
    object.fetch_with_request(Request::try_from(request)?).await
}

fn failed(error: workspace_core::Error) -> worker::Error {
    worker::Error::RustError(error.to_string())
}
