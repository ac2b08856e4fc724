//! A stream of JavaScript's as one of Rust's.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use workspace_core::store::ByteStream;
use workspace_core::{Error, ErrorKind, Result};

use crate::binding::{Chunk, Readable, Reader};
use crate::fault::Exception;

/// Returns the bytes of a `ReadableStream`, in chunks as they come. It is locked
/// when the first of them is asked for; dropped before its end, it is cancelled.
///
/// Fails as a stream, with [`ErrorKind::Unavailable`], where `readable` is none,
/// where it is being read already, and where it breaks off.
pub fn chunks(readable: &JsValue) -> ByteStream<'static> {
    let readable: Readable = readable.clone().unchecked_into();
    let chunks = stream::once(async move {
        let reader = readable.get_reader().map_err(failed)?;
        let ended = false;
        let reading = Reading { reader, ended };
        Ok(stream::unfold(reading, |mut reading| async move {
            let next = reading.next().await.transpose()?;
            Some((next, reading))
        }))
    });
    SendWrapper::new(chunks.try_flatten()).boxed()
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
