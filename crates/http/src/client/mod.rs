//! The contract from the other side: a workspace behind a URL, with the calls of
//! the facade and its types.

mod answer;
mod ask;
mod copies;
mod events;
mod files;
mod grants;
mod lines;
mod previews;
mod read;
mod revisions;
mod trees;
mod upkeep;
mod upload;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use workspace_core::{At, Error, ErrorKind, MemoKey, Reason, Receipt, Result};

use crate::once::{IDEMPOTENCY_KEY, quoted};
use crate::operation::{Input, Operation, Subject};

pub use events::RemoteEvents;
pub use files::Written;
pub use trees::{RemoteExport, RemoteWalk};

/// What carries requests to a server and brings answers back: an HTTP client, a
/// service binding, or a router in the same process.
///
/// Where all of `send` is `Send`, so are the calls of the [`Client`].
pub trait Transport {
    /// Sends a request; returns the answer as soon as its head is there. Bodies
    /// stream both ways. Redirects are not followed: the token is for one server.
    ///
    /// # Errors
    /// `Unavailable`, naming the server, where it cannot be reached or breaks off.
    fn send(&self, request: Request<Body>) -> impl Future<Output = Result<Response<Body>>>;
}

/// A workspace behind a URL.
///
/// Has the calls of [`Workspace`](workspace_core::Workspace) and
/// [`View`](workspace_core::View), in the same types; errors come back as they
/// were told, and failures of the way are `Unavailable`. What a server answers is
/// not trusted: an answer that cannot be is an error.
///
/// ```
/// use tower::ServiceExt;
/// use workspace_core::{Error, ErrorKind, ForkOptions, Result};
/// use workspace_http::{Body, Client, Transport};
/// # use workspace_http::{Access, router};
/// # let context = workspace_testkit::TestContext::new(1).context();
/// # let meta = Box::new(workspace_testkit::MemoryMeta::new());
/// # let blobs = std::sync::Arc::new(workspace_testkit::MemoryBlobs::new());
/// # let workspace = workspace_core::Workspace::create(meta, blobs, context, Default::default())?;
/// # let served = router(workspace, Access::root("0123456789abcdef")?, Default::default());
///
/// struct InProcess(axum::Router);
///
/// impl Transport for InProcess {
///     async fn send(
///         &self,
///         request: axum::http::Request<Body>,
///     ) -> Result<axum::http::Response<Body>> {
///         Ok(self.0.clone().oneshot(request).await.expect("it never fails"))
///     }
/// }
///
/// let client = Client::new(InProcess(served), "http://workspace", "0123456789abcdef")?;
/// # futures::executor::block_on(async {
/// let draft = client.fork(ForkOptions::default()).await?;
/// assert_eq!(client.copies(true, None, 10).await?, [draft]);
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Client<T> {
    transport: T,
    base: String,
    token: HeaderValue,
    cost: Arc<Mutex<Receipt>>,
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl<T: Transport> Client<T> {
    /// Prepares calls to the workspace whose routes begin at `base`, such as
    /// `https://host` or `https://host/workspaces/mine`, in the name of whoever
    /// has `token`. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` for a URL that is none, or has more than a path, and for a token
    /// that a header cannot carry.
    pub fn new(transport: T, base: &str, token: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Error::invalid(Reason::MalformedUrl, "read URL")
                .at(base.escape_debug())
                .because(why)
        };
        let base = base.strip_suffix('/').unwrap_or(base);
        let uri: axum::http::Uri = base
            .parse()
            .map_err(|_| invalid("expected http://HOST or https://HOST"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(invalid("expected http://HOST or https://HOST"));
        }
        // What it holds is not repeated: it may be a password.
        if uri
            .authority()
            .is_some_and(|part| part.as_str().contains('@'))
        {
            return Err(Error::invalid(Reason::MalformedUrl, "read URL")
                .because("a URL with a user in it; give the token on its own"));
        }
        if uri.query().is_some() || base.contains('#') {
            return Err(invalid("a query or a fragment does not belong to it"));
        }
        let wrong = || {
            Error::invalid(Reason::MalformedToken, "read token")
                .because("expected visible ASCII characters")
        };
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| wrong())?;
        header.set_sensitive(true);
        Ok(Self {
            transport,
            base: base.into(),
            token: header,
            cost: Arc::default(),
        })
    }

    /// Returns where the routes begin.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns what the calls so far have cost the server's stores, but for
    /// bodies that were streamed.
    pub fn receipt(&self) -> Receipt {
        *self.cost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls an operation, in the words of the wire: for what has no method of its own here.
    ///
    /// # Errors
    /// Those of the operation.
    pub async fn call<S: Subject, I: Input, O: DeserializeOwned>(
        &self,
        operation: &Operation<S, I, O>,
        subject: S,
        input: I,
    ) -> Result<O> {
        self.call_with(operation, subject, input, None).await
    }

    /// Calls an operation that can be made once, for a key: where its answer is lost, the same
    /// call with the same key is told what the first one was told.
    ///
    /// # Errors
    /// Those of the operation; `Invalid` where the key was used for another call;
    /// `Unsupported` for an operation that has no keys.
    pub async fn call_once<S: Subject, I: Input, O: DeserializeOwned>(
        &self,
        operation: &Operation<S, I, O>,
        subject: S,
        input: I,
        key: &MemoKey,
    ) -> Result<O> {
        match operation.once {
            true => self.call_with(operation, subject, input, Some(key)).await,
            false => Err(Error::new(ErrorKind::Unsupported, operation.name)
                .because("it has no keys under which it is made once")),
        }
    }

    async fn call_with<S: Subject, I: Input, O: DeserializeOwned>(
        &self,
        operation: &Operation<S, I, O>,
        subject: S,
        input: I,
        key: Option<&MemoKey>,
    ) -> Result<O> {
        let mut path = subject.fill(operation.path);
        let query = input.query()?;
        if !query.is_empty() {
            path.push('?');
            path.push_str(&query);
        }
        let mut request = self.request(operation.method.clone(), &path, &[]);
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, quoted(key));
        }
        let response = match input.body()? {
            Some(body) => {
                let request = request.header(CONTENT_TYPE, "application/json");
                request.body(body.into()).await?
            }
            None => request.send().await?,
        };
        answer::json(response).await
    }

    /// Begins a request.
    fn request(&self, method: Method, path: &str, query: &[(&str, String)]) -> Asking<'_, T> {
        let mut uri = format!("{}{path}", self.base);
        // Pairs of texts always encode.
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        if !query.is_empty() {
            uri.push('?');
            uri.push_str(&query);
        }
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, self.token.clone());
        Asking {
            client: self,
            request,
        }
    }

    fn get(&self, path: &str, query: &[(&str, String)]) -> Asking<'_, T> {
        self.request(Method::GET, path, query)
    }

    fn post(&self, path: &str, query: &[(&str, String)]) -> Asking<'_, T> {
        self.request(Method::POST, path, query)
    }
}

