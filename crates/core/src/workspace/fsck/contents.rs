//! Contents: their rows, their objects, and what nothing refers to.

use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobKey, ContentId, TreeId};
use crate::store::{ContentRecord, MetaTx as _, Place};
use crate::workspace::fsck::{Check, STEP_BYTES, pass, undecodable};
use crate::workspace::tx::Tx;

const DROPPED: &str = "its row was dropped: the same bytes, written again, heal it";
const CORRECTED: &str = "the size in its row was corrected";
const ALTERED: &str = "its bytes are not those that were stored";
const MISSING: &str = "its object is missing: the same bytes, written again, heal it";

/// A content that is in an object.
struct InObject {
    key: BlobKey,
    id: ContentId,
    /// The size that entries state.
    size: u64,
    /// The size that the row states.
    row: u64,
    /// Whether its bytes need not be read any more.
    done: bool,
}

/// What a repair does about a row.
#[derive(Clone, Copy)]
enum Mend {
    Leave,
    /// Puts this size into it.
    Size(u64),
    Drop,
}

/// What the bytes of an object turned out to be.
enum Found {
    /// Those of the content, so many.
    Right(u64),
    Altered(String),
    Missing,
}

impl Mend {
    /// Returns what calls for it: a row that states `row` bytes, where the right bytes
    /// are `right`, if they are there.
    fn of(row: u64, right: Option<u64>) -> Self {
        match right {
            None => Self::Drop,
            // Then it is the entries that are wrong.
            Some(right) if right == row => Self::Leave,
            Some(right) => Self::Size(right),
        }
    }

    /// Does it; returns what to say of it.
    fn apply(self, tx: &Tx<'_>, id: &ContentId, place: Place) -> Result<Option<&'static str>> {
        let size = match self {
            Self::Leave => return Ok(None),
            Self::Size(size) => Some(size),
            Self::Drop => None,
        };
        tx.rows.delete_content(id)?;
        let Some(size) = size else {
            return Ok(Some(DROPPED));
        };
        tx.put_content(id, &ContentRecord { size, place })?;
        Ok(Some(CORRECTED))
    }
}

impl InObject {
    fn place(&self) -> Place {
        Place::Object(self.key.clone())
    }

    /// Says how the size of the object, or the one in the row, is not that of the
    /// entries.
    fn other_size(&self, found: u64) -> Option<String> {
        if found != self.size {
            Some(format!("its object holds {found} bytes, not {}", self.size))
        } else if self.row != self.size {
            Some(format!(
                "its row says {} bytes, its entries {}",
                self.row, self.size
            ))
        } else {
            None
        }
    }
}

impl Check<'_> {
    /// Checks that each content has a row of the right size, and its bytes.
    pub(super) async fn contents(&mut self) -> Result<()> {
        let mut contents: Vec<_> = self
            .contents
            .iter()
            .map(|(id, size)| (*id, *size))
            .collect();
        contents.sort_unstable();
        let mut objects = Vec::new();
        let mut left = contents.iter();
        while left.len() > 0 {
            let wrong = self.workspace.read("check", |tx| {
                let mut wrong = Vec::new();
                let mut bytes = 0;
                for (id, size) in left.by_ref().take(self.options.rows) {
                    let (read, detail) = self.row(tx, *id, *size, &mut objects)?;
                    wrong.extend(detail.map(|detail| (*id, detail)));
                    bytes += read;
                    if bytes >= STEP_BYTES {
                        break;
                    }
                }
                Ok(wrong)
            })?;
            for (id, detail) in wrong {
                let repair = match self.options.repair {
                    true => self.mend_row(id)?,
                    false => None,
                };
                self.found(format!("content {id}"), detail, repair);
            }
            pass().await;
        }
        objects.sort_unstable_by(|one: &InObject, other| one.key.cmp(&other.key));
        self.objects(&mut objects).await?;
        if self.options.contents {
            for object in objects.iter_mut().filter(|object| !object.done) {
                self.bytes(object).await?;
                pass().await;
            }
        }
        Ok(())
    }

