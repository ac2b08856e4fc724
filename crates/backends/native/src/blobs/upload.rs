//! A stream of unknown length into one object.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutPayloadMut, UploadPart,
};
use workspace_core::Error;
use workspace_core::store::ByteStream;

/// The size of all parts but the last: some servers take only equal ones, of at
/// least 5 MiB.
const PART: usize = 8 << 20;
/// How many parts S3 takes.
const PARTS: u64 = 10_000;
/// How many parts are on their way while the next one fills.
const IN_FLIGHT: usize = 2;
/// Smaller chunks are copied, so that they do not hold on to large buffers.
const KEEP: usize = 64 << 10;

pub(super) enum Fault {
    Body(Error),
    Store(object_store::Error),
    /// At most this many bytes.
    TooLarge(u64),
}

/// Stores `body` under `path` and returns its size. One request where it fits
/// into one part, otherwise an upload in parts, taken back where it fails.
pub(super) async fn put(
    store: &dyn ObjectStore,
    path: &Path,
    body: ByteStream<'_>,
) -> Result<u64, Fault> {
    let mut parts = Parts {
        body: Some(body),
        rest: Bytes::new(),
    };
    let first = parts.next().await?;
    if parts.body.is_none() {
        let size = first.content_length() as u64;
        store.put(path, first).await.map_err(Fault::Store)?;
        return Ok(size);
    }
    let mut upload = store.put_multipart(path).await.map_err(Fault::Store)?;
    let mut in_flight = FuturesUnordered::new();
    let sent = send(&mut *upload, &mut in_flight, first, &mut parts).await;
    if sent.is_err() {
        // A part that arrives after the upload was taken back would stay.
        while in_flight.next().await.is_some() {}
        // What went wrong first is what counts.
        let _also_failed = upload.abort().await;
    }
    sent
}

async fn send(
    upload: &mut dyn MultipartUpload,
    in_flight: &mut FuturesUnordered<UploadPart>,
    first: PutPayload,
    parts: &mut Parts<'_>,
) -> Result<u64, Fault> {
    let (mut part, mut number, mut size) = (first, 1, 0);
    loop {
        size += part.content_length() as u64;
        in_flight.push(upload.put_part(part));
        if parts.body.is_none() {
            break;
        }
        if in_flight.len() > IN_FLIGHT {
            in_flight.try_next().await.map_err(Fault::Store)?;
        }
        part = beside(in_flight, parts.next()).await?;
        number += 1;
        if number > PARTS {
            return Err(Fault::TooLarge(PARTS * PART as u64));
        }
    }
    while in_flight.try_next().await.map_err(Fault::Store)?.is_some() {}
    upload.complete().await.map_err(Fault::Store)?;
    Ok(size)
}

/// Waits for `next`, and meanwhile moves the parts that are on their way.
async fn beside(
    in_flight: &mut FuturesUnordered<UploadPart>,
    next: impl Future<Output = Result<PutPayload, Fault>>,
) -> Result<PutPayload, Fault> {
    let mut next = pin!(next);
    poll_fn(|cx| {
        while let Poll::Ready(Some(sent)) = in_flight.poll_next_unpin(cx) {
            if let Err(cause) = sent {
                return Poll::Ready(Err(Fault::Store(cause)));
            }
        }
        next.as_mut().poll(cx)
    })
    .await
}

/// Cuts a body into parts.
struct Parts<'a> {
    /// `None` once it has ended.
    body: Option<ByteStream<'a>>,
    /// What the part before had no room for.
    rest: Bytes,
}

impl Parts<'_> {
    /// Returns the next part: full, or the last one, after which `body` is `None`.
    async fn next(&mut self) -> Result<PutPayload, Fault> {
        let mut part = PutPayloadMut::new().with_block_size(KEEP);
        loop {
            let room = PART - part.content_length();
            let chunk = self.rest.split_to(self.rest.len().min(room));
            if chunk.len() < KEEP {
                part.extend_from_slice(&chunk);
            } else {
                part.push(chunk);
            }
            if !self.rest.is_empty() {
                return Ok(part.freeze());
            }
            match &mut self.body {
                None => return Ok(part.freeze()),
                Some(body) => match body.next().await {
                    Some(chunk) => self.rest = chunk.map_err(Fault::Body)?,
                    None => self.body = None,
                },
            }
        }
    }
}