/// A request that is being put together.
struct Asking<'a, T> {
    client: &'a Client<T>,
    request: axum::http::request::Builder,
}

impl<T: Transport> Asking<'_, T> {
    fn header(mut self, name: axum::http::HeaderName, value: impl AsRef<str>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    /// Sends it without a body.
    async fn send(self) -> Result<Response<Body>> {
        self.body(Body::empty()).await
    }

    /// Sends it with a body; returns an answer that is a success.
    async fn body(self, body: Body) -> Result<Response<Body>> {
        let request = self.request.body(body).map_err(|error| {
            Error::invalid(Reason::MalformedUrl, "write request").because(error)
        })?;
        let response = self.client.transport.send(request).await?;
        if let Some(receipt) = answer::receipt(&response) {
            let cost = &self.client.cost;
            let mut cost = cost.lock().unwrap_or_else(PoisonError::into_inner);
            *cost = answer::sum(*cost, receipt);
        }
        match response.status().is_success() {
            true => Ok(response),
            false => Err(answer::failure(response).await),
        }
    }

    /// Sends it without a body; reads the answer.
    async fn read<A: DeserializeOwned>(self) -> Result<A> {
        answer::json(self.send().await?).await
    }
}

/// Returns the path of the routes about these files.
pub(crate) fn route(at: At, rest: &str) -> String {
    match at {
        At::Head => format!("/v1/head{rest}"),
        At::Copy(id) => format!("/v1/copies/{id}{rest}"),
        At::Revision(id) => format!("/v1/revisions/{id}{rest}"),
        At::Tree(id) => format!("/v1/trees/{id}{rest}"),
    }
}

/// What is encoded in a segment of a URL: all but what is unreserved (RFC 3986, 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same where slashes stay.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// Encodes a text as one segment of the path of a URL.
pub(crate) fn segment(text: &str) -> String {
    encoded(text, false)
}

/// Encodes a text for a place in the path of a URL; slashes stay where `path`.
pub(crate) fn encoded(text: &str, path: bool) -> String {
    utf8_percent_encode(text, if path { PATH } else { SEGMENT }).to_string()
}

#[cfg(test)]
mod tests {
    use workspace_core::ErrorKind;

    use super::*;

    struct Nowhere;

    impl Transport for Nowhere {
        async fn send(&self, _: Request<Body>) -> Result<Response<Body>> {
            Err(Error::new(ErrorKind::Unavailable, "call"))
        }
    }

    #[test]
    fn urls_and_tokens_are_checked_before_anything_is_sent() {
        let new = |base: &str, token: &str| Client::new(Nowhere, base, token);
        for good in ["http://host", "https://host:1/", "https://host/w/mine"] {
            assert!(new(good, "token").is_ok(), "{good}");
        }
        for bad in [
            "",
            "host",
            "ftp://host",
            "http://host?x=1",
            "http://host#x",
            "http://",
        ] {
            assert!(new(bad, "token").is_err(), "{bad}");
        }
        for bad in ["", "with space", "ümlaut", "line\nbreak"] {
            assert!(new("http://host", bad).is_err(), "{bad}");
        }
        let told = new("http://me:secret@host", "token")
            .unwrap_err()
            .to_string();
        assert!(!told.contains("secret"), "{told}");
        let shown = format!("{:?}", new("http://host", "a-secret-token").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn paths_are_encoded_byte_by_byte() {
        assert_eq!(encoded("/a b/ü%", true), "/a%20b/%C3%BC%25");
        assert_eq!(encoded("a/b?c#d", false), "a%2Fb%3Fc%23d");
    }
}
