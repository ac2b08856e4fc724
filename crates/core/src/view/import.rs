//! What of a source a grant lets in.

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::error::{Error, ErrorKind, Result};
use crate::grant::Grant;
use crate::import::{EntrySource, SourceEntry, SourceKind};
use crate::path::TreePath;

/// The entries of a source that a grant lets in.
pub(super) struct Allowed<'a> {
    source: &'a mut dyn EntrySource,
    grant: &'a Grant,
    into: TreePath,
    /// How many directories may yet be passed over.
    left: u64,
}

impl<'a> Allowed<'a> {
    /// Passes over up to `most` directories on the way to what may be written.
    pub(super) fn new(
        source: &'a mut dyn EntrySource,
        grant: &'a Grant,
        into: TreePath,
        most: u64,
    ) -> Self {
        Self {
            source,
            grant,
            into,
            left: most,
        }
    }

    async fn allowed(&mut self) -> Result<Option<SourceEntry>> {
        let grant = self.grant;
        while let Some(entry) = self.source.next().await? {
            let path = entry.path.below(&self.into)?;
            if grant.writes(&path) {
                return Ok(Some(entry));
            }
            if entry.kind != SourceKind::Directory || !grant.leads_to_writes(&path) {
                // Named as in the whole tree, as errors of the import are.
                let path = grant.resolve(&path)?;
                return Err(Error::new(ErrorKind::Denied, "import").at(path));
            }
            let Some(left) = self.left.checked_sub(1) else {
                let path = grant.resolve(&path)?;
                return Err(Error::new(ErrorKind::LimitExceeded, "import")
                    .at(path)
                    .because("more directories on the way than entries may be imported"));
            };
            self.left = left;
        }
        Ok(None)
    }
}

impl EntrySource for Allowed<'_> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        self.allowed().boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        self.source.chunk()
    }
}
