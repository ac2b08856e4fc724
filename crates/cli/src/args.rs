//! The command line: what all commands share, and the list of them. The
//! arguments of a command stand beside its code.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};
use workspace_core::{At, Error, Reason, RevisionId, TreeId, TreePath};

#[cfg(all(feature = "exec", target_os = "linux"))]
use crate::commands::exec;
#[cfg(feature = "run")]
use crate::commands::execute;
use crate::commands::{
    changes, checkout, conflicts, copies, diff, edit, editor, events, export, files, grants, grep,
    history, import, listing, maintenance, previews, publish, serve,
};
use crate::exit::{EXIT_CODES, Failure, Result};
use crate::session::Session;

/// A durable file tree: fork copies of it, edit them, see what changed, apply or
/// discard them, and go back to any revision.
///
/// The workspace is the one behind the URL of --remote, or the directory of
/// --workspace, or the nearest `.workspace` in the current directory or above. Paths are those of the tree; a leading `/` may
/// be left out. Commands work on head, the current files, unless --copy, or the variable
/// WORKSPACE_COPY, names a working copy (by name, id, or the start of the id).
#[derive(Debug, Parser)]
#[command(name = "workspace", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What all commands share.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The workspace's directory [env: WORKSPACE_DIR]
    #[arg(short, long, global = true, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// The URL of a workspace that is served, instead of a directory; its token
    /// is in WORKSPACE_TOKEN, or in --token-file [env: WORKSPACE_REMOTE]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) remote: Option<String>,
    /// Send the token to --remote in clear, over http:// to another machine
    #[arg(
        long,
        global = true,
        env = "WORKSPACE_INSECURE",
        hide_env_values = true
    )]
    pub(crate) insecure: bool,
    /// The file that holds the token: the one to show with --remote, or for
    /// `serve` those to ask for, one a line, so that a new one is known before the old
    /// one goes; the first is the one to show
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print results, and errors, as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results only: nothing about what was done, and no progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print to the terminal, and not through the pager of PAGER or `less`
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// Who makes changes, for the logs [env: WORKSPACE_ACTOR] [default: $USER]
    #[arg(long, global = true, value_name = "NAME")]
    actor: Option<String>,
    /// Print what the call cost the stores to standard error
    #[arg(long, global = true, action = ArgAction::SetTrue)]
    pub(crate) receipt: bool,
}

impl Args {
    /// Fills in what variables say where no option does. One that is empty says nothing.
    pub(crate) fn with_variables(mut self) -> Self {
        let global = &mut self.global;
        let text = |name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(|value| value.to_string_lossy().into_owned())
        };
        if global.workspace.is_none() {
            let value = std::env::var_os("WORKSPACE_DIR");
            let value = value.filter(|value| !value.is_empty());
            global.workspace = value.map(PathBuf::from);
        }
        global.remote = global.remote.take().or_else(|| text("WORKSPACE_REMOTE"));
        global.actor = global.actor.take().or_else(|| text("WORKSPACE_ACTOR"));
        self
    }
}

impl Global {
    /// Returns who makes changes; empty where nobody says.
    pub(crate) fn actor(&self) -> String {
        let user = || std::env::var("USER").ok();
        self.actor.clone().or_else(user).unwrap_or_default()
    }
}

/// The working copy that is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct CopyOption {
    /// The working copy instead of head; `head` says head [env: WORKSPACE_COPY]
    #[arg(short, long, value_name = "NAME")]
    copy: Option<String>,
}

impl CopyOption {
    /// Tells whether the option itself names one.
    pub(crate) fn is_given(&self) -> bool {
        self.copy.is_some()
    }

    /// Returns the name: the option's, or else what `WORKSPACE_COPY` says. `None` for
    /// head.
    pub(crate) fn chosen(&self) -> Option<String> {
        let variable = || std::env::var_os("WORKSPACE_COPY").map(OsString::into_string);
        let name = match &self.copy {
            Some(name) => Some(name.clone()),
            // Not UTF-8 is no copy's name: it is looked for, and told.
            None => variable().map(|name| name.unwrap_or_else(|name| name.display().to_string())),
        };
        name.filter(|name| !name.is_empty() && name != "head")
    }

