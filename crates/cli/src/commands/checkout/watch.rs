//! `sync --watch`: syncs again whenever something changes on either side.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;
use workspace_archive::REPLACED;
use workspace_core::ErrorKind;

use super::memory::NAME;
use super::report::Report;
use super::{How, round};
use crate::commands::export::STAGED;
use crate::exit::{Failure, Outcome, Result, io_error, message};
use crate::follow::{self, Changes, Disk, LOOKS};
use crate::run::Run;
use crate::signals::Signals;

/// How long is waited before a sync that failed is tried again, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Syncs until a signal ends it.
///
/// # Errors
/// Those of the first sync, and of a later one that another try would not mend.
pub(super) async fn watch(run: &Run, root: &Path, how: &How) -> Result<Outcome> {
    let signals = Signals::new();
    let mut signals = signals.map_err(|error| io_error("listen", Path::new("signals"), error))?;
    let work = rounds(run, root, how);
    tokio::select! {
        biased;
        _ = signals.next() => Ok(Outcome::Done),
        ended = work => ended,
    }
}

async fn rounds(run: &Run, root: &Path, how: &How) -> Result<Outcome> {
    let own = root.to_owned();
    // What a sync writes for itself is no change.
    let counts = move |path: &Path| {
        let first = path
            .strip_prefix(&own)
            .ok()
            .and_then(|below| below.iter().next());
        let first = first.unwrap_or_default().to_string_lossy();
        first != NAME && !first.starts_with(STAGED) && !first.starts_with(REPLACED)
    };
    let mut disk = Disk::watch(run, root, true, counts);
    let mut changes = Changes::of(run).await?;
    let mut told: Option<Report> = None;
    let mut again = AGAIN.0;
    // What went wrong last, which is told once.
    let mut failed: Option<String> = None;
    let mut looks = 0;
    loop {
        changes.begin();
        // Between two syncs others may have the workspace.
        let synced = match follow::connect(run, told.is_some()).await {
            Ok(session) => round(run, &session, root, how).await,
            Err(failure) => Err(failure),
        };
        match synced {
            Ok(report) => {
                again = AGAIN.0;
                failed = None;
                if told.as_ref().is_none_or(|told| report.is_news(told)) {
                    report.tell(run)?;
                    run.out.flush()?;
                }
                told = Some(report);
                if !changes.is_same() && looks < LOOKS {
                    looks += 1;
                    continue;
                }
                looks = 0;
                changes.begin();
                tokio::select! {
                    () = disk.next() => {}
                    changed = changes.next(run) => changed?,
                }
            }
            Err(failure) if told.is_some() && passes(&failure) => {
                if let Failure::Error { error, .. } = &failure {
                    let why = message(error);
                    if failed.as_ref() != Some(&why) {
                        run.out.note(format_args!("{why}: it is tried again"));
                        failed = Some(why);
                    }
                }
                // What is mended is seen at once.
                tokio::select! {
                    () = sleep(again) => {}
                    () = disk.next() => {}
                }
                again = (again * 2).min(AGAIN.1);
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Tells whether a failure may be none the next time: somebody who works in the directory
/// or in the copy may mend what he has done, but for what cannot be undone.
fn passes(failure: &Failure) -> bool {
    let Failure::Error { error, .. } = failure else {
        return false;
    };
    match error.kind() {
        ErrorKind::Closed | ErrorKind::Denied | ErrorKind::Unsupported | ErrorKind::Corrupt => {
            false
        }
        ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::NotEmpty
        | ErrorKind::ReadOnly
        | ErrorKind::Conflict
        | ErrorKind::Stale
        | ErrorKind::LimitExceeded
        | ErrorKind::StorageFull
        | ErrorKind::Locked
        | ErrorKind::Source
        | ErrorKind::Unavailable => true,
    }
}
