//! A request as handlers see it, read strictly.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use workspace_core::{
    At, Author, Error, ErrorKind, ImportLimits, Reason, Result, Scope, TreePath, View, Workspace,
};

use crate::access::Holder;
use crate::body::{Incoming, expect_media_type};
use crate::ledger::Ledger;
use crate::operation::{Raw, Takes, at_of};
use crate::own_host::OwnHost;
use crate::passage::Passage;
use crate::problem::Problem;
use crate::pulse::Pulse;
use crate::routes::site::Shown;
use crate::wire::MAX_JSON;

/// What a handler returns.
pub(crate) type Answer = Result<Response<Body>, Problem>;

/// What an operation is done on, and for whom.
#[derive(Clone)]
pub(crate) struct On {
    pub(crate) workspace: Workspace,
    /// Who calls, if not the holder of the root token.
    pub(crate) holder: Option<Holder>,
    /// The part of the files that a caller has who holds the object itself.
    pub(crate) part: Option<Part>,
    pub(crate) limits: ImportLimits,
    /// What bodies take.
    pub(crate) ledger: Arc<Ledger>,
}

/// A part of the files, and whose changes are made there.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// All of them, where there is none.
    pub(crate) scope: Option<Scope>,
    pub(crate) actor: String,
}

impl On {
    /// Returns files as the caller may use them.
    ///
    /// # Errors
    /// `Denied` for the holder of a grant that is dead.
    pub(crate) fn view(&self, at: At) -> Result<View> {
        // A part is of a copy, whatever was forgotten to be said.
        if self.part.is_some() && !matches!(at, At::Copy(_)) {
            return Err(Error::new(ErrorKind::Denied, "resolve"));
        }
        let view = match &self.holder {
            Some(holder) => holder.view()?,
            None => self.workspace.files(at),
        };
        let scope = self.part.as_ref().and_then(|part| part.scope.clone());
        Ok(match scope {
            Some(scope) => view.attenuate(scope),
            None => view,
        })
    }

    /// Returns files to change them. What only may be read is refused before the body
    /// is taken.
    ///
    /// # Errors
    /// As for [`view`](Self::view); `Denied`; `ReadOnly` for what nobody can change.
    pub(crate) fn view_to_change(&self, at: At) -> Result<View, Problem> {
        if self.holder.is_none() && matches!(at, At::Revision(_) | At::Tree(_)) {
            return Err(Problem::read_only(StatusCode::FORBIDDEN));
        }
        let view = self.view(at)?;
        match view.grant().writes_anything() {
            true => Ok(view),
            false => Err(Problem::denied()),
        }
    }

    /// Returns whose changes these are: the grant's actor for its holder, whatever
    /// the request says.
    pub(crate) fn author(&self, actor: String, note: String) -> Author {
        match (&self.holder, &self.part) {
            (Some(holder), _) => Author::new(holder.grant.actor.clone(), note),
            (None, Some(part)) => Author::new(part.actor.clone(), note),
            (None, None) => Author::new(actor, note),
        }
    }

    /// Tells whether the caller sees a part of the files only: what the whole of them is,
    /// is not for it.
    pub(crate) fn is_partial(&self) -> bool {
        self.holder.is_some() || self.part.is_some()
    }
}

/// A request that was let in.
pub(crate) struct Call {
    pub(crate) on: On,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) passage: Option<Passage>,
    /// Whether it came to a preview's own host.
    pub(crate) own_host: bool,
    /// What it is to be shown, whatever the token of its path.
    pub(crate) shown: Option<Shown>,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) uri: Uri,
    pattern: Arc<str>,
    body: Body,
}

impl Call {
    pub(crate) fn new(on: On, pattern: Arc<str>, request: Request) -> Self {
        let (mut parts, body) = request.into_parts();
        Self {
            on,
            method: parts.method,
            headers: parts.headers,
            passage: parts.extensions.remove(),
            shown: parts.extensions.remove(),
            own_host: parts.extensions.remove::<OwnHost>().is_some(),
            pulse: parts.extensions.remove(),
            uri: parts.uri,
            pattern,
            body,
        }
    }

    /// Returns what stands for `{name}` of the route, decoded; `None` where the
    /// route has no such part.
    pub(crate) fn parameter(&self, name: &str) -> Result<Option<String>> {
        let segments = self.pattern.split('/').count();
        let raw = self.uri.path().splitn(segments, '/');
        let found = self.pattern.split('/').zip(raw).find(|(part, _)| {
            part.strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
                == Some(name)
        });
        found.map(|(_, raw)| decode(raw)).transpose()
    }

