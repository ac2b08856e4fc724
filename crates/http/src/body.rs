//! Request bodies: whole where they are small, streamed otherwise, and never
//! longer or shorter than they said.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use send_wrapper::SendWrapper;
use workspace_core::{Error, ErrorKind, Reason, Result, Workspace};

use crate::access::Holder;
use crate::call::On;
use crate::ledger::{Ledger, Missing, SMALL};
use crate::problem::Problem;

/// A body on its way in.
pub(crate) struct Incoming {
    body: BodyDataStream,
    declared: Option<u64>,
    /// Whether there is nothing of it.
    empty: bool,
    workspace: SendWrapper<Workspace>,
    holder: Option<SendWrapper<Holder>>,
    ledger: Arc<Ledger>,
}

impl Incoming {
    /// Looks at what the headers say about a body that `holder` sends.
    ///
    /// # Errors
    /// `Invalid` for a length that is no number, and for an encoding.
    pub(crate) fn new(headers: &HeaderMap, body: Body, on: On) -> Result<Self> {
        let invalid = |why| Error::invalid(Reason::MalformedHeader, "read body").because(why);
        let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            return Err(invalid(
                "a Content-Encoding, and bodies are taken as they are",
            ));
        }
        let declared = match headers.get(CONTENT_LENGTH) {
            None => None,
            Some(value) => {
                let number = value.to_str().ok().and_then(|text| text.parse().ok());
                Some(number.ok_or_else(|| invalid("a Content-Length that is no number"))?)
            }
        };
        Ok(Self::of(body, declared, on))
    }

    /// Takes a body that is `declared` bytes long, where that is known.
    pub(crate) fn of(body: Body, declared: Option<u64>, on: On) -> Self {
        Self {
            empty: body.is_end_stream(),
            body: body.into_data_stream(),
            declared,
            workspace: SendWrapper::new(on.workspace),
            holder: on.holder.map(SendWrapper::new),
            ledger: on.ledger,
        }
    }

    /// Returns how long it says it is, if it does.
    ///
    /// # Errors
    /// `LimitExceeded` where that is more than `limit` bytes.
    pub(crate) fn declared(&self, limit: u64) -> Result<Option<u64>> {
        match self.declared {
            Some(declared) if declared > limit => Err(too_long(limit)),
            declared => Ok(declared),
        }
    }

    /// Streams the body.
    ///
    /// # Errors
    /// As for [`declared`](Self::declared). The stream ends with an error where it
    /// is longer than `limit`, where it is not as long as declared, where the
    /// connection fails or does not go on, and with `Denied` where the sender's grant
    /// is dead. Its first bytes come once there is room for it.
    pub(crate) fn stream(
        self,
        limit: u64,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static> {
        let declared = self.declared(limit)?;
        let wrong_length = move |found: u64, more: &str| {
            let declared = declared.unwrap_or_default();
            Error::invalid(Reason::WrongLength, "read body").because(format!(
                "{found} bytes{more} came, and Content-Length says {declared}"
            ))
        };
        let sender = Arc::new((self.workspace, self.holder, self.ledger));
        // Without patience until it is its turn.
        let start = (self.body, None, 0, false);
        let steps = stream::try_unfold(start, move |(mut body, patience, mut seen, large)| {
            let sender = Arc::clone(&sender);
            async move {
                let (workspace, holder, ledger) = &*sender;
                let mut patience = match patience {
                    Some(patience) => patience,
                    None => ledger.small().await?,
                };
                let chunk = patience.next(&mut body, workspace).await;
                let chunk = chunk.map_err(|missing| match missing {
                    Missing::Broken => Error::new(ErrorKind::Source, "read body")
                        .because(format!("the body broke off after {seen} bytes")),
                    Missing::Stalled => ledger.stalled(),
                })?;
                holder.as_ref().map_or(Ok(()), |holder| holder.check())?;
                let Some(chunk) = chunk else {
                    return match declared {
                        Some(declared) if declared != seen => Err(wrong_length(seen, "")),
                        _ => Ok(None),
                    };
                };
                seen += chunk.len() as u64;
                if declared.is_some_and(|declared| seen > declared) {
                    return Err(wrong_length(seen, " or more"));
                }
                if seen > limit {
                    return Err(too_long(limit));
                }
                let outgrown = seen > SMALL;
                if outgrown && !large {
                    ledger.large(&mut patience).await?;
                }
                Ok(Some((chunk, (body, Some(patience), seen, outgrown))))
            }
        });
        Ok(steps.boxed())
    }

    /// Reads the whole body, which is at most `limit` bytes.
    pub(crate) async fn whole(self, limit: usize) -> Result<Bytes> {
        // One that is not there waits for nobody.
        if self.empty && self.declared.unwrap_or_default() == 0 {
            return Ok(Bytes::new());
        }
        let mut body = self.stream(limit as u64)?;
        let mut whole = BytesMut::new();
        while let Some(chunk) = body.try_next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

fn too_long(limit: u64) -> Error {
    Error::new(ErrorKind::LimitExceeded, "read body")
        .because(format!("the body is longer than {limit} bytes"))
}

/// Returns the media type of a body, without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = value.split(';').next().unwrap_or_default().trim();
    (!kind.is_empty()).then(|| kind.to_ascii_lowercase())
}

/// Refuses a body that says it is none of `accepted`; one that says nothing, or
/// that it is bytes, is welcome.
pub(crate) fn expect_media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    match media_type(headers) {
        Some(kind) if kind != "application/octet-stream" && !accepted.contains(&&*kind) => {
            Err(Problem::unsupported_media_type(&kind, accepted[0]))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::task::Poll;

    use axum::http::header::AUTHORIZATION;
    use futures::FutureExt as _;
    use futures::executor::block_on;
    use workspace_core::{At, ForkOptions, Grant, GrantOptions, Options};
    use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};

    use super::*;
    use crate::access::Access;
    use crate::ledger::{Bodies, Timer};

    fn on(workspace: Workspace, holder: Option<Holder>, ledger: Arc<Ledger>) -> On {
        On {
            workspace,
            holder,
            part: None,
            limits: workspace_core::ImportLimits::default(),
            ledger,
        }
    }

    fn workspace() -> (Workspace, TestContext) {
        let context = TestContext::new(1);
        let meta = Box::new(MemoryMeta::new());
        let blobs = Arc::new(MemoryBlobs::new());
        let options = Options::default();
        let workspace = Workspace::create(meta, blobs, context.context(), options).unwrap();
        (workspace, context)
    }

    fn read(declared: Option<&str>, chunks: &[&'static str], limit: usize) -> Result<Bytes> {
        let mut headers = HeaderMap::new();
        if let Some(declared) = declared {
            headers.insert(CONTENT_LENGTH, declared.parse().unwrap());
        }
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok::<_, Error>(*chunk)).collect();
        let body = Body::from_stream(stream::iter(chunks));
        let ledger = Arc::new(Ledger::new(None, None, None));
        block_on(Incoming::new(&headers, body, on(workspace().0, None, ledger))?.whole(limit))
    }

    #[test]
    fn a_body_is_as_long_as_it_said() {
        assert_eq!(read(Some("4"), &["ab", "cd"], 4).unwrap(), "abcd");
        assert_eq!(read(None, &["ab", "cd"], 4).unwrap(), "abcd");
        assert_eq!(read(Some("0"), &[], 4).unwrap(), "");
        for (declared, kind) in [
            (Some("3"), ErrorKind::Invalid),
            (Some("5"), ErrorKind::Invalid),
            (Some("-1"), ErrorKind::Invalid),
            (Some("99999999999999999999999"), ErrorKind::Invalid),
            (Some("5000000000"), ErrorKind::LimitExceeded),
        ] {
            let error = read(declared, &["ab", "cd"], 100).unwrap_err();
            assert_eq!(error.kind(), kind, "{declared:?}: {error}");
        }
        let error = read(None, &["ab", "cd"], 3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }

    /// A timer whose time is the workspace's: it rings at once where nothing else is
    /// ready.
    fn timer(context: &TestContext) -> Timer {
        let context = SendWrapper::new(context.clone());
        Timer::new(move |duration| {
            let context = context.clone();
            async move { context.advance(duration.as_millis() as i64) }.boxed()
        })
    }

    /// A body of `chunks`, each after so many milliseconds; without an end.
    fn dripping(context: &TestContext, chunks: &[(i64, usize)]) -> Body {
        let context = SendWrapper::new(context.clone());
        let chunks = stream::iter(chunks.to_vec()).then(move |(wait, size)| {
            let context = context.clone();
            SendWrapper::new(async move {
                // Not at once, so that it is waited for.
                let mut first = true;
                future::poll_fn(|task| {
                    if std::mem::take(&mut first) {
                        task.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Ready(())
                })
                .await;
                context.advance(wait);
                Ok::<_, Error>(Bytes::from(vec![b'x'; size]))
            })
        });
        Body::from_stream(chunks.chain(stream::pending()))
    }

    #[test]
    fn a_body_that_keeps_the_server_waiting_ends() {
        let second = 1_000;
        for (chunks, taken) in [
            // None of it came.
            (vec![], 0),
            // Seldom and little: 29 seconds for a byte that gives nothing back.
            (vec![(29 * second, 1), (2 * second, 1)], 1),
            // As slow as it may be.
            (vec![(10 * second, 5_120); 40], 40 * 5_120),
            // The clock is set forward: the timer would have rung before.
            (vec![(3_600 * second, 10), (10 * second, 5_120)], 10 + 5_120),
            // A rush gives back no more than there was.
            (
                vec![(0, 1 << 20), (29 * second, 1), (2 * second, 1)],
                (1 << 20) + 1,
            ),
        ] {
            let (workspace, context) = workspace();
            let ledger = Arc::new(Ledger::new(None, Some(timer(&context)), None));
            let body = dripping(&context, &chunks);
            let headers = HeaderMap::new();
            let incoming = Incoming::new(&headers, body, on(workspace, None, Arc::clone(&ledger)));
            let mut body = incoming.unwrap().stream(1 << 30).unwrap();
            let mut seen = 0;
            let error = loop {
                match block_on(body.try_next()) {
                    Ok(chunk) => seen += chunk.unwrap().len(),
                    Err(error) => break error,
                }
            };
            assert_eq!(
                (seen, error.kind()),
                (taken, ErrorKind::Source),
                "{chunks:?}"
            );
            assert!(ledger.verdict().is_some_and(|found| found.status() == 408));
        }
    }

    /// Returns a holder of a grant to a new copy.
    fn holder(workspace: &Workspace) -> Holder {
        let copy = workspace.fork(ForkOptions::default()).unwrap().id;
        let options = GrantOptions::default();
        let issued = workspace
            .issue_grant(At::Copy(copy), Grant::all(), options)
            .unwrap();
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", issued.token);
        headers.insert(AUTHORIZATION, bearer.parse().unwrap());
        let found = Access::nobody().check(workspace, &headers);
        found.unwrap().unwrap()
    }

    #[test]
    fn bodies_wait_for_their_turn_and_not_for_others() {
        let (bodies, (workspace, context)) = (Bodies::new(8, 4), workspace());
        let [a, b, c] = [0, 1, 2].map(|_| holder(&workspace));
        // A body that has sent so many bytes; none where its turn has not come.
        let begin = |holder: Option<&Holder>, size: u64| {
            let ledger = Arc::new(Ledger::new(
                Some(&bodies),
                None,
                holder.map(|holder| holder.grant.at),
            ));
            let body = dripping(&context, &[(0, size as usize)]);
            let headers = HeaderMap::new();
            let (workspace, holder) = (workspace.clone(), holder.cloned());
            let incoming =
                Incoming::new(&headers, body, on(workspace, holder, Arc::clone(&ledger)));
            let mut body = incoming.unwrap().stream(1 << 30).unwrap();
            let mut first = body.try_next();
            // Once for the chunk, which does not come at once.
            let come = (&mut first).now_or_never();
            let come = come.or_else(|| (&mut first).now_or_never());
            come.map(|come| {
                assert_eq!(come.unwrap().unwrap().len() as u64, size);
                ledger
            })
        };
        let all = |holder, size| -> Vec<_> { std::iter::from_fn(|| begin(holder, size)).collect() };
        let large = all(Some(&a), SMALL + 1);
        assert_eq!(large.len(), 2, "half of the large ones, for one copy");
        let small = all(Some(&a), SMALL);
        assert_eq!(
            small.len(),
            2,
            "and half of the small ones, which those have as well"
        );
        let others = [&b, &c].map(|other| all(Some(other), SMALL + 1));
        let others = others.map(|taken| taken.len());
        assert_eq!(others, [1, 1], "and there is one for the next");
        let root = all(None, SMALL + 1);
        assert_eq!(root.len(), 4, "and root's are root's");
        drop(large);
        assert!(begin(Some(&a), SMALL + 1).is_some());
        // Who waits for too long is told.
        let late = Arc::new(Ledger::new(Some(&bodies), Some(timer(&context)), None));
        let body = dripping(&context, &[(0, SMALL as usize + 1)]);
        let incoming = Incoming::new(
            &HeaderMap::new(),
            body,
            on(workspace.clone(), None, Arc::clone(&late)),
        );
        let error = block_on(incoming.unwrap().stream(1 << 30).unwrap().try_next()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        assert!(late.verdict().is_some_and(|found| found.status() == 503));
    }

    #[test]
    fn a_body_that_is_not_there_waits_for_nobody() {
        let bodies = Bodies::new(0, 0);
        let ledger = Arc::new(Ledger::new(Some(&bodies), None, None));
        let (headers, workspace) = (HeaderMap::new(), workspace().0);
        let incoming = Incoming::new(&headers, Body::empty(), on(workspace, None, ledger)).unwrap();
        assert_eq!(incoming.whole(9).now_or_never().unwrap().unwrap(), "");
    }
}
