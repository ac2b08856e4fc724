//! One run of the command: from arguments to an exit code.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anstyle::Style;
use clap::Parser;
use workspace_core::{
    Author, Error, ErrorKind, Reason, Receipt, RevisionMessage, Sought, Workspace,
};

use crate::args::{Args, Command, Global};
#[cfg(all(feature = "exec", target_os = "linux"))]
use crate::commands::exec;
#[cfg(feature = "run")]
use crate::commands::execute;
use crate::commands::{
    changes, checkout, conflicts, copies, diff, edit, editor, events, export, files, grants, grep,
    history, import, listing, maintenance, previews, publish, serve,
};
use crate::exit::{ErrorShape, Failure, Outcome, Result, code, io_error, message};
use crate::output::{CYAN, Output, RED, escaped, is_unsafe, tell};
use crate::session::{Session, connect};
use crate::shapes::ReceiptShape;
use crate::signals::{terminated, unless_ended};
use crate::words;

/// The name of a workspace's directory within a project.
pub(crate) const DIRECTORY: &str = ".workspace";

/// What a command runs with.
pub(crate) struct Run {
    /// What all commands share.
    pub(crate) global: Global,
    /// Where results go.
    pub(crate) out: Output,
    /// Whether the command frees room.
    frees: bool,
    /// The workspace's directory, where something but an option says it.
    adopted: OnceCell<PathBuf>,
    session: OnceCell<Session>,
}

impl Run {
    /// Finds the workspace's directory: the named one, or the nearest upwards.
    ///
    /// # Errors
    /// `NotFound` where none is named and none is there.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        match &self.global.workspace {
            Some(directory) => Ok(directory.clone()),
            None => self.adopted.get().map_or_else(nearest, |it| Ok(it.clone())),
        }
    }

    /// Works on the workspace in this directory, which the file of a checkout names, where
    /// no option names another.
    ///
    /// # Errors
    /// `Denied` where one of them is another user's.
    pub(crate) fn adopt(&self, checkout: &Path, directory: PathBuf) -> Result<()> {
        refuse_another_s(checkout)?;
        refuse_another_s(&directory)?;
        self.adopted.get_or_init(|| directory);
        Ok(())
    }

    /// Returns the workspace to work on: the remote one, the named one, or the
    /// nearest upwards.
    ///
    /// # Errors
    /// `NotFound` where there is none here; `Locked` while another process has
    /// it; `Invalid` for a remote one without a token.
    pub(crate) fn session(&self) -> Result<&Session> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = self.connect()?;
        Ok(self.session.get_or_init(|| session))
    }

    /// Goes on with a session, unless there is one.
    pub(crate) fn session_of(&self, session: Session) -> &Session {
        self.session.get_or_init(|| session)
    }

    /// Opens the workspace for those who do not have it all the time. One in a directory
    /// can be opened once only until it is dropped.
    ///
    /// # Errors
    /// See [`session`](Self::session).
    pub(crate) fn connect(&self) -> Result<Session> {
        Ok(match &self.global.remote {
            Some(url) => {
                self.check_clear(url)?;
                Session::Remote(connect(url, &self.token()?)?)
            }
            None => Session::Local(self.open_as_needed()?),
        })
    }

    /// Refuses to send a token where everybody on the way can read it, unless that is
    /// asked for.
    pub(crate) fn check_clear(&self, url: &str) -> Result<()> {
        if self.global.insecure || !is_in_clear(url) {
            return Ok(());
        }
        Err(Failure::Error {
            error: Error::invalid(Reason::Insecure, "call")
                .at(url.escape_debug())
                .because("the token would go over the network in clear"),
            hint: Some("https:// keeps it secret; --insecure sends it all the same".into()),
        })
    }

    /// Returns the token to show to a server.
    pub(crate) fn token(&self) -> Result<String> {
        if let Some(file) = &self.global.token_file {
            // A server may know several, of which the first is the one to use.
            let tokens = read_tokens(file)?;
            return Ok(tokens
                .split_ascii_whitespace()
                .next()
                .unwrap_or_default()
                .into());
        }
        let given = std::env::var("WORKSPACE_TOKEN").ok();
        given
            .filter(|token| !token.is_empty())
            .ok_or_else(|| Failure::Error {
                error: Error::invalid(Reason::MalformedToken, "read token")
                    .because("no token was given"),
                hint: Some(
                    "--token-file FILE, or WORKSPACE_TOKEN, holds what `serve` printed".into(),
                ),
            })
    }

    /// Refuses a URL, for a command that works on directories of this machine.
    pub(crate) fn local_only(&self, command: &'static str) -> Result<()> {
        match &self.global.remote {
            Some(url) => Err(Error::new(ErrorKind::Unsupported, command)
                .at(url.escape_debug())
                .because("this works on a directory only, not with --remote")
                .into()),
            None => Ok(()),
        }
    }

    /// Opens the workspace in a directory as the command needs it: so that what frees room
    /// can do so on a full disk, and what reads can do so where nothing may be written.
    fn open_as_needed(&self) -> Result<Workspace> {
        let options = workspace_native::options();
        if self.frees {
            let directory = self.directory()?;
            return self.told(workspace_native::open_to_free(&directory, options));
        }
        let failure = match self.open() {
            Err(failure) if failure.code() == code(ErrorKind::Unavailable) => failure,
            opened => return opened,
        };
        // Where that fails as well, the first failure says more.
        workspace_native::open_read_only(self.directory()?, options).or(Err(failure))
    }

    /// Opens the workspace in a directory: the named one, or the nearest upwards.
    pub(crate) fn open(&self) -> Result<Workspace> {
        let options = workspace_native::options();
        self.told(workspace_native::open(self.directory()?, options))
    }

    /// Says what to do where there is no workspace.
    fn told(&self, opened: workspace_core::Result<Workspace>) -> Result<Workspace> {
        let directory = self.directory()?;
        opened.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::NotFound => Some(format!(
                    "`workspace init --workspace {}` creates one there",
                    directory.display()
                )),
                _ => None,
            };
            Failure::Error { error, hint }
        })
    }

    /// Returns who acts, and what for.
    pub(crate) fn author(&self, note: &Option<String>) -> Author {
        Author::new(self.global.actor(), note.clone().unwrap_or_default())
    }

    /// Returns what goes into a revision.
    pub(crate) fn revision_message(&self, message: &Option<String>) -> RevisionMessage {
        RevisionMessage::default()
            .actor(self.global.actor())
            .message(message.clone().unwrap_or_default())
    }

    fn print_receipt(&self) {
        let receipt = match self.session.get() {
            Some(session) => session.receipt(),
            None => Receipt::default(),
        };
        let shape = ReceiptShape::new(&receipt);
        let text = match self.out.is_json() {
            true => serde_json::to_string(&serde_json::json!({ "receipt": shape })),
            false => Ok(format!("receipt: {shape}")),
        };
        tell(Style::new(), "", &text.unwrap_or_default());
    }
}

