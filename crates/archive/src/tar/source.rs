//! A tar archive as the source of an import.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use workspace_core::{EntrySource, Error, ErrorKind, Result, SourceEntry};

use super::member::{Member, MemberKind};
use super::read::TarReader;

/// Reads a tar archive as it comes in, once. What a tree cannot hold is refused, and so
/// are hard links, whose members have passed by, and sparse files, whose holes would
/// cost whoever reads them more than whoever sends them.
pub struct TarSource<S>(TarReader<S>);

impl<S: Stream<Item = Result<Bytes>> + Send + Unpin> TarSource<S> {
    /// Reads the archive that `stream` holds.
    pub fn new(stream: S) -> Self {
        Self(TarReader::new(stream))
    }
}

impl<S: Stream<Item = Result<Bytes>> + Send + Unpin> EntrySource for TarSource<S> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async {
            match self.0.next().await? {
                Some(Member {
                    path,
                    kind: MemberKind::File { sparse: true, .. },
                }) => {
                    let why = "a sparse file; pack it without --sparse";
                    let error = Error::new(ErrorKind::Unsupported, "read source");
                    Err(error.at(path).because(why))
                }
                member => member.map(SourceEntry::try_from).transpose(),
            }
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        self.0.chunk().boxed()
    }
}
