//! The object: a workspace, opened where it is first needed.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::{Arc, Once};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use js_sys::Function;
use tower::ServiceExt as _;
use wasm_bindgen::prelude::*;
use workspace_core::store::{BlobStore, MetaStore};
use workspace_core::{Error, ErrorKind, ImportLimits, Options, Result, Workspace};
use workspace_durable_object::{DoSql, Prefix, R2Blobs, context};
use workspace_http::{Access, Passed, router};
use workspace_sql::SqlMeta;

use crate::answer::{answer, answer_with};
use crate::body::{incoming, passage};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// The most bytes of a file: what R2 takes in one upload, 5 GiB less 5 MiB.
const MAX_FILE: u64 = (5 << 30) - (5 << 20);

/// One named workspace.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WorkspaceObject(Rc<Object>);

#[derive(Debug)]
struct Object {
    storage: JsValue,
    bucket: JsValue,
    id: String,
    access: Access,
    upload: Function,
    open: OnceCell<Open>,
}

/// What is there once the workspace is open.
#[derive(Debug)]
struct Open {
    blobs: Arc<R2Blobs>,
    /// For requests from outside, which bring a token.
    guarded: Router,
    /// For a caller that holds the object itself.
    trusted: Router,
}

#[wasm_bindgen]
impl WorkspaceObject {
    /// Takes the object's storage, an R2 bucket, the object's id, the root token
    /// (without one, requests from outside are all refused), and what stores a
    /// body in R2.
    ///
    /// # Errors
    /// A token that can be guessed.
    #[wasm_bindgen(constructor)]
    pub fn new(
        storage: JsValue,
        bucket: JsValue,
        id: String,
        token: Option<String>,
        upload: Function,
    ) -> std::result::Result<Self, JsError> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            std::panic::set_hook(Box::new(|panic| console_error(&panic.to_string())));
        });
        let access = token.as_deref().map_or(Ok(Access::nobody()), Access::root);
        Ok(Self(Rc::new(Object {
            storage,
            bucket,
            id,
            access: access.map_err(thrown)?,
            upload,
            open: OnceCell::new(),
        })))
    }

    /// Answers a request. `target` is path and query; `headers` alternate names
    /// and values; `body` is nothing, bytes, or a stream of bytes. Resolves to
    /// status, headers, first bytes and [`Rest`](crate::Rest) of the answer.
    ///
    /// # Errors
    /// Only what no answer can be made of.
    pub async fn fetch(
        &self,
        method: String,
        target: String,
        headers: Vec<String>,
        body: JsValue,
        trusted: bool,
    ) -> std::result::Result<js_sys::Array, JsError> {
        let object = Rc::clone(&self.0);
        let open = object.open().map_err(thrown)?;
        let router = match trusted {
            true => &open.trusted,
            false => &open.guarded,
        };
        let make = || request(&method, &target, &headers, &body).map_err(thrown);
        let mut request = make()?;
        let passage = passage(&object.upload, &open.blobs, &body);
        request.extensions_mut().insert(passage);
        let response = ask(router, request).await;
        if let Some(Passed { key, range }) = response.extensions().get() {
            // What cannot be passed on is read here, and says what is wrong.
            return match open.blobs.readable(key, range.clone()).await {
                Ok(Some(readable)) => Ok(answer_with(&response, &readable)),
                _ => answer(ask(router, make()?).await).await.map_err(thrown),
            };
        }
        answer(response).await.map_err(thrown)
    }
}

impl Object {
    /// Returns the workspace, created where it is missing.
    fn open(&self) -> Result<&Open> {
        if let Some(open) = self.open.get() {
            return Ok(open);
        }
        let meta = || -> Result<Box<dyn MetaStore>> {
            Ok(Box::new(SqlMeta::open(DoSql::new(&self.storage)?)?))
        };
        let objects = Arc::new(R2Blobs::new(&self.bucket, Prefix::new(&self.id)?));
        let blobs = Arc::clone(&objects) as Arc<dyn BlobStore>;
        let options = Options::default();
        let opened = Workspace::open(meta()?, Arc::clone(&blobs), context(), options);
        let workspace = match opened {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Workspace::create(meta()?, blobs, context(), options)?
            }
            opened => opened?,
        };
        let limits = ImportLimits {
            file_bytes: MAX_FILE,
            ..ImportLimits::default()
        };
        let serve = |access| router(workspace.clone(), access, limits);
        let open = Open {
            blobs: objects,
            guarded: serve(self.access.clone()),
            trusted: serve(Access::trusted()),
        };
        Ok(self.open.get_or_init(|| open))
    }
}

async fn ask(router: &Router, request: Request<Body>) -> Response<Body> {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn request(
    method: &str,
    target: &str,
    headers: &[String],
    body: &JsValue,
) -> Result<Request<Body>> {
    let invalid = |what: &str| Error::new(ErrorKind::Invalid, "read request").because(what);
    let mut request = Request::new(incoming(body));
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| invalid("not a method"))?;
    *request.uri_mut() = Uri::try_from(target).map_err(|_| invalid("not a URL"))?;
    for pair in headers.chunks_exact(2) {
        let name = HeaderName::try_from(&pair[0]).map_err(|_| invalid("not a header"))?;
        let value = HeaderValue::try_from(&pair[1]).map_err(|_| invalid("not a header"))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn thrown(error: Error) -> JsError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    JsError::new(&text)
}