    /// Returns the name, for what works on copies only.
    ///
    /// # Errors
    /// `Invalid` where nothing names one.
    pub(crate) fn required(&self, operation: &'static str) -> Result<String> {
        self.chosen().ok_or_else(|| Failure::Error {
            error: Error::invalid(Reason::MalformedArgument, operation)
                .because("no copy was named"),
            hint: Some("--copy NAME or WORKSPACE_COPY names it".into()),
        })
    }
}

/// Which files are read.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadAt {
    #[command(flatten)]
    copy: CopyOption,
    /// Read this revision (or tree id) instead of head
    #[arg(long, value_name = "REVISION", conflicts_with = "copy")]
    at: Option<String>,
}

impl ReadAt {
    /// Returns the copy that is named.
    pub(crate) fn copy(&self) -> Option<String> {
        self.copy.chosen().filter(|_| self.at.is_none())
    }

    /// Finds what is to be read.
    pub(crate) async fn find(&self, session: &Session) -> Result<At> {
        match (self.copy(), &self.at) {
            (Some(copy), _) => Ok(At::Copy(copies::find(session, &copy).await?.id)),
            (None, Some(at)) => {
                parse_at(at).map_or_else(|| at.parse().map(At::Revision).map_err(Into::into), Ok)
            }
            (None, None) => Ok(At::Head),
        }
    }
}

/// Which files are written.
#[derive(Debug, clap::Args)]
pub(crate) struct WriteAt {
    #[command(flatten)]
    copy: CopyOption,
}

impl WriteAt {
    /// Finds what is to be written.
    pub(crate) async fn find(&self, session: &Session) -> Result<At> {
        match self.copy.chosen() {
            Some(copy) => Ok(At::Copy(copies::find(session, &copy).await?.id)),
            None => Ok(At::Head),
        }
    }
}

/// Reads `head`, a revision's number or a tree's id; `None` for anything else,
/// which may be a copy's name.
pub(crate) fn parse_at(text: &str) -> Option<At> {
    match text {
        "head" | "HEAD" => Some(At::Head),
        _ => text
            .parse::<RevisionId>()
            .map(At::Revision)
            .or_else(|_| text.parse::<TreeId>().map(At::Tree))
            .ok(),
    }
}

