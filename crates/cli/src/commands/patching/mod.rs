//! `import x.patch`: a patch as `git apply` takes it, all of it or nothing.
//!
//! Paths are looked at as git does: a file that is renamed or copied is the one that was
//! there before the patch, any other the one that the patch has made so far. In two things
//! it is not git: whitespace counts, and a binary file has to be the very one that the
//! patch was made from.

mod hunks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use diffy::binary::BinaryPatch;
use diffy::patch_set::{FileMode, FileOperation, FilePatch, ParseOptions, PatchKind, PatchSet};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use workspace_core::{
    Applied, Change, ChangeOptions, Entry, EntrySource, Error, ErrorKind, ImportOptions, Reason,
    SourceEntry, SourceKind, Text, TreePath,
};

use self::hunks::{Hunks, Unfit};
use crate::commands::child::Child;
use crate::commands::patch::MAX_COMPARED;
use crate::exit::{Failure, Hinted as _, Result, io_error};
use crate::run::Run;
use crate::session::Files;

/// The longest patch, in bytes.
const MAX_PATCH: u64 = 256 << 20;
/// How many removals go in one call.
const BATCH: usize = 1000;
/// As many of the files that a patch does not fit are named.
const NAMED: usize = 20;

/// What came of a patch.
#[derive(Debug)]
pub(crate) struct Patched {
    pub(crate) applied: Applied,
    /// Files and symlinks that were written, and their bytes.
    pub(crate) files: u64,
    pub(crate) symlinks: u64,
    pub(crate) bytes: u64,
    pub(crate) removed: u64,
}

/// Where a patch is read from, and how.
pub(crate) struct From<'a> {
    pub(crate) source: &'a Path,
    /// The directory that its paths are in.
    pub(crate) into: &'a TreePath,
    /// How many names are left out at the beginning of each path.
    pub(crate) strip: usize,
}

/// Applies a patch to the files at `at`: as one operation, or to head as a revision.
pub(crate) async fn import(
    run: &Run,
    at: workspace_core::At,
    from: &From<'_>,
    message: &Option<String>,
) -> Result<Patched> {
    let text = read(from.source)?;
    let patches = parse(from, &text)?;
    let session = run.session()?;
    let (child, base) = Child::fork(session, at, None).await?;
    let files = session.files(base);
    let made = match make(&files, from, &patches).await {
        Ok(made) => made,
        Err(failure) => {
            child.discard().await;
            return Err(failure);
        }
    };
    let (symlinks, plain): (Vec<_>, Vec<_>) = made
        .written
        .values()
        .partition(|made| made.mode == FileMode::Symlink);
    let (symlinks, count) = (symlinks.len() as u64, plain.len() as u64);
    let bytes = plain.iter().map(|made| made.bytes.len() as u64).sum();
    let removed = made.removed.len() as u64;
    if let Err(failure) = fill(run, &session.files(child.at()), &child, made).await {
        child.discard().await;
        return Err(failure);
    }
    let applied = child.rebase_and_apply(run.revision_message(message)).await;
    let applied = applied.hinted(|error| {
        (error.kind() == ErrorKind::Conflict).then(|| {
            "the same paths were changed meanwhile, and nothing was changed: repeat the command"
                .into()
        })
    })?;
    Ok(Patched {
        applied,
        files: count,
        symlinks,
        bytes,
        removed,
    })
}

fn read(source: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = match source == Path::new("-") {
        true => std::io::stdin().take(MAX_PATCH + 1).read_to_end(&mut text),
        false => std::fs::File::open(source)
            .and_then(|file| file.take(MAX_PATCH + 1).read_to_end(&mut text)),
    };
    read.map_err(|error| io_error("read patch", source, error))?;
    if text.len() as u64 > MAX_PATCH {
        return Err(Error::new(ErrorKind::LimitExceeded, "read patch")
            .at(source.display())
            .because(format!("more than {MAX_PATCH} bytes"))
            .into());
    }
    Ok(text)
}

fn parse<'t>(from: &From<'_>, text: &'t [u8]) -> Result<Vec<FilePatch<'t, [u8]>>> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let is_git = lines.any(|line| line.starts_with(b"diff --git "));
    let options = match is_git {
        true => ParseOptions::gitdiff(),
        false => ParseOptions::unidiff(),
    };
    let patches = PatchSet::parse_bytes(text, options).collect::<std::result::Result<Vec<_>, _>>();
    Ok(patches.map_err(|error| {
        Error::invalid(Reason::MalformedBody, "read patch")
            .at(from.source.display())
            .because(error)
    })?)
}

