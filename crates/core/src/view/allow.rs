//! Which changes a grant allows.

use crate::change::{AllowedChange, Change, Precondition};
use crate::error::Result;
use crate::grant::Grant;
use crate::view::denied;

/// Checks a change against a grant and moves it to where it is in the whole tree.
pub(super) fn allowed(grant: &Grant, mut change: Change) -> Result<AllowedChange> {
    let (operation, allowed) = match &change {
        // A condition asks what is there.
        Change::Write { path, options, .. } => (
            "write",
            grant.writes(path) && (options.precondition == Precondition::None || grant.reads(path)),
        ),
        Change::Mkdir { path, .. } => ("mkdir", grant.writes(path)),
        Change::Symlink { path, .. } => ("symlink", grant.writes(path)),
        Change::Remove { path, .. } => ("remove", grant.deletes(path)),
        Change::SetExecutable { path, .. } => ("set executable", grant.writes(path)),
        Change::Rename { from, to, replace } => (
            "rename",
            grant.deletes(from)
                && grant.reads(from)
                && if *replace {
                    grant.deletes(to)
                } else {
                    grant.writes(to)
                },
        ),
        Change::Copy { from, to, replace } => (
            "copy",
            grant.reads(from)
                && if *replace {
                    grant.deletes(to)
                } else {
                    grant.writes(to)
                },
        ),
    };
    let paths = match &mut change {
        Change::Write { path, .. }
        | Change::Mkdir { path, .. }
        | Change::Symlink { path, .. }
        | Change::Remove { path, .. }
        | Change::SetExecutable { path, .. } => vec![path],
        Change::Rename { from, to, .. } | Change::Copy { from, to, .. } => vec![from, to],
    };
    // What is put somewhere goes to the last of the paths.
    let mut rests_on = None;
    for path in paths {
        if !allowed {
            return Err(denied(operation, path));
        }
        rests_on = grant.rests_on(path)?;
        *path = grant.resolve(path)?;
    }
    Ok(AllowedChange { change, rests_on })
}
