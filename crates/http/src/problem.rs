//! Failures as problem documents (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use workspace_core::{Conflict, Error, ErrorKind, PathList, Reason, Sought};

use crate::api::unsniffed;
use crate::request_id::RequestId;
use crate::wire::Count;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The codes of what is no error of the workspace but of HTTP itself, or of the server.
const OF_HTTP: [&str; 8] = [
    "unauthorized",
    "no_such_route",
    "method_not_allowed",
    "unsupported_media_type",
    "range_not_satisfiable",
    "request_timeout",
    "busy",
    "panic",
];

/// Returns the HTTP status of a kind of error.
pub fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid | ErrorKind::Source => StatusCode::BAD_REQUEST,
        ErrorKind::Denied | ErrorKind::ReadOnly => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::NotEmpty
        | ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Closed => StatusCode::GONE,
        ErrorKind::Stale => StatusCode::PRECONDITION_FAILED,
        ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Locked => StatusCode::LOCKED,
        ErrorKind::Corrupt => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// Tells whether the details of such an error come from the rules and not from
/// a store, whose own words are nobody's business outside.
pub(crate) fn tells_detail(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Denied | ErrorKind::Unavailable | ErrorKind::StorageFull | ErrorKind::Locked
    )
}

/// Returns the answer to a request that failed before it came to a router.
pub fn problem(error: Error) -> Response<Body> {
    unsniffed(Problem::from(error).into_response())
}

/// A failed request.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: Box<ProblemDto>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDto {
    /// `urn:workspace:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What the caller can decide by; stable.
    #[schema(schema_with = code_schema)]
    pub code: String,
    /// Why the input is wrong, for the code `invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = reason_schema, required = false)]
    pub reason: Option<String>,
    /// What is not there, for the code `not_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = sought_schema, required = false)]
    pub what: Option<String>,
    /// What was wrong, where the code alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The operation that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The path or id that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The request, as the server's log names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The changed paths, for the code `conflict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictDto>,
}

fn code_schema() -> RefOr<Schema> {
    let codes = ErrorKind::ALL.iter().map(|kind| kind.code());
    one_of(
        "What the caller can decide by; stable.",
        codes.chain(OF_HTTP),
    )
}

fn reason_schema() -> RefOr<Schema> {
    let codes = Reason::ALL.iter().map(|reason| reason.code());
    one_of("Why the input is wrong, for the code `invalid`.", codes)
}

fn sought_schema() -> RefOr<Schema> {
    let codes = Sought::ALL.iter().map(|sought| sought.code());
    one_of("What is not there, for the code `not_found`.", codes)
}

fn one_of(what: &'static str, codes: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(what))
        .enum_values(Some(codes))
        .into()
}

/// What two sides changed, where they cannot both be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConflictDto {
    /// Changed in the copy's parent only: head, or another copy; for an undo, by later
    /// operations only.
    pub parent: PathListDto,
    /// Changed in the copy only; for an undo, by undoing only.
    pub copy: PathListDto,
    /// Changed in both.
    pub both: PathListDto,
}

/// A counted list of paths of which the first 1,000 are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PathListDto {
    /// The first paths, in byte order.
    pub paths: Vec<String>,
    /// How many there are.
    pub count: Count,
}

impl From<&PathList> for PathListDto {
    fn from(list: &PathList) -> Self {
        Self {
            paths: list.paths.iter().map(ToString::to_string).collect(),
            count: list.count.into(),
        }
    }
}

impl From<&Conflict> for ConflictDto {
    fn from(conflict: &Conflict) -> Self {
        Self {
            parent: PathListDto::from(&conflict.parent),
            copy: PathListDto::from(&conflict.copy),
            both: PathListDto::from(&conflict.both),
        }
    }
}

impl Problem {
    /// Describes what is no error of the workspace but of HTTP itself.
    fn of_http(status: StatusCode, code: &str, title: &str) -> Self {
        Self {
            status,
            body: Box::new(ProblemDto {
                kind: format!("urn:workspace:problem:{code}"),
                title: title.into(),
                status: status.as_u16(),
                code: code.into(),
                reason: None,
                what: None,
                detail: None,
                operation: None,
                path: None,
                request: None,
                conflict: None,
            }),
            header: None,
        }
    }

