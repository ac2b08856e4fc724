//! What a preview shows: a tree as a site, for browsers. Failures are pages.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, VARY,
};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use serde::Deserialize;
use workspace_core::store::{Purpose, Site};
use workspace_core::{
    At, Entry, Error, ErrorKind, File, Name, Reason, Result, Sought, TreeId, TreePath, View,
};

use crate::call::{Answer, Call, On};
use crate::operation::{Table, at_of};
use crate::own_host::{OwnHost, within_preview};
use crate::problem::{Problem, status};
use crate::route::Route;
use crate::serve::serve;
use crate::wire::Count;

/// Which files an answer is of.
const TREE: HeaderName = HeaderName::from_static("workspace-tree");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// What previews are asked by.
const METHODS: &str = "GET, HEAD, OPTIONS";
const HTML: &str = "text/html;charset=utf-8";
/// What a site may do that shares its origin with the API: anything but be of that
/// origin.
const SANDBOX: &str = "sandbox allow-scripts allow-forms allow-popups allow-modals \
                       allow-downloads allow-pointer-lock";

pub(super) fn all(table: &mut Table) {
    let paths = [
        ("/preview/{token}", "preview_without_slash"),
        ("/preview/{token}/", "preview_root"),
        ("/preview/{token}/{*path}", "preview"),
    ];
    let failures = [
        ErrorKind::Invalid,
        ErrorKind::NotFound,
        ErrorKind::Stale,
        ErrorKind::Locked,
        ErrorKind::Corrupt,
        ErrorKind::Unsupported,
        ErrorKind::Unavailable,
    ];
    let route = |(path, id)| {
        let summary = "Shows a file of a preview, or the index of a directory";
        let route = Route::new(Method::GET, path, id, summary, show)
            .open(|request| Ok(dress(page(nothing()), None, is_own(request))))
            .answers_bytes(StatusCode::OK, "The file.", "*/*")
            .answers_bytes(StatusCode::PARTIAL_CONTENT, "The range.", "*/*")
            .answers_nothing(StatusCode::NOT_MODIFIED, "The caller has it already.")
            .answers_nothing(
                StatusCode::TEMPORARY_REDIRECT,
                "A directory, whose name ends with a slash.",
            )
            .answers_bytes(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "A page that says so.",
                HTML,
            );
        failures.into_iter().fold(route, |route, kind| {
            route.answers_bytes(status(kind), "A page that says so.", HTML)
        })
    };
    let preflight = |(path, id)| {
        let summary = "Tells a browser what a site of no origin may ask of itself";
        Route::new(
            Method::OPTIONS,
            path,
            format!("{id}_preflight"),
            summary,
            preflight,
        )
        .open(|request| Ok(may_ask(request.headers(), is_own(request))))
        .answers_nothing(StatusCode::NO_CONTENT, "Reading, with any header.")
    };
    table.routes.extend(paths.map(route));
    table.routes.extend(paths.map(preflight));
}

/// Answers before a request across origins, which is each of a site that is of none.
/// There is nothing here that may only be read with a cookie or from some origin.
async fn preflight(call: Call) -> Answer {
    Ok(may_ask(&call.headers, call.own_host))
}

fn may_ask(headers: &HeaderMap, own_host: bool) -> Response<Body> {
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let fixed = |text| HeaderValue::from_static(text);
    headers.insert(ALLOW, fixed(METHODS));
    headers.insert(CACHE_CONTROL, fixed("no-store"));
    if !own_host {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, fixed(METHODS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, fixed("86400"));
        // Those that are asked for: `*` would leave out some.
        headers.extend(asked.map(|asked| (ACCESS_CONTROL_ALLOW_HEADERS, asked)));
        headers.insert(VARY, fixed("access-control-request-headers"));
    }
    response
}

/// Answers to a method that previews do not have.
pub(crate) fn wrong_method(problem: Problem) -> Response<Body> {
    let mut response = page(problem);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}

/// Answers for a browser, whatever happens.
async fn show(call: Call) -> Answer {
    let mut tree = None;
    let found = find(&call, &mut tree).await;
    let response = found.unwrap_or_else(page);
    Ok(match &call.shown {
        Some(shown) => live(response, shown, tree),
        None => dress(response, tree, call.own_host),
    })
}

/// Adds what every answer of a site says that its owner serves.
fn live(mut response: Response<Body>, shown: &Shown, tree: Option<TreeId>) -> Response<Body> {
    let status = response.status().as_u16();
    let headers = response.headers_mut();
    let tree = tree.and_then(|tree| HeaderValue::try_from(tree.to_string()).ok());
    headers.extend(tree.map(|tree| (TREE, tree)));
    // What is not there now may be there soon.
    let lasts = [200, 206, 304].contains(&status);
    headers.insert(
        CACHE_CONTROL,
        match lasts {
            true => shown.cache_control.clone(),
            false => HeaderValue::from_static("no-store"),
        },
    );
    if shown.site.fallback.is_some() {
        headers.insert(VARY, HeaderValue::from_static("accept"));
    }
    response
}

