//! Objects: files in a directory, or in an S3-compatible bucket.

mod local;
pub(crate) mod reactor;
mod s3;
mod upload;

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{BlobKey, Error, ErrorKind, Result};

use crate::fault::io_kind;
use reactor::Reactor;

/// The objects of one workspace in an [`ObjectStore`].
///
/// Streams with constant memory, about 32 MiB for one large object. The futures
/// may be polled by any executor; under tokio, file access leaves its threads.
#[derive(Debug)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    /// This directory holds each object as the file of its key.
    Local(PathBuf),
    Remote {
        /// As it was given, for messages.
        url: String,
        /// Keys are below this prefix, empty or ending in `/`.
        prefix: String,
        reactor: Reactor,
    },
}

impl ObjectBlobs {
    fn path(&self, key: &BlobKey) -> object_store::path::Path {
        match &self.backend {
            Backend::Local(_) => key.as_str().into(),
            Backend::Remote { prefix, .. } => format!("{prefix}{key}").into(),
        }
    }

    /// Lets a client that needs the tokio runtime find it under any executor.
    fn run<'a, T: 'a>(&'a self, future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
        match &self.backend {
            Backend::Local(_) => future.boxed(),
            Backend::Remote { reactor, .. } => reactor.enter(future.boxed()).boxed(),
        }
    }

    /// Checks that the store can be reached and listed.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], which says what is wrong: the bucket, the
    /// credentials, the network.
    pub async fn check(&self) -> Result<()> {
        self.list(None, 1).await.map(drop)
    }

    async fn size(&self, operation: &'static str, key: &BlobKey) -> Result<Option<u64>> {
        match self.store.head(&self.path(key)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(cause) => absent_or_failed(operation, key, cause),
        }
    }

