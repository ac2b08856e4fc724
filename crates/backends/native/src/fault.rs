//! The system's errors as the project's.

use std::io;
use std::path::Path;

use workspace_core::{Error, ErrorKind};

/// Returns the kind of an I/O error, and what to say of it where the system's
/// own words would not do.
pub(crate) fn io_kind(kind: io::ErrorKind) -> (ErrorKind, Option<&'static str>) {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::StorageFull, Some("the disk is full"))
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::Unavailable, Some("the file system is read-only"))
        }
        io::ErrorKind::PermissionDenied => (ErrorKind::Unavailable, Some("permission denied")),
        _ => (ErrorKind::Unavailable, None),
    }
}

/// Turns an I/O error of `operation` on `path` into the project's.
pub(crate) fn io_error(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |cause| {
        let (kind, why) = io_kind(cause.kind());
        let error = Error::new(kind, operation).at(path.display());
        match why {
            Some(why) => error.because(why),
            None => error.because(&cause),
        }
        .with_source(cause)
    }
}
