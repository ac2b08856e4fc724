//! Files: what is there, reading, writing.

use std::ops::Range;

use axum::http::header::{IF_MATCH, IF_NONE_MATCH, RANGE};
use axum::http::{Method, StatusCode};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use workspace_core::store::ByteStream;
use workspace_core::{
    At, Change, ChangeOptions, Changed, ContentId, Entry, Error, ErrorKind, File, MemoKey, Name,
    Opened, Precondition, Reason, Result, Sought, TreePath, WriteOptions,
};

use super::answer::{self, checked};
use super::copies::page;
use super::read::{in_order, unreadable};
use super::upload::Broken;
use super::{Client, Transport, ask, encoded, route};
use crate::conditional::content_tag;
use crate::operation::{Json, OfPath, Query, ToChange};
use crate::operations::{self, ListQuery};
use crate::serve::CONTENT;
use crate::wire::{ChangesDto, PlacedDto, WrittenDto};

/// What writing a file led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub file: File,
    /// The change.
    pub changed: Changed,
}

impl<T: Transport> Client<T> {
    /// Returns the entry at `path`, or `None` where there is none.
    ///
    /// # Errors
    /// Those of finding the files; `Denied` outside a grant.
    pub async fn stat(&self, at: At, path: &TreePath) -> Result<Option<Entry>> {
        let found = self
            .get(&below(at, "stat", path), &[])
            .read::<PlacedDto>()
            .await;
        match found {
            Ok(placed) => checked::<(TreePath, Entry), _>(placed).map(|(_, entry)| Some(entry)),
            // Not the copy or revision, but what was looked for in it.
            Err(error) if error.kind() == ErrorKind::NotFound && error.operation() == "stat" => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns up to `limit` entries of the directory `path`, and at most
    /// 10,000, after `after`, in byte order of their names.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Denied` outside a grant.
    pub async fn list(
        &self,
        at: At,
        path: &TreePath,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(Name, Entry)>> {
        let query = Query(ListQuery {
            after: after.map(ToString::to_string),
            limit: page(limit),
        });
        let subject = OfPath(at, path.clone());
        let page = self.call(&operations::LIST, subject, query).await?;
        let page = page.entries.into_iter().take(limit).map(checked);
        let page = page.collect::<Result<Vec<(Name, Entry)>>>()?;
        in_order(page, after.cloned(), |(name, _)| name.clone())
    }

    /// Opens a file, or a range of it (in bytes, clamped to the file). Takes two
    /// requests; where the file changes between them, more.
    ///
    /// # Errors
    /// As for [`View::open`](workspace_core::View::open).
    pub async fn open(&self, at: At, path: &TreePath, range: Option<Range<u64>>) -> Result<Opened> {
        /// How often a file is looked at again that changes all the time.
        const TRIES: usize = 5;
        let mut stale = None;
        for _ in 0..TRIES {
            let file = match self.stat(at, path).await? {
                Some(Entry::File(file)) => file,
                found => return Err(no_file(path, found)),
            };
            let range = range.clone().unwrap_or(0..file.size);
            if range.start > range.end {
                return Err(Error::invalid(Reason::MalformedRange, "open")
                    .at(path)
                    .because(format!("the range ends at {} before it starts", range.end)));
            }
            let range = range.start.min(file.size)..range.end.min(file.size);
            match self.open_file(at, path, &file, range.clone()).await {
                Ok(body) => return Ok(Opened { file, range, body }),
                Err(error) if error.kind() == ErrorKind::Stale => stale = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(stale.unwrap_or_else(|| unreadable("a file that never stays the same")))
    }

    /// Reads a whole file into memory, and checks it.
    ///
    /// # Errors
    /// As for [`View::read`](workspace_core::View::read).
    pub async fn read(&self, at: At, path: &TreePath) -> Result<Bytes> {
        let mut body = self.open(at, path, None).await?.body;
        let mut whole = BytesMut::new();
        while let Some(chunk) = body.try_next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Opens `range`, which is within the file, of a file that is known. The
    /// stream ends with an error where it is not as long as it should be, or,
    /// whole, not what it should be.
    ///
    /// # Errors
    /// `Stale` where the file there is another one by now; `NotFound` and the
    /// rest as for [`open`](Self::open).
    pub async fn open_file(
        &self,
        at: At,
        path: &TreePath,
        file: &File,
        range: Range<u64>,
    ) -> Result<ByteStream<'static>> {
        if range.is_empty() {
            return Ok(Box::pin(stream::empty()));
        }
        let mut request = self
            .get(&below(at, "files", path), &[])
            .header(IF_MATCH, content_tag(&file.content));
        let whole = range == (0..file.size);
        if !whole {
            let last = range.end - 1;
            request = request.header(RANGE, format!("bytes={}-{last}", range.start));
        }
        let response = request.send().await?;
        let expected = match whole {
            true => StatusCode::OK,
            false => StatusCode::PARTIAL_CONTENT,
        };
        let found = response.headers().get(CONTENT);
        let found = found.and_then(|content| content.to_str().ok()?.parse().ok());
        if response.status() != expected || found != Some(file.content) {
            return Err(unreadable("another file than was asked for"));
        }
        let body = answer::stream(response.into_body());
        let content = whole.then_some(file.content);
        Ok(verified(body.boxed(), range.end - range.start, content))
    }

    /// Makes a batch of changes: all or nothing, as one operation. The whole
    /// batch goes over at once and is at most 8 MiB of JSON; larger contents are
    /// for [`write`](Self::write) and [`import`](Self::import).
    ///
    /// # Errors
    /// As for [`View::change`](workspace_core::View::change); `LimitExceeded`.
    pub async fn change(
        &self,
        at: At,
        changes: Vec<Change>,
        options: ChangeOptions,
    ) -> Result<Changed> {
        let batch = ChangesDto::new(changes, options)?;
        let subject = ToChange(writable(at, "change")?);
        checked(self.call(&operations::CHANGE, subject, Json(batch)).await?)
    }

    /// Makes a batch of changes once for a key. See
    /// [`View::change_once`](workspace_core::View::change_once).
    ///
    /// # Errors
    /// As for [`change`](Self::change); `Invalid` where the key was used for another call.
    pub async fn change_once(
        &self,
        at: At,
        changes: Vec<Change>,
        options: ChangeOptions,
        key: &MemoKey,
    ) -> Result<Changed> {
        let batch = Json(ChangesDto::new(changes, options)?);
        let subject = ToChange(writable(at, "change")?);
        checked(
            self.call_once(&operations::CHANGE, subject, batch, key)
                .await?,
        )
    }

    /// Writes a file, as a stream of any length.
    ///
    /// # Errors
    /// Those of `body`; `AlreadyExists` and `Stale` where the precondition does
    /// not hold; the rest as for [`change`](Self::change).
    pub async fn write(
        &self,
        at: At,
        path: &TreePath,
        body: ByteStream<'static>,
        how: WriteOptions,
        options: ChangeOptions,
    ) -> Result<Written> {
        if path.is_root() {
            return Err(Error::new(ErrorKind::IsADirectory, "write").at(path));
        }
        let mut query = vec![("create_parents", how.create_parents.to_string())];
        let number = |what, number: Option<i64>| number.map(|number| (what, number.to_string()));
        query.extend(how.executable.map(|set| ("executable", set.to_string())));
        query.extend(number(
            "modified",
            how.modified.map(|time| time.as_millis()),
        ));
        query.extend(how.media_type.map(|text| ("media_type", text.to_string())));
        query.extend(how.provenance.map(|text| ("provenance", text.to_string())));
        let expected = options.expect_generation;
        query.extend(expected.map(|seen| ("expect_generation", seen.to_string())));
        query.extend(ask::author(options.author));
        let path = below(writable(at, "change")?, "files", path);
        let mut request = self.request(Method::PUT, &path, &query);
        match how.precondition {
            Precondition::None => {}
            Precondition::Absent => request = request.header(IF_NONE_MATCH, "*"),
            Precondition::Content(content) => {
                request = request.header(IF_MATCH, content_tag(&content));
            }
        }
        let broken = Broken::default();
        let answer = request.body(broken.body(body)).await;
        broken.check()?;
        let written: WrittenDto = answer::json(answer?).await?;
        match written.entry.map(checked::<Entry, _>).transpose()? {
            Some(Entry::File(file)) => Ok(Written {
                file,
                changed: checked(written.changed)?,
            }),
            _ => Err(unreadable("what was written is no file")),
        }
    }
}

/// Returns the path of a route about what is at `path`.
pub(super) fn below(at: At, what: &str, path: &TreePath) -> String {
    let rest = match path.is_root() {
        true => "",
        false => path.as_str(),
    };
    route(at, &format!("/{what}{}", encoded(rest, true)))
}

/// Tells of what is read as a file and is none.
fn no_file(path: &TreePath, found: Option<Entry>) -> Error {
    let error = |kind| Error::new(kind, "read").at(path);
    match found {
        Some(Entry::Symlink(symlink)) => error(ErrorKind::Invalid)
            .for_reason(Reason::NotAFile)
            .because(format!(
                "it is a symlink to {}, which is not followed",
                symlink.target
            )),
        Some(_) => error(ErrorKind::IsADirectory),
        None => error(ErrorKind::NotFound).of(Sought::Path),
    }
}

/// Refuses what has no route for changes, as the facade does.
pub(super) fn writable(at: At, operation: &'static str) -> Result<At> {
    match at {
        At::Head | At::Copy(_) => Ok(at),
        At::Revision(_) | At::Tree(_) => Err(Error::new(ErrorKind::ReadOnly, operation).at(at)),
    }
}

/// Streams a body that has to be `size` bytes, and those of `content` where that
/// is said.
pub(super) fn verified(
    body: ByteStream<'static>,
    size: u64,
    content: Option<ContentId>,
) -> ByteStream<'static> {
    let state = (body, size, content.map(|content| (content, Sha256::new())));
    Box::pin(stream::try_unfold(
        state,
        |(mut body, left, mut hash)| async move {
            let Some(chunk) = body.try_next().await? else {
                if left > 0 {
                    return Err(unreadable(format!(
                        "{left} bytes are missing from the answer"
                    )));
                }
                return match hash {
                    Some((content, hash))
                        if hash.clone().finalize()[..] != content.as_bytes()[..] =>
                    {
                        Err(Error::new(ErrorKind::Corrupt, "read content")
                            .at(content)
                            .because("other bytes came than were stored"))
                    }
                    _ => Ok(None),
                };
            };
            let left = left.checked_sub(chunk.len() as u64);
            let left = left.ok_or_else(|| unreadable("more bytes came than the file has"))?;
            if let Some((_, hash)) = &mut hash {
                hash.update(&chunk);
            }
            Ok(Some((chunk, (body, left, hash))))
        },
    ))
}
