//! `export`: writes files out, as a directory, an archive or a patch.

mod archive;
mod directory;
mod names;
mod pieces;
mod place;
mod remove;
mod settle;
mod sink;
mod staging;
mod zip;

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task::yield_now;
use workspace_archive::ArchiveKind;
use workspace_core::{
    At, BinaryStyle, DiffOptions, EntryKind, Error, ErrorKind, Reason, TreeId, TreePath,
};

use self::archive::ArchiveTarget;
use self::remove::Removal;
use self::sink::{Failing, Sink};
use crate::args::{ReadAt, parse_at, tree_path};
use crate::commands::diff::{differences, side, sides};
use crate::commands::files::require;
use crate::commands::patch::{Compared, MAX_COMPARED, compare, unpatched};
use crate::commands::progress;
use crate::exit::{Failure, Outcome, Result};
use crate::output::{bytes_text, count_text};
use crate::run::Run;
use crate::session::Session;
use crate::signals::unless_ended;

pub(crate) use self::directory::DirectoryTarget;
pub(crate) use self::names::{Names, Taken};
pub(crate) use self::staging::{Left, Staging, make_unique, set_modified, unique_name};
pub(crate) use workspace_archive::STAGED;

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The directory or file to write; `-` is standard output
    target: PathBuf,
    /// What to write [default: by the target's name: *.tar, *.tar.gz and *.tgz, *.tar.zst, *.zip, *.patch and *.diff; `-`: tar]
    #[arg(short, long)]
    format: Option<Format>,
    /// Only what is below this directory, which becomes the root (for a patch: only what changed there)
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    below: TreePath,
    /// For a patch: the old side, as for `diff` [default: the base of the copy, or what is recorded of head]
    #[arg(long, value_name = "REVISION")]
    from: Option<String>,
    /// Write into a directory that holds something, or over a file
    #[arg(long)]
    force: bool,
    /// Remove from a directory what is no more in the tree: what an earlier state of the files left there and nobody changed since
    #[arg(long)]
    delete: bool,
    /// Write what git takes for its own, such as .git/config or a repository of another name, into a directory
    #[arg(long)]
    allow_git: bool,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Directory,
    Tar,
    #[value(name = "tar.gz", alias = "tgz")]
    TarGz,
    #[value(name = "tar.zst")]
    TarZst,
    Zip,
    /// What `git apply` takes; directories without files and media types do not show in it
    Patch,
}

