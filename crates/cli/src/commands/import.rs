//! `import`: a directory or an archive into head or a copy.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use workspace_archive::ArchiveKind;
use workspace_core::{
    Applied, At, EntrySource, Error, ErrorKind, ImportLimits, ImportOptions, Imported, Reason,
    SourceEntry, SourceKind, TreePath,
};
use workspace_native::source::{self, Format, SourceOptions};

use crate::args::{WriteAt, tree_path};
#[cfg(feature = "github")]
use crate::commands::github;
use crate::commands::{patching, progress};
use crate::exit::{Hinted, Outcome, Result};
use crate::output::{bytes_text, count_text};
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// A directory, an archive (zip, or tar, plain or packed by gzip or zstd), a patch, *.patch or *.diff, as `git apply` takes it, or github:OWNER/REPOSITORY, then @ and a branch, tag or commit, or # and a pull request, then : and a directory of it; `-` is an archive on standard input
    source: PathBuf,
    /// The directory that it goes into; made where it is missing
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    into: TreePath,
    /// Leave out of a directory what git would for its .gitignore files, those above it in the same repository, and info/exclude
    #[arg(long)]
    ignore: bool,
    /// Leave out devices, FIFOs and sockets, which are refused otherwise
    #[arg(long)]
    skip_special: bool,
    /// Take what git takes for its own, such as .git/config or a repository of another name; it is left out otherwise
    #[arg(long)]
    allow_git: bool,
    /// Remove what is in that directory and not in the source
    #[arg(long)]
    delete: bool,
    /// It is a patch, whatever its name is: all of it is applied, or nothing
    #[arg(long, conflicts_with_all = ["ignore", "skip_special", "delete", "max_entries", "max_bytes", "max_file_bytes"])]
    patch: bool,
    /// How many names to leave out at the beginning of each path of a patch, such as a/ and b/
    #[arg(short = 'p', long, value_name = "NUMBER", default_value_t = 1)]
    strip: usize,
    /// What it is for: the revision's message, or the operation's note
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Refuse more entries than this
    #[arg(long, value_name = "NUMBER")]
    max_entries: Option<u64>,
    /// Refuse more bytes than this in all, such as 10G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// Refuse files of more bytes than this, such as 500M
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_file_bytes: Option<u64>,
    #[cfg(feature = "github")]
    #[command(flatten)]
    github: github::FromGitHub,
    #[command(flatten)]
    at: WriteAt,
}

/// Reads a size in bytes; K, M, G and T (or KiB, …) are powers of 1,024.
pub(crate) fn parse_size(text: &str) -> workspace_core::Result<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => 64,
    };
    let number = digits.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(1u64.checked_shl(shift)?))
        .ok_or_else(|| {
            Error::invalid(Reason::MalformedArgument, "parse size")
                .at(text.escape_debug())
                .because("expected a number of bytes, such as 5000, 64K or 10G")
        })
}

/// What was imported.
#[derive(Debug, Serialize)]
struct ImportedShape {
    files: u64,
    directories: u64,
    symlinks: u64,
    /// Entries that --delete removed; a directory counts once.
    removed: u64,
    /// Entries that git, or a workspace, takes for its own.
    left_out: u64,
    bytes: u64,
    /// None where nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// Several where others changed the copy meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operations: Vec<u64>,
    changed: bool,
    /// What was imported of GitHub.
    #[cfg(feature = "github")]
    #[serde(skip_serializing_if = "Option::is_none")]
    github: Option<github::CommitShape>,
}

