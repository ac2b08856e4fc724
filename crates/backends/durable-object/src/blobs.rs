//! Large contents in R2.

use std::ops::Range;

use bytes::BytesMut;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use js_sys::{Array, Object, Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{BlobKey, Error, ErrorKind, Result};

use crate::binding::{Bucket, Found, Head, Page, Upload};
use crate::chunks::chunks;
use crate::fault::Exception;
use crate::prefix::Prefix;

/// R2 takes parts of 5 MiB or more, all of one size but the last. A body up to
/// this size is one call, a longer one takes this much memory.
const PART: usize = 5 << 20;
/// The most parts that R2 takes, which makes 48 GiB.
const MAX_PARTS: u32 = 10_000;
/// The most objects that R2 lists or deletes at a time.
const MAX_PAGE: usize = 1_000;

/// The objects of one workspace in an R2 bucket.
///
/// Streams with the memory of one part, 5 MiB. A put that was dropped on its way
/// leaves an unfinished upload, which R2 neither shows nor keeps.
#[derive(Debug)]
pub struct R2Blobs {
    bucket: SendWrapper<Bucket>,
    prefix: Prefix,
}

impl R2Blobs {
    /// Takes the bucket of an R2 binding.
    pub fn new(bucket: &JsValue, prefix: Prefix) -> Self {
        Self {
            bucket: SendWrapper::new(bucket.clone().unchecked_into()),
            prefix,
        }
    }

    /// Returns the name of an object in the bucket.
    pub fn name(&self, key: &BlobKey) -> String {
        self.prefix.object(key)
    }

    async fn store(&self, key: &BlobKey, mut body: ByteStream<'_>) -> Result<u64> {
        let object = self.name(key);
        let mut pending = BytesMut::new();
        let mut parts = Parts::default();
        loop {
            let next = body.next().await.transpose();
            let ended = match next {
                Ok(Some(chunk)) => {
                    pending.extend_from_slice(&chunk);
                    self.full_parts(&object, &mut parts, &mut pending).await
                }
                Ok(None) => return self.finish(key, &object, parts, pending).await,
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                parts.abort().await;
                return Err(error.at(key));
            }
        }
    }

    /// Uploads what fills a part, as long as more follows it.
    async fn full_parts(
        &self,
        object: &str,
        parts: &mut Parts,
        pending: &mut BytesMut,
    ) -> Result<()> {
        while pending.len() > PART {
            let part = pending.split_to(PART);
            if parts.upload.is_none() {
                let upload = self.bucket.create_multipart_upload(object).await;
                let upload = upload.map_err(|thrown| failed("write object", thrown))?;
                parts.upload = Some(upload.unchecked_into());
            }
            parts.add(&part).await?;
        }
        Ok(())
    }

    async fn finish(
        &self,
        key: &BlobKey,
        object: &str,
        mut parts: Parts,
        last: BytesMut,
    ) -> Result<u64> {
        if parts.upload.is_none() {
            let put = self.bucket.put(object, &Uint8Array::from(&last[..])).await;
            put.map_err(|thrown| failed("write object", thrown).at(key))?;
            return Ok(last.len() as u64);
        }
        let ended = match parts.add(&last).await {
            Ok(()) => parts.complete().await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            parts.abort().await;
            return Err(error.at(key));
        }
        Ok(parts.size)
    }

    /// Returns the size of an object; `None` where there is none.
    async fn size(&self, object: &str) -> std::result::Result<Option<u64>, JsValue> {
        let found = self.bucket.head(object).await?;
        if found.is_null() {
            return Ok(None);
        }
        let found: Head = found.unchecked_into();
        Ok(Some(found.size()? as u64))
    }

    /// Returns a range of an object as a `ReadableStream`; `None` where there is
    /// no such object, or where it ends before the range does.
    ///
    /// # Errors
    /// `Unavailable` where R2 fails.
    pub async fn readable(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<JsValue>> {
        let failed = |thrown| failed("read object", thrown).at(key);
        let Some(found) = self.found(key, &range).await.map_err(failed)? else {
            return Ok(None);
        };
        if (found.size().map_err(failed)? as u64) < range.end {
            return Ok(None);
        }
        Ok(Some(found.body().map_err(failed)?.into()))
    }

    async fn found(
        &self,
        key: &BlobKey,
        range: &Range<u64>,
    ) -> std::result::Result<Option<Found>, JsValue> {
        let options = match wanted(range) {
            Some((offset, length)) => {
                let range = options([("offset", offset.into()), ("length", length.into())]);
                options([("range", range)])
            }
            None => JsValue::UNDEFINED,
        };
        let found = self.bucket.get(&self.name(key), &options).await?;
        Ok((!found.is_null()).then(|| found.unchecked_into()))
    }

    async fn open(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<ByteStream<'static>>> {
        let object = self.name(key);
        let failed = |thrown| failed("read object", thrown).at(key);
        let nothing = || Some(stream::empty().boxed() as ByteStream<'static>);
        if range.is_empty() {
            let size = self.size(&object).await.map_err(failed)?;
            return Ok(size.and_then(|_| nothing()));
        }
        let found = match self.found(key, &range).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            // A range beyond the end is an error there, and no bytes here.
            Err(thrown) => {
                return match self.size(&object).await.map_err(failed)? {
                    Some(size) if range.start < size => Err(failed(thrown)),
                    size => Ok(size.and_then(|_| nothing())),
                };
            }
        };
        let key = key.clone();
        let chunks = chunks(&found.body().map_err(failed)?.into());
        Ok(Some(chunks.map_err(move |error| error.at(&key)).boxed()))
    }

    async fn page(&self, after: Option<&BlobKey>, limit: usize) -> Result<Vec<Listed>> {
        let failed = |thrown| failed("list objects", thrown).at(self.prefix.as_str());
        let mut keys = Vec::new();
        let mut last = after.map(|key| self.name(key));
        while keys.len() < limit {
            let wanted = (limit - keys.len()).min(MAX_PAGE);
            let start = last
                .as_deref()
                .map_or(JsValue::UNDEFINED, JsValue::from_str);
            let options = options([
                ("prefix", self.prefix.as_str().into()),
                ("startAfter", start),
                ("limit", (wanted as f64).into()),
            ]);
            let page = self.bucket.list(&options).await.map_err(failed)?;
            let page: Page = page.unchecked_into();
            for object in page.objects().map_err(failed)? {
                let size = object.size().map_err(failed)? as u64;
                let name = object.key().map_err(failed)?;
                let key = self.prefix.key(&name);
                keys.extend(key.map(|key| Listed {
                    key,
                    size: Some(size),
                }));
                last = Some(name);
            }
            if !page.truncated().map_err(failed)? {
                break;
            }
        }
        Ok(keys)
    }
}

impl BlobStore for R2Blobs {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        SendWrapper::new(self.store(key, body)).boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        SendWrapper::new(self.open(key, range)).boxed()
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        SendWrapper::new(async move {
            for page in keys.chunks(MAX_PAGE) {
                let names = page.iter().map(|key| JsValue::from(self.name(key)));
                let deleted = self.bucket.delete(&names.collect()).await;
                deleted.map_err(|thrown| {
                    let error = failed("delete object", thrown);
                    match page {
                        [key] => error.at(key),
                        _ => error.at(self.prefix.as_str()),
                    }
                })?;
            }
            Ok(())
        })
        .boxed()
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        SendWrapper::new(self.page(after, limit)).boxed()
    }
}

/// An upload in parts, begun where the first part was full.
#[derive(Debug, Default)]
struct Parts {
    upload: Option<Upload>,
    done: Array,
    size: u64,
}

impl Parts {
    async fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(upload) = &self.upload else {
            return Ok(());
        };
        let number = self.done.length() + 1;
        if number > MAX_PARTS {
            return Err(Error::new(ErrorKind::LimitExceeded, "write object")
                .because(format_args!("more than {MAX_PARTS} parts of {PART} bytes")));
        }
        let part = upload.upload_part(number, &Uint8Array::from(bytes)).await;
        let part = part.map_err(|thrown| failed("write object", thrown))?;
        self.done.push(&part);
        self.size += bytes.len() as u64;
        Ok(())
    }

    async fn complete(&mut self) -> Result<()> {
        let Some(upload) = &self.upload else {
            return Ok(());
        };
        let completed = upload.complete(&self.done).await;
        completed
            .map(drop)
            .map_err(|thrown| failed("write object", thrown))
    }

    /// Gives back the room that the parts take. R2 does it by itself after a
    /// week, so that this may fail.
    async fn abort(&mut self) {
        if let Some(upload) = self.upload.take() {
            let _ = upload.abort().await;
        }
    }
}

/// Returns offset and length as R2 takes them; `None` for the whole object.
fn wanted(range: &Range<u64>) -> Option<(f64, f64)> {
    const LIMIT: u64 = 1 << 53;
    if range.start == 0 && range.end >= LIMIT {
        return None;
    }
    let length = (range.end - range.start).min(LIMIT - 1);
    Some((range.start.min(LIMIT - 1) as f64, length as f64))
}

fn options<const N: usize>(fields: [(&str, JsValue); N]) -> JsValue {
    let options = Object::new();
    for (name, value) in fields {
        // A fresh object takes any property.
        let _ = Reflect::set(&options, &name.into(), &value);
    }
    options.into()
}

fn failed(operation: &'static str, thrown: JsValue) -> Error {
    Error::new(ErrorKind::Unavailable, operation).with_source(Exception::from(thrown))
}
