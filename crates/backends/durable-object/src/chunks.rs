//! A stream of JavaScript's as one of Rust's.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use workspace_core::store::ByteStream;
use workspace_core::{Error, ErrorKind, Result};

use crate::fault::Exception;
use crate::sys::{Chunk, Readable, Reader};

/// Returns the bytes of a `ReadableStream`, in chunks as they come. It is locked
/// when the first of them is asked for; dropped before its end, it is cancelled.
///
/// Fails as a stream, with [`ErrorKind::Unavailable`], where `readable` is none,
/// where it is being read already, and where it breaks off.
pub fn chunks(readable: &JsValue) -> ByteStream<'static> {
    let readable: Readable = readable.clone().unchecked_into();
    let chunks = stream::once(async move {
        let reading = Reading::start(&readable).map_err(failed)?;
        Ok(stream::unfold(reading, |mut reading| async move {
            let next = reading.next().await.transpose()?;
            Some((next, reading))
        }))
    });
    SendWrapper::new(chunks.try_flatten()).boxed()
}

/// How much is read at a time, of streams that fill a buffer of the reader's; what
/// they offer by themselves is a few kilobytes.
const CHUNK: u32 = 64 << 10;
/// How much is read first: many streams have no more, or do not come.
const FIRST: u32 = 4 << 10;

struct Reading {
    reader: Reader,
    /// What the next chunk is read into, of streams that can.
    buffer: Option<ArrayBuffer>,
    ended: bool,
}

impl Reading {
    fn start(readable: &Readable) -> std::result::Result<Self, JsValue> {
        let options = Object::new();
        Reflect::set(&options, &"mode".into(), &"byob".into())?;
        // Streams made in JavaScript have none of these readers.
        let (reader, buffer) = match readable.get_reader_of(&options) {
            Ok(reader) => (reader, Some(ArrayBuffer::new(FIRST))),
            Err(_) => (readable.get_reader()?, None),
        };
        let ended = false;
        Ok(Self {
            reader,
            buffer,
            ended,
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        let chunk = self.read().await;
        self.ended = !matches!(chunk, Ok(Some(_)));
        chunk.map_err(failed)
    }

    async fn read(&mut self) -> std::result::Result<Option<Bytes>, JsValue> {
        let Some(buffer) = self.buffer.take() else {
            let chunk: Chunk = self.reader.read().await?.unchecked_into();
            return match chunk.done()? {
                true => Ok(None),
                false => chunk.value().map(|bytes| Some(bytes.to_vec().into())),
            };
        };
        let view = Uint8Array::new(&buffer);
        let chunk: Chunk = self.reader.read_into(&view).await?.unchecked_into();
        if chunk.done()? {
            return Ok(None);
        }
        let bytes = chunk.value()?;
        let buffer = bytes.buffer();
        let filled = bytes.byte_length() == FIRST && buffer.byte_length() == FIRST;
        self.buffer = Some(match filled {
            true => ArrayBuffer::new(CHUNK),
            false => buffer,
        });
        Ok(Some(bytes.to_vec().into()))
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
