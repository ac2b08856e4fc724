//! Where an export may not go.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::Path;

use workspace_core::{Error, ErrorKind};
use workspace_native::beneath;

use crate::exit::{Failure, Result, io_error};

/// The name of a workspace's database.
const DATABASE: &str = "workspace.db";

/// Refuses a target within the directory of a workspace. What of it is not there yet does
/// not count.
pub(super) fn refuse_within_workspace(target: &Path) -> Result<()> {
    let there = target.ancestors().find_map(|part| {
        let part = match part.as_os_str().is_empty() {
            true => Path::new("."),
            false => part,
        };
        part.canonicalize().ok()
    });
    let is_one = |directory: &&Path| {
        workspace_native::is_workspace(directory)
            && directory.join("config").symlink_metadata().is_ok()
    };
    match there.as_deref().and_then(|it| it.ancestors().find(is_one)) {
        Some(workspace) => Err(refused(workspace)),
        None => Ok(()),
    }
}

/// Refuses an open directory, at `place`, that holds a workspace's database.
pub(super) fn refuse_workspace(directory: impl AsFd, place: &Path) -> Result<()> {
    match beneath::kind(directory, OsStr::new(DATABASE)) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(refused(place)),
        Err(cause) => Err(io_error("export", place, cause).into()),
    }
}

fn refused(workspace: &Path) -> Failure {
    Failure::Error {
        error: Error::new(ErrorKind::Denied, "export")
            .at(workspace.display())
            .because("it is the directory of a workspace, which nothing else may be written to"),
        hint: Some("name another target".into()),
    }
}
