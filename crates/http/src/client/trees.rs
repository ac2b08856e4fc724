//! Whole trees: walked, exported, imported.

use std::pin::pin;
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use futures::channel::mpsc;
use futures::future::{Either, select};
use futures::lock::Mutex;
use futures::{StreamExt, stream};
use workspace_archive::{TAR, TarSource, pack};
use workspace_core::store::ByteStream;
use workspace_core::{
    At, Entry, EntrySource, Exported, File, ImportOptions, Imported, Opened, Result, TreeId,
    TreePath,
};

use super::answer::{self, checked};
use super::files::{below, verified, writable};
use super::lines::Lines;
use super::read::unreadable;
use super::upload::Broken;
use super::{Client, Transport, ask, route};
use crate::wire::{ImportedDto, PlacedDto};

impl<T: Transport> Client<T> {
    /// Returns the id of a tree as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn tree(&self, at: At) -> Result<TreeId> {
        Ok(match at {
            At::Head => self.head().await?.tree,
            At::Copy(id) => self.copy(id).await?.tree,
            At::Revision(id) => self.revision(id).await?.tree,
            At::Tree(id) => id,
        })
    }

    /// Walks everything below the directory `path`: a directory before its
    /// entries, names in byte order, all of one state.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Denied` outside a grant.
    pub async fn walk(&self, at: At, path: &TreePath) -> Result<RemoteWalk> {
        let response = self.get(&below(at, "walk", path), &[]).send().await?;
        Ok(RemoteWalk {
            lines: Lines::new(answer::stream(response.into_body()).boxed()),
            root: path.clone(),
            before: path.clone(),
            skipped: None,
            last: None,
        })
    }

    /// Begins an export of everything below the directory `path`, which becomes
    /// `/` in it. Takes two requests, whatever is in it.
    ///
    /// # Errors
    /// As for [`walk`](Self::walk).
    pub async fn export(&self, at: At, path: &TreePath) -> Result<RemoteExport> {
        // Both have to be of one state.
        let at = match at {
            At::Head | At::Copy(_) => At::Tree(self.tree(at).await?),
            At::Revision(_) | At::Tree(_) => at,
        };
        let walk = self.walk(at, path).await?;
        let response = self.get(&below(at, "export", path), &[]).send().await?;
        let archive = TarSource::new(answer::stream(response.into_body()).boxed());
        let archive = Archive {
            source: archive,
            entry: 0,
        };
        Ok(RemoteExport {
            walk,
            root: path.clone(),
            archive: Arc::new(Mutex::new(archive)),
            entry: 0,
        })
    }

    /// Imports a source over the files that are there, as one stream. See
    /// [`Workspace::import`](workspace_core::Workspace::import); the server
    /// batches, by itself, and its own limits hold as well. `progress` is told
    /// what was sent. The server leaves out what git takes for its own directory, unless
    /// `allow_git`; one that is older takes it all the same.
    ///
    /// # Errors
    /// Those of the source, and of
    /// [`Workspace::import`](workspace_core::Workspace::import).
    pub async fn import(
        &self,
        at: At,
        source: Box<dyn EntrySource>,
        mut options: ImportOptions<'_>,
        allow_git: bool,
    ) -> Result<Imported> {
        let mut query = vec![
            ("into", options.into.to_string()),
            ("delete_missing", options.delete_missing.to_string()),
            ("max_entries", clamped(options.limits.entries)),
            ("max_bytes", clamped(options.limits.bytes)),
            ("max_file_bytes", clamped(options.limits.file_bytes)),
        ];
        query.extend(ask::author(options.author));
        // Older servers know nothing of it, and refuse what they do not know.
        if allow_git {
            query.push(("allow_git", true.to_string()));
        }
        // One that is not fetched in time is made up for by the next.
        let (mut sender, mut sent) = mpsc::channel::<Imported>(0);
        let archive = pack(source, move |imported| {
            let _dropped = sender.try_send(imported.clone());
        });
        let broken = Broken::default();
        let request = self
            .post(&route(writable(at, "import")?, "/import"), &query)
            .header(CONTENT_TYPE, TAR);
        let mut answer = pin!(request.body(broken.body(archive)));
        let answer = loop {
            match select(answer.as_mut(), sent.next()).await {
                Either::Left((answer, _)) => break answer,
                Either::Right((Some(imported), _)) => {
                    if let Some(progress) = &mut options.progress {
                        progress(&imported);
                    }
                }
                Either::Right((None, _)) => break answer.await,
            }
        };
        broken.check()?;
        let imported: ImportedDto = answer::json(answer?).await?;
        Ok(imported.into())
    }
}