/// Tells whether what is sent to a URL can be read on the way: where it is not over TLS,
/// and leaves this machine.
fn is_in_clear(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        // It is no URL, and is told so.
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let here = match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost"),
    };
    uri.scheme_str() == Some("http") && !here
}

/// Reads the tokens that a file holds.
pub(crate) fn read_tokens(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file);
    Ok(text.map_err(|error| io_error("read token", file, error))?)
}

/// Finds the nearest `.workspace` in the current directory or above: the workspace itself,
/// or the file of a checkout that says which one it came from. What is above it is another
/// workspace, and not looked for.
fn nearest() -> Result<PathBuf> {
    let here = std::env::current_dir()
        .map_err(|error| io_error("find workspace", Path::new("."), error))?;
    for directory in here.ancestors() {
        let candidate = directory.join(DIRECTORY);
        if candidate.is_dir() {
            refuse_another_s(&candidate)?;
            return Ok(candidate);
        }
        match checkout::origin(&candidate)? {
            None => {}
            Some(checkout::Origin::Workspace(found)) => {
                refuse_another_s(&candidate)?;
                refuse_another_s(&found)?;
                return Ok(found);
            }
            // A URL is asked for by those only who say that it may have the token.
            Some(checkout::Origin::Remote(url)) => {
                return Err(checkout::from_url("find workspace", directory, &url));
            }
        }
    }
    Err(Failure::Error {
        error: Error::not_found(Sought::Workspace, "find workspace")
            .at(here.display())
            .because("no .workspace here or in a directory above"),
        hint: Some("`workspace init` creates one here; --workspace DIR names one".into()),
    })
}

