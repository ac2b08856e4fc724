//! Changing files: `put`, `mkdir`, `mv`, `cp`, `rm`.

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use futures::stream;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use workspace_core::store::ByteStream;
use workspace_core::{
    Applied, At, Change, ChangeOptions, Changed, ContentId, Error, ErrorKind, Precondition, Text,
    TreePath, WriteOptions, media_type,
};

use crate::args::{WriteAt, tree_path};
use crate::commands::child::Child;
use crate::commands::files::nearest;
use crate::exit::{Failure, Hinted as _, Outcome, Result, io_error};
use crate::output::{bytes_text, count_text};
use crate::run::Run;
use crate::session::{Files, Session};

/// How much of a file is read at once.
const CHUNK: usize = 256 << 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// Where it goes
    #[arg(value_parser = tree_path)]
    path: TreePath,
    /// The file to read; `-` is standard input
    #[arg(default_value = "-")]
    source: PathBuf,
    /// Make the directories that are missing above
    #[arg(short, long)]
    parents: bool,
    /// Let it be executed
    #[arg(short = 'x', long)]
    executable: bool,
    /// Its media type, such as text/css
    #[arg(long, value_name = "TYPE", value_parser = media_type)]
    media_type: Option<Text<255>>,
    /// A note on where it came from
    #[arg(long, value_name = "TEXT", value_parser = Text::<1024>::new)]
    provenance: Option<Text<1024>>,
    /// Only where nothing is there
    #[arg(long)]
    if_absent: bool,
    /// Only where a file with this content id is there
    #[arg(long, value_name = "ID", conflicts_with = "if_absent")]
    if_content: Option<ContentId>,
    #[command(flatten)]
    edit: EditArgs,
}

/// A file to be written.
pub(crate) struct Given<'a> {
    pub(crate) path: &'a TreePath,
    pub(crate) body: ByteStream<'static>,
    pub(crate) how: WriteOptions,
}

