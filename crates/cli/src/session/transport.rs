//! What carries calls over the network.

use std::time::Duration;

use reqwest::redirect::Policy;
use workspace_core::{Error, ErrorKind, Reason, Result};
use workspace_http::{Body, Client, Transport};

/// How long a server may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);
/// After this long without a word, an idle connection is tested.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The operation that fails where no server answers.
pub(crate) const REACH: &str = "reach server";

/// HTTP over TCP, with TLS where the URL says so.
pub(crate) struct HttpTransport {
    client: reqwest::Client,
    server: String,
}

/// Prepares calls to the workspace at `url`. Sends nothing.
///
/// # Errors
/// `Invalid` for a URL or a token that is none.
pub(crate) fn connect(url: &str, token: &str) -> Result<Client<HttpTransport>> {
    // Whoever comes first chooses for the process; all choose the same.
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .tcp_keepalive(KEEPALIVE);
    if url.starts_with("http://") {
        // Nobody asks for the certificates of this system, which take time to load.
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|error| {
        Error::new(ErrorKind::Unavailable, "connect")
            .because(innermost(&error))
            .with_source(error)
    })?;
    let transport = HttpTransport {
        client,
        server: url.into(),
    };
    Client::new(transport, url, token)
}

impl Transport for HttpTransport {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>> {
        let path = request.uri().path().to_string();
        let (parts, body) = request.into_parts();
        // What is in memory goes with its length, what streams goes in chunks.
        let body = match http_body::Body::size_hint(&body).exact() {
            Some(_) => axum::body::to_bytes(body, usize::MAX)
                .await
                .map_err(|error| self.failed("write request", &error))?
                .into(),
            None => reqwest::Body::wrap_stream(body.into_data_stream()),
        };
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|error| self.failed("write request", &error))?;
        // A URL takes `.` and `..` for what they are in file systems.
        if request.url().path() != path {
            return Err(Error::invalid(Reason::MalformedUrl, "write request")
                .at(path)
                .because("a name that a URL cannot carry"));
        }
        let response = self.client.execute(request).await;
        let response = response.map_err(|error| {
            let doing = if error.is_connect() { REACH } else { "call" };
            self.failed(doing, &error)
        })?;
        Ok(http::Response::from(response).map(Body::new))
    }
}

impl HttpTransport {
    /// Tells what the network said, about which server.
    fn failed(&self, doing: &'static str, error: &dyn std::error::Error) -> Error {
        Error::new(ErrorKind::Unavailable, doing)
            .at(&self.server)
            .because(innermost(error))
    }
}

/// Returns what is at the bottom of an error; the layers above say no more.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
