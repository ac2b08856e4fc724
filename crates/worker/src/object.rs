//! The object: a workspace, opened where it is first needed.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use futures::FutureExt as _;
use js_sys::{Array, Uint8Array};
use tower::ServiceExt as _;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::worker_sys::DurableObjectState;
use workspace_core::store::{BlobStore, MetaStore, Purpose, Site};
use workspace_core::{
    At, Entry, Error, ErrorKind, ImportLimits, NextStep, Options, Result, RevisionId, TreePath,
    Workspace,
};
use workspace_durable_object::{DoSql, Prefix, R2Blobs, context};
#[cfg(feature = "delegated")]
use workspace_dynamic_worker::Runs;
use workspace_http::{
    Access, Bodies, Called, Calls, Contents, Failed, Incoming, Origins, Passed, RequestId, absent,
    problem, router, within_preview, within_site,
};
use workspace_sql::{SqlMeta, schema_version};

use crate::answer::{answer, answer_with, rest};
use crate::body::{incoming, passage};
use crate::panics;
use crate::platform::Platform;
use crate::request::request;

/// The most bytes of a file: what R2 takes in one upload, 5 GiB less 5 MiB.
const MAX_FILE: u64 = (5 << 30) - (5 << 20);
/// The most paths that an import compares with what is there: some 30 MB while it grows.
const MAX_NAMED: u64 = 800_000;

/// As many bodies of up to 256 KiB are taken at a time, and as many of more, which hold
/// up to 16 MiB each: of the root token's holder, and again of all holders of grants. An
/// object has 128 MB.
const SMALL: usize = 32;
const LARGE: usize = 2;

/// The most bytes of differences in one answer, which is made of them and held as well.
const MAX_DIFF: usize = 12 << 20;

/// One named workspace.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WorkspaceObject(pub(crate) Rc<Object>);

#[derive(Debug)]
pub(crate) struct Object {
    storage: worker::Storage,
    bucket: worker::Bucket,
    id: String,
    platform: Platform,
    access: Access,
    origins: Origins,
    bodies: Bodies,
    open: OnceCell<Open>,
    /// What answers where there is no workspace.
    absent: OnceCell<Router>,
}

/// What is there once the workspace is open.
#[derive(Debug)]
pub(crate) struct Open {
    workspace: Workspace,
    blobs: Arc<R2Blobs>,
    /// For requests from outside, which bring a token.
    guarded: Router,
    /// For who holds the object.
    calls: Calls,
    /// For a caller that holds the object itself.
    trusted: Router,
    /// What delegated code does to the files.
    #[cfg(feature = "delegated")]
    pub(crate) runs: Rc<Runs>,
}

/// A request as JavaScript hands it over.
struct Call {
    method: String,
    target: String,
    headers: String,
    body: JsValue,
    trusted: bool,
    /// The token of the preview whose own host it came to.
    preview: Option<String>,
    /// The site that is shown, whatever it is of.
    site: Option<String>,
    /// What names it in the log, and in its answer.
    id: Option<String>,
}

#[wasm_bindgen]
impl WorkspaceObject {
    /// Takes the object's state, an R2 bucket, and the platform.
    ///
    /// # Errors
    /// A token that can be guessed.
    #[wasm_bindgen(constructor)]
    pub fn new(
        state: DurableObjectState,
        bucket: JsValue,
        platform: Platform,
    ) -> std::result::Result<Self, JsError> {
        panics::keep_to_places();
        let state = worker::State::from(state);
        Ok(Self(Rc::new(Object {
            storage: state.storage(),
            bucket: worker::Bucket::unchecked_from_js(bucket),
            id: state.id().to_string(),
            access: platform.access().map_err(thrown)?,
            origins: platform.allowed().map_err(thrown)?,
            platform,
            bodies: Bodies::new(SMALL, LARGE),
            open: OnceCell::new(),
            absent: OnceCell::new(),
        })))
    }