/// What all changes share.
#[derive(Debug, clap::Args)]
pub(crate) struct EditArgs {
    #[command(flatten)]
    at: WriteAt,
    /// What the change is for, for the copy's log of operations; of head it becomes a
    /// revision of its own, with this message
    #[arg(short = 'm', long = "message", alias = "note", value_name = "TEXT")]
    note: Option<String>,
    /// Only while the copy has this generation (head this version)
    #[arg(long, value_name = "NUMBER")]
    expect_generation: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Mkdir {
    /// The directories
    #[arg(required = true, value_parser = tree_path)]
    paths: Vec<TreePath>,
    /// Also make what is missing above; one that is there is fine
    #[arg(short, long)]
    parents: bool,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Mv {
    /// The entry
    #[arg(value_parser = tree_path)]
    from: TreePath,
    /// Its new path, in full
    #[arg(value_parser = tree_path)]
    to: TreePath,
    /// Take the place of a file, symlink or empty directory that is there
    #[arg(short, long)]
    replace: bool,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Cp {
    /// The entry
    #[arg(value_parser = tree_path)]
    from: TreePath,
    /// The path of the copy, in full
    #[arg(value_parser = tree_path)]
    to: TreePath,
    /// Take the place of a file, symlink or empty directory that is there
    #[arg(short, long)]
    replace: bool,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// The entries
    #[arg(required = true, value_parser = tree_path)]
    paths: Vec<TreePath>,
    /// Remove directories with everything in them
    #[arg(short, long)]
    recursive: bool,
    /// Pass over what is not there
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    edit: EditArgs,
}

/// What a change led to.
#[derive(Debug, Serialize)]
struct ChangedShape {
    /// The copy's generation, or head's version.
    generation: u64,
    tree: String,
    operation: Option<u64>,
    /// Of head, where the change was given a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<WrittenShape>,
}

#[derive(Debug, Serialize)]
struct WrittenShape {
    path: String,
    content: String,
    size: u64,
}

impl ChangedShape {
    fn new(changed: &Changed) -> Self {
        Self {
            generation: changed.generation,
            tree: changed.tree.to_string(),
            operation: changed.operation.map(|id| id.get()),
            revision: None,
            written: None,
        }
    }
}

impl EditArgs {
    /// Finds what is to be changed.
    pub(crate) async fn find(&self, session: &Session) -> Result<At> {
        self.at.find(session).await
    }

    /// Writes a file, and tells of it.
    pub(crate) async fn write(&self, run: &Run, at: At, given: Given<'_>) -> Result<()> {
        let Given { path, body, how } = given;
        let write = async |files: Files<'_>, options| {
            let written = files.write(path, body, how, options).await?;
            let changed = written.changed;
            Ok((written, changed))
        };
        let (written, mut shape) = self.recorded(run, at, write).await?;
        shape.written = Some(WrittenShape {
            path: path.to_string(),
            content: written.content.to_string(),
            size: written.size,
        });
        let line = format!("wrote {path} ({})", bytes_text(written.size));
        tell(run, &shape, line)
    }

    /// Makes the changes as one batch, and tells of them: `line` says what was done.
    async fn make(&self, run: &Run, at: At, changes: Vec<Change>, line: String) -> Result<()> {
        let make = async |files: Files<'_>, options| {
            let changed = files.change(changes, options).await?;
            Ok(((), changed))
        };
        let ((), shape) = self.recorded(run, at, make).await?;
        tell(run, &shape, line)
    }

    /// Makes a change where it is to be made: of head with a note, in a copy that becomes
    /// a revision.
    async fn recorded<T>(
        &self,
        run: &Run,
        at: At,
        make: impl AsyncFnOnce(Files<'_>, ChangeOptions) -> workspace_core::Result<(T, Changed)>,
    ) -> Result<(T, ChangedShape)> {
        let session = run.session()?;
        let options = ChangeOptions::default().author(run.author(&self.note));
        if at != At::Head || self.note.is_none() {
            let files = session.files(at);
            let options = options.expect_generation(self.expect_generation);
            let (made, changed) = told(make(files, options).await, files).await?;
            return Ok((made, ChangedShape::new(&changed)));
        }
        let (child, _) = Child::fork(session, at, self.expect_generation).await?;
        let files = session.files(child.at());
        let (made, changed) = match told(make(files, options).await, files).await {
            Ok(made) => made,
            Err(failure) => {
                child.discard().await;
                return Err(failure);
            }
        };
        let message = run.revision_message(&self.note);
        let applied = match self.expect_generation {
            Some(_) => child.apply(message).await,
            None => child.rebase_and_apply(message).await,
        };
        let mut shape = ChangedShape::new(&changed);
        shape.operation = None;
        match applied.hinted(moved)? {
            Applied::Published { revision, .. } => {
                let record = session.revision(revision).await?;
                shape.generation = record.version;
                shape.tree = record.tree.to_string();
                shape.revision = Some(revision.get());
            }
            // What was written was there: head is what it was.
            Applied::ToParent { .. } | Applied::Unchanged { .. } => {
                shape.generation = session.head().await?.version;
            }
        }
        Ok((made, shape))
    }
}

fn moved(error: &Error) -> Option<String> {
    (error.kind() == ErrorKind::Conflict)
        .then(|| "head moved meanwhile, and nothing was changed: repeat the command".into())
}

/// Tells of a change.
fn tell(run: &Run, shape: &ChangedShape, line: String) -> Result<()> {
    let line = match shape.revision {
        Some(id) => format!("{line}, as revision {id}"),
        None => line,
    };
    run.out.done(shape, line)
}

/// Says what to do next where a change cannot be made.
async fn told<T>(changed: workspace_core::Result<T>, files: Files<'_>) -> Result<T> {
    let error = match changed {
        Ok(changed) => return Ok(changed),
        Err(error) => error,
    };
    let path = error.subject().and_then(|path| TreePath::new(path).ok());
    let hint = match (path, error.kind(), error.operation()) {
        (Some(path), ErrorKind::NotFound, "open directory") => {
            Some(format!("`workspace mkdir --parents {path}` makes it"))
        }
        (Some(path), ErrorKind::NotFound, _) => nearest(files, &path).await,
        (Some(_), ErrorKind::AlreadyExists, "mkdir") => {
            Some("`--parents` is content with a directory that is there".into())
        }
        _ => None,
    };
    Err(Failure::Error { error, hint })
}

/// Writes a file, from a file or from standard input, as a stream.
pub(crate) async fn put(run: &Run, args: &Put) -> Result<Outcome> {
    let session = run.session()?;
    let at = args.edit.find(session).await?;
    let body = if args.source == Path::new("-") {
        read_stream(tokio::io::stdin(), "standard input".into())
    } else {
        let open_error = |error: std::io::Error| Failure::Error {
            hint: (error.kind() == std::io::ErrorKind::NotFound)
                .then(|| "the second argument is a file; text comes from standard input".into()),
            error: io_error("read", &args.source, error),
        };
        let source = tokio::fs::File::open(&args.source)
            .await
            .map_err(open_error)?;
        read_stream(source, args.source.clone())
    };
    let how = WriteOptions::default()
        .create_parents(args.parents)
        .executable(args.executable.then_some(true))
        .media_type(args.media_type.clone())
        .provenance(args.provenance.clone())
        .precondition(match (args.if_absent, args.if_content) {
            (true, _) => Precondition::Absent,
            (false, Some(content)) => Precondition::Content(content),
            (false, None) => Precondition::None,
        });
    let given = Given {
        path: &args.path,
        body,
        how,
    };
    args.edit.write(run, at, given).await?;
    Ok(Outcome::Done)
}

/// Reads a source to its end, a chunk at a time.
fn read_stream(
    source: impl AsyncRead + Send + Unpin + 'static,
    name: PathBuf,
) -> ByteStream<'static> {
    Box::pin(stream::try_unfold(
        (source, name),
        |(mut source, name)| async move {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            match source.read_buf(&mut chunk).await {
                Ok(0) => Ok(None),
                Ok(_) => Ok(Some((chunk.freeze(), (source, name)))),
                Err(error) => Err(io_error("read", &name, error)),
            }
        },
    ))
}

/// Makes directories, all or none.
pub(crate) async fn mkdir(run: &Run, args: &Mkdir) -> Result<Outcome> {
    let at = args.edit.find(run.session()?).await?;
    let changes = args.paths.iter().map(|path| Change::Mkdir {
        path: path.clone(),
        parents: args.parents,
    });
    let made = count_text(args.paths.len() as u64, "directory", "directories");
    let line = format!("made {made}");
    args.edit.make(run, at, changes.collect(), line).await?;
    Ok(Outcome::Done)
}

/// Moves or renames an entry.
pub(crate) async fn mv(run: &Run, args: &Mv) -> Result<Outcome> {
    let at = args.edit.find(run.session()?).await?;
    let change = Change::Rename {
        from: args.from.clone(),
        to: args.to.clone(),
        replace: args.replace,
    };
    let line = format!("moved {} to {}", args.from, args.to);
    args.edit.make(run, at, vec![change], line).await?;
    Ok(Outcome::Done)
}

/// Copies an entry.
pub(crate) async fn cp(run: &Run, args: &Cp) -> Result<Outcome> {
    let at = args.edit.find(run.session()?).await?;
    let change = Change::Copy {
        from: args.from.clone(),
        to: args.to.clone(),
        replace: args.replace,
    };
    let line = format!("copied {} to {}", args.from, args.to);
    args.edit.make(run, at, vec![change], line).await?;
    Ok(Outcome::Done)
}

/// Removes entries, all or none.
pub(crate) async fn rm(run: &Run, args: &Rm) -> Result<Outcome> {
    let session = run.session()?;
    let at = args.edit.find(session).await?;
    let mut changes = Vec::new();
    for path in &args.paths {
        if args.force && !is_there(session.files(at), path).await? {
            continue;
        }
        changes.push(Change::Remove {
            path: path.clone(),
            recursive: args.recursive,
        });
    }
    let removed = count_text(changes.len() as u64, "entry", "entries");
    let line = format!("removed {removed}");
    args.edit.make(run, at, changes, line).await?;
    Ok(Outcome::Done)
}

/// Tells whether something is at a path, and not below a file.
async fn is_there(files: Files<'_>, path: &TreePath) -> Result<bool> {
    match files.stat(path).await {
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        found => Ok(found?.is_some()),
    }
}
