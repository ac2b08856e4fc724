//! The workspace that a command works on: in a directory here, or behind a URL.
//! Commands are written once, over the calls that both have.

mod files;
mod grants;
mod transport;

use workspace_core::store::{CopyRecord, HeadRecord, OperationRecord, RevisionRecord, StoreUsage};
use workspace_core::{
    Applied, ApplyOptions, At, Author, Collected, Conflicts, CopyId, DiffOptions, Difference,
    EntrySource, ForkOptions, FsckOptions, FsckReport, ImportOptions, Imported, KeepRevisions,
    OperationId, Overlap, RebaseOptions, Receipt, Recorded, Result, RevisionId, RevisionMessage,
    Together, TreePath, Undone, Workspace,
};
use workspace_http::Client;
use workspace_merge::Merged;

pub(crate) use files::Files;
pub(crate) use transport::{HttpTransport, REACH, connect};

/// A workspace, wherever it is.
pub(crate) enum Session {
    /// In a directory, owned by this process.
    Local(Workspace),
    /// Behind a URL.
    Remote(Client<HttpTransport>),
}

/// Makes a call of the facade's, or the client's of the same name.
macro_rules! both {
    ($session:expr, $name:ident($($argument:expr),*)) => {
        match $session {
            Session::Local(workspace) => workspace.$name($($argument),*),
            Session::Remote(client) => client.$name($($argument),*).await,
        }
    };
}

impl Session {
    /// Returns the files of `at`, with all authority that there is.
    pub(crate) fn files(&self, at: At) -> Files<'_> {
        Files::new(self, at)
    }

    /// Returns a place whose files stay the same while they are read one by one.
    pub(crate) async fn fixed(&self, at: At) -> Result<At> {
        match (self, at) {
            (Self::Remote(client), At::Head | At::Copy(_)) => client.tree(at).await.map(At::Tree),
            (_, at) => Ok(at),
        }
    }

    /// Returns the tree of `at` as it is now; a revision and a tree stay what they are.
    pub(crate) async fn tree(&self, at: At) -> Result<At> {
        match (self, at) {
            (_, At::Revision(_) | At::Tree(_)) => Ok(at),
            (Self::Local(workspace), at) => workspace.tree(at).map(At::Tree),
            (Self::Remote(client), at) => client.tree(at).await.map(At::Tree),
        }
    }

    /// Returns what the calls so far have cost the stores.
    pub(crate) fn receipt(&self) -> Receipt {
        match self {
            Self::Local(workspace) => workspace.receipt(),
            Self::Remote(client) => client.receipt(),
        }
    }

    pub(crate) async fn head(&self) -> Result<HeadRecord> {
        both!(self, head())
    }

    pub(crate) async fn fork(&self, options: ForkOptions) -> Result<CopyRecord> {
        both!(self, fork(options))
    }

    pub(crate) async fn find_copy(&self, name: &str) -> Result<CopyRecord> {
        both!(self, find_copy(name))
    }

    pub(crate) async fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>> {
        both!(self, copies(open_only, after, limit))
    }

    pub(crate) async fn rename_copy(&self, id: CopyId, name: Option<String>) -> Result<CopyRecord> {
        both!(self, rename_copy(id, name))
    }

    pub(crate) async fn discard(&self, id: CopyId) -> Result<CopyRecord> {
        both!(self, discard(id))
    }

    pub(crate) async fn apply(&self, id: CopyId, options: ApplyOptions) -> Result<Applied> {
        both!(self, apply(id, options))
    }

    pub(crate) async fn rebase(
        &self,
        id: CopyId,
        options: RebaseOptions,
        merge: &[TreePath],
    ) -> Result<Merged> {
        match self {
            Self::Local(workspace) => workspace_merge::rebase(workspace, id, options, merge).await,
            Self::Remote(client) => client.rebase_with(id, options, merge).await,
        }
    }

    pub(crate) async fn conflicts(&self, id: CopyId) -> Result<Conflicts> {
        both!(self, conflicts(id))
    }

    pub(crate) async fn overlap(&self, copies: &[CopyId]) -> Result<Vec<Overlap>> {
        both!(self, overlap(copies))
    }

    pub(crate) async fn apply_all(
        &self,
        copies: &[Together],
        message: &RevisionMessage,
    ) -> Result<Vec<Applied>> {
        both!(self, apply_all(copies, message))
    }

    pub(crate) async fn operations(
        &self,
        copy: CopyId,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<OperationRecord>> {
        both!(self, operations(copy, after, limit))
    }

    pub(crate) async fn undo(
        &self,
        copy: CopyId,
        operation: OperationId,
        author: &Author,
    ) -> Result<Undone> {
        both!(self, undo(copy, operation, author))
    }

    pub(crate) async fn snapshot(&self, message: RevisionMessage) -> Result<Recorded> {
        both!(self, snapshot(message))
    }

    pub(crate) async fn restore(
        &self,
        id: RevisionId,
        message: RevisionMessage,
    ) -> Result<Recorded> {
        both!(self, restore(id, message))
    }

    pub(crate) async fn revision(&self, id: RevisionId) -> Result<RevisionRecord> {
        both!(self, revision(id))
    }

    pub(crate) async fn revisions(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> Result<Vec<RevisionRecord>> {
        both!(self, revisions(before, limit))
    }

    pub(crate) async fn prune_revisions(&self, keep: KeepRevisions) -> Result<u64> {
        both!(self, prune_revisions(keep))
    }

    pub(crate) async fn diff(
        &self,
        from: At,
        to: At,
        options: &DiffOptions,
    ) -> Result<Vec<Difference>> {
        both!(self, diff(from, to, options))
    }

    /// Lists a page of the differences; an empty one is the end.
    pub(crate) async fn diff_page(
        &self,
        from: At,
        to: At,
        options: &DiffOptions,
        after: Option<&TreePath>,
        limit: usize,
    ) -> Result<Vec<Difference>> {
        both!(self, diff_page(from, to, options, after, limit))
    }

    pub(crate) async fn usage(&self) -> Result<StoreUsage> {
        both!(self, usage())
    }

    pub(crate) async fn gc(&self, progress: impl FnMut(&Collected)) -> Result<Collected> {
        match self {
            Self::Local(workspace) => workspace.gc(progress).await,
            Self::Remote(client) => client.gc(progress).await,
        }
    }

    pub(crate) async fn fsck(&self, options: FsckOptions) -> Result<FsckReport> {
        match self {
            Self::Local(workspace) => workspace.fsck(options).await,
            Self::Remote(client) => client.fsck(options).await,
        }
    }

    pub(crate) async fn import(
        &self,
        at: At,
        mut source: Box<dyn EntrySource>,
        options: ImportOptions<'_>,
        allow_git: bool,
    ) -> Result<Imported> {
        match self {
            Self::Local(workspace) => workspace.import(at, &mut *source, options).await,
            Self::Remote(client) => client.import(at, source, options, allow_git).await,
        }
    }
}