/// A file that a patch makes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    bytes: Vec<u8>,
    mode: FileMode,
    media_type: Option<Text<255>>,
}

/// What a patch makes of all files.
#[derive(Debug, Default)]
struct AllMade {
    written: BTreeMap<TreePath, Made>,
    /// Files that are gone.
    removed: BTreeSet<TreePath>,
    /// Directories that give way to a file.
    given_way: BTreeSet<TreePath>,
}

/// What a patch does to one file.
struct Doing<'a> {
    old: Option<TreePath>,
    new: Option<TreePath>,
    /// Whether `old` is the one from before the patch, and whether it stays.
    is_rename: bool,
    is_copy: bool,
    patch: &'a FilePatch<'a, [u8]>,
}

/// Applies all patches, in memory.
///
/// # Errors
/// `Conflict`, naming every file that a patch does not fit, and its hunks.
async fn make(
    files: &Files<'_>,
    from: &From<'_>,
    patches: &[FilePatch<'_, [u8]>],
) -> Result<AllMade> {
    let mut all = Vec::new();
    for patch in patches {
        all.push(doing(from, patch)?);
    }
    // Whatever order they come in.
    let leaving: BTreeSet<&TreePath> = all
        .iter()
        .filter(|it| it.is_rename || it.new.is_none())
        .filter_map(|it| it.old.as_ref())
        .collect();
    let mut making = Making {
        files,
        leaving,
        made: AllMade::default(),
        hunks: Hunks::default(),
    };
    let mut unfit: Vec<(TreePath, String)> = Vec::new();
    for doing in &all {
        let path = doing.new.as_ref().or(doing.old.as_ref());
        if let Err(why) = making.make(doing).await?
            && let Some(path) = path
        {
            unfit.push((path.clone(), why));
        }
    }
    let made = making.made;
    let Some((first, _)) = unfit.first() else {
        return Ok(made);
    };
    let first = first.clone();
    let count = unfit.len();
    let mut told: Vec<String> = unfit
        .into_iter()
        .take(NAMED)
        .map(|(path, why)| match path == first {
            true => why,
            false => format!("{path}: {why}"),
        })
        .collect();
    if count > NAMED {
        told.push(format!("and {} more files", count - NAMED));
    }
    Err(Failure::Error {
        error: Error::new(ErrorKind::Conflict, "apply patch")
            .at(first)
            .because(told.join("; ")),
        hint: Some(
            "nothing was changed: the files are not those that the patch was made from".into(),
        ),
    })
}

/// Reads what a patch does to which file.
fn doing<'a>(from: &From<'_>, patch: &'a FilePatch<'a, [u8]>) -> Result<Doing<'a>> {
    let path = |bytes: &[u8], strip| tree_path(from, bytes, strip);
    // Where git says what it renames, there is no `a/` before it.
    let bare = from.strip.saturating_sub(1);
    let (old, new, is_rename, is_copy) = match patch.operation() {
        FileOperation::Create(new) => (None, Some(path(new, from.strip)?), false, false),
        FileOperation::Delete(old) => (Some(path(old, from.strip)?), None, false, false),
        FileOperation::Modify { modified, .. } => {
            let it = path(modified, from.strip)?;
            (Some(it.clone()), Some(it), false, false)
        }
        FileOperation::Rename { from, to } => {
            (Some(path(from, bare)?), Some(path(to, bare)?), true, false)
        }
        FileOperation::Copy { from, to } => {
            (Some(path(from, bare)?), Some(path(to, bare)?), false, true)
        }
    };
    Ok(Doing {
        old,
        new,
        is_rename,
        is_copy,
        patch,
    })
}

fn tree_path(from: &From<'_>, bytes: &[u8], strip: usize) -> Result<TreePath> {
    let malformed = || {
        Error::invalid(Reason::MalformedPath, "read patch")
            .at(String::from_utf8_lossy(bytes).escape_debug())
    };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed().because("it is not UTF-8"))?;
    let mut rest = text;
    for _ in 0..strip {
        rest = match rest.split_once('/') {
            Some((_, rest)) => rest.trim_start_matches('/'),
            None => {
                let why = format!(
                    "it has not more than {strip} names: --strip says how many to leave out"
                );
                return Err(malformed().because(why).into());
            }
        };
    }
    let path = from.into.join_relative(rest);
    Ok(path.map_err(|error| malformed().because(error))?)
}