    /// Answers a request. `line` is its method and, after a space, path and query, the
    /// target; `headers` are lines of which names and values alternate; `body` is nothing,
    /// bytes, a stream of bytes, or what resolves to few bytes when it is called. With the
    /// token of a `preview` the target is within that one, at a host of its own; no header
    /// says what a request is for. With a `site` it is within the site of those files. With an
    /// `id` problems name it. Resolves to status, headers, first bytes and rest of the answer,
    /// and the route that answered.
    ///
    /// # Errors
    /// Only what no answer can be made of.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a value of JavaScript's, and no object is made for them"
    )]
    pub async fn fetch(
        &self,
        line: String,
        headers: String,
        body: JsValue,
        trusted: bool,
        preview: Option<String>,
        site: Option<String>,
        id: Option<String>,
    ) -> std::result::Result<Array, JsError> {
        let object = Rc::clone(&self.0);
        let (method, target) = line.split_once(' ').unwrap_or((&line, ""));
        let call = Call {
            method: method.into(),
            target: target.into(),
            headers,
            body,
            trusted,
            preview,
            site,
            id,
        };
        let response = object.respond(&call).await.unwrap_or_else(problem);
        object
            .answer(&call, response)
            .await
            .map_err(|error| told(&error))
    }

    /// Calls an operation by its name in snake_case, for a caller who holds the object.
    /// `arguments` is a JSON object with names in camelCase, `part` one with the scope and
    /// the actor of who has a part of the files only; `contents` are nothing, bytes or a
    /// stream of bytes. Returns, or resolves to, status, answer as JSON, first bytes and
    /// rest of the contents that go with it; at once, where nothing has to be waited for.
    ///
    /// # Errors
    /// Only what no answer can be made of.
    pub fn call(
        &self,
        name: String,
        arguments: String,
        part: Option<String>,
        contents: JsValue,
    ) -> std::result::Result<JsValue, JsError> {
        let object = Rc::clone(&self.0);
        let called = async move {
            let found = object.call(&name, &arguments, part.as_deref(), contents);
            found.await.map(JsValue::from)
        };
        let mut called = Box::pin(called);
        match called.as_mut().now_or_never() {
            Some(found) => found.map_err(|error| told(&error)),
            None => {
                let later = async move { Ok(called.await.map_err(|error| told(&error))?) };
                Ok(future_to_promise(later).into())
            }
        }
    }

    /// Returns the bytes of a small file of head, of a copy or of a revision, for a
    /// caller who holds the object; nothing where only a request can tell: what is
    /// large, what is wrong, and all before the first request.
    pub fn small(
        &self,
        path: &str,
        copy: Option<String>,
        revision: Option<f64>,
    ) -> Option<Uint8Array> {
        let workspace = &self.0.open.get()?.workspace;
        let at = match (copy, revision) {
            (Some(copy), _) => At::Copy(workspace.find_copy(&copy).ok()?.id),
            // Whole, and under 2^53.
            (None, Some(revision)) => At::Revision(RevisionId::new(revision as u64)),
            (None, None) => At::Head,
        };
        let found = workspace.files(at).stat(&TreePath::new(path).ok()?);
        let Ok(Some(Entry::File(file))) = found else {
            return None;
        };
        if file.size > workspace.options().inline_limit as u64 {
            return None;
        }
        // What is in a row is there at once.
        let bytes = workspace.read_entry(&file).now_or_never()?.ok()?;
        Some(Uint8Array::from(&*bytes))
    }

    /// Returns what the preview of a token is an application of, as JSON: `copy`, `revision` or
    /// `tree`, unless it is head, and `root`. Nothing where it is none, or there is none.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn application(&self, token: &str) -> std::result::Result<Option<String>, JsError> {
        let found = || -> Result<Option<String>> {
            let Some(open) = self.0.open(false)? else {
                return Ok(None);
            };
            let Some(grant) = open.workspace.find_preview(token)? else {
                return Ok(None);
            };
            let Purpose::Site(Site {
                root, app: true, ..
            }) = grant.purpose
            else {
                return Ok(None);
            };
            let mut told = serde_json::json!({ "root": root.as_str() });
            match grant.at {
                At::Copy(copy) => told["copy"] = copy.to_string().into(),
                At::Revision(revision) => told["revision"] = revision.get().into(),
                At::Tree(tree) => told["tree"] = tree.to_string().into(),
                _ => {}
            }
            Ok(Some(told.to_string()))
        };
        found().map_err(|error| told(&error))
    }

    /// Takes a step of upkeep. Resolves to when the next one is due, in
    /// milliseconds since 1970: now where there is more to do, and nothing where
    /// there is nothing to do until something changes.
    ///
    /// # Errors
    /// Those of the stores. Repeating it goes on where it stopped.
    pub async fn upkeep(&self) -> std::result::Result<Option<f64>, JsError> {
        let object = Rc::clone(&self.0);
        let Some(open) = object.open(false).map_err(|error| told(&error))? else {
            return Ok(None);
        };
        let now = js_sys::Date::now();
        let step = open.workspace.upkeep(&object.platform.upkeep(now)).await;
        Ok(match step.map_err(|error| told(&error))?.next {
            NextStep::Now => Some(now),
            NextStep::At(time) => Some(time.as_millis() as f64),
            NextStep::Never => None,
        })
    }
}

