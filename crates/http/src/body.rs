//! Request bodies: whole where they are small, streamed otherwise, and never
//! longer or shorter than they said.

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use send_wrapper::SendWrapper;
use workspace_core::{Error, ErrorKind, Result};

use crate::access::Holder;
use crate::problem::Problem;

/// A body on its way in.
pub(crate) struct Incoming {
    body: BodyDataStream,
    declared: Option<u64>,
    holder: Option<SendWrapper<Holder>>,
}

impl Incoming {
    /// Looks at what the headers say about a body that `holder` sends.
    ///
    /// # Errors
    /// `Invalid` for a length that is no number, and for an encoding.
    pub(crate) fn new(headers: &HeaderMap, body: Body, holder: Option<Holder>) -> Result<Self> {
        let invalid = |why| Error::new(ErrorKind::Invalid, "read body").because(why);
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
        Ok(Self {
            body: body.into_data_stream(),
            declared,
            holder: holder.map(SendWrapper::new),
        })
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
    /// connection fails, and with `Denied` where the sender's grant is dead.
    pub(crate) fn stream(
        self,
        limit: u64,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static> {
        let declared = self.declared(limit)?;
        let wrong_length = move |found: u64, more: &str| {
            let declared = declared.unwrap_or_default();
            Error::new(ErrorKind::Invalid, "read body").because(format!(
                "{found} bytes{more} came, and Content-Length says {declared}"
            ))
        };
        let start = (self.body, self.holder, 0);
        let steps = stream::try_unfold(start, move |(mut body, holder, mut seen)| async move {
            let chunk = body.try_next().await.map_err(|_| {
                Error::new(ErrorKind::Source, "read body")
                    .because(format!("the body broke off after {seen} bytes"))
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
            Ok(Some((chunk, (body, holder, seen))))
        });
        Ok(steps.boxed())
    }

    /// Reads the whole body, which is at most `limit` bytes.
    pub(crate) async fn whole(self, limit: usize) -> Result<Bytes> {
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
    use futures::executor::block_on;

    use super::*;

    fn read(declared: Option<&str>, chunks: &[&'static str], limit: usize) -> Result<Bytes> {
        let mut headers = HeaderMap::new();
        if let Some(declared) = declared {
            headers.insert(CONTENT_LENGTH, declared.parse().unwrap());
        }
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok::<_, Error>(*chunk)).collect();
        let body = Body::from_stream(stream::iter(chunks));
        block_on(Incoming::new(&headers, body, None)?.whole(limit))
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
}