impl Format {
    /// Returns what a target's name says.
    fn of(target: &Path) -> Result<Self> {
        if is_stdout(target) {
            return Ok(Self::Tar);
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        match ArchiveKind::named(&name) {
            Some(ArchiveKind::Tar) => Ok(Self::Tar),
            Some(ArchiveKind::TarGzip) => Ok(Self::TarGz),
            Some(ArchiveKind::TarZstd) => Ok(Self::TarZst),
            Some(ArchiveKind::Zip) => Ok(Self::Zip),
            Some(ArchiveKind::Other) => Err(Failure::Error {
                error: Error::new(ErrorKind::Unsupported, "export")
                    .at(target.display())
                    .because("an archive of this kind cannot be written"),
                hint: Some(
                    "--format says what to write; tar, tar.gz, tar.zst and zip are archives".into(),
                ),
            }),
            None => {
                let name = name.to_ascii_lowercase();
                let patch = [".patch", ".diff"]
                    .iter()
                    .any(|ending| name.ends_with(ending));
                Ok(if patch { Self::Patch } else { Self::Directory })
            }
        }
    }
}

fn is_stdout(target: &Path) -> bool {
    target == Path::new("-")
}

/// What was written.
#[derive(Debug, Default, Serialize)]
struct Exported {
    files: u64,
    directories: u64,
    symlinks: u64,
    bytes: u64,
    /// Entries that --delete removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<u64>,
    /// What --delete left since it is not as any earlier state had it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
    /// What a patch does not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    besides: Vec<String>,
}

/// Writes files out.
pub(crate) async fn export(run: &Run, args: &Export) -> Result<Outcome> {
    let format = match args.format {
        Some(format) => format,
        None => Format::of(&args.target)?,
    };
    if format == Format::Directory && is_stdout(&args.target) {
        return Err(invalid("a directory cannot be written to standard output").into());
    }
    if format != Format::Patch && args.from.is_some() {
        return Err(invalid("--from is for patches").into());
    }
    if format != Format::Directory && args.delete {
        return Err(invalid("--delete is for directories").into());
    }
    let exported = async {
        match format {
            Format::Patch => patch(run, args).await,
            _ => tree(run, args, format).await,
        }
    };
    // What is no file, such as a FIFO, may be waited for, and leaves nothing to tidy up.
    let is_replaced = match args.target.metadata() {
        Ok(found) => found.is_file() || found.is_dir(),
        Err(_) => !is_stdout(&args.target),
    };
    let exported = match is_replaced {
        true => unless_ended(exported).await?,
        false => exported.await?,
    };
    // On standard output is the export itself.
    if is_stdout(&args.target) {
        return Ok(Outcome::Done);
    }
    #[derive(Serialize)]
    struct Shape {
        target: String,
        #[serde(flatten)]
        exported: Exported,
    }
    let target = args.target.display().to_string();
    let removed = match exported.removed {
        None | Some(0) => String::new(),
        Some(n) => format!(", {} removed", count_text(n, "entry", "entries")),
    };
    let line = format!(
        "exported {}, {} to {}{removed}",
        count_text(exported.files + exported.symlinks, "file", "files"),
        bytes_text(exported.bytes),
        run.out.safe(&target)
    );
    let besides = exported.besides.clone();
    for path in &exported.kept {
        let path = run.out.safe(path);
        run.out
            .note(format_args!("{path} stays: it is not as it was exported"));
    }
    run.out.done(&Shape { target, exported }, line)?;
    if !besides.is_empty() && !run.out.is_json() {
        run.out.say("a patch does not hold:")?;
        for line in &besides {
            run.out.say(format!("  {}", run.out.safe(line)))?;
        }
    }
    Ok(Outcome::Done)
}

fn invalid(why: &str) -> Error {
    Error::invalid(Reason::MalformedArgument, "export").because(why)
}

async fn tree(run: &Run, args: &Export, format: Format) -> Result<Exported> {
    let session = run.session()?;
    let at = args.at.find(session).await?;
    let now = match args.delete {
        true => session.tree(at).await?,
        false => at,
    };
    let view = session.files(now);
    let root = require(view, "export", &args.below).await?;
    let total = root.as_directory().map(|root| root.summary.files);
    let mut export = view.export(&args.below).await?;
    let bar = progress::start(run, "exporting", total);
    let mut exported = Exported::default();
    if format == Format::Directory {
        let mut names = Names::new(args.allow_git);
        Names::new(args.allow_git)
            .check_all(&view, &args.below)
            .await?;
        let mut target = DirectoryTarget::create(&args.target, args.force)?;
        target.check_names(&view, &args.below).await?;
        let gone = match args.delete {
            true => Some(remove::gone(session, at, now, &args.below).await?),
            false => None,
        };
        while let Some(entry) = export.next().await? {
            // What came since it was looked for.
            names.check(&entry.path)?;
            count(&mut exported, &bar, &entry.entry);
            target.write(entry).await?;
            yield_now().await;
        }
        let (directory, written) = target.finish()?;
        if let Some(gone) = gone {
            let removal = Removal {
                root: &args.target,
                target: directory.as_fd(),
                allow_git: args.allow_git,
                written: written.as_ref(),
            };
            let removed = removal.run(&gone)?;
            exported.removed = Some(removed.count);
            exported.kept = removed.kept;
        }
    } else {
        let sink = Sink::create(&run.out, &args.target, args.force)?;
        let mut target = match format {
            Format::TarGz => ArchiveTarget::tar_gzip(sink),
            Format::TarZst => ArchiveTarget::tar_zstd(sink)?,
            Format::Zip => ArchiveTarget::zip(sink),
            _ => ArchiveTarget::tar(sink),
        };
        while let Some(entry) = export.next().await? {
            count(&mut exported, &bar, &entry.entry);
            target.write(entry).await?;
            yield_now().await;
        }
        target.finish()?;
    }
    bar.finish_and_clear();
    Ok(exported)
}

fn count(exported: &mut Exported, bar: &ProgressBar, entry: &workspace_core::Entry) {
    match entry.kind() {
        EntryKind::Directory => exported.directories += 1,
        EntryKind::Symlink => exported.symlinks += 1,
        EntryKind::File => {
            exported.files += 1;
            exported.bytes += entry.size();
        }
    }
    if entry.kind() != EntryKind::Directory {
        bar.inc(1);
    }
}

async fn patch(run: &Run, args: &Export) -> Result<Exported> {
    let session = run.session()?;
    let (from, to) = patch_sides(session, args).await?;
    let options = DiffOptions::default().below(args.below.clone());
    let differences = differences(session, from, to, &options).await?;
    let mut sink = Sink::create(&run.out, &args.target, args.force)?;
    let mut exported = Exported::default();
    for difference in &differences {
        exported.besides.extend(unpatched(difference));
        match compare(session, (from, to), difference, Some(BinaryStyle::Whole)).await? {
            Compared::Directory => {}
            Compared::Patch { text, .. } => {
                exported.files += 1;
                exported.bytes += text.len() as u64;
                sink.put(&text)?;
            }
            Compared::TooLarge(size) => {
                let why = format!("{size} bytes, more than {MAX_COMPARED} in a patch");
                let error = Error::new(ErrorKind::LimitExceeded, "export");
                return Err(Failure::Error {
                    error: error.at(&difference.path).because(why),
                    hint: Some("export it as a directory or a tar archive".into()),
                });
            }
        }
    }
    sink.finish()?;
    Ok(exported)
}

/// Returns the two sides of the patch.
async fn patch_sides(session: &Session, args: &Export) -> Result<(At, At)> {
    let copy = args.at.copy();
    let default = sides(session, None, None, copy.as_deref()).await?;
    let to = match copy {
        Some(_) => default.1,
        None => match args.at.find(session).await? {
            At::Head => default.1,
            at => at,
        },
    };
    let from = match (&args.from, to) {
        (Some(from), _) => match parse_at(from) {
            Some(at) => at,
            None => side(session, from).await?,
        },
        // Of a revision, what it changed.
        (None, At::Revision(id)) => match session.revision(id).await?.parent {
            Some(parent) => At::Revision(parent),
            None => At::Tree(TreeId::empty()),
        },
        (None, _) => default.0,
    };
    Ok((from, to))
}
