//! A route: its path, its handler, and what the OpenAPI document says of it.
//!
//! Both are made from the same value, so neither can be there without the other.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use send_wrapper::SendWrapper;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use workspace_core::{ErrorKind, Receipt};

use crate::access::{Holder, Who};
use crate::api::{Api, refuse_absent};
use crate::call::{Answer, Call, On};
use crate::openapi::Schemas;
use crate::problem::Problem;
use crate::request_id::RequestId;
use crate::wire::ReceiptDto;

/// By which route a request was answered, in the extensions of its answer: for a server
/// that writes down requests, but not their paths.
#[derive(Debug, Clone)]
pub struct Routed(pub Arc<str>);

/// What the call cost the stores, in answers.
pub const RECEIPT: HeaderName = HeaderName::from_static("workspace-receipt");

type Handler = Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Answer>>> + Send + Sync>;

/// A method of a path.
pub(crate) struct Route {
    pub(crate) path: Arc<str>,
    pub(crate) method: Method,
    pub(crate) id: String,
    pub(crate) summary: &'static str,
    pub(crate) query: Option<fn() -> Vec<Parameter>>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Option<BodyDoc>,
    pub(crate) answers: Vec<AnswerDoc>,
    pub(crate) fails: Vec<Fail>,
    pub(crate) who: Who,
    /// Whether the document names it: not where it can only be refused.
    pub(crate) documented: bool,
    /// The operation that it is a route of, and its leading arguments.
    pub(crate) operation: Option<(&'static str, &'static [&'static str])>,
    /// What an open route answers where the workspace is not there.
    absent: Option<fn(&Request) -> Answer>,
    handler: Handler,
}

/// What a request's body is.
pub(crate) struct BodyDoc {
    pub(crate) required: bool,
    pub(crate) content: ContentDoc,
}

/// What an answer is.
pub(crate) struct AnswerDoc {
    pub(crate) status: StatusCode,
    pub(crate) what: &'static str,
    pub(crate) content: Option<ContentDoc>,
}

/// What is in a body.
pub(crate) enum ContentDoc {
    /// JSON of this schema.
    Json(fn(&mut Schemas) -> serde_json::Value),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// A way to fail.
pub(crate) enum Fail {
    Kind(ErrorKind),
    Http(StatusCode, &'static str),
}

/// What any call can meet.
const ALWAYS: [ErrorKind; 5] = [
    ErrorKind::Invalid,
    ErrorKind::Unsupported,
    ErrorKind::Locked,
    ErrorKind::Corrupt,
    ErrorKind::Unavailable,
];
/// What any call that sends a body or writes can meet besides.
const WRITING: [ErrorKind; 3] = [
    ErrorKind::Source,
    ErrorKind::LimitExceeded,
    ErrorKind::StorageFull,
];

impl Route {
    /// Describes a route; `id` names it in clients that are generated.
    pub(crate) fn new<F, Fut>(
        method: Method,
        path: impl Into<Arc<str>>,
        id: impl Into<String>,
        summary: &'static str,
        handler: F,
    ) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + 'static,
    {
        let path = path.into();
        let mut fails: Vec<Fail> = ALWAYS.map(Fail::Kind).into();
        if method != Method::GET {
            fails.extend(WRITING.map(Fail::Kind));
        }
        Self {
            who: Who::of(&path),
            documented: true,
            path,
            method,
            id: id.into(),
            summary,
            query: None,
            headers: Vec::new(),
            body: None,
            answers: Vec::new(),
            fails,
            operation: None,
            absent: None,
            handler: Arc::new(move |call| Box::pin(handler(call))),
        }
    }

    /// Takes a query.
    pub(crate) fn query<Q: IntoParams>(mut self) -> Self {
        if cfg!(feature = "document") {
            self.query = Some(|| Q::into_params(|| Some(ParameterIn::Query)));
        }
        self
    }

    /// Heeds a header.
    pub(crate) fn header(mut self, name: &'static str, what: &'static str) -> Self {
        self.headers.push((name, what));
        self
    }

    /// Takes a JSON body.
    pub(crate) fn json<B: ToSchema>(self) -> Self {
        self.takes(true, ContentDoc::Json(described::<B>()))
    }

    /// Takes a JSON body that may be left out.
    pub(crate) fn optional_json<B: ToSchema>(self) -> Self {
        self.takes(false, ContentDoc::Json(described::<B>()))
    }

    /// Takes a body that is streamed.
    pub(crate) fn bytes(self, media_type: &'static str) -> Self {
        self.takes(true, ContentDoc::Bytes(media_type))
    }

    fn takes(mut self, required: bool, content: ContentDoc) -> Self {
        self = self
            .fails_with(StatusCode::REQUEST_TIMEOUT, "request_timeout")
            .fails_with(StatusCode::SERVICE_UNAVAILABLE, "busy");
        if matches!(content, ContentDoc::Json(_)) || media_type_is_checked(&content) {
            let code = "unsupported_media_type";
            self = self.fails_with(StatusCode::UNSUPPORTED_MEDIA_TYPE, code);
        }
        self.body = Some(BodyDoc { required, content });
        self
    }

    /// Answers with JSON.
    pub(crate) fn answers<T: ToSchema>(self, status: StatusCode, what: &'static str) -> Self {
        let content = ContentDoc::Json(described::<T>());
        self.answer(status, what, Some(content))
    }

    /// Answers with bytes.
    pub(crate) fn answers_bytes(
        self,
        status: StatusCode,
        what: &'static str,
        media_type: &'static str,
    ) -> Self {
        self.answer(status, what, Some(ContentDoc::Bytes(media_type)))
    }

    /// Answers without a body.
    pub(crate) fn answers_nothing(self, status: StatusCode, what: &'static str) -> Self {
        self.answer(status, what, None)
    }

    fn answer(
        mut self,
        status: StatusCode,
        what: &'static str,
        content: Option<ContentDoc>,
    ) -> Self {
        self.answers.push(AnswerDoc {
            status,
            what,
            content,
        });
        self
    }

    /// Can fail so.
    pub(crate) fn fails(mut self, kinds: &[ErrorKind]) -> Self {
        self.fails.extend(kinds.iter().copied().map(Fail::Kind));
        self
    }

    /// Can fail so, in the words of HTTP.
    pub(crate) fn fails_with(mut self, status: StatusCode, code: &'static str) -> Self {
        self.fails.push(Fail::Http(status, code));
        self
    }

    /// Is a route of an operation.
    pub(crate) fn of(mut self, name: &'static str, leads: &'static [&'static str]) -> Self {
        self.operation = Some((name, leads));
        self
    }

    /// Is there to say why it cannot be done, and no part of the contract.
    pub(crate) fn undocumented(mut self) -> Self {
        self.documented = false;
        self
    }

    /// Can be called without a token; `absent` answers where the workspace is not there.
    pub(crate) fn open(mut self, absent: fn(&Request) -> Answer) -> Self {
        self.who = Who::Anyone;
        self.absent = Some(absent);
        self.fails.clear();
        self
    }

    /// Returns what serves it where the workspace is not there.
    pub(crate) fn service_of_nothing(self) -> MethodRouter {
        let filter = MethodFilter::try_from(self.method).expect("routes use the common methods");
        on(filter, async move |request: Request| match self.absent {
            Some(answer) => answer(&request),
            None => Err(refuse_absent(&request)),
        })
    }

    /// Returns what serves it.
    pub(crate) fn service(self) -> MethodRouter<Api> {
        let Self {
            path,
            method,
            who,
            handler,
            ..
        } = self;
        let filter = MethodFilter::try_from(method).expect("routes use the common methods");
        on(filter, move |State(api): State<Api>, request: Request| {
            let (path, handler) = (Arc::clone(&path), Arc::clone(&handler));
            // A workspace stays on its thread, and so does whoever serves it.
            SendWrapper::new(async move {
                let id = RequestId::of(&request);
                let routed = Routed(Arc::clone(&path));
                let call = match api.admit(who, path, request) {
                    Ok(call) => call,
                    Err(problem) => {
                        let mut response = problem.of_request(id).into_response();
                        response.extensions_mut().insert(routed);
                        return response;
                    }
                };
                let On {
                    workspace,
                    holder,
                    ledger,
                    ..
                } = call.on.clone();
                let answer = handler(call).await;
                let answer = answer.map_err(|problem| ledger.verdict().unwrap_or(problem));
                let mut response = answer.unwrap_or_else(|problem| {
                    // A token that dies on the way is like one that was dead.
                    match holder.as_ref().map(Holder::check) {
                        Some(Err(error)) if error.kind() == ErrorKind::Denied => {
                            Problem::unauthorized().into_response()
                        }
                        _ => problem.of_request(id).into_response(),
                    }
                });
                response.extensions_mut().insert(routed);
                // What a call costs depends on what is outside a grant.
                if who == Who::Root {
                    tell_cost(workspace.receipt(), &mut response);
                }
                response
            })
        })
    }
}

/// Returns what describes a type in the document. Without the feature `document` that is
/// nothing, so that the descriptions are not linked.
fn described<T: ToSchema>() -> fn(&mut Schemas) -> serde_json::Value {
    match cfg!(feature = "document") {
        true => Schemas::reference::<T>,
        false => |_| serde_json::Value::Null,
    }
}

/// Says in the headers what a call cost the stores.
fn tell_cost(receipt: Receipt, response: &mut Response) {
    let text = serde_json::to_string(&ReceiptDto::from(receipt)).ok();
    let value = text.and_then(|text| HeaderValue::try_from(text).ok());
    response
        .headers_mut()
        .extend(value.map(|value| (RECEIPT, value)));
}

/// A file can be of any type, an archive cannot.
fn media_type_is_checked(content: &ContentDoc) -> bool {
    matches!(content, ContentDoc::Bytes(kind) if *kind != "application/octet-stream")
}