struct Making<'a> {
    files: &'a Files<'a>,
    /// What is renamed or removed by any of the patches.
    leaving: BTreeSet<&'a TreePath>,
    made: AllMade,
    hunks: Hunks,
}

impl Making<'_> {
    /// Applies one patch; says why it does not fit.
    async fn make(&mut self, doing: &Doing<'_>) -> Result<std::result::Result<(), String>> {
        let old = match &doing.old {
            None => None,
            Some(path) => match self.old(path, doing).await? {
                Ok(old) => Some(old),
                Err(why) => return Ok(Err(why)),
            },
        };
        if let Some(new) = doing
            .new
            .as_ref()
            .filter(|new| doing.old.as_ref() != Some(new))
            && let Err(why) = self.free(new).await?
        {
            return Ok(Err(why));
        }
        let patched = match patched(&mut self.hunks, old.as_ref(), doing.patch) {
            Ok(patched) => patched,
            Err(why) => return Ok(Err(why)),
        };
        if (doing.is_rename || doing.new.is_none())
            && let Some(old) = &doing.old
        {
            if doing.new.is_none() && !patched.is_empty() {
                return Ok(Err("it would be removed, and there is more in it".into()));
            }
            let was_made = !doing.is_rename && self.made.written.remove(old).is_some();
            // What was made by another patch only was never in the tree.
            if !was_made
                || self
                    .files
                    .stat(old)
                    .await
                    .is_ok_and(|found| found.is_some())
            {
                self.made.removed.insert(old.clone());
            }
        }
        let Some(new) = &doing.new else {
            return Ok(Ok(()));
        };
        let old_mode = old.as_ref().map_or(FileMode::Regular, |old| old.mode);
        let mode = *doing.patch.new_mode().unwrap_or(&old_mode);
        if mode == FileMode::Gitlink {
            return Ok(Err(
                "it is another repository, which a tree does not hold".into()
            ));
        }
        let made = Made {
            bytes: patched,
            mode,
            media_type: old.and_then(|old| old.media_type),
        };
        self.made.written.insert(new.clone(), made);
        Ok(Ok(()))
    }

    /// Returns the file that a patch is for.
    async fn old(
        &self,
        path: &TreePath,
        doing: &Doing<'_>,
    ) -> Result<std::result::Result<Made, String>> {
        // Renames and copies do not depend on the order of patches.
        if !doing.is_rename && !doing.is_copy {
            if let Some(made) = self.made.written.get(path) {
                return Ok(Ok(made.clone()));
            }
            if self.made.removed.contains(path) {
                return Ok(Err("it was removed before".into()));
            }
        }
        let found = self.files.stat(path).await;
        let entry = match found {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(Err("it is not there".into())),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return Ok(Err("it is not there".into()));
            }
            Err(error) => return Err(error.into()),
        };
        let made = match entry {
            Entry::Directory(_) => return Ok(Err("it is a directory".into())),
            Entry::Symlink(symlink) => Made {
                bytes: symlink.target.as_str().into(),
                mode: FileMode::Symlink,
                media_type: None,
            },
            Entry::File(file) if file.size > MAX_COMPARED => {
                return Ok(Err(format!("it has more than {MAX_COMPARED} bytes")));
            }
            Entry::File(file) => Made {
                bytes: self.files.read_found(path, &file).await?.into(),
                mode: match file.executable {
                    true => FileMode::Executable,
                    false => FileMode::Regular,
                },
                media_type: file.media_type,
            },
        };
        let is_link = |mode| mode == FileMode::Symlink;
        let expected = doing.patch.old_mode().copied();
        match expected.is_some_and(|mode| is_link(mode) != is_link(made.mode)) {
            true => Ok(Err("it is of another kind".into())),
            false => Ok(Ok(made)),
        }
    }

    /// Makes sure that nothing is where a file is to be made, or that it leaves.
    async fn free(&mut self, path: &TreePath) -> Result<std::result::Result<(), String>> {
        const THERE: &str = "something is there already";
        if self.made.written.contains_key(path) {
            return Ok(Err(THERE.into()));
        }
        let found = match self.files.stat(path).await {
            Err(error) if error.kind() == ErrorKind::NotADirectory => None,
            found => found?,
        };
        match found {
            None => Ok(Ok(())),
            Some(Entry::Directory(_)) => {
                let mut walk = self.files.walk(path).await?;
                while let Some((below, entry)) = walk.next().await? {
                    if entry.as_directory().is_none() && !self.leaving.contains(&below) {
                        return Ok(Err(THERE.into()));
                    }
                }
                self.made.given_way.insert(path.clone());
                Ok(Ok(()))
            }
            Some(_) if self.leaving.contains(path) => Ok(Ok(())),
            Some(_) => Ok(Err(THERE.into())),
        }
    }
}