    /// Returns the path that the request is about; the root where the route
    /// ends before it.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong with it.
    pub(crate) fn path(&self) -> Result<TreePath> {
        match self.parameter("*path")? {
            Some(path) => TreePath::new(&format!("/{path}")),
            None => Ok(TreePath::root()),
        }
    }

    /// Returns what the route names by `name`: a path is of the tree.
    pub(crate) fn named(&self, name: &str) -> Result<Option<String>> {
        match name {
            "path" => Ok(Some(self.path()?.to_string())),
            _ => self.parameter(name),
        }
    }

    /// Returns the files that the request is about, as the caller may use them.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`.
    pub(crate) fn view(&self) -> Result<View> {
        self.on.view(self.at()?)
    }

    /// Returns which files the route names.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`.
    pub(crate) fn at(&self) -> Result<At> {
        match self.on.holder {
            // Its grant says which.
            Some(_) => Ok(At::Head),
            None => at_of(&self.on, &|name| self.parameter(name)),
        }
    }

    /// Reads the query.
    ///
    /// # Errors
    /// `Invalid`, naming what is unknown or wrong in it.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T> {
        serde_urlencoded::from_str(self.whole_query()?).map_err(|error| {
            Error::invalid(Reason::MalformedQuery, "read query")
                .because(error.to_string().escape_debug())
        })
    }

    fn whole_query(&self) -> Result<&str> {
        let query = self.uri.query().unwrap_or_default();
        decode(query)?;
        Ok(query)
    }

    /// Returns what an operation takes that takes it so.
    ///
    /// # Errors
    /// `Invalid`, `LimitExceeded`; a media type that is not JSON.
    pub(crate) async fn raw(self, takes: Takes) -> Result<Raw, Problem> {
        match takes {
            Takes::Nothing => Ok(Raw::Body(Bytes::new())),
            Takes::Query => Ok(Raw::Query(self.whole_query()?.into())),
            Takes::Json => {
                expect_media_type(&self.headers, &["application/json"])?;
                Ok(Raw::Body(self.incoming()?.whole(MAX_JSON).await?))
            }
            Takes::MaybeJson => {
                let headers = self.headers.clone();
                let body = self.incoming()?.whole(MAX_JSON).await?;
                if !body.is_empty() {
                    expect_media_type(&headers, &["application/json"])?;
                }
                Ok(Raw::Body(body))
            }
        }
    }

    /// Returns how long the body is, where it is known or says so.
    pub(crate) fn body_size(&self) -> Option<u64> {
        let said = || {
            self.headers
                .get(CONTENT_LENGTH)?
                .to_str()
                .ok()?
                .parse()
                .ok()
        };
        self.body.size_hint().exact().or_else(said)
    }

    /// Returns the body, to be streamed. That of a grant's holder ends with an
    /// error once the grant is dead, so that nobody can begin before a revocation
    /// and go on after it.
    ///
    /// # Errors
    /// `Invalid` for headers that contradict it.
    pub(crate) fn incoming(self) -> Result<Incoming> {
        Incoming::new(&self.headers, self.body, self.on)
    }
}

/// Decodes a part of a URL: each `%` stands before two hex digits, and the
/// whole is UTF-8. Once, so that what is encoded twice stays a name.
fn decode(raw: &str) -> Result<String> {
    let invalid = |why: &str| {
        let start: String = raw.chars().take(120).collect();
        Error::invalid(Reason::MalformedUrl, "read URL")
            .at(start.escape_debug())
            .because(why)
    };
    // The library leaves a `%` as it is that stands before something else.
    let encoded = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !raw.split('%').skip(1).all(encoded) {
        return Err(invalid("a `%` that is not before two hex digits"));
    }
    let decoded = percent_decode_str(raw).decode_utf8();
    decoded.map(Into::into).map_err(|_| invalid("not UTF-8"))
}

/// Answers with JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    Ok(answered(status, encoded(body)?))
}

/// Returns a value as JSON.
pub(crate) fn encoded(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Unavailable, "write answer").with_source(error))
}

/// Answers with what is JSON.
pub(crate) fn answered(status: StatusCode, json: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_decoded_once_and_strictly() {
        for (raw, decoded) in [
            ("", ""),
            ("a%20b%2Fc", "a b/c"),
            ("%252e", "%2e"),
            ("%C3%BC", "ü"),
        ] {
            assert_eq!(decode(raw).unwrap(), decoded);
        }
        for bad in ["%", "a%2", "%zz", "%+1", "%ff", "%C3"] {
            assert_eq!(decode(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }
}