impl Object {
    async fn respond(&self, call: &Call) -> Result<Response<Body>> {
        let mut request = call.request()?;
        // A request that may not use the workspace does not create it.
        // Nor does one to see a site.
        let make = (call.trusted && call.site.is_none()) || self.access.is_root(request.headers());
        let Some(open) = self.open(make)? else {
            let router = || self.origins.clone().admit(absent());
            let router = self.absent.get_or_init(router).clone();
            return Ok(answered(router.oneshot(request).await));
        };
        let extensions = request.extensions_mut();
        extensions.insert(passage(&self.platform, &open.blobs, &call.body));
        extensions.insert(Platform::pulse());
        extensions.insert(self.bodies.clone());
        // Who holds the object may take as long as it likes.
        if !call.trusted {
            extensions.insert(Platform::timer());
        }
        let may_change = ![Method::GET, Method::HEAD].contains(request.method())
            && !request.uri().path().starts_with("/preview/");
        let response = open.ask(call, request).await;
        // Also where it failed: what it stored may be left for upkeep.
        if may_change
            && response.status() != StatusCode::UNAUTHORIZED
            && let Ok(Some(told)) = self.platform.changed()
        {
            // What is committed stays so; a later call tells again.
            let _failed = JsFuture::from(told).await;
        }
        Ok(response)
    }

    async fn call(
        &self,
        name: &str,
        arguments: &str,
        part: Option<&str>,
        contents: JsValue,
    ) -> Result<Array> {
        let open = match self.open(true) {
            Ok(Some(open)) => open,
            Ok(None) => return Ok(refused(Error::new(ErrorKind::Unavailable, "open").into())),
            Err(error) => return Ok(refused(error.into())),
        };
        let given = (!contents.is_undefined()).then(|| {
            let bytes = contents.dyn_ref::<Uint8Array>();
            Incoming {
                size: bytes.map(|bytes| bytes.length().into()),
                body: incoming(&contents),
            }
        });
        let called = open.calls.call(name, arguments, part, given, true).await;
        if open.calls.changes(name)
            && let Ok(Some(told)) = self.platform.changed()
        {
            // What is committed stays so; a later call tells again.
            let _failed = JsFuture::from(told).await;
        }
        let Called { json, contents } = match called {
            Ok(called) => called,
            Err(failed) => return Ok(refused(failed)),
        };
        match contents {
            None => Ok(done(&json, None)),
            Some(Contents::Body(body)) => Ok(done(&json, Some(JsValue::from(rest(body))))),
            Some(Contents::Passed(Passed { object, range })) => {
                match open.blobs.readable(object.key(), range).await {
                    Ok(Some(readable)) => Ok(done(&json, Some(readable))),
                    // What cannot be passed on is read here, and says what is wrong.
                    _ => match open.calls.call(name, arguments, part, None, false).await {
                        Ok(Called {
                            json,
                            contents: Some(Contents::Body(body)),
                        }) => Ok(done(&json, Some(JsValue::from(rest(body))))),
                        Ok(_) => Ok(refused(Error::new(ErrorKind::Unavailable, "read").into())),
                        Err(failed) => Ok(refused(failed)),
                    },
                }
            }
        }
    }

