//! The router: a workspace, who may call it, and all routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use send_wrapper::SendWrapper;
use tower::util::MapResponseLayer;
use workspace_core::{ImportLimits, Workspace};

use crate::access::{Access, Who};
use crate::call::{Call, On};
use crate::ledger::Ledger;
use crate::problem::Problem;
use crate::request_id::RequestId;
use crate::routes::{self, changes_fixed_files};

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Api {
    workspace: SendWrapper<Workspace>,
    access: Access,
    limits: ImportLimits,
}

impl Api {
    /// Checks the token of a request and takes it in.
    pub(crate) fn admit(
        &self,
        who: Who,
        pattern: Arc<str>,
        request: Request,
    ) -> Result<Call, Problem> {
        let workspace = self.workspace.metered();
        let holder = self.access.admit(who, &workspace, request.headers())?;
        let extensions = request.extensions();
        let timer = extensions.get().cloned();
        let ledger = Ledger::new(
            extensions.get(),
            timer,
            holder.as_ref().map(|holder| holder.grant.at),
        );
        let on = On {
            workspace,
            holder,
            part: None,
            limits: self.limits,
            ledger: Arc::new(ledger),
        };
        Ok(Call::new(on, pattern, request))
    }

    /// Answers with `problem` to who may know which routes there are.
    async fn refuse(self, problem: Problem, request: Request) -> Response {
        let id = RequestId::of(&request);
        let problem = problem.of_request(id);
        match self.access.check(&self.workspace, request.headers()) {
            Ok(None) => problem.into_response(),
            // Those of its view are all that a grant's holder knows.
            Ok(Some(_)) if Who::of(request.uri().path()) == Who::Holder => problem.into_response(),
            Ok(Some(_)) => Problem::denied().into_response(),
            Err(unauthorized) => unauthorized.into_response(),
        }
    }
}

/// Returns the service of a workspace under `/v1`.
///
/// `limits` bound what an upload or an import may bring. The service is `Send`
/// for the sake of the routers and servers there are, but it belongs to the
/// thread of its workspace, and panics elsewhere: serve it on a runtime of one
/// thread.
///
/// ```
/// use std::sync::Arc;
/// use workspace_core::{ImportLimits, Options, Workspace};
/// use workspace_http::{Access, router};
/// # let context = workspace_testkit::TestContext::new(1).context();
/// # let meta = Box::new(workspace_testkit::MemoryMeta::new());
/// # let blobs = Arc::new(workspace_testkit::MemoryBlobs::new());
///
/// let workspace = Workspace::create(meta, blobs, context, Options::default())?;
/// let access = Access::root("a token that cannot be guessed".replace(' ', "-").as_str())?;
/// let service: axum::Router = router(workspace, access, ImportLimits::default());
/// # drop(service);
/// # Ok::<(), workspace_core::Error>(())
/// ```
pub fn router(workspace: Workspace, access: Access, limits: ImportLimits) -> Router {
    let api = Api {
        workspace: SendWrapper::new(workspace),
        access,
        limits,
    };
    let routes = routes::all().routes;
    let router = routes.into_iter().fold(Router::new(), |router, route| {
        let path = Arc::clone(&route.path);
        router.route(&path, route.service())
    });
    router
        .fallback(|State(api): State<Api>, request: Request| {
            let problem = match changes_fixed_files(request.method(), request.uri().path()) {
                true => Problem::read_only(StatusCode::FORBIDDEN),
                false => Problem::no_such_route(),
            };
            api.refuse(problem, request)
        })
        .method_not_allowed_fallback(async |State(api): State<Api>, request: Request| {
            let problem = match changes_fixed_files(request.method(), request.uri().path()) {
                true => Problem::read_only(StatusCode::METHOD_NOT_ALLOWED),
                false => Problem::method_not_allowed(),
            };
            match request.uri().path().starts_with("/preview/") {
                true => routes::site::wrong_method(problem),
                false => api.refuse(problem, request).await,
            }
        })
        .layer(MapResponseLayer::new(unsniffed))
        .with_state(api)
}

/// Keeps a browser from guessing what an answer is, of whatever class.
pub(crate) fn unsniffed(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Refuses a request to a workspace that is not there.
pub(crate) fn refuse_absent(request: &Request) -> Problem {
    Problem::unauthorized().of_request(RequestId::of(request))
}

/// Returns the service of a workspace that is not there. It answers as one that is there
/// answers a stranger: nobody but the holder of its token learns which it is.
pub fn absent() -> Router {
    let routes = routes::all().routes;
    let router = routes.into_iter().fold(Router::new(), |router, route| {
        let path = Arc::clone(&route.path);
        router.route(&path, route.service_of_nothing())
    });
    router
        .fallback(async |request: Request| refuse_absent(&request))
        .method_not_allowed_fallback(async |request: Request| {
            match request.uri().path().starts_with("/preview/") {
                true => routes::site::wrong_method(Problem::method_not_allowed()),
                false => refuse_absent(&request).into_response(),
            }
        })
        .layer(MapResponseLayer::new(unsniffed))
}