/// Refuses a workspace that nobody named and that another user has put there: it would
/// have this user's commands write where that one chose. As git does, the one on whose
/// behalf `sudo` runs is no other.
#[cfg(unix)]
fn refuse_another_s(directory: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let own = rustix::process::geteuid().as_raw();
    let behalf = match own {
        0 => std::env::var("SUDO_UID").ok(),
        _ => None,
    };
    let behalf = behalf.and_then(|uid| uid.parse().ok());
    let database = directory.join("workspace.db");
    for place in [directory, database.as_path()] {
        // Of a link, and of what it leads to.
        let found = [place.symlink_metadata(), place.metadata()];
        let owners = found.into_iter().flatten().map(|found| found.uid());
        for owner in owners {
            if owner != own && Some(owner) != behalf {
                return Err(Failure::Error {
                    error: Error::new(ErrorKind::Denied, "find workspace")
                        .at(place.display())
                        .because(format_args!("it is user {owner}'s, and this is user {own}")),
                    hint: Some(format!(
                        "--workspace {}, or WORKSPACE_DIR, says that it is trusted",
                        directory.display()
                    )),
                });
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_another_s(_: &Path) -> Result<()> {
    Ok(())
}

/// Runs the command with the arguments of this process.
pub(crate) fn main() -> u8 {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args.with_variables(),
        Err(error) => return usage(error, &arguments),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = io_error("start", Path::new("runtime"), error);
            return failed(&error.into(), args.global.json);
        }
    };
    let run = Run {
        out: Output::new(args.global.json, args.global.quiet),
        frees: args.command.frees(),
        global: args.global,
        adopted: OnceCell::new(),
        session: OnceCell::new(),
    };
    let is_paged = args.command.is_paged() && !run.global.no_pager && run.out.page();
    let result = runtime.block_on(async {
        let outcome = match is_paged {
            // A signal is for the pager as well, which stays until it is left.
            true => unless_ended(dispatch(&run, args.command)).await,
            false => dispatch(&run, args.command).await,
        };
        // What a failed command found before it failed is still worth having.
        let flushed = run.out.flush();
        outcome.and_then(|outcome| flushed.map(|()| outcome))
    });
    let mut signal = None;
    if is_paged {
        // The keyboard's are for the pager; what asks this process to end is for it.
        let ended = async { signal = Some(terminated().await) };
        runtime.block_on(run.out.leave_pager(ended));
    }
    let result = match (result, signal) {
        (Ok(_), Some(signal)) => Err(Failure::Ended(signal)),
        // Whoever left it before the end has seen enough.
        (Err(Failure::ClosedPipe), _) if is_paged => Ok(Outcome::Done),
        (result, _) => result,
    };
    if run.global.receipt {
        run.print_receipt();
    }
    let code = match &result {
        Ok(outcome) => outcome.code(),
        Err(failure) => failed(failure, run.global.json),
    };
    drop(run);
    // A read of standard input that nobody waits for must not hold up the end.
    runtime.shutdown_background();
    code
}

async fn dispatch(run: &Run, command: Command) -> Result<Outcome> {
    match command {
        Command::Init(args) => maintenance::init(run, &args).await,
        Command::Import(args) => import::import(run, &args).await,
        Command::Checkout(args) => checkout::checkout(run, &args).await,
        Command::Sync(args) => checkout::sync(run, &args).await,
        Command::Ls(args) => listing::ls(run, &args).await,
        Command::Tree(args) => listing::tree(run, &args).await,
        Command::Cat(args) => files::cat(run, &args).await,
        Command::Stat(args) => files::stat(run, &args).await,
        Command::Find(args) => listing::find(run, &args).await,
        Command::Grep(args) => grep::grep(run, &args).await,
        Command::Put(args) => edit::put(run, &args).await,
        Command::Edit(args) => editor::edit(run, &args).await,
        Command::Mkdir(args) => edit::mkdir(run, &args).await,
        Command::Mv(args) => edit::mv(run, &args).await,
        Command::Cp(args) => edit::cp(run, &args).await,
        Command::Rm(args) => edit::rm(run, &args).await,
        Command::Fork(args) => copies::fork(run, &args).await,
        Command::Copies(args) => copies::list(run, &args).await,
        Command::Copy(args) => copies::copy(run, &args).await,
        Command::Discard(args) => copies::discard(run, &args).await,
        #[cfg(feature = "run")]
        Command::Run(args) => execute::run(run, &args).await,
        #[cfg(all(feature = "exec", target_os = "linux"))]
        Command::Exec(args) => exec::exec(run, &args).await,
        #[cfg(all(feature = "exec", target_os = "linux"))]
        Command::Probe => exec::probe(run).await,
        Command::Status(args) => changes::status(run, &args).await,
        Command::Operations(args) => changes::operations(run, &args).await,
        Command::Operation(args) => changes::operation(run, &args).await,
        Command::Undo(args) => changes::undo(run, &args).await,
        Command::Diff(args) => diff::diff(run, &args).await,
        Command::Apply(args) => publish::apply(run, &args).await,
        Command::Rebase(args) => publish::rebase(run, &args).await,
        Command::Conflicts(args) => conflicts::conflicts(run, &args).await,
        Command::Overlap(args) => conflicts::overlap(run, &args).await,
        Command::Log(args) => history::log(run, &args).await,
        Command::Show(args) => history::show(run, &args).await,
        Command::Snapshot(args) => history::snapshot(run, &args).await,
        Command::Restore(args) => history::restore(run, &args).await,
        Command::Export(args) => export::export(run, &args).await,
        Command::Prune(args) => maintenance::prune(run, &args).await,
        Command::Collect(args) => maintenance::collect(run, &args).await,
        Command::Fsck(args) => maintenance::fsck(run, &args).await,
        Command::Usage(args) => maintenance::usage(run, &args).await,
        Command::Grant(args) => grants::grant(run, &args).await,
        Command::Grants(args) => grants::list(run, &args).await,
        Command::Preview(args) => previews::preview(run, &args).await,
        Command::Previews => previews::list(run).await,
        Command::Events(args) => events::events(run, &args).await,
        Command::Watch(args) => events::watch(run, &args).await,
        Command::Serve(args) => serve::serve(run, &args).await,
        Command::Completions(args) => maintenance::completions(run, &args),
    }
}

/// Tells of wrong usage, or prints the help that was asked for.
fn usage(mut error: clap::Error, arguments: &[OsString]) -> u8 {
    let hint = words::hint(&mut error, arguments);
    if !error.use_stderr() {
        // Help or version; a closed pipe is fine.
        let _ = error.print();
        return 0;
    }
    if arguments.iter().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let first = text.split("\n\n").next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first).trim();
        tell_json(&ErrorShape::usage(first.into(), hint));
    } else {
        let text = error.render().to_string();
        // Arguments may be names that others chose.
        let _untold = match text.contains(|c: char| c != '\n' && is_unsafe(c)) {
            false => error.print(),
            true => {
                let lines = text.lines().map(|line| escaped(line) + "\n");
                io::stderr().write_all(lines.collect::<String>().as_bytes())
            }
        };
        if let Some(hint) = hint {
            tell(CYAN, "hint: ", &hint);
        }
    }
    code(ErrorKind::Invalid)
}

