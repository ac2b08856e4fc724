//! Large contents in R2.

use std::ops::Range;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;
use worker::{Bucket, MultipartUpload, Object, ObjectBody, ResponseBody, UploadedPart};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{BlobKey, Error, ErrorKind, Result};

use crate::chunks::chunks;
use crate::fault::Exception;
use crate::prefix::Prefix;

/// R2 takes parts of 5 MiB or more, all of one size but the last. A body up to
/// this size is one call, a longer one takes this much memory.
const PART: usize = 5 << 20;
/// The most parts that R2 takes, which makes 48 GiB.
const MAX_PARTS: u16 = 10_000;
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
    pub fn new(bucket: Bucket, prefix: Prefix) -> Self {
        Self {
            bucket: SendWrapper::new(bucket),
            prefix,
        }
    }

    /// Returns the name of an object in the bucket.
    pub fn name(&self, key: &BlobKey) -> String {
        self.prefix.object(key)
    }

    async fn store(&self, key: &BlobKey, mut body: ByteStream<'_>) -> Result<u64> {
        let object = self.name(key);
        let mut pending = Vec::new();
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
        pending: &mut Vec<u8>,
    ) -> Result<()> {
        while pending.len() > PART {
            let rest = pending.split_off(PART);
            let part = std::mem::replace(pending, rest);
            if parts.upload.is_none() {
                let upload = self.bucket.create_multipart_upload(object).execute().await;
                let upload = upload.map_err(|error| failed("write object", error))?;
                parts.upload = Some(upload);
            }
            parts.add(part).await?;
        }
        Ok(())
    }

    async fn finish(
        &self,
        key: &BlobKey,
        object: &str,
        mut parts: Parts,
        last: Vec<u8>,
    ) -> Result<u64> {
        if parts.upload.is_none() {
            let size = last.len() as u64;
            let put = self.bucket.put(object, last).execute().await;
            put.map_err(|error| failed("write object", error).at(key))?;
            return Ok(size);
        }
        let ended = match parts.add(last).await {
            Ok(()) => self.complete(object, &mut parts).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            parts.abort().await;
            return Err(error.at(key));
        }
        Ok(parts.size)
    }

    /// Makes an object of the parts. Where that fails, the upload is there to be aborted.
    async fn complete(&self, object: &str, parts: &mut Parts) -> Result<()> {
        let failed = |error| failed("write object", error);
        let Some(upload) = parts.upload.take() else {
            return Ok(());
        };
        let id = upload.upload_id().await;
        let done = std::mem::take(&mut parts.done);
        let Err(error) = upload.complete(done).await else {
            return Ok(());
        };
        parts.upload = self.bucket.resume_multipart_upload(object, id).ok();
        Err(failed(error))
    }

    /// Returns the size of an object; `None` where there is none.
    async fn size(&self, object: &str) -> worker::Result<Option<u64>> {
        Ok(self.bucket.head(object).await?.map(|found| found.size()))
    }

    /// Returns a range of an object as a `ReadableStream`; `None` where there is
    /// no such object, or where it ends before the range does.
    ///
    /// # Errors
    /// `Unavailable` where R2 fails.
    pub async fn readable(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<JsValue>> {
        let failed = |error| failed("read object", error).at(key);
        let Some(found) = self.found(key, &range).await.map_err(failed)? else {
            return Ok(None);
        };
        if found.size() < range.end {
            return Ok(None);
        }
        Ok(Some(readable(&found).map_err(failed)?))
    }

    async fn found(&self, key: &BlobKey, range: &Range<u64>) -> worker::Result<Option<Object>> {
        let found = self.bucket.get(self.name(key));
        let found = match wanted(range) {
            Some(range) => found.range(range),
            None => found,
        };
        found.execute().await
    }

    async fn open(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<ByteStream<'static>>> {
        let object = self.name(key);
        let failed = |error| failed("read object", error).at(key);
        let nothing = || Some(stream::empty().boxed() as ByteStream<'static>);
        if range.is_empty() {
            let size = self.size(&object).await.map_err(failed)?;
            return Ok(size.and_then(|_| nothing()));
        }
        let found = match self.found(key, &range).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            // A range beyond the end is an error there, and no bytes here.
            Err(error) => {
                return match self.size(&object).await.map_err(failed)? {
                    Some(size) if range.start < size => Err(failed(error)),
                    size => Ok(size.and_then(|_| nothing())),
                };
            }
        };
        let key = key.clone();
        let chunks = chunks(&readable(&found).map_err(failed)?);
        Ok(Some(chunks.map_err(move |error| error.at(&key)).boxed()))
    }

    async fn page(&self, after: Option<&BlobKey>, limit: usize) -> Result<Vec<Listed>> {
        let failed = |error| failed("list objects", error).at(self.prefix.as_str());
        let mut keys = Vec::new();
        let mut last = after.map(|key| self.name(key));
        while keys.len() < limit {
            let wanted = (limit - keys.len()).min(MAX_PAGE);
            let list = self.bucket.list().prefix(self.prefix.as_str());
            let list = match last.take() {
                Some(last) => list.start_after(last),
                None => list,
            };
            let page = list.limit(wanted as u32).execute().await.map_err(failed)?;
            for object in page.objects() {
                let name = object.key();
                let key = self.prefix.key(&name);
                keys.extend(key.map(|key| Listed {
                    key,
                    size: Some(object.size()),
                }));
                last = Some(name);
            }
            if !page.truncated() {
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
                let names = page.iter().map(|key| self.name(key)).collect();
                let deleted = self.bucket.delete_multiple(names).await;
                deleted.map_err(|error| {
                    let error = failed("delete object", error);
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
    upload: Option<MultipartUpload>,
    done: Vec<UploadedPart>,
    size: u64,
}

impl Parts {
    async fn add(&mut self, bytes: Vec<u8>) -> Result<()> {
        let Some(upload) = &self.upload else {
            return Ok(());
        };
        let number = self.done.len() as u16 + 1;
        if number > MAX_PARTS {
            return Err(Error::new(ErrorKind::LimitExceeded, "write object")
                .because(format_args!("more than {MAX_PARTS} parts of {PART} bytes")));
        }
        let size = bytes.len() as u64;
        let part = upload.upload_part(number, bytes).await;
        self.done
            .push(part.map_err(|error| failed("write object", error))?);
        self.size += size;
        Ok(())
    }

    /// Gives back the room that the parts take. R2 does it by itself after a
    /// week, so that this may fail.
    async fn abort(&mut self) {
        if let Some(upload) = self.upload.take() {
            let _ = upload.abort().await;
        }
    }
}

/// Returns the stream of an object that R2 was asked for.
fn readable(found: &Object) -> worker::Result<JsValue> {
    let body = found.body().map(ObjectBody::response_body).transpose()?;
    match body {
        Some(ResponseBody::Stream(stream)) => Ok(stream.into()),
        _ => Err("R2 answers without a body".into()),
    }
}

/// Returns offset and length as R2 takes them; `None` for the whole object.
fn wanted(range: &Range<u64>) -> Option<worker::Range> {
    const LIMIT: u64 = 1 << 53;
    if range.start == 0 && range.end >= LIMIT {
        return None;
    }
    Some(worker::Range::OffsetWithLength {
        offset: range.start.min(LIMIT - 1),
        length: (range.end - range.start).min(LIMIT - 1),
    })
}

fn failed(operation: &'static str, error: worker::Error) -> Error {
    Error::new(ErrorKind::Unavailable, operation).with_source(Exception::from(error))
}