    /// Returns the status, for an answer in other words.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the header that goes with the status, for an answer in other words.
    pub(crate) fn into_header(self) -> Option<(HeaderName, HeaderValue)> {
        self.header
    }

    /// Names the request, where the server does.
    pub(crate) fn of_request(mut self, id: Option<RequestId>) -> Self {
        self.body.request = id.map(|id| id.0.as_ref().into());
        self
    }

    /// Without a token, or with a wrong one. Says nothing else.
    pub(crate) fn unauthorized() -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            ..Self::of_http(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the token is missing or wrong",
            )
        }
    }

    /// With a token that is not for this route. Says nothing about what is there.
    pub(crate) fn denied() -> Self {
        let kind = ErrorKind::Denied;
        Self::of_http(status(kind), kind.code(), &kind.to_string())
    }

    pub(crate) fn no_such_route() -> Self {
        Self::of_http(StatusCode::NOT_FOUND, "no_such_route", "no such route")
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::of_http(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the route has no such method",
        )
    }

    /// What would change files that nothing can change; of a path that can only be read
    /// it is the method that is wrong.
    pub(crate) fn read_only(status: StatusCode) -> Self {
        let kind = ErrorKind::ReadOnly;
        let mut problem = Self::of_http(status, kind.code(), &kind.to_string());
        problem.body.operation = Some("change".into());
        problem
    }

    pub(crate) fn unsupported_media_type(found: &str, expected: &str) -> Self {
        let mut problem = Self::of_http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "unsupported media type",
        );
        let found = found.escape_debug();
        problem.body.detail = Some(format!("the body is {found}, expected {expected}"));
        problem
    }

    /// Bodies of the same sender take all the memory that there is for them, and none
    /// of them ends.
    pub(crate) fn busy() -> Self {
        Self {
            header: Some((RETRY_AFTER, HeaderValue::from_static("5"))),
            ..Self::of_http(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many bodies are under way",
            )
        }
    }

    /// A body for which the server waited for longer than `patience`. The connection
    /// is of no use any more; a server of HTTP/1 says so.
    pub(crate) fn request_timeout(patience: Duration) -> Self {
        let mut problem = Self::of_http(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the body took too long",
        );
        let seconds = patience.as_secs();
        problem.body.detail = Some(format!("it was waited for {seconds} seconds"));
        problem.header = Some((CONNECTION, HeaderValue::from_static("close")));
        problem
    }

    /// A range beyond the end of a file of `size` bytes.
    pub(crate) fn range_not_satisfiable(size: u64) -> Self {
        let mut problem = Self::of_http(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            "range not satisfiable",
        );
        problem.body.detail = Some(format!("the file has {size} bytes"));
        problem.header = HeaderValue::try_from(format!("bytes */{size}"))
            .ok()
            .map(|value| (CONTENT_RANGE, value));
        problem
    }

    /// Reads an error of a write that carried a condition in its headers.
    pub(crate) fn conditional(error: Error) -> Self {
        Self::from(error).of_condition()
    }

    /// Says it of a write that carried a condition in its headers: what broke the
    /// condition is 412, whatever its code.
    pub(crate) fn of_condition(mut self) -> Self {
        let codes = [ErrorKind::Stale, ErrorKind::AlreadyExists].map(ErrorKind::code);
        if codes.contains(&&*self.body.code) {
            self.status = StatusCode::PRECONDITION_FAILED;
            self.body.status = self.status.as_u16();
        }
        self
    }

    /// Tells who has a part of the files nothing of the copy that they are in.
    pub(crate) fn told_to_a_part(mut self) -> Self {
        if self.body.what.as_deref() == Some(Sought::Copy.code()) {
            self.body.path = None;
        }
        self
    }

    /// Returns its document.
    pub(crate) fn into_document(self) -> ProblemDto {
        *self.body
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        let tells = tells_detail(kind);
        let text = |text: Option<&str>| text.filter(|_| tells).map(Into::into);
        let mut problem = Self::of_http(status(kind), kind.code(), &kind.to_string());
        problem.body.reason = error.reason().map(|reason| reason.code().into());
        problem.body.what = error.sought().map(|sought| sought.code().into());
        problem.body.detail = text(error.detail());
        problem.body.operation = Some(error.operation().into());
        problem.body.path = text(error.subject());
        problem.body.conflict = error.conflict().map(ConflictDto::from);
        // As the draft for the header of the key has it.
        if error.reason() == Some(Reason::KeyReused) {
            problem.status = StatusCode::UNPROCESSABLE_ENTITY;
            problem.body.status = problem.status.as_u16();
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        // Strings and numbers always encode.
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn every_kind_has_a_status_and_a_document() {
        let table: Vec<String> = ErrorKind::ALL
            .iter()
            .map(|kind| {
                let problem = Problem::from(Error::new(*kind, "try"));
                assert_eq!(problem.body.status, status(*kind).as_u16());
                assert!(problem.status.is_client_error() || problem.status.is_server_error());
                format!("{} {}", problem.status.as_u16(), problem.body.code)
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    /// Each code of a closed set is in the document, and comes back as it was told.
    #[test]
    fn reasons_and_what_was_sought_are_told_to_programs() {
        let schema = crate::openapi()["components"]["schemas"]["ProblemDto"].clone();
        let named = |field: &str| -> Vec<String> {
            let values = schema["properties"][field]["enum"].as_array().unwrap();
            values
                .iter()
                .map(|value| value.as_str().unwrap().into())
                .collect()
        };
        let told = |error: Error| -> (ProblemDto, Error) {
            let body = *Problem::from(error).body;
            let sent = serde_json::to_string(&body).unwrap();
            (
                body,
                Error::from(serde_json::from_str::<ProblemDto>(&sent).unwrap()),
            )
        };
        for reason in Reason::ALL {
            let (body, read) = told(Error::invalid(*reason, "try").at("/path"));
            assert_eq!(body.reason.as_deref(), Some(reason.code()));
            assert!(named("reason").contains(&reason.code().to_string()));
            assert_eq!(
                (read.reason(), read.kind()),
                (Some(*reason), ErrorKind::Invalid)
            );
        }
        for sought in Sought::ALL {
            let (body, read) = told(Error::not_found(*sought, "try").at("/path"));
            assert_eq!(body.what.as_deref(), Some(sought.code()));
            assert!(named("what").contains(&sought.code().to_string()));
            assert_eq!(
                (read.sought(), read.kind()),
                (Some(*sought), ErrorKind::NotFound)
            );
        }
        for kind in ErrorKind::ALL {
            assert!(named("code").contains(&kind.code().to_string()));
            let other = Error::new(kind, "try")
                .for_reason(Reason::Root)
                .of(Sought::Copy);
            let (body, _) = told(other);
            assert_eq!(body.reason.is_some(), kind == ErrorKind::Invalid);
            assert_eq!(body.what.is_some(), kind == ErrorKind::NotFound);
        }
        // What HTTP says has a code of the set as well.
        for problem in [
            Problem::unauthorized(),
            Problem::denied(),
            Problem::no_such_route(),
            Problem::method_not_allowed(),
            Problem::unsupported_media_type("a/b", "c/d"),
            Problem::busy(),
            Problem::request_timeout(Duration::from_secs(1)),
            Problem::range_not_satisfiable(1),
        ] {
            assert!(named("code").contains(&problem.body.code), "{problem:?}");
        }
    }

    #[test]
    fn sources_and_what_stores_say_stay_inside() {
        let secret = "secret of the store";
        for kind in ErrorKind::ALL {
            let error = Error::new(kind, "try")
                .at("/path")
                .with_source(std::io::Error::other(secret));
            assert!(error.source().is_some());
            let document = serde_json::to_string(&Problem::from(error).body).unwrap();
            assert!(!document.contains(secret), "{document}");
        }
        for kind in [
            ErrorKind::Denied,
            ErrorKind::Unavailable,
            ErrorKind::StorageFull,
        ] {
            let error = Error::new(kind, "try").at("/path").because(secret);
            let document = serde_json::to_string(&Problem::from(error).body).unwrap();
            assert!(!document.contains(secret) && !document.contains("/path"));
        }
    }
}
