//! Contents: their rows, their objects, and what nothing refers to.

use futures::TryStreamExt;

use crate::entry::{File, Timestamp};
use crate::error::{ErrorKind, Result};
use crate::id::{BlobKey, ContentId, TreeId};
use crate::store::{ContentRecord, MetaTx as _, Place};
use crate::workspace::fsck::{Check, PAGE, pass, undecodable};
use crate::workspace::tx::Tx;

const DROPPED: &str = "its row was dropped: the same bytes, written again, heal it";
const CORRECTED: &str = "the size in its row was corrected";

/// A content that is in an object.
struct Stored {
    key: BlobKey,
    id: ContentId,
    /// The size that entries state.
    size: u64,
    /// The size that the row states.
    row: u64,
    /// Whether it was found missing or of another size.
    wrong: bool,
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
        for page in contents.chunks(PAGE) {
            let wrong = self.workspace.read("check", |tx| {
                let mut wrong = Vec::new();
                for (id, size) in page {
                    wrong.extend(self.row(tx, *id, *size, &mut objects)?);
                }
                Ok(wrong)
            })?;
            for (id, found, detail) in wrong {
                let repair = match self.options.repair {
                    true => self.mend_row(id, found)?,
                    false => None,
                };
                self.found(format!("content {id}"), detail, repair);
            }
            pass().await;
        }
        objects.sort_unstable_by(|one: &Stored, other| one.key.cmp(&other.key));
        self.objects(&mut objects).await?;
        if self.options.contents {
            for object in objects.iter().filter(|object| !object.wrong) {
                self.bytes(object).await?;
            }
        }
        Ok(())
    }

    /// Checks the row of a content. Returns what is wrong with it, and the row if
    /// there is one; adds to the objects what is in one.
    #[allow(clippy::type_complexity, reason = "it has one caller")]
    fn row(
        &mut self,
        tx: &Tx<'_>,
        id: ContentId,
        size: u64,
        objects: &mut Vec<Stored>,
    ) -> Result<Option<(ContentId, Option<ContentRecord>, String)>> {
        let row = match tx.rows.content(&id) {
            Ok(Some(row)) => row,
            Ok(None) => {
                self.problem(format!("content {id}"), "its row is missing");
                return Ok(None);
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                return Ok(Some((id, None, undecodable(error.detail()))));
            }
            Err(error) => return Err(error),
        };
        let detail = match &row.place {
            Place::Object(key) => {
                objects.push(Stored {
                    key: key.clone(),
                    id,
                    size,
                    row: row.size,
                    wrong: false,
                });
                return Ok(None);
            }
            Place::Inline(bytes) if bytes.len() as u64 != size => {
                format!("its row holds {} bytes, not {size}", bytes.len())
            }
            Place::Inline(bytes) if self.options.contents && ContentId::of(bytes) != id => {
                "its bytes are not those that were stored".into()
            }
            Place::Inline(_) if row.size != size => {
                format!("its row says {} bytes, its entries {size}", row.size)
            }
            Place::Inline(_) => {
                if self.options.contents {
                    self.report.verified_bytes += size;
                }
                return Ok(None);
            }
        };
        Ok(Some((id, Some(row), detail)))
    }

    /// Corrects the size in a row that holds the right bytes, and drops one that
    /// does not.
    fn mend_row(&self, id: ContentId, found: Option<ContentRecord>) -> Result<Option<String>> {
        let Some(found) = found else {
            let dropped = self
                .workspace
                .write("repair", |tx| match tx.rows.content(&id) {
                    Err(error) if error.kind() == ErrorKind::Corrupt => {
                        tx.rows.delete_content(&id)?;
                        Ok(Some(DROPPED.into()))
                    }
                    found => found.map(|_| None),
                });
            return match dropped {
                // It is too damaged to be dropped.
                Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
                dropped => dropped,
            };
        };
        let right = match &found.place {
            Place::Inline(bytes) => (ContentId::of(bytes) == id).then_some(bytes.len() as u64),
            Place::Object(_) => None,
        };
        match right {
            // Then it is the entries that are wrong.
            Some(right) if right == found.size => Ok(None),
            right => self.replace_row(id, &found, right),
        }
    }

    /// Puts the right size into a row, or drops it where there is none, unless it
    /// is another one by now.
    fn replace_row(
        &self,
        id: ContentId,
        found: &ContentRecord,
        right: Option<u64>,
    ) -> Result<Option<String>> {
        self.workspace.write("repair", |tx| {
            if tx.rows.content(&id)?.as_ref() != Some(found) {
                return Ok(None);
            }
            tx.rows.delete_content(&id)?;
            let Some(size) = right else {
                return Ok(Some(DROPPED.into()));
            };
            let place = found.place.clone();
            tx.put_content(&id, &ContentRecord { size, place })?;
            Ok(Some(CORRECTED.into()))
        })
    }

    /// Lists all objects, a page of 1,000 in a call, and compares them with the
    /// contents that are in objects, both in the order of their keys.
    async fn objects(&mut self, objects: &mut [Stored]) -> Result<()> {
        let workspace = self.workspace;
        let mut wanted = 0;
        let mut after: Option<BlobKey> = None;
        loop {
            workspace.meter.count(|receipt| receipt.blob_calls += 1);
            let listed = workspace.blobs().list(after.as_ref(), PAGE).await?;
            let full = listed.len() == PAGE;
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
                    self.report.garbage.objects += u64::from(!used);
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

    /// Compares the size of an object with that of its content.
    async fn size(&mut self, object: &mut Stored, listed: Option<u64>) -> Result<()> {
        let Some(listed) = listed else {
            return self.missing_object(object).await;
        };
        if listed != object.size {
            let detail = format!("its object holds {listed} bytes, not {}", object.size);
            return self.lost(object, detail);
        }
        if object.row != object.size {
            let row = ContentRecord {
                size: object.row,
                place: Place::Object(object.key.clone()),
            };
            let repair = match self.options.repair {
                true => self.replace_row(object.id, &row, Some(object.size))?,
                false => None,
            };
            let detail = format!(
                "its row says {} bytes, its entries {}",
                object.row, object.size
            );
            self.found(format!("content {}", object.id), detail, repair);
        }
        Ok(())
    }

    /// Looks for an object that was not listed.
    async fn missing_object(&mut self, object: &mut Stored) -> Result<()> {
        let workspace = self.workspace;
        workspace.meter.count(|receipt| receipt.blob_calls += 1);
        match workspace.blobs().get(&object.key, 0..0).await? {
            Some(_) => Ok(()),
            None => self.lost(object, "its object is missing".into()),
        }
    }

    /// Says what is wrong with the object of a content, unless the content is in
    /// another one by now.
    fn lost(&mut self, object: &mut Stored, detail: String) -> Result<()> {
        let row = ContentRecord {
            size: object.row,
            place: Place::Object(object.key.clone()),
        };
        let found = self
            .workspace
            .read("check", |tx| tx.rows.content(&object.id))?;
        if found.as_ref() != Some(&row) {
            return Ok(());
        }
        object.wrong = true;
        let repair = match self.options.repair {
            true => self.replace_row(object.id, &row, None)?,
            false => None,
        };
        self.found(format!("content {}", object.id), detail, repair);
        Ok(())
    }

    /// Reads the bytes of an object and compares them with the id.
    async fn bytes(&mut self, object: &Stored) -> Result<()> {
        let file = File {
            content: object.id,
            size: object.size,
            executable: false,
            modified: Timestamp::default(),
            media_type: None,
            provenance: None,
        };
        let read = async {
            let mut body = self.workspace.open_kept(&file, 0..file.size).await?;
            while body.try_next().await?.is_some() {}
            Ok::<_, crate::Error>(())
        };
        match read.await {
            Ok(()) => self.report.verified_bytes += object.size,
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let row = ContentRecord {
                    size: object.size,
                    place: Place::Object(object.key.clone()),
                };
                let repair = match self.options.repair {
                    true => self.replace_row(object.id, &row, None)?,
                    false => None,
                };
                let detail = error.detail().unwrap_or("altered").to_string();
                self.found(format!("content {}", object.id), detail, repair);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Counts the nodes and contents that were not met.
    pub(super) async fn garbage(&mut self) -> Result<()> {
        let mut after: Option<TreeId> = None;
        loop {
            let found = self
                .workspace
                .read("check", |tx| tx.rows.nodes(after.as_ref(), PAGE))?;
            let unmet = found.iter().filter(|id| !self.nodes.contains(id));
            self.report.garbage.nodes += unmet.count() as u64;
            if found.len() < PAGE {
                break;
            }
            after = found.last().copied();
            pass().await;
        }
        let mut after: Option<ContentId> = None;
        loop {
            let found = self
                .workspace
                .read("check", |tx| tx.rows.contents(after.as_ref(), PAGE))?;
            let unmet = found.iter().filter(|id| !self.contents.contains_key(id));
            self.report.garbage.contents += unmet.count() as u64;
            if found.len() < PAGE {
                return Ok(());
            }
            after = found.last().copied();
            pass().await;
        }
    }
}
