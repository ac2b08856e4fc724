//! Files by their ids: many in one request, and the large ones by themselves.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use bytes::Bytes;
use futures::StreamExt as _;

use crate::error::{Error, Kind, Result};
use crate::git::{Fetch, FetchAnswer, ObjectId, ObjectKind, SingleObject, object_id};
use crate::remote::Remote;
use crate::transport::Body;

/// Fetches blobs by their ids, each once, in whatever order they come. Each is compared with
/// its id. Holds those of one request, up to the limit for it.
pub(crate) struct Blobs {
    remote: Remote,
    left: VecDeque<ObjectId>,
    ready: VecDeque<(ObjectId, Bytes)>,
    /// How many are asked for at once.
    batch: usize,
    /// How many were asked for by requests of their own, since the server has not this way.
    alone: usize,
}

/// The most files that are asked for one by one where a server lets nobody ask for many.
const MAX_ALONE: usize = 1000;

/// A blob: whole, or as it comes.
pub(crate) enum Blob {
    Whole(Bytes),
    Large(Box<LargeBlob>),
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Large(_) => "Large",
        })
    }
}

impl Blobs {
    /// Prepares to fetch; each id once, however often it is there.
    pub(crate) fn new(remote: &Remote, ids: impl IntoIterator<Item = ObjectId>) -> Self {
        let mut seen = HashSet::new();
        Self {
            remote: remote.clone(),
            left: ids.into_iter().filter(|id| seen.insert(*id)).collect(),
            ready: VecDeque::new(),
            batch: remote.limits.batch.max(1),
            alone: 0,
        }
    }

    /// Returns the next one; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<(ObjectId, Blob)>> {
        let mut attempts = None;
        loop {
            if let Some((id, bytes)) = self.ready.pop_front() {
                return Ok(Some((id, Blob::Whole(bytes))));
            }
            if self.left.is_empty() {
                return Ok(None);
            }
            let remote = self.remote.clone();
            let attempts = attempts.get_or_insert_with(|| self.remote.session.attempts());
            let asked: Vec<ObjectId> = self.left.iter().take(self.batch).copied().collect();
            let fetch = Fetch {
                wants: &asked,
                ..Fetch::default()
            };
            let (pack, fetched) = remote.fetch_once(&fetch, remote.limits.of_blobs()).await;
            // What came whole is what its id says, whatever failed later.
            let mut wanted: HashSet<ObjectId> = asked.iter().copied().collect();
            for object in pack.into_objects() {
                if object.kind == ObjectKind::Blob && wanted.remove(&object.id) {
                    self.ready.push_back((object.id, object.bytes.into()));
                }
            }
            let came = asked.len() - wanted.len();
            if came > 0 {
                self.left.drain(..asked.len());
                let missing = asked.iter().rev().filter(|id| wanted.contains(id));
                for id in missing {
                    self.left.push_front(*id);
                }
            }
            match fetched {
                Ok(()) if wanted.is_empty() => {}
                Ok(()) if came == 0 => {
                    return Err(
                        Error::malformed("fetch objects", "a file that was not sent").at(asked[0]),
                    );
                }
                Ok(()) => {}
                Err(error) if error.kind() == Kind::LimitExceeded => match (came, asked.len()) {
                    (0, 1) => {
                        self.batch = remote.limits.batch.max(1);
                        return self.large(asked[0]).await.map(Some);
                    }
                    (0, many) => self.batch = many / 2,
                    _ => {}
                },
                // No such objects, or no way to ask for them by their ids.
                Err(error) if error.kind() == Kind::NotFound && came == 0 => {
                    self.alone += 1;
                    if self.alone > MAX_ALONE {
                        return Err(error);
                    }
                    let bytes = remote.raw_blob(&asked[0]).await?;
                    if object_id(ObjectKind::Blob, &bytes)? != asked[0] {
                        return Err(altered(&asked[0]));
                    }
                    self.left.pop_front();
                    self.ready.push_back((asked[0], bytes));
                }
                Err(error) if came == 0 => attempts.after(error).await?,
                Err(_) => {}
            }
        }
    }

    /// Asks for one more, such as for one that could be handed on only once.
    pub(crate) fn again(&mut self, id: ObjectId) {
        self.left.push_back(id);
    }

    async fn large(&mut self, id: ObjectId) -> Result<(ObjectId, Blob)> {
        self.left.pop_front();
        let wants = [id];
        let fetch = Fetch {
            wants: &wants,
            ..Fetch::default()
        };
        let remote = &self.remote;
        let mut attempts = remote.session.attempts();
        loop {
            let begun = async {
                let single = SingleObject::default();
                let (answer, body) = remote.begin_fetch(&fetch, single).await?;
                LargeBlob::begin(id, answer, body).await
            };
            match begun.await {
                Ok(blob) => return Ok((id, Blob::Large(Box::new(blob)))),
                Err(error) => attempts.after(error.at(id)).await?,
            }
        }
    }
}

/// A blob as it comes, compared with its id at its end.
pub(crate) struct LargeBlob {
    id: ObjectId,
    /// How many bytes it has, as the pack says.
    pub(crate) size: u64,
    answer: FetchAnswer<SingleObject>,
    body: Body,
}

impl LargeBlob {
    /// Reads on to where its bytes begin.
    async fn begin(
        id: ObjectId,
        mut answer: FetchAnswer<SingleObject>,
        mut body: Body,
    ) -> Result<Self> {
        loop {
            if let Some(size) = answer.pack_mut().size()? {
                return Ok(Self {
                    id,
                    size,
                    answer,
                    body,
                });
            }
            match body.next().await.transpose()? {
                Some(bytes) => answer.push(&bytes)?,
                None => {
                    answer.finish()?;
                    return Err(altered(&id));
                }
            }
        }
    }

    /// Returns the next bytes; `None` at the end of what is then known to be right.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.answer.pack_mut().next_bytes()? {
                return Ok(Some(bytes.into()));
            }
            match self.body.next().await.transpose()? {
                Some(bytes) => self.answer.push(&bytes)?,
                None => {
                    self.answer.finish().map_err(|error| error.at(self.id))?;
                    return match self.answer.pack_mut().id()? {
                        Some(id) if id == self.id => Ok(None),
                        _ => Err(altered(&self.id)),
                    };
                }
            }
        }
    }
}

fn altered(id: &ObjectId) -> Error {
    Error::malformed(
        "fetch objects",
        "a file with another id than it was asked for by",
    )
    .at(id)
}