    async fn open(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<ByteStream<'static>>> {
        const OPERATION: &str = "read object";
        let nothing = || Some(futures::stream::empty().boxed() as ByteStream<'static>);
        if range.is_empty() {
            let size = self.size(OPERATION, key).await?;
            return Ok(size.and_then(|_| nothing()));
        }
        // Some servers cannot parse an end beyond 63 bits; no object reaches that far.
        let wanted = if range.end > i64::MAX as u64 {
            GetRange::Offset(range.start)
        } else {
            GetRange::Bounded(range.clone())
        };
        let options = GetOptions::new().with_range(Some(wanted));
        let found = match self.store.get_opts(&self.path(key), options).await {
            Ok(found) => found,
            Err(cause @ object_store::Error::NotFound { .. }) => {
                absent_or_failed::<()>(OPERATION, key, cause)?;
                if let Backend::Remote { .. } = self.backend {
                    // Not every server tells a missing bucket from a missing object.
                    self.page(None, 1).await?;
                }
                return Ok(None);
            }
            Err(cause) => {
                // A range beyond the end is an error there, and no bytes here.
                return match self.size(OPERATION, key).await? {
                    Some(size) if range.start < size => Err(failed(OPERATION, key, cause)),
                    size => Ok(size.and_then(|_| nothing())),
                };
            }
        };
        let key = key.clone();
        Ok(Some(match (found.payload, &self.backend) {
            (GetResultPayload::File(file, _), _) => local::read(file, found.range, key),
            (GetResultPayload::Stream(stream), Backend::Remote { reactor, .. }) => reactor
                .enter(
                    stream
                        .map_err(move |cause| failed(OPERATION, &key, cause))
                        .boxed(),
                )
                .boxed(),
            (GetResultPayload::Stream(stream), Backend::Local(_)) => stream
                .map_err(move |cause| failed(OPERATION, &key, cause))
                .boxed(),
        }))
    }

    /// Deletes in calls of 1,000, or several files at a time.
    async fn remove(&self, keys: &[BlobKey]) -> Result<()> {
        if let Backend::Local(directory) = &self.backend {
            for key in keys {
                local::remove_remnant(directory, key)?;
            }
        }
        let paths: Vec<_> = keys.iter().map(|key| Ok(self.path(key))).collect();
        let paths = futures::stream::iter(paths).boxed();
        let mut deleted = self.store.delete_stream(paths);
        while let Some(result) = deleted.next().await {
            if let Err(cause) = result {
                // Results come in the order of the keys, but the cause names its own.
                absent_or_failed::<()>("delete object", self.subject(keys), cause)?;
            }
        }
        Ok(())
    }

    /// Names what a call about `keys` is about.
    fn subject<'a>(&'a self, keys: &'a [BlobKey]) -> &'a dyn Display {
        match (keys, &self.backend) {
            ([key], _) => key,
            (_, Backend::Local(_)) => &"the directory of objects",
            (_, Backend::Remote { url, .. }) => url,
        }
    }

    async fn page(&self, after: Option<&BlobKey>, limit: usize) -> Result<Vec<Listed>> {
        let (url, prefix) = match &self.backend {
            Backend::Local(directory) => return local::list(directory, after, limit),
            Backend::Remote { url, prefix, .. } => (url, prefix),
        };
        let folder = object_store::path::Path::from(prefix.as_str());
        let listed = match after {
            None => self.store.list(Some(&folder)),
            Some(after) => self
                .store
                .list_with_offset(Some(&folder), &self.path(after)),
        };
        listed
            .map_err(|cause| failed("list objects", url, cause))
            // What has no key for a name was put there by someone else.
            .try_filter_map(async |meta| {
                let name = meta.location.as_ref().strip_prefix(prefix.as_str());
                let key = name.and_then(|name| name.parse().ok());
                let size = Some(meta.size);
                Ok(key.map(|key| Listed { key, size }))
            })
            .take(limit)
            .try_collect()
            .await
    }
}

impl BlobStore for ObjectBlobs {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        self.run(async move {
            let path = self.path(key);
            upload::put(&*self.store, &path, body)
                .await
                .map_err(|fault| match fault {
                    upload::Fault::Body(error) => error,
                    upload::Fault::Store(cause) => failed("write object", key, cause),
                    upload::Fault::TooLarge(limit) => {
                        Error::new(ErrorKind::LimitExceeded, "write object")
                            .at(key)
                            .because(format_args!("an object holds at most {limit} bytes"))
                    }
                })
        })
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        self.run(self.open(key, range))
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        self.run(self.remove(keys))
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        self.run(self.page(after, limit))
    }
}

/// `None` where there is no such object. A missing bucket has the same status,
/// but must not pass for that.
fn absent_or_failed<T>(
    operation: &'static str,
    subject: impl Display,
    cause: object_store::Error,
) -> Result<Option<T>> {
    match &cause {
        object_store::Error::NotFound { .. } if !no_bucket(&cause) => Ok(None),
        _ => Err(failed(operation, subject, cause)),
    }
}

fn no_bucket(cause: &object_store::Error) -> bool {
    says(cause, &["NoSuchBucket"])
}

/// The client hands on what a server answered only as text.
fn says(cause: &object_store::Error, words: &[&str]) -> bool {
    causes(cause).any(|cause| {
        let text = cause.to_string();
        words.iter().any(|word| text.contains(word))
    })
}

fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn failed(operation: &'static str, subject: impl Display, cause: object_store::Error) -> Error {
    use object_store::Error as Cause;
    let io = causes(&cause).find_map(|cause| cause.downcast_ref::<io::Error>());
    let refused = matches!(
        cause,
        Cause::PermissionDenied { .. } | Cause::Unauthenticated { .. }
    ) || says(&cause, &["403 Forbidden", "401 Unauthorized"]);
    let (kind, why) = match io {
        Some(io) => io_kind(io.kind()),
        None if refused => (
            ErrorKind::Unavailable,
            Some("the server refuses these credentials"),
        ),
        None if no_bucket(&cause) => (ErrorKind::Unavailable, Some("the bucket does not exist")),
        None => (ErrorKind::Unavailable, None),
    };
    let error = Error::new(kind, operation).at(subject);
    match why {
        Some(why) => error.because(why),
        None => error,
    }
    .with_source(cause)
}