/// Imports a directory or an archive.
pub(crate) async fn import(run: &Run, args: &Import) -> Result<Outcome> {
    let session = run.session()?;
    let at = args.at.find(session).await?;
    if args.patch || is_patch(&args.source) {
        return patch(run, args, at).await;
    }
    let defaults = ImportLimits::default();
    let limits = defaults
        .entries(args.max_entries.unwrap_or(defaults.entries))
        .bytes(args.max_bytes.unwrap_or(defaults.bytes))
        .file_bytes(args.max_file_bytes.unwrap_or(defaults.file_bytes));
    let left_out = Arc::new(AtomicU64::new(0));
    let secrets = Arc::new(Mutex::new(Secrets::default()));
    #[cfg(feature = "github")]
    let (source, snapshot) = match github::is_address(&args.source) {
        true => {
            let sieve = (limits, args.allow_git, &left_out);
            let opened = github::open(run, &args.source, &args.github, sieve).await?;
            let (source, snapshot) = opened.split();
            (source, Some(snapshot))
        }
        false => (open(run, args, limits, &left_out)?, None),
    };
    #[cfg(not(feature = "github"))]
    let source = open(run, args, limits, &left_out)?;
    let source = Box::new(Watched {
        source,
        secrets: Arc::clone(&secrets),
    });
    let bar = progress::start(run, "importing", None);
    let mut progress = |imported: &Imported| {
        let files = count_text(imported.files, "file", "files");
        bar.set_message(format!("{files}, {}", bytes_text(imported.bytes)));
    };
    let options = ImportOptions::default()
        .into(args.into.clone())
        .author(run.author(&args.message))
        .limits(limits)
        .delete_missing(args.delete)
        .progress(&mut progress);
    let imported = session.import(at, source, options, args.allow_git).await;
    bar.finish_and_clear();
    let imported = imported.hinted(|error| limit_hint(error, &limits))?;
    #[cfg(feature = "github")]
    let told = match &snapshot {
        Some(snapshot) => Some(github::tell(run, snapshot).await?),
        None => None,
    };

    let secrets = secrets.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = &secrets.first {
        let more = match secrets.count {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        run.out.note(format_args!(
            "{}{more} may hold secrets, which are in the workspace now; \
             --ignore leaves out what .gitignore names",
            run.out.safe(first.as_str())
        ));
    }
    let changed = imported.revision.is_some() || !imported.operations.is_empty();
    let operations: Vec<String> = imported
        .operations
        .iter()
        .map(ToString::to_string)
        .collect();
    let end = match (imported.revision, operations.as_slice()) {
        (Some(id), _) => format!("as revision {id}"),
        (_, []) => "nothing changed".into(),
        (_, [id]) => format!("as operation {id}"),
        (_, ids) => format!("as operations {}", ids.join(", ")),
    };
    let removed = match imported.removed {
        0 => String::new(),
        n => format!(", {} removed", count_text(n, "entry", "entries")),
    };
    let left_out = left_out.load(Ordering::Relaxed);
    let without = match left_out {
        0 => String::new(),
        n => format!(
            ", {} left out as git's or a workspace's own",
            count_text(n, "entry", "entries")
        ),
    };
    let line = format!(
        "imported {}, {}{removed}{without}: {end}",
        count_text(imported.entries(), "entry", "entries"),
        bytes_text(imported.bytes)
    );
    run.out.done(
        &ImportedShape {
            files: imported.files,
            directories: imported.directories,
            symlinks: imported.symlinks,
            removed: imported.removed,
            left_out,
            bytes: imported.bytes,
            revision: imported.revision.map(|id| id.get()),
            operations: imported.operations.iter().map(|id| id.get()).collect(),
            changed,
            #[cfg(feature = "github")]
            github: told,
        },
        line,
    )?;
    Ok(Outcome::Done)
}

/// Tells whether a file's name says that it is a patch.
fn is_patch(source: &Path) -> bool {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let named = [".patch", ".diff"]
        .iter()
        .any(|ending| name.ends_with(ending));
    named && !source.is_dir()
}

/// Applies a patch.
async fn patch(run: &Run, args: &Import, at: At) -> Result<Outcome> {
    if args.delete || args.ignore {
        let error = Error::invalid(Reason::Contradiction, "import").at(args.source.display());
        return Err(error
            .because("a patch says itself what it changes: --delete and --ignore are for directories and archives")
            .into());
    }
    let from = patching::From {
        source: &args.source,
        into: &args.into,
        strip: args.strip,
        allow_git: args.allow_git,
    };
    let patched = patching::import(run, at, &from, &args.message).await?;
    let (revision, operation) = match patched.applied {
        Applied::Published { revision, .. } => (Some(revision.get()), None),
        Applied::ToParent { operation, .. } => (None, Some(operation.get())),
        Applied::Unchanged { .. } => (None, None),
    };
    let end = match (revision, operation) {
        (Some(id), _) => format!("as revision {id}"),
        (_, Some(id)) => format!("as operation {id}"),
        _ => "nothing changed".into(),
    };
    let line = format!(
        "applied the patch: {} written, {} removed: {end}",
        count_text(patched.files + patched.symlinks, "file", "files"),
        count_text(patched.removed, "file", "files"),
    );
    let shape = ImportedShape {
        files: patched.files,
        directories: 0,
        symlinks: patched.symlinks,
        removed: patched.removed,
        left_out: 0,
        bytes: patched.bytes,
        revision,
        operations: operation.into_iter().collect(),
        changed: revision.is_some() || operation.is_some(),
        #[cfg(feature = "github")]
        github: None,
    };
    run.out.done(&shape, line)?;
    Ok(Outcome::Done)
}

/// Files that may hold secrets, among those that were imported.
#[derive(Default)]
struct Secrets {
    first: Option<TreePath>,
    count: u64,
}

/// A source that notes what may hold secrets.
struct Watched {
    source: Box<dyn EntrySource>,
    secrets: Arc<Mutex<Secrets>>,
}

impl EntrySource for Watched {
    fn next(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<SourceEntry>>> {
        async {
            let entry = self.source.next().await?;
            if let Some(SourceEntry { path, kind }) = &entry
                && matches!(kind, SourceKind::File { .. })
                && path.name().is_some_and(|name| may_be_secret(name.as_str()))
            {
                let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
                secrets.count += 1;
                secrets.first.get_or_insert_with(|| path.clone());
            }
            Ok(entry)
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<Bytes>>> {
        self.source.chunk()
    }
}

/// Tells whether a file of that name holds passwords or keys as a rule.
fn may_be_secret(name: &str) -> bool {
    const ALWAYS: [&str; 10] = [
        ".dev.vars",
        ".git-credentials",
        ".htpasswd",
        ".netrc",
        ".pgpass",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_rsa",
        ".env",
    ];
    // What is there to be copied has no secret in it.
    const SAMPLES: [&str; 5] = ["example", "sample", "template", "dist", "defaults"];
    ALWAYS.contains(&name)
        || name
            .strip_prefix(".env.")
            .is_some_and(|rest| !rest.split('.').any(|part| SAMPLES.contains(&part)))
}

/// Returns which option raises the limit that was exceeded, where one does.
fn limit_hint(error: &Error, limits: &ImportLimits) -> Option<String> {
    let (ErrorKind::LimitExceeded, Some(detail)) = (error.kind(), error.detail()) else {
        return None;
    };
    let entries = format!("more than {} entries", limits.entries);
    let hint = match detail {
        _ if detail == entries => "--max-entries raises the limit",
        _ if detail.contains("bytes in all") => "--max-bytes raises the limit",
        "more bytes than the import may bring" => {
            "--max-bytes and --max-file-bytes raise the limits"
        }
        _ => return None,
    };
    Some(hint.into())
}

/// Opens the source. The workspace's own directory is never a part of it, nor
/// any other that is called as one. `left_out` counts what somebody else, such as git,
/// takes for his own.
fn open(
    run: &Run,
    args: &Import,
    limits: ImportLimits,
    left_out: &Arc<AtomicU64>,
) -> Result<Box<dyn EntrySource>> {
    let options = SourceOptions::default()
        .ignore(args.ignore)
        .allow_git(args.allow_git)
        .left_out(Arc::clone(left_out))
        .exclude(run.directory().ok())
        .skip_special(args.skip_special)
        .limits(limits)
        .any_expansion(args.max_bytes.is_some());
    if args.source == Path::new("-") {
        let name = "standard input".into();
        return Ok(source::from_reader(io::stdin(), name, &options)?);
    }
    let (source, format) = source::open_and_tell(&args.source, &options)?;
    name_and_content(run, &args.source, format);
    Ok(source)
}

/// Tells where the name of an archive says something else than what is in it, which is
/// what counts.
fn name_and_content(run: &Run, source: &Path, found: Option<Format>) {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let named = ArchiveKind::named(&name).and_then(ArchiveKind::format);
    if let (Some(named), Some(found)) = (named, found)
        && found != named
    {
        run.out.note(format_args!(
            "{name} is {} by its name, and {} by what is in it, which counts",
            named.name(),
            found.name()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            ".env",
            ".env.production",
            ".env.local",
            "id_ed25519",
            ".netrc",
        ] {
            assert!(may_be_secret(name), "{name}");
        }
        for name in [
            ".env.example",
            ".env.local.sample",
            "env",
            ".envrc.md",
            "id_rsa.pub",
        ] {
            assert!(!may_be_secret(name), "{name}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0", 0),
            ("5000", 5000),
            ("64K", 64 << 10),
            ("10 MiB", 10 << 20),
            ("3g", 3 << 30),
            ("1T", 1 << 40),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "K", "-1", "1.5G", "10X", "99999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