    /// Checks the row of a content. Returns how many bytes it read, and what is wrong
    /// with the row and may be mended; adds to the objects what is in one.
    fn row(
        &mut self,
        tx: &Tx<'_>,
        id: ContentId,
        size: u64,
        objects: &mut Vec<InObject>,
    ) -> Result<(u64, Option<String>)> {
        let row = match tx.rows.content(&id) {
            Ok(Some(row)) => row,
            Ok(None) => {
                self.problem(format!("content {id}"), "its row is missing");
                return Ok((0, None));
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                return Ok((0, Some(undecodable(error.detail()))));
            }
            Err(error) => return Err(error),
        };
        let size = match self.disputed.contains(&id) {
            // It takes the side of some of the entries, or of none.
            true => row.size,
            false => size,
        };
        let bytes = match row.place {
            Place::Inline(bytes) => bytes,
            Place::Object(key) => {
                objects.push(InObject {
                    key,
                    id,
                    size,
                    row: row.size,
                    done: false,
                });
                return Ok((0, None));
            }
        };
        let read = bytes.len() as u64;
        let wrong = if read != size {
            Some(format!("its row holds {read} bytes, not {size}"))
        } else if self.options.contents && ContentId::of(&bytes) != id {
            Some(ALTERED.into())
        } else if row.size != size {
            Some(format!(
                "its row says {} bytes, its entries {size}",
                row.size
            ))
        } else {
            None
        };
        if wrong.is_none() && self.options.contents {
            self.report.verified_bytes += size;
        }
        Ok((read, wrong))
    }

