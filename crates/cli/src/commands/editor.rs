//! Texts in a person's editor: `edit`, and what a rebase asks about.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::task::Poll;

use anstyle::Style;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use serde::Serialize;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use workspace_core::{
    At, Entry, Error, ErrorKind, File, Precondition, Reason, TreePath, WriteOptions,
};

use crate::args::tree_path;
use crate::commands::edit::{EditArgs, Given};
use crate::exit::{Failure, Outcome, Result, io_error};
use crate::follow;
use crate::output::tell;
use crate::run::Run;
use crate::session::Session;
use crate::signals::{shell, unless_ended};

/// The largest file that is edited, in bytes.
const MAX_EDITED: u64 = 64 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    /// The file; one that is not there is made where something is written into it
    #[arg(value_parser = tree_path)]
    path: TreePath,
    /// Make the directories that are missing above
    #[arg(short, long)]
    parents: bool,
    #[command(flatten)]
    edit: EditArgs,
}

/// Files in a temporary directory, which is removed unless it is kept.
pub(crate) struct Desk {
    directory: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("workspace-edit-").tempdir();
        let directory =
            directory.map_err(|error| io_error("edit", &std::env::temp_dir(), error))?;
        Ok(Self { directory })
    }

    /// Returns where it is.
    pub(crate) fn place(&self) -> &Path {
        self.directory.path()
    }

    /// Puts a file there, in directories that are made.
    pub(crate) fn put(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<PathBuf> {
        let place = self.directory.path().join(name);
        let above = place.parent().unwrap_or(self.directory.path());
        let made = std::fs::create_dir_all(above);
        let written = made.and_then(|()| std::fs::write(&place, bytes));
        written.map_err(|error| io_error("edit", &place, error))?;
        Ok(place)
    }

    /// Leaves what is there to the person, and says so of a failure.
    pub(crate) fn keep(self, failure: Failure, place: &Path) -> Failure {
        let _kept = self.directory.keep();
        let kept = format!("what was written is in {}", place.display());
        match failure {
            Failure::Error { error, hint } => {
                let hint = match hint {
                    Some(hint) => format!("{kept}; {hint}"),
                    None => kept,
                };
                Failure::Error {
                    error,
                    hint: Some(hint),
                }
            }
            failure => {
                tell(Style::new(), "note: ", &kept);
                failure
            }
        }
    }
}

/// Reads what is at a place on the desk.
pub(crate) fn read(place: &Path) -> Result<Vec<u8>> {
    Ok(std::fs::read(place).map_err(|error| io_error("edit", place, error))?)
}

/// Has a person edit files, in the editor of VISUAL or EDITOR; waits until it has ended.
///
/// # Errors
/// `Invalid` where no editor is named and nobody is at a terminal; those of
/// [`run_program`].
pub(crate) async fn edit_files(places: &[&Path]) -> Result<()> {
    let named = ["VISUAL", "EDITOR"].map(std::env::var_os);
    let named = named.into_iter().flatten().find(|name| !name.is_empty());
    let editor = match named {
        Some(editor) => editor,
        None if io::stdin().is_terminal() => OsString::from("vi"),
        None => {
            return Err(Failure::Error {
                error: Error::invalid(Reason::MalformedSetting, "edit")
                    .because("no editor is named, and standard input is no terminal"),
                hint: Some("VISUAL, or EDITOR, names one".into()),
            });
        }
    };
    // It may have arguments of its own, as `code --wait` has.
    let mut line = editor.clone();
    line.push(" \"$@\"");
    let mut command = shell(line);
    command.arg(&editor).args(places);
    run_program(command, &editor.to_string_lossy()).await
}

