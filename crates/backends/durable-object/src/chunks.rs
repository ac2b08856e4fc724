//! A stream of JavaScript's as one of Rust's.

use bytes::Bytes;
use futures::{StreamExt, stream};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use workspace_core::store::ByteStream;
use workspace_core::{Error, ErrorKind, Result};

use crate::binding::{Chunk, Readable, Reader};
use crate::fault::Exception;

/// Returns the bytes of a `ReadableStream`, in chunks as they come.
///
/// Dropped before its end it cancels the stream.
///
/// # Errors
/// [`ErrorKind::Unavailable`] where `readable` is no stream, or one that is
/// being read already; as an item, where it fails on the way.
pub fn chunks(readable: &JsValue) -> Result<ByteStream<'static>> {
    let readable: &Readable = readable.unchecked_ref();
    let reading = Reading {
        reader: readable.get_reader().map_err(failed)?,
        ended: false,
    };
    let chunks = stream::unfold(reading, |mut reading| async move {
        let next = reading.next().await.transpose()?;
        Some((next, reading))
    });
    Ok(SendWrapper::new(chunks).boxed())
}

struct Reading {
    reader: Reader,
    ended: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        let chunk = async {
            let chunk: Chunk = self.reader.read().await?.unchecked_into();
            match chunk.done()? {
                true => Ok(None),
                false => chunk.value().map(|bytes| Some(bytes.to_vec().into())),
            }
        };
        let chunk = chunk.await;
        self.ended = !matches!(chunk, Ok(Some(_)));
        chunk.map_err(failed)
    }
}

impl Drop for Reading {
    /// Lets go of the connection where nobody wants the rest.
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.reader.cancel();
        }
    }
}

fn failed(thrown: JsValue) -> Error {
    Error::new(ErrorKind::Unavailable, "read stream").with_source(Exception::from(thrown))
}