/// A site that is served to a request without a preview: which files, and how.
#[derive(Clone)]
pub(crate) struct Shown {
    at: AtText,
    site: Site,
    cache_control: HeaderValue,
}

/// Which files are meant, as a caller says it.
type AtText = (Option<String>, Option<Count>, Option<String>);

/// How a site is served.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownDto {
    copy: Option<String>,
    revision: Option<Count>,
    tree: Option<String>,
    root: Option<String>,
    index: Option<String>,
    fallback: Option<String>,
    #[serde(default)]
    hidden: bool,
    cache_control: Option<String>,
}

/// Turns a request into one for a site of these files, whoever asks: `options` is a JSON
/// object with names in camelCase. For a server that has let the request in.
///
/// # Errors
/// `Invalid` for options that there are not, and for a URL that becomes too long.
pub fn within_site<B>(request: &mut axum::http::Request<B>, options: &str) -> Result<()> {
    let said: ShownDto = crate::calls::read_as(options)?;
    let mut site = Site {
        hidden: said.hidden,
        ..Site::default()
    };
    if let Some(index) = &said.index {
        site.index = Name::new(index)?;
    }
    if let Some(root) = &said.root {
        site.root = TreePath::new(root)?;
    }
    site.fallback = said.fallback.as_deref().map(TreePath::new).transpose()?;
    // Whoever has it asks again whether it is still so.
    let cache_control = said.cache_control.as_deref().unwrap_or("no-cache");
    let cache_control = HeaderValue::from_str(cache_control).map_err(|_| {
        Error::invalid(Reason::MalformedHeader, "serve site")
            .because("a header cannot carry this `cacheControl`")
    })?;
    within_preview(request, "site")?;
    request.extensions_mut().insert(Shown {
        at: (said.copy, said.revision, said.tree),
        site,
        cache_control,
    });
    Ok(())
}

/// Adds what every answer of a preview says.
fn dress(mut response: Response<Body>, tree: Option<TreeId>, own_host: bool) -> Response<Body> {
    let headers = response.headers_mut();
    let tree = tree.and_then(|tree| HeaderValue::try_from(tree.to_string()).ok());
    headers.extend(tree.map(|tree| (TREE, tree)));
    let fixed = |text| HeaderValue::from_static(text);
    headers.insert(CACHE_CONTROL, fixed("private, no-cache"));
    // The token is in the URL, which is nobody's business elsewhere.
    headers.insert(REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(ROBOTS, fixed("noindex"));
    if !own_host {
        headers.insert(CONTENT_SECURITY_POLICY, fixed(SANDBOX));
        // Of no origin, a site could not even load its own modules and fonts. Who
        // knows the URL may read it in any case.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, fixed("etag, workspace-tree"));
    }
    response
}

/// What a URL of a site stands for.
enum Found {
    File(TreePath, File),
    /// A directory with an index, named without a slash at its end.
    Directory,
    Nothing,
}

/// There is no such preview, or nothing at the path.
fn nothing() -> Problem {
    Error::not_found(Sought::Preview, "preview").into()
}

/// Tells whether a request came to a preview's own host.
fn is_own(request: &Request) -> bool {
    request.extensions().get::<OwnHost>().is_some()
}

async fn find(call: &Call, tree: &mut Option<TreeId>) -> Answer {
    let (at, site) = match &call.shown {
        Some(shown) => (shown.at(&call.on)?, shown.site.clone()),
        None => previewed(call)?,
    };
    // One state for the whole answer, and its name: where the site is all of it. That of
    // what lies above a site would tell when anything there changes.
    let now = call.on.workspace.tree(at)?;
    *tree = site.root.is_root().then_some(now);
    let view = call.on.workspace.files(At::Tree(now));
    let within = |path: &TreePath| path.below(&site.root).ok();
    let found = match target(call, &site).and_then(|(path, slash)| Some((within(&path)?, slash))) {
        Some((path, slash)) => look(&view, &site, &path, slash)?,
        None => Found::Nothing,
    };
    match found {
        Found::File(path, file) => send(call, &path, &file).await,
        Found::Directory => redirect(call),
        Found::Nothing => match site.fallback.as_ref().and_then(within) {
            Some(fallback) if accepts_pages(call) => match view.stat(&fallback) {
                Ok(Some(Entry::File(file))) => {
                    let mut response = send(call, &fallback, &file).await?;
                    let accept = HeaderValue::from_static("accept");
                    response.headers_mut().insert(VARY, accept);
                    Ok(response)
                }
                _ => Err(nothing()),
            },
            _ => Err(nothing()),
        },
    }
}

/// Returns what the preview shows whose token the request has.
fn previewed(call: &Call) -> Result<(At, Site), Problem> {
    let token = call.parameter("token").map_err(|_| nothing())?;
    let found = call.on.workspace.find_preview(&token.unwrap_or_default())?;
    match found.map(|found| (found.at, found.purpose)) {
        Some((_, Purpose::Site(site))) if site.app => {
            let why = "an application is shown at a host of its own, where code is run";
            Err(Error::new(ErrorKind::Unsupported, "preview")
                .because(why)
                .into())
        }
        Some((at, Purpose::Site(site))) => Ok((at, site)),
        _ => Err(nothing()),
    }
}

impl Shown {
    fn at(&self, on: &On) -> Result<At> {
        let (copy, revision, tree) = &self.at;
        at_of(on, &|name| {
            Ok(match name {
                "copy" => copy.clone(),
                "revision" => revision.map(|revision| revision.get().to_string()),
                _ => tree.clone(),
            })
        })
    }
}

/// Reads the path that is asked for, and whether a slash is at its end; `None`
/// where it can be the path of nothing.
fn target(call: &Call, site: &Site) -> Option<(TreePath, bool)> {
    let Some(path) = call.parameter("*path").ok()? else {
        return Some((TreePath::root(), call.uri.path().ends_with('/')));
    };
    let bare = path.strip_suffix('/');
    let path = TreePath::new(&format!("/{}", bare.unwrap_or(&path))).ok()?;
    let shown = site.hidden || !path.segments().any(is_hidden);
    shown.then_some((path, bare.is_some()))
}

/// Tells whether a name is of what belongs to tools and not to the site: settings,
/// secrets, `.git`. Those below `.well-known` are for everybody (RFC 8615).
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != ".well-known"
}

