//! What carries requests to GitHub, and tells the time.

#[cfg(target_arch = "wasm32")]
mod fetch;
#[cfg(not(target_arch = "wasm32"))]
mod native;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{Request, Response};
use workspace_core::Timestamp;

use crate::error::Result;

#[cfg(target_arch = "wasm32")]
pub use fetch::{Chunks, FetchTransport};
#[cfg(not(target_arch = "wasm32"))]
pub use native::{NativeTransport, Patience};

/// The bytes of an answer, as they come.
pub type Body = BoxStream<'static, Result<Bytes>>;

/// What carries requests, one by one, and tells the time: the network of this machine, the
/// platform's `fetch`, or a test's.
///
/// Object safe. What is above it follows redirects, repeats what failed and waits; none of
/// it does.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request; returns the answer as soon as its head is there, whatever its
    /// status. Follows no redirect. An answer of which nothing comes for a minute or so is
    /// broken off.
    ///
    /// # Errors
    /// `Upstream` where the server cannot be reached, or breaks off before the head; its
    /// body fails so later.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>>;

    /// Returns the time.
    fn now(&self) -> Timestamp;

    /// Waits that long before a request is repeated.
    async fn wait(&self, time: Duration);
}
