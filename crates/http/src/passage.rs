//! Large bodies past the router: a server that can hand them to the blob store,
//! or from it, as they are.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use futures::future::BoxFuture;
use workspace_core::{BlobKey, ContentId, HeldObject, Result};

type Store = dyn Fn(BlobKey, u64) -> BoxFuture<'static, Result<Option<ContentId>>> + Send + Sync;

/// What a server puts among a request's extensions if it can move the bodies of
/// objects by itself.
///
/// The router then leaves the request's body alone where it is a file too large
/// for a row, of a length that is known, and has it stored; and instead of the
/// body of such a file it answers with [`Passed`] among the extensions.
#[derive(Clone)]
pub struct Passage(Arc<Store>);

impl Passage {
    /// Takes what stores the request's body, of so many bytes, under a key, and
    /// returns the SHA-256 of what it stored, or nothing where the body kept it
    /// waiting for too long. It fails with `Invalid` where the body has another
    /// length, and with `Source` where it breaks off.
    pub fn new(
        store: impl Fn(BlobKey, u64) -> BoxFuture<'static, Result<Option<ContentId>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(store))
    }

    pub(crate) async fn store(&self, key: BlobKey, size: u64) -> Result<Option<ContentId>> {
        (self.0)(key, size).await
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage").finish_non_exhaustive()
    }
}

/// Whose bytes are the body of a response: a range of an object.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The object, which is not collected while this is held: until it is opened.
    pub object: HeldObject,
    /// Which of its bytes, of which there is at least one.
    pub range: Range<u64>,
}
