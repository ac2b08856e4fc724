//! Reading answers: JSON, problems, and bodies that stream.

use axum::body::Body;
use axum::http::Response;
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt};
use serde::de::DeserializeOwned;
use workspace_core::{Error, ErrorKind, Receipt, Result};

use super::read::{of_status, unreadable};
use crate::problem::{PROBLEM_JSON, ProblemDto};
use crate::route::RECEIPT;
use crate::wire::ReceiptDto;

/// The most bytes of a JSON answer that are taken.
const MAX_ANSWER: usize = 256 << 20;

/// Streams a body. The error of a router in the same process comes as it is.
pub(super) fn stream(body: Body) -> impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static {
    body.into_data_stream()
        .map_err(|error| match error.into_inner().downcast::<Error>() {
            Ok(error) => *error,
            Err(cause) => unreadable("the answer broke off").with_source(cause),
        })
}

/// Reads a whole body.
async fn whole(body: Body) -> Result<Bytes> {
    let mut body = stream(body);
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.try_next().await? {
        if whole.len() + chunk.len() > MAX_ANSWER {
            return Err(unreadable(format!("longer than {MAX_ANSWER} bytes")));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Reads a JSON answer.
pub(super) async fn json<A: DeserializeOwned>(response: Response<Body>) -> Result<A> {
    let body = whole(response.into_body()).await?;
    serde_json::from_slice(&body).map_err(unreadable)
}

/// Reads the error that an answer tells of.
pub(super) async fn failure(response: Response<Body>) -> Error {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(PROBLEM_JSON.as_bytes())) {
        return match json::<ProblemDto>(response).await {
            Ok(problem) => problem.into(),
            Err(error) => error,
        };
    }
    Error::new(of_status(status.as_u16()), "call").because(format!(
        "the server answered {status}, and not as a workspace does"
    ))
}

/// Returns what a call cost, where the answer says so.
pub(super) fn receipt(response: &Response<Body>) -> Option<Receipt> {
    let text = response.headers().get(RECEIPT)?.to_str().ok()?;
    serde_json::from_str::<ReceiptDto>(text)
        .ok()
        .map(Into::into)
}

/// Adds up what calls cost.
pub(super) fn sum(a: Receipt, b: Receipt) -> Receipt {
    Receipt {
        rows_read: a.rows_read.saturating_add(b.rows_read),
        rows_written: a.rows_written.saturating_add(b.rows_written),
        nodes_read: a.nodes_read.saturating_add(b.nodes_read),
        nodes_written: a.nodes_written.saturating_add(b.nodes_written),
        commits: a.commits.saturating_add(b.commits),
        blob_calls: a.blob_calls.saturating_add(b.blob_calls),
        bytes_read: a.bytes_read.saturating_add(b.bytes_read),
        bytes_written: a.bytes_written.saturating_add(b.bytes_written),
    }
}

/// Names what is wrong with an answer that was read.
pub(super) fn checked<A, D>(answer: D) -> Result<A>
where
    A: TryFrom<D, Error: Into<Error>>,
{
    answer.try_into().map_err(|error: A::Error| {
        let error: Error = error.into();
        match error.kind() {
            ErrorKind::Unavailable => error,
            _ => unreadable(error),
        }
    })
}
