//! The files of head, a copy, a revision or a tree, here or behind a URL.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, LocalBoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use workspace_core::store::ByteStream;
use workspace_core::{
    At, Change, ChangeOptions, Changed, Content, ContentId, Entry, Exported, File, Name, Opened,
    Result, TreePath, WriteOptions,
};
use workspace_http::{RemoteExport, RemoteWalk};

use super::Session;

/// Files, with all authority that there is.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    session: &'a Session,
    at: At,
}

/// What writing a file led to.
pub(crate) struct Written {
    pub(crate) content: ContentId,
    pub(crate) size: u64,
    pub(crate) changed: Changed,
}

impl<'a> Files<'a> {
    pub(super) fn new(session: &'a Session, at: At) -> Self {
        Self { session, at }
    }

    /// Returns the entry at a path.
    pub(crate) async fn stat(&self, path: &TreePath) -> Result<Option<Entry>> {
        match self.session {
            Session::Local(workspace) => workspace.files(self.at).stat(path),
            Session::Remote(client) => client.stat(self.at, path).await,
        }
    }

    /// Returns up to `limit` entries of a directory, after `after`.
    pub(crate) async fn list(
        &self,
        path: &TreePath,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(Name, Entry)>> {
        match self.session {
            Session::Local(workspace) => workspace.files(self.at).list(path, after, limit),
            Session::Remote(client) => client.list(self.at, path, after, limit).await,
        }
    }

    /// Walks everything below a directory.
    pub(crate) async fn walk(&self, path: &TreePath) -> Result<Walk> {
        Ok(match self.session {
            Session::Local(workspace) => Walk::Local(workspace.files(self.at).walk(path)?),
            Session::Remote(client) => Walk::Remote(client.walk(self.at, path).await?),
        })
    }

    /// Begins an export of everything below a directory.
    pub(crate) async fn export(&self, path: &TreePath) -> Result<Export> {
        Ok(match self.session {
            Session::Local(workspace) => Export::Local(workspace.files(self.at).export(path)?),
            Session::Remote(client) => Export::Remote(client.export(self.at, path).await?),
        })
    }

    /// Opens a file, or a range of it.
    pub(crate) async fn open(&self, path: &TreePath, range: Option<Range<u64>>) -> Result<Opened> {
        match self.session {
            Session::Local(workspace) => workspace.files(self.at).open(path, range).await,
            Session::Remote(client) => client.open(self.at, path, range).await,
        }
    }

    /// Opens the whole of a file that was found before.
    pub(crate) async fn open_found(
        &self,
        path: &TreePath,
        file: &File,
    ) -> Result<ByteStream<'static>> {
        match self.session {
            Session::Local(workspace) => Ok(workspace.files(self.at).open(path, None).await?.body),
            Session::Remote(client) => {
                let whole = 0..file.size;
                client.open_file(self.at, path, file, whole).await
            }
        }
    }

    /// Opens the files below a directory that are `wanted`, one after the other;
    /// each is read, as far as it is, before the next is handed out. `all` says that
    /// most of them will be.
    pub(crate) async fn bodies(
        self,
        below: &TreePath,
        all: bool,
        wanted: &'a impl Fn(&TreePath, &File) -> bool,
    ) -> Result<LocalBoxStream<'a, Result<(TreePath, File, ByteStream<'static>)>>> {
        if let (Session::Remote(_), true) = (self.session, all) {
            // One answer instead of one a file.
            let export = self.export(below).await?;
            let state = (export, below.clone());
            let bodies = stream::try_unfold(state, move |(mut export, below)| async move {
                while let Some(found) = export.next().await? {
                    let path = found.path.below(&below)?;
                    if let Some(opened) = found.body
                        && wanted(&path, &opened.file)
                    {
                        let body = (path, opened.file, opened.body);
                        return Ok(Some((body, (export, below))));
                    }
                }
                Ok(None)
            });
            return Ok(bodies.boxed_local());
        }
        let walk = self.walk(below).await?;
        let found = stream::try_unfold(walk, move |mut walk| async move {
            while let Some((path, entry)) = walk.next().await? {
                if let Entry::File(file) = entry
                    && wanted(&path, &file)
                {
                    return Ok(Some(((path, file), walk)));
                }
            }
            Ok(None)
        });
        // Over a network the next ones are on their way while one is read.
        let ahead = match self.session {
            Session::Local(_) => 1,
            Session::Remote(_) => 8,
        };
        let bodies = found
            .map_ok(move |(path, file)| async move {
                let body = self.open_found(&path, &file).await?;
                Ok((path, file, body))
            })
            .try_buffered(ahead);
        Ok(bodies.boxed_local())
    }

    /// Reads the whole of a file that was found before.
    pub(crate) async fn read_found(&self, path: &TreePath, file: &File) -> Result<Bytes> {
        if let Session::Local(workspace) = self.session {
            return workspace.read_entry(file).await;
        }
        let mut body = self.open_found(path, file).await?;
        let mut whole = BytesMut::new();
        while let Some(chunk) = body.try_next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Makes a batch of changes, none of which writes a content that was stored
    /// ahead.
    pub(crate) async fn change(
        &self,
        changes: Vec<Change>,
        options: ChangeOptions,
    ) -> Result<Changed> {
        match self.session {
            Session::Local(workspace) => workspace.files(self.at).change(changes, options).await,
            Session::Remote(client) => client.change(self.at, changes, options).await,
        }
    }

    /// Writes a file, as a stream.
    pub(crate) async fn write(
        &self,
        path: &TreePath,
        body: ByteStream<'static>,
        how: WriteOptions,
        options: ChangeOptions,
    ) -> Result<Written> {
        match self.session {
            Session::Local(workspace) => {
                let stored = workspace.store(body).await?;
                let (content, size) = (stored.id(), stored.size());
                let change = Change::Write {
                    path: path.clone(),
                    content: Content::Stored(stored),
                    options: how,
                };
                let view = workspace.files(self.at);
                Ok(Written {
                    content,
                    size,
                    changed: view.change(vec![change], options).await?,
                })
            }
            Session::Remote(client) => {
                let written = client.write(self.at, path, body, how, options).await?;
                Ok(Written {
                    content: written.file.content,
                    size: written.file.size,
                    changed: written.changed,
                })
            }
        }
    }
}

/// A walk under way.
pub(crate) enum Walk {
    Local(workspace_core::Walk),
    Remote(RemoteWalk),
}

impl Walk {
    /// Returns the next entry; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<(TreePath, Entry)>> {
        match self {
            Self::Local(walk) => walk.next().transpose(),
            Self::Remote(walk) => walk.next().await,
        }
    }

    /// Leaves out what is below the directory that was returned last.
    pub(crate) fn skip_directory(&mut self) {
        match self {
            Self::Local(walk) => walk.skip_directory(),
            Self::Remote(walk) => walk.skip_directory(),
        }
    }
}

/// An export under way.
pub(crate) enum Export {
    Local(workspace_core::Export),
    Remote(RemoteExport),
}

impl Export {
    /// Returns the next entry; `None` at the end. Its body is read before the
    /// entry after it is asked for.
    pub(crate) async fn next(&mut self) -> Result<Option<Exported>> {
        match self {
            Self::Local(export) => export.next().await,
            Self::Remote(export) => export.next().await,
        }
    }
}