/// Returns a limit as a query carries it.
fn clamped(limit: u64) -> String {
    crate::wire::Count::new(limit).get().to_string()
}

/// A walk under way. See [`Client::walk`].
pub struct RemoteWalk {
    lines: Lines,
    root: TreePath,
    /// What came before.
    before: TreePath,
    skipped: Option<TreePath>,
    last: Option<TreePath>,
}

impl std::fmt::Debug for RemoteWalk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteWalk")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl RemoteWalk {
    /// Returns the next entry; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt`; `Unavailable`.
    pub async fn next(&mut self) -> Result<Option<(TreePath, Entry)>> {
        loop {
            let Some(line) = self.lines.next().await? else {
                return Ok(None);
            };
            let placed: PlacedDto = serde_json::from_slice(&line).map_err(unreadable)?;
            let (path, entry): (TreePath, Entry) = checked(placed)?;
            // Below what was asked for, and each after the one before.
            if !path.starts_with(&self.root) || self.before.segments().ge(path.segments()) {
                return Err(unreadable(format_args!(
                    "{path} in a walk below {}, after {}",
                    self.root, self.before
                )));
            }
            self.before.clone_from(&path);
            let skipped = self.skipped.as_ref();
            if !skipped.is_some_and(|directory| path.starts_with(directory)) {
                self.last = Some(path.clone());
                return Ok(Some((path, entry)));
            }
        }
    }

    /// Leaves out what is below the directory that was returned last.
    pub fn skip_directory(&mut self) {
        self.skipped = self.last.take();
    }
}

/// An export under way. See [`Client::export`].
pub struct RemoteExport {
    /// What the entries are …
    walk: RemoteWalk,
    root: TreePath,
    /// … and the bytes of the files among them, in the same order.
    archive: Arc<Mutex<Archive>>,
    entry: u64,
}

struct Archive {
    source: TarSource<ByteStream<'static>>,
    /// Which entry it is at, counted from 1.
    entry: u64,
}

impl std::fmt::Debug for RemoteExport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteExport")
            .field("walk", &self.walk)
            .finish_non_exhaustive()
    }
}

impl RemoteExport {
    /// Returns the next entry, a directory before what is in it; `None` at the
    /// end. The body of the entry before can no longer be read then.
    ///
    /// # Errors
    /// `Corrupt`; `Unavailable`.
    pub async fn next(&mut self) -> Result<Option<Exported>> {
        let found = self.walk.next().await?;
        let mut archive = self.archive.lock().await;
        let packed = archive.source.next().await?;
        archive.entry += 1;
        self.entry = archive.entry;
        drop(archive);
        let (Some((path, entry)), Some(packed)) = (&found, &packed) else {
            return match (found, packed) {
                (None, None) => Ok(None),
                _ => Err(unreadable("an archive of other entries")),
            };
        };
        let Some(path) = path.strip_prefix(&self.root) else {
            return Err(unreadable("an entry that is not below what was asked for"));
        };
        if packed.path != path {
            return Err(unreadable("an archive of other entries"));
        }
        let body = entry.as_file().map(|file| Opened {
            file: file.clone(),
            range: 0..file.size,
            body: self.body(file),
        });
        Ok(Some(Exported {
            path,
            entry: entry.clone(),
            body,
        }))
    }

    fn body(&self, file: &File) -> ByteStream<'static> {
        let state = (Arc::clone(&self.archive), self.entry);
        let body = stream::try_unfold(state, |(archive, entry)| async move {
            let mut at = archive.lock().await;
            if at.entry != entry {
                return Err(unreadable("the export has gone on to another entry"));
            }
            let chunk = at.source.chunk().await?;
            drop(at);
            Ok(chunk.map(|chunk| (chunk, (archive, entry))))
        });
        verified(Box::pin(body), file.size, Some(file.content))
    }
}