    /// Mends a row that holds bytes, or does not decode, by what it is now.
    fn mend_row(&self, id: ContentId) -> Result<Option<&'static str>> {
        let mended = self
            .workspace
            .write("repair", |tx| match tx.rows.content(&id) {
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    tx.rows.delete_content(&id)?;
                    Ok(Some(DROPPED))
                }
                Err(error) => Err(error),
                Ok(Some(ContentRecord {
                    size,
                    place: Place::Inline(bytes),
                })) => {
                    let right = (ContentId::of(&bytes) == id).then_some(bytes.len() as u64);
                    Mend::of(size, right).apply(tx, &id, Place::Inline(bytes))
                }
                Ok(_) => Ok(None),
            });
        match mended {
            // It is too damaged to be dropped.
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            mended => mended,
        }
    }

    /// Lists all objects and compares them with the contents that are in objects, both
    /// in the order of their keys.
    async fn objects(&mut self, objects: &mut [InObject]) -> Result<()> {
        let workspace = self.workspace;
        let mut wanted = 0;
        let mut after: Option<BlobKey> = None;
        loop {
            workspace.meter.count(|receipt| receipt.blob_calls += 1);
            let listed = workspace
                .blobs()
                .list(after.as_ref(), self.options.rows)
                .await?;
            if after.is_none() && listed.is_empty() && self.options.repair {
                self.refuse_without_objects(objects)?;
            }
            let full = listed.len() == self.options.rows;
            after = listed.last().map(|last| last.key.clone());
            let mut others = Vec::new();
            for listed in listed {
                self.report.objects += 1;
                while let Some(object) = objects.get_mut(wanted)
                    && object.key < listed.key
                {
                    self.missing_object(object).await?;
                    wanted += 1;
                }
                match objects.get_mut(wanted) {
                    Some(object) if object.key == listed.key => {
                        self.size(object, listed.size).await?;
                        wanted += 1;
                    }
                    _ => others.push(listed.key),
                }
            }
            workspace.read("check", |tx| {
                for key in others {
                    let used =
                        tx.rows.has_object(&key)? || workspace.inner.in_flight.contains(&key);
                    self.report.garbage.objects += u64::from(!used && !self.partial);
                }
                Ok(())
            })?;
            if !full {
                break;
            }
            pass().await;
        }
        while let Some(object) = objects.get_mut(wanted) {
            self.missing_object(object).await?;
            wanted += 1;
        }
        Ok(())
    }

    /// Refuses a repair where no object is listed, and a content is in one still.
    fn refuse_without_objects(&self, objects: &[InObject]) -> Result<()> {
        let found = self.workspace.read("check", |tx| {
            for object in objects {
                if is_in(tx, object)? {
                    return Ok(Some(object.id));
                }
            }
            Ok(None)
        })?;
        match found {
            None => Ok(()),
            Some(id) => Err(Error::new(ErrorKind::Unavailable, "repair")
                .at(id)
                .because("its object is missing, and there is no other: is it the right place?")),
        }
    }

    /// Compares the size of an object with that of its content.
    async fn size(&mut self, object: &mut InObject, listed: Option<u64>) -> Result<()> {
        let Some(listed) = listed else {
            return self.missing_object(object).await;
        };
        let Some(detail) = object.other_size(listed) else {
            return Ok(());
        };
        object.done = listed != object.size;
        let mend = match self.options.repair {
            false => Mend::Leave,
            true => match self.read(object).await? {
                Found::Right(size) => Mend::of(object.row, Some(size)),
                Found::Altered(_) => Mend::Drop,
                Found::Missing => Mend::Leave,
            },
        };
        self.tell(object, detail, mend)
    }

    /// Looks for an object that was not listed.
    async fn missing_object(&mut self, object: &mut InObject) -> Result<()> {
        let workspace = self.workspace;
        workspace.meter.count(|receipt| receipt.blob_calls += 1);
        match workspace.blobs().get(&object.key, 0..0).await? {
            Some(_) => Ok(()),
            None => {
                object.done = true;
                self.tell(object, MISSING.into(), Mend::Leave)
            }
        }
    }

    /// Reads the bytes of an object and compares them with the id.
    async fn bytes(&mut self, object: &mut InObject) -> Result<()> {
        let (detail, mend) = match self.read(object).await? {
            Found::Right(size) => match object.other_size(size).filter(|_| size != object.size) {
                Some(detail) => (detail, Mend::of(object.row, Some(size))),
                None => {
                    self.report.verified_bytes += size;
                    return Ok(());
                }
            },
            Found::Altered(detail) => (detail, Mend::Drop),
            Found::Missing => (MISSING.into(), Mend::Leave),
        };
        self.tell(object, detail, mend)
    }

    /// Says what is wrong with the object of a content, and mends its row, unless the
    /// content is in another one by now.
    fn tell(&mut self, object: &mut InObject, detail: String, mend: Mend) -> Result<()> {
        let mend = match self.options.repair {
            true => mend,
            false => Mend::Leave,
        };
        let step = |tx: &Tx<'_>| match is_in(tx, object)? {
            true => mend.apply(tx, &object.id, object.place()).map(Some),
            false => Ok(None),
        };
        let told = match mend {
            Mend::Leave => self.workspace.read("check", step)?,
            Mend::Size(_) | Mend::Drop => self.workspace.write("repair", step)?,
        };
        let Some(repair) = told else {
            object.done = true;
            return Ok(());
        };
        match mend {
            Mend::Leave => {}
            Mend::Size(size) => object.row = size,
            Mend::Drop => object.done = true,
        }
        self.found(format!("content {}", object.id), detail, repair);
        Ok(())
    }

    /// Reads an object, and once more where its bytes are not those of its content:
    /// what failed in passing is not altered.
    async fn read(&self, object: &InObject) -> Result<Found> {
        match self.read_once(object).await? {
            Found::Altered(_) => self.read_once(object).await,
            found => Ok(found),
        }
    }

    async fn read_once(&self, object: &InObject) -> Result<Found> {
        let workspace = self.workspace;
        let held = workspace.inner.in_flight.read(object.key.clone());
        workspace.meter.count(|receipt| receipt.blob_calls += 1);
        let mut hash = Sha256::new();
        let mut size = 0;
        let read = async {
            // All of it, however much it is.
            let Some(mut body) = workspace.blobs().get(held.key(), 0..u64::MAX).await? else {
                return Ok(false);
            };
            let mut turn = STEP_BYTES;
            while let Some(chunk) = body.try_next().await? {
                hash.update(&chunk);
                size += chunk.len() as u64;
                if size >= turn {
                    turn = size + STEP_BYTES;
                    pass().await;
                }
            }
            Ok::<_, Error>(true)
        };
        let read = read.await;
        workspace.meter.count(|receipt| receipt.bytes_read += size);
        match read {
            Ok(true) if ContentId::from_bytes(hash.finalize().into()) == object.id => {
                Ok(Found::Right(size))
            }
            Ok(true) => Ok(Found::Altered(ALTERED.into())),
            Ok(false) => Ok(Found::Missing),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Found::Altered(
                error.detail().unwrap_or(ALTERED).to_string(),
            )),
            Err(error) => Err(error),
        }
    }

    /// Counts the nodes and contents that were not met, where all could be met.
    pub(super) async fn garbage(&mut self) -> Result<()> {
        if self.partial {
            return Ok(());
        }
        let rows = self.options.rows;
        let mut after: Option<TreeId> = None;
        loop {
            let found = self
                .workspace
                .read("check", |tx| tx.rows.nodes(after.as_ref(), rows))?;
            let unmet = found.iter().filter(|id| !self.nodes.contains_key(id));
            self.report.garbage.nodes += unmet.count() as u64;
            if found.len() < rows {
                break;
            }
            after = found.last().copied();
            pass().await;
        }
        let mut after: Option<ContentId> = None;
        loop {
            let found = self
                .workspace
                .read("check", |tx| tx.rows.contents(after.as_ref(), rows))?;
            let unmet = found.iter().filter(|id| !self.contents.contains_key(id));
            self.report.garbage.contents += unmet.count() as u64;
            if found.len() < rows {
                return Ok(());
            }
            after = found.last().copied();
            pass().await;
        }
    }
}

/// Tells whether the row of a content is as it was found.
fn is_in(tx: &Tx<'_>, object: &InObject) -> Result<bool> {
    let found = tx.rows.content(&object.id)?;
    Ok(found.is_some_and(|row| row.size == object.row && row.place == object.place()))
}
