//! One file in one call, and calls that never wait: for programs without an
//! executor, whose contents fit into rows.

use bytes::Bytes;

use crate::change::{Change, ChangeOptions, Changed, Content};
use crate::error::Result;
use crate::path::ToPath;
use crate::view::{View, allow};

impl View {
    /// Makes a batch of changes as [`change`](Self::change) does, without waiting.
    /// No content may need an object.
    ///
    /// # Errors
    /// As for [`change`](Self::change); `Invalid`, and nothing is changed, for bytes
    /// over the [inline limit](crate::Options::inline_limit).
    pub fn change_now(&self, changes: Vec<Change>, options: &ChangeOptions) -> Result<Changed> {
        let changes = allow::allowed(&self.grant, changes)?;
        self.workspace
            .change_now(self.at, self.by(), changes, options)
            .map_err(|error| self.told(error))
    }

    /// Writes one file, and makes the directories that are missing above it.
    ///
    /// # Errors
    /// As for [`change`](Self::change); `Invalid` for what is no path.
    pub async fn write(&self, path: impl ToPath, content: impl Into<Content>) -> Result<Changed> {
        let change = Change::write(path, content)?.with_parents();
        self.change(vec![change], ChangeOptions::default()).await
    }

    /// Writes one file as [`write`](Self::write) does, without waiting.
    ///
    /// # Errors
    /// As for [`change_now`](Self::change_now); `Invalid` for what is no path.
    pub fn write_now(&self, path: impl ToPath, content: impl Into<Content>) -> Result<Changed> {
        let change = Change::write(path, content)?.with_parents();
        self.change_now(vec![change], &ChangeOptions::default())
    }

    /// Reads a whole file without waiting, and checks it.
    ///
    /// # Errors
    /// As for [`read`](Self::read); `Invalid` for a content that is in an object,
    /// since it was over the [inline limit](crate::Options::inline_limit), and for
    /// what is no path.
    pub fn read_now(&self, path: impl ToPath) -> Result<Bytes> {
        let file = self.file(&path.to_path()?)?;
        let bytes = self.workspace.read_inline(&file);
        bytes.map_err(|error| self.told(error))
    }
}
