//! `import x.patch`: a patch as `git apply` takes it, all of it or nothing.
//!
//! Paths are looked at as git does: a file that is renamed or copied is the one that was
//! there before the patch, any other the one that the patch has made so far. In two things
//! it is not git: whitespace counts, and a binary file has to be the very one that the
//! patch was made from.

mod binary;
mod fill;
mod hunks;
mod sections;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use diffy::patch_set::{FileMode, FileOperation, FilePatch, PatchKind};
use workspace_archive::Owner;
use workspace_core::{Applied, Entry, Error, ErrorKind, File, Reason, Text, TreePath};

use self::hunks::{Hunks, MAX_LINES, Unfit};
use self::sections::{Section, sections};
use crate::commands::child::Child;
use crate::commands::patch::MAX_COMPARED;
use crate::exit::{Failure, Hinted as _, Result, io_error};
use crate::run::Run;
use crate::session::Files;

/// The longest patch, in bytes.
const MAX_PATCH: u64 = 256 << 20;
/// How many bytes all files may have that it makes, but for those that it only moves or
/// copies.
const MAX_MADE: u64 = 512 << 20;
/// As many of the files that a patch does not fit are named.
const NAMED: usize = 20;

/// Why a patch does not fit where nothing is.
const NOT_THERE: &str = "it is not there";

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
    /// Whether it may name what is git's own.
    pub(crate) allow_git: bool,
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
    let bytes = plain.iter().map(|made| made.size()).sum();
    let removed = made.removed.len() as u64;
    if let Err(failure) = fill::fill(run, &session.files(child.at()), &child, made).await {
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

fn parse<'t>(from: &From<'_>, text: &'t [u8]) -> Result<Vec<Section<'t>>> {
    let malformed =
        || Error::invalid(Reason::MalformedBody, "read patch").at(from.source.display());
    let found = sections(text)
        .map_err(|it| malformed().because(format!("line {}: {}", it.line, it.why)))?;
    match found.is_empty() {
        true => Err(malformed().because("no valid patches found").into()),
        false => Ok(found),
    }
}

/// A file that a patch makes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    body: Body,
    mode: FileMode,
    media_type: Option<Text<255>>,
}

/// What is in a file that a patch makes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Bytes(Bytes),
    /// What a file has that was there before the patch.
    Of(TreePath, File),
}

impl Made {
    fn size(&self) -> u64 {
        match &self.body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Of(_, file) => file.size,
        }
    }
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
    /// Whether `old` need not be there: nothing is said of it but that it is empty.
    may_be_new: bool,
    patch: &'a FilePatch<'a, [u8]>,
}

/// Applies all patches, in memory.
///
/// # Errors
/// `Conflict`, naming every file that a patch does not fit, and its hunks.
async fn make(files: &Files<'_>, from: &From<'_>, sections: &[Section<'_>]) -> Result<AllMade> {
    let mut all = Vec::new();
    for section in sections {
        all.push(doing(from, section)?);
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
        left: MAX_MADE,
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
fn doing<'a>(from: &From<'_>, section: &'a Section<'_>) -> Result<Doing<'a>> {
    let patch = &section.patch;
    let path = |bytes: &[u8], strip| tree_path(from, bytes, strip);
    // Where git says what it renames, there is no `a/` before it.
    let bare = from.strip.saturating_sub(1);
    let mut is_rename = false;
    let mut is_copy = false;
    let (old, new) = match patch.operation() {
        FileOperation::Create(new) => (None, Some(path(new, from.strip)?)),
        FileOperation::Delete(old) => (Some(path(old, from.strip)?), None),
        FileOperation::Modify { original, modified } => {
            let it = modified_path(from, section, original, modified)?;
            (
                Some(it.clone()).filter(|_| !section.is_new),
                Some(it).filter(|_| !section.is_gone),
            )
        }
        FileOperation::Rename { from: old, to } => {
            is_rename = true;
            (Some(path(old, bare)?), Some(path(to, bare)?))
        }
        FileOperation::Copy { from: old, to } => {
            is_copy = true;
            (Some(path(old, bare)?), Some(path(to, bare)?))
        }
    };
    if let (true, PatchKind::Text(text)) = (is_rename || is_copy, patch.patch()) {
        for (name, expected) in [(text.original(), &old), (text.modified(), &new)] {
            if let Some(name) = name
                && Some(path(name, from.strip)?) != *expected
            {
                return Err(inconsistent(from, section));
            }
        }
    }
    let is_addition = match patch.patch() {
        PatchKind::Text(text) => matches!(text.hunks(), [hunk] if hunk.old_range().is_empty()),
        PatchKind::Binary(_) => false,
    };
    Ok(Doing {
        old,
        new,
        is_rename,
        is_copy,
        may_be_new: is_addition && !section.is_git,
        patch,
    })
}

/// Returns where a file is that stays there. Without a header of git's the two names may
/// differ: as git does, it takes the second, or the first where the second is that and
/// more, such as `name.orig`.
fn modified_path(
    from: &From<'_>,
    section: &Section<'_>,
    original: &[u8],
    modified: &[u8],
) -> Result<TreePath> {
    let new = tree_path(from, modified, from.strip)?;
    if section.is_git {
        return match tree_path(from, original, from.strip)? == new {
            true => Ok(new),
            false => Err(inconsistent(from, section)),
        };
    }
    // It need not be a path: some write where the text came from.
    let old = tree_path(from, original, from.strip).ok();
    let shorter = old.filter(|old| new.as_str().starts_with(old.as_str()));
    Ok(shorter.unwrap_or(new))
}

fn inconsistent(from: &From<'_>, section: &Section<'_>) -> Failure {
    Error::invalid(Reason::MalformedBody, "read patch")
        .at(from.source.display())
        .because(format!(
            "line {}: it names two files, and does not rename one",
            section.line
        ))
        .into()
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
    let path = path.map_err(|error| malformed().because(error))?;
    // As from a directory or an archive; left out, it would not be all of the patch.
    let refused = |why: &str, hint: Option<&str>| Failure::Error {
        error: Error::invalid(Reason::UnfitEntry, "read patch")
            .at(&path)
            .because(why),
        hint: hint.map(Into::into),
    };
    match Owner::of(&path) {
        Some(Owner::Workspace) => Err(refused("a workspace has it for its own", None)),
        Some(Owner::Git) if !from.allow_git => Err(refused(
            "git takes it for its own, and runs what it names",
            Some("--allow-git takes it all the same"),
        )),
        _ => Ok(path),
    }
}

struct Making<'a> {
    files: &'a Files<'a>,
    /// What is renamed or removed by any of the patches.
    leaving: BTreeSet<&'a TreePath>,
    made: AllMade,
    hunks: Hunks,
    /// How many bytes may still be made.
    left: u64,
}