/// Reads a path of the tree: a leading `/` may be missing, and a trailing one be
/// there, as shells complete it.
pub(crate) fn tree_path(text: &str) -> workspace_core::Result<TreePath> {
    let text = match text.strip_suffix('/') {
        Some("") => return Ok(TreePath::root()),
        Some(shorter) if !shorter.ends_with('/') => shorter,
        _ => text,
    };
    match text.is_empty() || text.starts_with('/') {
        true => TreePath::new(text),
        false => TreePath::root().join_relative(text),
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a workspace
    Init(maintenance::Init),
    /// Import a directory or an archive
    Import(import::Import),
    /// Write a copy, head or a revision into a directory, which remembers it
    Checkout(checkout::Checkout),
    /// Bring changes of a checked out directory into the copy, and those of the copy into it
    Sync(checkout::Sync),
    /// List a directory
    #[command(alias = "list")]
    Ls(listing::Ls),
    /// Show a directory and all below it as a tree
    Tree(listing::Tree),
    /// Print files
    #[command(alias = "read")]
    Cat(files::Cat),
    /// Tell all about an entry
    Stat(files::Stat),
    /// Find entries by name and kind
    #[command(alias = "walk")]
    Find(listing::Find),
    /// Search the contents of files
    Grep(grep::Grep),
    /// Write a file
    #[command(alias = "write")]
    Put(edit::Put),
    /// Edit a file, in the editor of VISUAL or EDITOR
    Edit(editor::Edit),
    /// Make directories
    Mkdir(edit::Mkdir),
    /// Move or rename an entry
    #[command(alias = "move")]
    Mv(edit::Mv),
    /// Copy an entry; a directory is shared, whatever its size
    #[command(alias = "copy-to")]
    Cp(edit::Cp),
    /// Remove entries
    #[command(alias = "remove")]
    Rm(edit::Rm),
    /// Fork head, a copy or a revision into a new working copy
    Fork(copies::Fork),
    /// List working copies, those of a copy below it
    Copies(copies::List),
    /// Show a working copy, or give it another name
    #[command(subcommand)]
    Copy(copies::Copy),
    /// Throw working copies away
    Discard(copies::Discard),
    /// Run code that nobody reviewed over a copy: what it writes is one operation, or nothing
    #[cfg(feature = "run")]
    #[command(alias = "execute")]
    Run(execute::Execute),
    /// Run a command over the files of a copy, in a box: what it changes is one operation
    #[cfg(all(feature = "exec", target_os = "linux"))]
    Exec(exec::Exec),
    /// Tell what this machine allows to `exec`
    #[cfg(all(feature = "exec", target_os = "linux"))]
    Probe,
    /// Tell how head, or a copy, stands
    Status(changes::Status),
    /// List the operations of a copy
    #[command(alias = "ops")]
    Operations(changes::Operations),
    /// Show one operation of a copy, and what it changed
    Operation(changes::Operation),
    /// Undo one operation of a copy, keeping what came later
    Undo(changes::Undo),
    /// Show what changed
    Diff(diff::Diff),
    /// Apply a copy: it becomes head, as a new revision, or its parent gets its files
    Apply(publish::Apply),
    /// Bring a copy up to what its parent is now, and resolve what conflicts
    Rebase(publish::Rebase),
    /// List what stands in the way of a rebase, with what each side has
    Conflicts(conflicts::Conflicts),
    /// List which copies changed the same paths
    Overlap(conflicts::Overlap),
    /// List revisions, newest first
    #[command(alias = "revisions")]
    Log(history::Log),
    /// Show a revision and what it changed
    #[command(alias = "revision")]
    Show(history::Show),
    /// Record head as it is, as a new revision
    Snapshot(history::Snapshot),
    /// Make a revision's files head again, as a new revision
    Restore(history::Restore),
    /// Write files out: as a directory, an archive or a patch
    Export(export::Export),
    /// Forget revisions
    Prune(maintenance::Prune),
    /// Reclaim what nothing refers to any more
    #[command(alias = "gc")]
    Collect(maintenance::Collect),
    /// Check that everything stored is whole
    Fsck(maintenance::Fsck),
    /// Tell how much room things take
    #[command(alias = "du")]
    Usage(maintenance::Usage),
    /// Hand out, narrow and revoke tokens to parts of a copy
    #[command(subcommand)]
    Grant(grants::Grant),
    /// List the grants to a copy, to head or to a revision
    Grants(grants::List),
    /// Show files as a site to whoever has its URL
    #[command(subcommand)]
    Preview(previews::Preview),
    /// List previews
    Previews,
    /// List what has changed, oldest first
    Events(events::Events),
    /// Tell of changes as they come
    Watch(events::Watch),
    /// Serve the workspace over HTTP, to whoever has the token
    Serve(serve::Serve),
    /// Print a completion script for a shell
    Completions(maintenance::Completions),
}

impl Command {
    /// Tells whether what it prints may be long, and is read by a person.
    pub(crate) fn is_paged(&self) -> bool {
        match self {
            Self::Conflicts(_)
            | Self::Diff(_)
            | Self::Find(_)
            | Self::Grep(_)
            | Self::Log(_)
            | Self::Operation(_)
            | Self::Operations(_)
            | Self::Show(_)
            | Self::Tree(_) => true,
            Self::Events(events) => !events.follows(),
            _ => false,
        }
    }

    /// Tells whether it leaves more room than it takes.
    pub(crate) fn frees(&self) -> bool {
        match self {
            Self::Collect(_) | Self::Discard(_) | Self::Prune(_) | Self::Rm(_) => true,
            Self::Copy(copy) => matches!(copy, copies::Copy::Discard(_)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn head_is_known_as_git_writes_it() {
        assert_eq!(parse_at("HEAD"), Some(At::Head));
        assert_eq!(parse_at("Head"), None);
    }

    #[test]
    fn paths_need_no_leading_slash() {
        for (text, path) in [
            ("/", "/"),
            ("a", "/a"),
            ("/a/b", "/a/b"),
            ("a/b/", "/a/b"),
            (" x", "/ x"),
        ] {
            assert_eq!(tree_path(text).unwrap().as_str(), path);
        }
        for bad in ["", ".", "..", "a/../b", "a//", "//", "./a", "a/./b"] {
            assert!(tree_path(bad).is_err(), "{bad:?}");
        }
    }
}
