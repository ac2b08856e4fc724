//! What keeps streams of events alive, and ends them.

use std::fmt;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};

/// When a stream of events sends a line that says nothing, and when it ends.
///
/// This crate has no timer, so the server brings one: it puts a `Pulse` into the
/// extensions of requests, as [`axum::Extension`] does. Without one, a stream of
/// events sends events only, and lasts until the client goes away.
///
/// ```
/// use futures::{StreamExt, stream};
/// use workspace_http::Pulse;
///
/// // In a real server: ticks of a timer, until it is told to stop.
/// let pulse = Pulse::new(|| stream::iter([(), ()]).boxed());
/// let service: axum::Router = axum::Router::new().layer(axum::Extension(pulse));
/// # drop(service);
/// ```
#[derive(Clone)]
pub struct Pulse(Arc<dyn Fn() -> BoxStream<'static, ()> + Send + Sync>);

impl Pulse {
    /// Takes what makes the ticks of one stream of events: at each tick a line is
    /// sent, at their end the stream ends.
    pub fn new(ticks: impl Fn() -> BoxStream<'static, ()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ticks))
    }

    /// Returns the ticks of a new stream of events; without a pulse, ticks that
    /// never come.
    pub(crate) fn ticks(pulse: Option<&Self>) -> BoxStream<'static, ()> {
        match pulse {
            Some(pulse) => (pulse.0)(),
            None => stream::pending().boxed(),
        }
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulse").finish_non_exhaustive()
    }
}
