//! Bodies that nobody reads to their end.
//!
//! A request can be refused while its body is still coming. If the connection
//! were closed then, the answer would often be lost: a client that goes on
//! sending is told of the closing, and throws away what it has received. So the
//! rest is read for a while, and forgotten.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::EXPECT;
use bytes::Bytes;
use futures::StreamExt as _;
use http_body::{Body as _, Frame, SizeHint};

/// For so long, and for so many bytes, the rest of a body is read.
const LONGEST: Duration = Duration::from_secs(10);
const MOST: usize = 256 << 20;

/// Lingers over the body of a request.
pub(super) fn over<B>(request: Request<B>) -> Request<Body>
where
    B: http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    // One that waits to be asked for sends nothing before.
    let waits = request.headers().contains_key(EXPECT);
    request.map(|body| {
        Body::new(Lingering {
            body: Some(Body::new(body)),
            coming: !waits,
        })
    })
}

struct Lingering {
    /// None at its end.
    body: Option<Body>,
    coming: bool,
}

impl http_body::Body for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.coming = true;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|rest| !rest.is_end_stream());
        // At the end of the server there is no runtime left to linger in.
        if let (Some(rest), true, Ok(runtime)) =
            (rest, self.coming, tokio::runtime::Handle::try_current())
        {
            runtime.spawn(tokio::time::timeout(LONGEST, forget(rest)));
        }
    }
}

/// Reads a body to its end, or as far as it is worth it.
async fn forget(body: Body) {
    let mut body = body.into_data_stream();
    let mut seen = 0;
    while let Some(Ok(chunk)) = body.next().await {
        seen += chunk.len();
        if seen > MOST {
            return;
        }
    }
}