impl Making<'_> {
    /// Applies one patch; says why it does not fit.
    async fn make(&mut self, doing: &Doing<'_>) -> Result<std::result::Result<(), String>> {
        let old = match &doing.old {
            None => None,
            Some(path) => match self.old(path, doing).await? {
                Ok(old) => Some(old),
                Err(why) if doing.may_be_new && why == NOT_THERE => None,
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
        let patched = match self.patched(old.as_ref(), doing).await? {
            Ok(patched) => patched,
            Err(why) => return Ok(Err(why)),
        };
        if (doing.is_rename || doing.new.is_none())
            && let Some(old) = &doing.old
        {
            if doing.new.is_none() && patched != Body::Bytes(Bytes::new()) {
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
        let old_mode = old.as_ref().map(|old| old.mode);
        let new_mode = doing.patch.new_mode().copied();
        let mode = new_mode.or(old_mode).unwrap_or(FileMode::Regular);
        if old_mode.is_some_and(|old| is_link(old) != is_link(mode)) {
            return Ok(Err(
                "it would become of another kind by its mode only".into()
            ));
        }
        if mode == FileMode::Gitlink {
            return Ok(Err(
                "it is another repository, which a tree does not hold".into()
            ));
        }
        let made = Made {
            body: patched,
            mode,
            media_type: old.and_then(|old| old.media_type),
        };
        self.made.written.insert(new.clone(), made);
        Ok(Ok(()))
    }

    /// Returns what a patch makes of what is in a file; says why it does not fit.
    async fn patched(
        &mut self,
        old: Option<&Made>,
        doing: &Doing<'_>,
    ) -> Result<std::result::Result<Body, String>> {
        let is_same = |text: &diffy::Patch<'_, [u8]>| text.hunks().is_empty();
        let text = doing.patch.patch().as_text();
        if text.is_some_and(is_same) && (doing.new.is_some() || old.is_none()) {
            let body = old.map(|old| old.body.clone());
            return Ok(Ok(body.unwrap_or(Body::Bytes(Bytes::new()))));
        }
        let bytes = match old.map(|old| &old.body) {
            None => Bytes::new(),
            Some(Body::Bytes(bytes)) => bytes.clone(),
            Some(Body::Of(_, file)) if file.size > MAX_COMPARED => {
                return Ok(Err(format!("it has more than {MAX_COMPARED} bytes")));
            }
            Some(Body::Of(path, file)) => self.files.read_found(path, file).await?,
        };
        let made = match patched(&mut self.hunks, &bytes, doing.patch, self.left) {
            Ok(made) => made,
            Err(why) => return Ok(Err(why)),
        };
        let size = made.len() as u64;
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "apply patch")
                .because(format!("it makes files of more than {MAX_MADE} bytes"))
        })?;
        Ok(Ok(Body::Bytes(made.into())))
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
            Ok(None) => return Ok(Err(NOT_THERE.into())),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return Ok(Err(NOT_THERE.into()));
            }
            Err(error) => return Err(error.into()),
        };
        let made = match entry {
            Entry::Directory(_) => return Ok(Err("it is a directory".into())),
            Entry::Symlink(symlink) => Made {
                body: Body::Bytes(symlink.target.as_str().to_owned().into()),
                mode: FileMode::Symlink,
                media_type: None,
            },
            Entry::File(file) => Made {
                mode: match file.executable {
                    true => FileMode::Executable,
                    false => FileMode::Regular,
                },
                media_type: file.media_type.clone(),
                body: Body::Of(path.clone(), file),
            },
        };
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

fn is_link(mode: FileMode) -> bool {
    mode == FileMode::Symlink
}

/// Returns what a patch makes of a file's bytes, of which there are no more than `limit`;
/// says why it does not fit.
fn patched(
    hunks: &mut Hunks,
    old: &[u8],
    patch: &FilePatch<'_, [u8]>,
    limit: u64,
) -> std::result::Result<Vec<u8>, String> {
    match patch.patch() {
        PatchKind::Text(text) => hunks.apply(old, text).map_err(|unfit| match unfit {
            Unfit::TooLong => "looking for where its hunks fit takes too long".into(),
            Unfit::TooManyLines => format!("it has more than {MAX_LINES} lines"),
            Unfit::Hunks(unfit) => {
                let each = unfit
                    .iter()
                    .map(|(hunk, line)| format!("hunk {hunk} (line {line})"));
                let each: Vec<String> = each.take(NAMED).collect();
                format!("{} does not fit", each.join(", "))
            }
        }),
        PatchKind::Binary(binary) => binary::apply(binary, old, limit.min(MAX_COMPARED)),
    }
}
