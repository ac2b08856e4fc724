//! What a directory of objects needs beyond [`LocalFileSystem`]: keys in order,
//! remnants, and reads in larger pieces.

use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use object_store::local::LocalFileSystem;
use workspace_core::store::{ByteStream, Listed};
use workspace_core::{BlobKey, Error, ErrorKind, Result};

use super::{Backend, ObjectBlobs};
use crate::fault::io_error;

/// How much is read at once: enough for a disk, little enough for a cache.
const CHUNK: u64 = 256 << 10;

/// What [`LocalFileSystem`] appends to the name of a file that it is writing.
const UNFINISHED: &str = "#1";

impl ObjectBlobs {
    /// Opens a directory of objects, and creates it where it is missing. An
    /// object and its name are on disk when `put` returns.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the directory cannot be made or read.
    pub fn local(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).map_err(io_error("open objects", directory))?;
        let store = LocalFileSystem::new_with_prefix(directory)
            .map_err(|cause| super::failed("open objects", directory.display(), cause))?
            .with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            backend: Backend::Local(directory.to_owned()),
        })
    }
}

/// Reads a range of an open file, which may have become shorter than it was.
pub(super) fn read(file: File, range: Range<u64>, key: BlobKey) -> ByteStream<'static> {
    stream::try_unfold((file, range, key), |(mut file, range, key)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let size = (range.end - range.start).min(CHUNK);
        match read_at(&mut file, range.start, size as usize) {
            Ok(chunk) => Ok(Some((chunk, (file, range.start + size..range.end, key)))),
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Error::new(ErrorKind::Corrupt, "read object")
                    .at(&key)
                    .because("the file ends before its time")
                    .with_source(cause))
            }
            Err(cause) => Err(io_error("read object", Path::new(key.as_str()))(cause)),
        }
    })
    .boxed()
}

fn read_at(file: &mut File, start: u64, size: usize) -> io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(size);
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut chunk)?;
    Ok(chunk.freeze())
}

/// Deletes what a crash left of a `put` under this key.
pub(super) fn remove_remnant(directory: &Path, key: &BlobKey) -> Result<()> {
    let path = directory.join(format!("{key}{UNFINISHED}"));
    match fs::remove_file(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(io_error("delete object", &path)(cause))
        }
        _ => Ok(()),
    }
}

/// Returns the `limit` least keys after `after`. A directory has no order, so
/// each page reads all names, and keeps `limit`, of which it asks the sizes.
pub(super) fn list(directory: &Path, after: Option<&BlobKey>, limit: usize) -> Result<Vec<Listed>> {
    let unreadable = io_error("list objects", directory);
    let mut least = BinaryHeap::new();
    if limit == 0 {
        return Ok(Vec::new());
    }
    for entry in fs::read_dir(directory).map_err(&unreadable)? {
        let name = entry.map_err(&unreadable)?.file_name();
        let Some(key) = name.to_str().and_then(|name| {
            let name = name.strip_suffix(UNFINISHED).unwrap_or(name);
            name.parse::<BlobKey>().ok()
        }) else {
            continue;
        };
        if after.is_some_and(|after| key <= *after) {
            continue;
        }
        if least.len() < limit {
            least.push(key);
        } else if least.peek().is_some_and(|greatest| key < *greatest) {
            least.pop();
            least.push(key);
        }
    }
    let mut keys = least.into_sorted_vec();
    // An object beside its remnant.
    keys.dedup();
    let listed = keys.into_iter().map(|key| {
        let path = directory.join(key.as_str());
        match fs::metadata(&path) {
            Ok(found) => Ok(Listed {
                key,
                size: Some(found.len()),
            }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Listed { key, size: None }),
            Err(cause) => Err(io_error("list objects", &path)(cause)),
        }
    });
    listed.collect()
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn a_disk_that_fails_alters_nothing() {
        let place = tempfile::tempdir().unwrap();
        let cut = place.path().join("cut");
        fs::write(&cut, "cut").unwrap();
        // Reading a directory fails, as a disk may.
        for (path, expected) in [
            (cut.as_path(), ErrorKind::Corrupt),
            (place.path(), ErrorKind::Unavailable),
        ] {
            let file = File::open(path).unwrap();
            let body = read(file, 0..4, "key".parse().unwrap());
            let found = block_on(body.try_collect::<Vec<_>>());
            assert_eq!(found.unwrap_err().kind(), expected, "{}", path.display());
        }
    }
}
