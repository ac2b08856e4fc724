//! A tokio runtime for clients that need one, whatever executor polls them.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::runtime::{Builder, Handle, Runtime};
use workspace_core::{Error, ErrorKind, Result};

/// One background thread that drives sockets and timers.
#[derive(Debug)]
pub(crate) struct Reactor {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Reactor {
    pub(crate) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("workspace-objects")
            .enable_all()
            .build()
            .map_err(|cause| {
                Error::new(ErrorKind::Unavailable, "start network thread").with_source(cause)
            })?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Wraps a future or stream, so that it finds the runtime whenever it is polled.
    pub(crate) fn enter<T>(&self, inner: T) -> Entered<T> {
        Entered {
            handle: self.handle.clone(),
            inner,
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        // A plain drop waits, and panics where another runtime is polling.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// See [`Reactor::enter`].
pub(crate) struct Entered<T> {
    handle: Handle,
    inner: T,
}

impl<T: Future + Unpin> Future for Entered<T> {
    type Output = T::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { handle, inner } = &mut *self;
        let _entered = handle.enter();
        Pin::new(inner).poll(cx)
    }
}

impl<T: Stream + Unpin> Stream for Entered<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { handle, inner } = &mut *self;
        let _entered = handle.enter();
        Pin::new(inner).poll_next(cx)
    }
}
