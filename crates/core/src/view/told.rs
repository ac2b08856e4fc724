//! What the holder of a grant is told of an error.

use crate::conflict::{Conflict, PathList};
use crate::error::{Error, ErrorKind};
use crate::grant::Grant;
use crate::id::{ContentId, CopyId};
use crate::path::TreePath;
use crate::workspace::At;

/// Names paths as the holder sees them, and to the holder of part of the files never
/// the copy, nor another by its id.
///
/// Of a copy that is closed, the holder of part of it learns that it is; of stored
/// data that is missing or altered, not what; of a conflict, the paths that may be
/// read; and never an error underneath that would name what this one does not.
pub(super) fn told(error: Error, at: At, grant: &Grant) -> Error {
    let narrow = !grant.scopes().is_empty();
    if error.kind() == ErrorKind::Closed && narrow {
        return Error::new(ErrorKind::Closed, error.operation().to_string());
    }
    let reads = |path: &TreePath| grant.locate(path).is_some_and(|path| grant.reads(&path));
    let about = error
        .subject()
        .and_then(|subject| TreePath::new(subject).ok());
    let error = match error.kind() {
        // How many entries there are.
        ErrorKind::NotEmpty if !about.as_ref().is_some_and(reads) => error.without_detail(),
        _ => error,
    };
    let target = at.to_string();
    let stored = error.kind() == ErrorKind::Corrupt;
    let error = error.map_subject(|subject| match TreePath::new(subject) {
        Ok(path) => Some(match grant.locate(&path) {
            Some(path) => path.to_string(),
            None => "/".into(),
        }),
        Err(_) => {
            let hidden = stored || target.ends_with(subject) || names_id(subject);
            (!narrow || !hidden).then(|| subject.into())
        }
    });
    match narrow {
        true => error
            .map_conflict(|conflict| readable(conflict, grant))
            .without_own_source(),
        false => error,
    }
}

/// Tells whether a subject is an id or a hash, or ends with one: `copy`, as one that
/// an import into head works in, or an object, a content or a node.
fn names_id(subject: &str) -> bool {
    let last = subject.rsplit(' ').next().unwrap_or(subject);
    last.parse::<CopyId>().is_ok() || last.parse::<ContentId>().is_ok()
}

/// Keeps the paths that the holder may read. Counts those: how many others there
/// are is not the holder's affair.
fn readable(conflict: &Conflict, grant: &Grant) -> Conflict {
    let keep = |list: &PathList| -> PathList {
        let seen = list.paths.iter().filter_map(|path| grant.locate(path));
        seen.filter(|path| grant.reads(path)).collect()
    };
    Conflict {
        parent: keep(&conflict.parent),
        copy: keep(&conflict.copy),
        both: keep(&conflict.both),
    }
}
