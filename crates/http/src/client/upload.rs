//! Bodies on their way out.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use workspace_core::{Error, Result};

/// Where the error of a source waits until the call has failed by it.
#[derive(Clone, Default)]
pub(super) struct Broken(Arc<Mutex<Option<Error>>>);

impl Broken {
    /// Returns a body that streams `source`, and breaks off where that fails.
    pub(super) fn body(&self, source: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Body {
        let broken = self.clone();
        Body::from_stream(source.map_err(move |error| {
            *broken.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            std::io::Error::other("the source failed")
        }))
    }

    /// Returns the source's error, if there was one: it tells more than that the
    /// call has failed.
    pub(super) fn check(&self) -> Result<()> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.map_or(Ok(()), Err)
    }
}