    /// Turns a response into what JavaScript takes.
    async fn answer(&self, call: &Call, response: Response<Body>) -> Result<Array> {
        let (Some(Passed { object, range }), Some(open)) =
            (response.extensions().get(), self.open.get())
        else {
            return answer(response).await;
        };
        match open.blobs.readable(object.key(), range.clone()).await {
            Ok(Some(readable)) => Ok(answer_with(&response, &readable)),
            // What cannot be passed on is read here, and says what is wrong.
            _ => answer(open.ask(call, call.request()?).await).await,
        }
    }

    /// Returns the workspace; `None` where there is none, unless it is to be made.
    pub(crate) fn open(&self, make: bool) -> Result<Option<&Open>> {
        if let Some(open) = self.open.get() {
            return Ok(Some(open));
        }
        let sql = DoSql::new(&self.storage)?;
        if !make && schema_version(&sql)? == 0 {
            return Ok(None);
        }
        let meta = || -> Result<Box<dyn MetaStore>> { Ok(Box::new(SqlMeta::open(sql.clone())?)) };
        let objects = Arc::new(R2Blobs::new(self.bucket.clone(), Prefix::new(&self.id)?));
        let blobs = Arc::clone(&objects) as Arc<dyn BlobStore>;
        let options = Options::default().max_diff(MAX_DIFF);
        let opened = Workspace::open(meta()?, Arc::clone(&blobs), context(), options);
        let workspace = match opened {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Workspace::create(meta()?, blobs, context(), options)?
            }
            opened => opened?,
        };
        let limits = ImportLimits::default()
            .file_bytes(MAX_FILE)
            .named(MAX_NAMED);
        let serve = |access| router(workspace.clone(), access, limits);
        let guarded = serve(self.access.clone());
        let open = Open {
            blobs: objects,
            guarded: self.origins.clone().admit(guarded),
            trusted: serve(Access::trusted()),
            calls: Calls::new(
                workspace.clone(),
                limits,
                Some(self.bodies.clone()),
                Some(Platform::timer()),
            ),
            #[cfg(feature = "delegated")]
            runs: Rc::new(Runs::new(workspace.clone(), &*self.id)),
            workspace: workspace.clone(),
        };
        Ok(Some(self.open.get_or_init(|| open)))
    }
}

impl Open {
    async fn ask(&self, call: &Call, request: Request<Body>) -> Response<Body> {
        let router = match call.trusted {
            true => &self.trusted,
            false => &self.guarded,
        };
        answered(router.clone().oneshot(request).await)
    }
}

/// What came of a call, with the rest of its contents.
pub(crate) fn done(json: &[u8], rest: Option<JsValue>) -> Array {
    let json = String::from_utf8_lossy(json);
    Array::of3(&200.into(), &(*json).into(), &rest.unwrap_or_default())
}

pub(crate) fn refused(failed: Failed) -> Array {
    let json = String::from_utf8_lossy(&failed.json);
    Array::of2(&failed.status.into(), &(*json).into())
}

fn answered(result: std::result::Result<Response<Body>, Infallible>) -> Response<Body> {
    match result {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

impl Call {
    fn request(&self) -> Result<Request<Body>> {
        let body = incoming(&self.body);
        let mut request = request(&self.method, &self.target, &self.headers, body)?;
        if let Some(id) = &self.id {
            request
                .extensions_mut()
                .insert(RequestId(id.as_str().into()));
        }
        if let Some(token) = &self.preview {
            within_preview(&mut request, token)?;
        }
        if let Some(site) = &self.site {
            within_site(&mut request, site)?;
        }
        Ok(request)
    }
}

/// Says what failed and how, and not with what: it is written down.
pub(crate) fn told(error: &Error) -> JsError {
    JsError::new(&format!("{}: {}", error.operation(), error.kind().code()))
}

/// Says all of an error, of a setting.
fn thrown(error: Error) -> JsError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    JsError::new(&text)
}