/// Returns what a patch makes of a file's bytes; says why it does not fit.
fn patched(
    hunks: &mut Hunks,
    old: Option<&Made>,
    patch: &FilePatch<'_, [u8]>,
) -> std::result::Result<Vec<u8>, String> {
    let old = old.map_or(&[][..], |old| &old.bytes);
    match patch.patch() {
        PatchKind::Text(text) => hunks.apply(old, text).map_err(|unfit| match unfit {
            Unfit::TooLong => "looking for where its hunks fit takes too long".into(),
            Unfit::Hunks(unfit) => {
                let each = unfit
                    .iter()
                    .map(|(hunk, line)| format!("hunk {hunk} (line {line})"));
                let each: Vec<String> = each.take(NAMED).collect();
                format!("{} does not fit", each.join(", "))
            }
        }),
        PatchKind::Binary(BinaryPatch::Marker) => {
            Err("it is binary, and what it becomes is not in the patch".into())
        }
        PatchKind::Binary(binary) => {
            let new = binary.apply(old).map_err(|error| error.to_string())?;
            let back = binary
                .apply_reverse(&new)
                .map_err(|error| error.to_string())?;
            match back == old {
                true => Ok(new),
                false => Err("it is binary, and not what the patch was made from".into()),
            }
        }
    }
}

/// Writes what was made into a copy.
async fn fill(run: &Run, files: &Files<'_>, child: &Child<'_>, made: AllMade) -> Result<()> {
    let session = run.session()?;
    let gone = made.removed.iter().filter(|path| {
        let with = |above: &TreePath| path.starts_with(above);
        !made.given_way.iter().any(with)
    });
    let removals: Vec<Change> = made
        .given_way
        .iter()
        .chain(gone)
        .map(|path| Change::Remove {
            path: path.clone(),
            recursive: made.given_way.contains(path),
        })
        .collect();
    let mut removals = removals.into_iter().peekable();
    while removals.peek().is_some() {
        let batch = removals.by_ref().take(BATCH).collect();
        let options = ChangeOptions::default().author(run.author(&None));
        files.change(batch, options).await?;
    }
    let mut entries = VecDeque::new();
    for (path, made) in made.written {
        let kind = match made.mode {
            FileMode::Symlink => SourceKind::Symlink {
                target: {
                    let target = std::str::from_utf8(&made.bytes).map_err(|_| {
                        Error::invalid(Reason::UnfitEntry, "apply patch")
                            .at(&path)
                            .because("the link's target is not UTF-8")
                    })?;
                    Text::new(target)?
                },
                modified: None,
            },
            mode => SourceKind::File {
                size: Some(made.bytes.len() as u64),
                executable: mode == FileMode::Executable,
                modified: None,
                media_type: made.media_type,
                provenance: None,
            },
        };
        let bytes = match made.mode {
            FileMode::Symlink => Bytes::new(),
            _ => made.bytes.into(),
        };
        entries.push_back((SourceEntry { path, kind }, bytes));
    }
    if entries.is_empty() {
        return Ok(());
    }
    let source = Box::new(Written {
        entries,
        body: Bytes::new(),
    });
    let options = ImportOptions::default().author(run.author(&None));
    session.import(child.at(), source, options, true).await?;
    Ok(())
}

/// What a patch made, as an import takes it.
struct Written {
    entries: VecDeque<(SourceEntry, Bytes)>,
    body: Bytes,
}

impl EntrySource for Written {
    fn next(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<SourceEntry>>> {
        async {
            let Some((entry, body)) = self.entries.pop_front() else {
                return Ok(None);
            };
            self.body = body;
            Ok(Some(entry))
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<Bytes>>> {
        async {
            let body = std::mem::take(&mut self.body);
            Ok((!body.is_empty()).then_some(body))
        }
        .boxed()
    }
}