fn look(view: &View, site: &Site, path: &TreePath, slash: bool) -> Result<Found> {
    Ok(match view.stat(path)? {
        Some(Entry::File(file)) if !slash => Found::File(path.clone(), file),
        Some(Entry::Directory(_)) => {
            let index = path.join(&site.index);
            let Ok(index) = index else {
                return Ok(Found::Nothing);
            };
            match view.stat(&index)? {
                Some(Entry::File(_)) if !slash => Found::Directory,
                Some(Entry::File(file)) => Found::File(index, file),
                _ => Found::Nothing,
            }
        }
        _ => Found::Nothing,
    })
}

async fn send(call: &Call, path: &TreePath, file: &File) -> Answer {
    let mut response = serve(call, path, file).await?;
    let guessed = guess(path).and_then(|kind| HeaderValue::try_from(kind).ok());
    if let Some(said) = response.headers_mut().get_mut(CONTENT_TYPE)
        && let (None, Some(guessed)) = (&file.media_type, guessed)
    {
        *said = guessed;
    }
    Ok(response)
}

/// Guesses a media type from the end of a name.
pub(super) fn guess(path: &TreePath) -> Option<String> {
    let kind = mime_guess::from_path(path.as_str()).first_raw()?;
    let is_text = kind.starts_with("text/")
        || kind.ends_with("+xml")
        || kind.ends_with("+json")
        || [
            "application/javascript",
            "application/json",
            "application/xml",
        ]
        .contains(&kind);
    Some(match is_text {
        true => format!("{kind};charset=utf-8"),
        false => kind.into(),
    })
}

/// Sends a browser to the same directory with a slash at its end, against which
/// the links of its index are resolved. Relative, so that it does not matter where
/// the site is mounted.
fn redirect(call: &Call) -> Answer {
    let name = call.uri.path().rsplit('/').next().unwrap_or_default();
    let query = call.uri.query().map(|query| format!("?{query}"));
    let location = format!("./{name}/{}", query.unwrap_or_default());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let location = HeaderValue::try_from(location).map(|location| (LOCATION, location));
    response.headers_mut().extend(location);
    Ok(response)
}

/// Tells whether a page is asked for, and not an image or a script.
fn accepts_pages(call: &Call) -> bool {
    let accept = call.headers.get_all(ACCEPT).iter();
    let mut accept = accept.filter_map(|value| value.to_str().ok());
    accept.any(|kinds| kinds.to_ascii_lowercase().contains("text/html"))
}

/// Says a failure to a person, and nothing of what failed.
fn page(problem: Problem) -> Response<Body> {
    let status = problem.status();
    let title = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <title>{title}</title><h1>{code} {title}</h1></html>\n"
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let html = HeaderValue::from_static(HTML);
    response.headers_mut().insert(CONTENT_TYPE, html);
    response.headers_mut().extend(problem.into_header());
    response
}
