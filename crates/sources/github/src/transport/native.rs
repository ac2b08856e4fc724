//! HTTP over TCP, with TLS where the URL says so.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Request, Response};
use reqwest::redirect::Policy;
use workspace_core::Timestamp;

use super::{Body, Transport};
use crate::error::{Error, Kind, Result};

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To be reached.
    pub connect: Duration,
    /// To answer, and to go on with its answer.
    pub idle: Duration,
}

impl Default for Patience {
    /// Ten seconds, and a minute.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        }
    }
}

/// The network of this machine, by [reqwest](https://docs.rs/reqwest). Needs a runtime of
/// tokio's around its calls.
#[derive(Debug, Clone)]
pub struct NativeTransport(reqwest::Client);

impl NativeTransport {
    /// Prepares to send requests; sends none.
    ///
    /// # Errors
    /// `Upstream` where this machine's certificates cannot be read.
    pub fn new(patience: Patience) -> Result<Self> {
        // Whoever comes first chooses for the process; all choose the same.
        let _chosen_before = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(patience.connect)
            .read_timeout(patience.idle)
            .no_gzip()
            .build();
        client.map(Self).map_err(|error| failed(&error))
    }
}

#[async_trait]
impl Transport for NativeTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        let asked = request.uri().clone();
        let request = reqwest::Request::try_from(request)
            .map_err(|error| Error::invalid("write request", innermost(&error)))?;
        // A URL takes `.` and `..` for what they are in file systems.
        if request.url().path() != asked.path() {
            return Err(
                Error::invalid("write request", "a name that a URL cannot carry").at(asked.path()),
            );
        }
        let mut answer = self
            .0
            .execute(request)
            .await
            .map_err(|error| failed(&error))?;
        let mut response = Response::new(());
        *response.status_mut() = answer.status();
        std::mem::swap(response.headers_mut(), answer.headers_mut());
        let body = stream::unfold(Some(answer), |answer| async {
            let mut answer = answer?;
            match answer.chunk().await {
                Ok(None) => None,
                Ok(Some(bytes)) => Some((Ok(bytes), Some(answer))),
                Err(error) => Some((Err(cut(&error)), None)),
            }
        });
        Ok(response.map(|()| body.boxed()))
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn failed(error: &reqwest::Error) -> Error {
    Error::new(Kind::Upstream, "reach server").because(innermost(error))
}

fn cut(error: &reqwest::Error) -> Error {
    Error::new(Kind::Truncated, "read answer").because(innermost(error))
}

/// Returns what is at the bottom of an error; the layers above repeat the URL, in which there
/// may be a token.
fn innermost(error: &dyn StdError) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match std::ptr::addr_eq(innermost, error) {
        true => "no request could be made".into(),
        false => innermost.to_string(),
    }
}
