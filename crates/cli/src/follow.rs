//! When files on disk, or a workspace, may have changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use workspace_core::ErrorKind;
use workspace_http::RemoteEvents;

use crate::exit::{Result, code, message};
use crate::run::Run;
use crate::session::Session;

/// So long nothing may happen before what happened is looked at.
const QUIET: Duration = Duration::from_millis(150);
/// After so long it is looked at all the same.
const LONGEST: Duration = Duration::from_secs(2);
/// How long is waited for one who has the workspace before he is asked again.
const BUSY: Duration = Duration::from_millis(100);
/// How long is waited for him in all before anything is begun.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked again at a workspace that looking at seems to change.
pub(crate) const LOOKS: usize = 3;
/// How often is looked where the system does not tell of changes.
const POLL: Duration = Duration::from_secs(2);
/// How long is waited before a server that went away is asked again, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Opens the workspace, as soon as nobody else has it: those who have it for one command
/// are waited for, and with `begun` whoever else has it too.
///
/// # Errors
/// Those of [`Run::connect`]; `Locked` where it is not `begun`, and somebody has it for long.
pub(crate) async fn connect(run: &Run, begun: bool) -> Result<Session> {
    let end = Instant::now() + PATIENCE;
    loop {
        match run.connect() {
            Err(failure)
                if failure.code() == code(ErrorKind::Locked) && (begun || Instant::now() < end) =>
            {
                sleep(BUSY).await;
            }
            connected => return connected,
        }
    }
}

/// The same for a run that goes on with it: those who have it for one command are waited
/// for.
///
/// # Errors
/// Those of [`connect`].
pub(crate) async fn session(run: &Run) -> Result<&Session> {
    Ok(run.session_of(connect(run, false).await?))
}

/// Tells when something changes on disk.
pub(crate) struct Disk {
    /// None where the system does not tell.
    watcher: Option<RecommendedWatcher>,
    /// Holds one word, however much happens.
    woken: mpsc::Receiver<()>,
}

impl Disk {
    /// Begins to watch a directory, with all that is below it or by itself, and nothing that
    /// a symlink leads to; what `counts` does not take does not count. Where the system cannot watch so much, it is looked
    /// at now and then.
    pub(crate) fn watch(
        run: &Run,
        path: &Path,
        recursive: bool,
        counts: impl Fn(&Path) -> bool + Send + 'static,
    ) -> Self {
        let (sender, woken) = mpsc::channel(1);
        let heard = move |event: notify::Result<Event>| {
            let is_change = event.map_or(true, |event| {
                // Whoever reads changes nothing.
                !event.kind.is_access() && event.paths.iter().any(|path| counts(path))
            });
            if is_change {
                // Where it is full, that is known already.
                let _known = sender.try_send(());
            }
        };
        let mode = match recursive {
            true => RecursiveMode::Recursive,
            false => RecursiveMode::NonRecursive,
        };
        // Where a link leads is for nobody to choose who may write one.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(heard, config).and_then(|mut watcher| {
            watcher.watch(path, mode)?;
            Ok(watcher)
        });
        let watcher = match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                run.out.note(format_args!(
                    "the system does not tell of changes below {} ({error}): it is looked at \
                     every {} seconds",
                    path.display(),
                    POLL.as_secs()
                ));
                None
            }
        };
        Self { watcher, woken }
    }

    /// Waits until something changed, and then until nothing does any more.
    pub(crate) async fn next(&mut self) {
        if self.watcher.is_none() {
            return sleep(POLL).await;
        }
        // The sender is in the watcher.
        let _woken = self.woken.recv().await;
        let end = Instant::now() + LONGEST;
        while let Ok(Ok(Some(()))) = timeout_at(end, timeout(QUIET, self.woken.recv())).await {}
    }
}

/// Tells when a workspace may have changed; while it waits it does not have it.
pub(crate) enum Changes {
    /// Of a workspace here.
    Local {
        disk: Disk,
        directory: PathBuf,
        seen: Vec<Option<(u64, SystemTime)>>,
    },
    /// Of one behind a URL.
    Remote {
        session: Session,
        after: u64,
        events: Option<RemoteEvents>,
    },
}

impl Changes {
    /// Begins to listen.
    pub(crate) async fn of(run: &Run) -> Result<Self> {
        if run.global.remote.is_some() {
            let session = run.connect()?;
            let after = session.last_event().await?;
            return Ok(Self::Remote {
                session,
                after,
                events: None,
            });
        }
        let directory = run.directory()?;
        let is_database = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(DATABASE))
        };
        Ok(Self::Local {
            disk: Disk::watch(run, &directory, false, is_database),
            seen: look(&directory),
            directory,
        })
    }

    /// Takes the workspace as it is for what is looked at now. Before it is opened: what
    /// others change once it is closed again is not seen.
    pub(crate) fn begin(&mut self) {
        if let Self::Local {
            directory, seen, ..
        } = self
        {
            *seen = look(directory);
        }
    }

    /// Tells whether nobody has changed it since, this process neither.
    pub(crate) fn is_same(&self) -> bool {
        match self {
            Self::Local {
                directory, seen, ..
            } => look(directory) == *seen,
            // What is missed there comes as an event.
            Self::Remote { .. } => true,
        }
    }

    /// Waits until the workspace may have changed; where its server has ended, until that is
    /// there again as well.
    pub(crate) async fn next(&mut self, run: &Run) -> Result<()> {
        match self {
            Self::Local {
                disk,
                directory,
                seen,
            } => {
                while look(directory) == *seen {
                    disk.next().await;
                }
                Ok(())
            }
            Self::Remote {
                session,
                after,
                events,
            } => {
                let mut again = AGAIN.0;
                loop {
                    match next_event(session, *after, events).await {
                        Ok(Some(sequence)) => {
                            *after = sequence;
                            break;
                        }
                        // The server has ended, and may be there again.
                        Ok(None) => {}
                        Err(error) if error.kind() == ErrorKind::Unavailable => {
                            run.out
                                .note(format_args!("{}: it is asked again", message(&error)));
                        }
                        Err(error) => return Err(error.into()),
                    }
                    *events = None;
                    sleep(again).await;
                    again = (again * 2).min(AGAIN.1);
                }
                // What comes at once is one change.
                let end = Instant::now() + LONGEST;
                while let Ok(Ok(Ok(Some(sequence)))) =
                    timeout_at(end, timeout(QUIET, next_event(session, *after, events))).await
                {
                    *after = sequence;
                }
                Ok(())
            }
        }
    }
}

/// Waits for the next event after that with this number; `None` where the server ended.
async fn next_event(
    session: &Session,
    after: u64,
    events: &mut Option<RemoteEvents>,
) -> workspace_core::Result<Option<u64>> {
    let events = match events {
        Some(events) => events,
        None => events.insert(session.follow(after).await?),
    };
    let next = events.next().await?;
    Ok(next.map(|event| event.sequence.get()))
}

/// The name of a workspace's database, and how those of its logs begin.
const DATABASE: &str = "workspace.db";

/// Returns what tells one state of a workspace's database from another.
fn look(directory: &Path) -> Vec<Option<(u64, SystemTime)>> {
    let names = ["", "-wal", "-journal"];
    let state = |name| {
        let found = directory
            .join(format!("{DATABASE}{name}"))
            .metadata()
            .ok()?;
        Some((found.len(), found.modified().ok()?))
    };
    names.into_iter().map(state).collect()
}