/// Runs a program with the terminal of this one. What the keyboard sends to both, Ctrl-C and
/// Ctrl-\, is for the program alone, which knows what it has not saved; it is told by how
/// the program ends.
///
/// # Errors
/// `Unavailable` where it does not end as it should; [`Failure::Ended`] where a signal ended
/// it that was sent to both, or where this one is asked to end while it runs, and then it
/// goes on.
pub(crate) async fn run_program(mut command: Command, name: &str) -> Result<()> {
    // What was printed so far is seen before.
    let _unseen = io::stdout().flush();
    let failed = |error| Failure::from(io_error("run", Path::new(name), error));
    // From here on they end this process no more by themselves; in the program they do.
    let mut keys = [
        signal(SignalKind::interrupt()).map_err(failed)?,
        signal(SignalKind::quit()).map_err(failed)?,
    ];
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut program = command.spawn().map_err(failed)?;
    let (sender, ended) = oneshot::channel();
    // Nothing waits for this thread where a signal is heard first.
    std::thread::spawn(move || sender.send(program.wait()));
    let ended = tokio::select! {
        _ = terminate.recv() => return Err(Failure::Ended(15)),
        ended = ended => ended.unwrap_or_else(|lost| Err(io::Error::other(lost))),
    };
    let ended: ExitStatus = ended.map_err(failed)?;
    if ended.success() {
        return Ok(());
    }
    let by = ended.signal().or(match ended.code() {
        // Of what it ran, as a shell says it.
        Some(130) => Some(2),
        Some(131) => Some(3),
        _ => None,
    });
    for (key, number) in keys.iter_mut().zip([2, 3]) {
        let is_sent = poll_fn(|context| Poll::Ready(key.poll_recv(context).is_ready())).await;
        if is_sent && by == Some(number) {
            // Either key interrupts.
            return Err(Failure::Ended(2));
        }
    }
    let why = match ended.code() {
        Some(127) => "it was not found".into(),
        Some(code) => format!("it ended with {code}"),
        None => "it was ended by a signal".to_string(),
    };
    Err(Error::new(ErrorKind::Unavailable, "run")
        .at(name)
        .because(why)
        .into())
}

/// Edits a file: reads it, has it edited, and writes it where it was changed, and is still
/// what was read.
pub(crate) async fn edit(run: &Run, args: &Edit) -> Result<Outcome> {
    // While a person edits, others may have the workspace.
    let session = run.connect()?;
    let at = args.edit.find(&session).await?;
    let before = load(&session, at, &args.path).await?;
    drop(session);
    let desk = Desk::new()?;
    let name = args.path.name();
    let name = name.as_ref().map_or("file", |name| name.as_str());
    let old = before.as_ref().map_or(&[][..], |(_, bytes)| bytes);
    let place = desk.put(name, old)?;
    let edited = edit_files(&[&place]).await;
    let edited = edited.and_then(|()| read(&place));
    let new = match edited {
        Ok(new) => new,
        Err(failure) => {
            // One that still runs has yet to write.
            let runs = matches!(failure, Failure::Ended(15));
            let is_changed = runs || read(&place).is_ok_and(|new| new != old);
            return Err(match is_changed {
                true => desk.keep(failure, &place),
                false => failure,
            });
        }
    };
    if new == old {
        #[derive(Serialize)]
        struct Shape {
            changed: bool,
        }
        let line = format!("{} is as it was: nothing was written", args.path);
        run.out.done(&Shape { changed: false }, line)?;
        return Ok(Outcome::Done);
    }
    let precondition = match &before {
        Some((file, _)) => Precondition::Content(file.content),
        None => Precondition::Absent,
    };
    let how = WriteOptions::default()
        .create_parents(args.parents)
        .precondition(precondition);
    let body = stream::iter([Ok(Bytes::from(new))]).boxed();
    let given = Given {
        path: &args.path,
        body,
        how,
    };
    let written = async {
        follow::session(run).await?;
        args.edit.write(run, at, given).await
    };
    match unless_ended(written).await {
        Ok(()) => Ok(Outcome::Done),
        Err(failure) => Err(desk.keep(lost(failure), &place)),
    }
}

/// Says what happened where somebody else was faster.
fn lost(failure: Failure) -> Failure {
    match failure {
        Failure::Error { error, hint } => {
            let is_lost = matches!(
                error.kind(),
                ErrorKind::Stale | ErrorKind::AlreadyExists | ErrorKind::Conflict
            );
            let hint = match is_lost {
                true => {
                    Some("somebody else changed the file meanwhile, and it stays as it is".into())
                }
                false => hint,
            };
            Failure::Error { error, hint }
        }
        failure => failure,
    }
}

/// Reads a file; `None` where nothing is.
async fn load(session: &Session, at: At, path: &TreePath) -> Result<Option<(File, Bytes)>> {
    let files = session.files(at);
    let refused = |why: &str| {
        Error::invalid(Reason::NotAFile, "edit")
            .at(path)
            .because(why)
    };
    match files.stat(path).await? {
        None => Ok(None),
        Some(Entry::Directory(_)) => {
            Err(Error::new(ErrorKind::IsADirectory, "edit").at(path).into())
        }
        Some(Entry::Symlink(_)) => Err(refused("it is a symlink").into()),
        Some(Entry::File(file)) if file.size > MAX_EDITED => {
            let error = Error::new(ErrorKind::LimitExceeded, "edit").at(path);
            let why = format!("{} bytes, more than {MAX_EDITED}", file.size);
            Err(error.because(why).into())
        }
        Some(Entry::File(file)) => {
            let bytes = files.read_found(path, &file).await?;
            Ok(Some((file, bytes)))
        }
    }
}
