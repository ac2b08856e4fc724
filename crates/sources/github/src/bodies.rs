//! Files that are read by their ids.

use std::collections::HashMap;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use workspace_core::FileBodies;

use crate::blobs::{Blob, Blobs, LargeBlob};
use crate::error::Result;
use crate::git::ObjectId;
use crate::remote::Remote;

/// Files by their ids, pulled by one caller.
pub(crate) struct Bodies {
    blobs: Blobs,
    remote: Remote,
    places: HashMap<ObjectId, Vec<usize>>,
    again: Option<(ObjectId, Bytes)>,
    whole: Option<Bytes>,
    large: Option<Box<LargeBlob>>,
}

impl Bodies {
    pub(crate) fn new(remote: &Remote, ids: &[ObjectId]) -> Self {
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, id) in ids.iter().enumerate() {
            places.entry(*id).or_default().push(at);
        }
        Self {
            blobs: Blobs::new(remote, ids.iter().copied()),
            remote: remote.clone(),
            places,
            again: None,
            whole: None,
            large: None,
        }
    }

    async fn forward(&mut self) -> Result<Option<usize>> {
        (self.whole, self.large) = (None, None);
        let (id, blob) = match self.again.take() {
            Some((id, bytes)) => (id, Blob::Whole(bytes)),
            None => match self.blobs.next().await? {
                Some(next) => next,
                None => return Ok(None),
            },
        };
        let places = self.places.get_mut(&id);
        let Some((at, more)) = places.and_then(|places| {
            let at = places.pop()?;
            Some((at, !places.is_empty()))
        }) else {
            return Ok(None);
        };
        match blob {
            Blob::Whole(bytes) => {
                if more {
                    self.again = Some((id, bytes.clone()));
                }
                self.whole = Some(bytes);
            }
            Blob::Large(blob) => {
                if more {
                    self.blobs.again(id);
                }
                self.large = Some(blob);
            }
        }
        Ok(Some(at))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>> {
        if let Some(bytes) = self.whole.take() {
            return Ok((!bytes.is_empty()).then_some(bytes));
        }
        let Some(large) = &mut self.large else {
            return Ok(None);
        };
        let chunk = large.chunk().await?;
        if chunk.is_none() {
            self.large = None;
        }
        Ok(chunk)
    }
}

impl FileBodies for Bodies {
    fn next(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<usize>>> {
        async {
            let next = self.forward().await;
            Ok(next.map_err(|error| self.remote.session.dated(error))?)
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<Bytes>>> {
        async {
            let piece = self.piece().await;
            Ok(piece.map_err(|error| self.remote.session.dated(error))?)
        }
        .boxed()
    }
}
