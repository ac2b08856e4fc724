//! A request as handlers see it, read strictly.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use workspace_core::store::CopyRecord;
use workspace_core::{
    At, Author, Error, ErrorKind, ImportLimits, Reason, Result, TreePath, View, Workspace,
};

use crate::access::Holder;
use crate::body::{Incoming, expect_media_type};
use crate::ledger::Ledger;
use crate::own_host::OwnHost;
use crate::passage::Passage;
use crate::problem::Problem;
use crate::pulse::Pulse;
use crate::wire::MAX_JSON;

/// What a handler returns.
pub(crate) type Answer = Result<Response<Body>, Problem>;

/// A request that was let in.
pub(crate) struct Call {
    pub(crate) workspace: Workspace,
    /// Who calls, if not the holder of the root token.
    pub(crate) holder: Option<Holder>,
    pub(crate) limits: ImportLimits,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) passage: Option<Passage>,
    /// Whether it came to a preview's own host.
    pub(crate) own_host: bool,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) uri: Uri,
    /// What its body takes.
    pub(crate) ledger: Arc<Ledger>,
    pattern: Arc<str>,
    body: Body,
}

impl Call {
    pub(crate) fn new(
        workspace: Workspace,
        holder: Option<Holder>,
        limits: ImportLimits,
        ledger: Ledger,
        pattern: Arc<str>,
        request: Request,
    ) -> Self {
        let (mut parts, body) = request.into_parts();
        Self {
            workspace,
            holder,
            limits,
            method: parts.method,
            headers: parts.headers,
            passage: parts.extensions.remove(),
            own_host: parts.extensions.remove::<OwnHost>().is_some(),
            pulse: parts.extensions.remove(),
            uri: parts.uri,
            ledger: Arc::new(ledger),
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

    /// Returns the files that the request is about, as the caller may use them.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`.
    pub(crate) fn view(&self) -> Result<View> {
        match &self.holder {
            Some(holder) => holder.view(),
            None => Ok(self.workspace.files(self.at()?)),
        }
    }

    /// Returns the files that the request is about, to change them. What only may be
    /// read is refused before the body is taken.
    ///
    /// # Errors
    /// As for [`view`](Self::view); `Denied`.
    pub(crate) fn view_to_change(&self) -> Result<View, Problem> {
        let view = self.view()?;
        match view.grant().writes_anything() {
            true => Ok(view),
            false => Err(Problem::denied()),
        }
    }

    /// Returns whose changes these are: the grant's actor for its holder, whatever
    /// the request says.
    pub(crate) fn author(&self, actor: String, note: String) -> Author {
        match &self.holder {
            Some(holder) => Author::new(holder.grant.actor.clone(), note),
            None => Author::new(actor, note),
        }
    }

    /// Returns which files the route names.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`.
    pub(crate) fn at(&self) -> Result<At> {
        if self.parameter("copy")?.is_some() {
            return Ok(At::Copy(self.copy()?.id));
        }
        if let Some(revision) = self.parameter("revision")? {
            return Ok(At::Revision(revision.parse()?));
        }
        match self.parameter("tree")? {
            Some(tree) => Ok(At::Tree(tree.parse()?)),
            None => Ok(At::Head),
        }
    }

    /// Returns the copy that the route names, by name or id.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn copy(&self) -> Result<CopyRecord> {
        let copy = self.parameter("copy")?.unwrap_or_default();
        self.workspace.find_copy(&copy)
    }

    /// Returns the revision, or grant, that the route names.
    ///
    /// # Errors
    /// `Invalid`.
    pub(crate) fn id<T: FromStr<Err = Error>>(&self, name: &str) -> Result<T> {
        self.parameter(name)?.unwrap_or_default().parse()
    }

    /// Reads the query.
    ///
    /// # Errors
    /// `Invalid`, naming what is unknown or wrong in it.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T> {
        let query = self.uri.query().unwrap_or_default();
        decode(query)?;
        serde_urlencoded::from_str(query).map_err(|error| {
            Error::invalid(Reason::MalformedQuery, "read query")
                .because(error.to_string().escape_debug())
        })
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `Invalid`, `LimitExceeded`; a media type that is not JSON.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        expect_media_type(&self.headers, &["application/json"])?;
        let body = self.incoming()?.whole(MAX_JSON).await?;
        Ok(serde_json::from_slice(&body).map_err(|error| {
            Error::invalid(Reason::MalformedBody, "read body")
                .because(error.to_string().escape_debug())
        })?)
    }

    /// Reads the body as JSON, an empty one as the default.
    ///
    /// # Errors
    /// As for [`json`](Self::json).
    pub(crate) async fn json_or_default<T: DeserializeOwned + Default>(self) -> Result<T, Problem> {
        let headers = self.headers.clone();
        let body = self.incoming()?.whole(MAX_JSON).await?;
        if body.is_empty() {
            return Ok(T::default());
        }
        expect_media_type(&headers, &["application/json"])?;
        Ok(serde_json::from_slice(&body).map_err(|error| {
            Error::invalid(Reason::MalformedBody, "read body")
                .because(error.to_string().escape_debug())
        })?)
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
        let workspace = self.workspace;
        Incoming::new(
            &self.headers,
            self.body,
            workspace,
            self.holder,
            self.ledger,
        )
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
    let body = serde_json::to_vec(body)
        .map_err(|error| Error::new(ErrorKind::Unavailable, "write answer").with_source(error))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
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