/// Tells of a failure; returns its exit code.
fn failed(failure: &Failure, json: bool) -> u8 {
    if let Failure::Error { error, .. } = failure {
        if json {
            tell_json(&ErrorShape::new(error, failure.hint()));
        } else {
            tell(RED, "error: ", &message(error));
            tell_conflict(error);
            if let Some(hint) = failure.hint() {
                tell(CYAN, "hint: ", &hint);
            }
        }
    }
    failure.code()
}

fn tell_conflict(error: &Error) {
    /// As many paths of each side are named.
    const NAMED: usize = 20;
    let Some(conflict) = error.conflict() else {
        return;
    };
    for (side, list) in [
        ("changed in both", &conflict.both),
        ("changed in its parent", &conflict.parent),
        ("changed in the copy", &conflict.copy),
    ] {
        for path in list.paths.iter().take(NAMED) {
            tell(Style::new(), "", &format!("  {side}: {path}"));
        }
        let rest = list.count.saturating_sub(NAMED as u64);
        if rest > 0 {
            tell(Style::new(), "", &format!("  {side}: … and {rest} more"));
        }
    }
}

fn tell_json(shape: &ErrorShape) {
    let text = serde_json::to_string(shape).unwrap_or_default();
    // Within its strings, where JSON has a way to write them.
    let escape = |c: char| match is_unsafe(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    let text: String = text.chars().map(escape).collect();
    tell(Style::new(), "", &text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_without_tls_is_in_clear() {
        for url in [
            "http://example.com",
            "http://10.0.0.1:7171",
            "http://[2001:db8::1]/w",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "HTTP://workspace",
        ] {
            assert!(is_in_clear(url), "{url}");
        }
        for url in [
            "https://example.com",
            "http://localhost:7171",
            "http://demo.localhost/w",
            "http://127.0.0.1",
            "http://127.9.9.9:80",
            "http://[::1]:7171",
            "http://[::ffff:127.0.0.1]",
            "not a url",
        ] {
            assert!(!is_in_clear(url), "{url}");
        }
    }
}
