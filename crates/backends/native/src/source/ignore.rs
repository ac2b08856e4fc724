//! What git leaves out: the rules of `.gitignore` files.
//!
//! Git reads the `.gitignore` files from the top of the repository down, the repository's
//! `info/exclude`, and of another repository below only that one's own. A person's file of
//! rules (`core.excludesFile`) and what the index tracks do not count.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use gix_ignore::glob::pattern::Mode as Form;
use gix_ignore::glob::wildmatch::Mode;
use gix_ignore::glob::{Pattern, wildmatch};
use workspace_core::{Error, ErrorKind, Result};

use super::beneath::Beneath;
use super::{invalid, source_error};

/// The most bytes of one file of rules.
const MAX_FILE: u64 = 16 << 20;
/// The most bytes of all files of rules that hold in one directory.
const MAX_ALL: usize = 64 << 20;
/// The most rules that hold in one directory.
const MAX_RULES: usize = 32 << 10;
/// The most comparisons of an entry with a rule.
const MAX_COMPARED: u64 = 10_000_000_000;
/// The most bytes of a file that names a directory.
const MAX_NAME: u64 = 64 << 10;
/// The most `*` in one rule, consecutive ones counted once. The time that a rule takes
/// grows with them.
const MAX_STARS: usize = 32;

/// The name of a file of rules.
pub(super) const RULES: &str = ".gitignore";
/// The name of a repository's own directory.
pub(super) const GIT: &str = ".git";

/// The rules that hold in a directory of the source.
pub(super) struct Rules {
    /// The repository that the directory is in, and those that this one is below.
    repositories: Vec<Repository>,
    bytes: usize,
    /// How many rules hold.
    rules: usize,
    /// How many comparisons there were.
    compared: Cell<u64>,
}

/// A repository, and which of its rules hold.
struct Repository {
    /// How many bytes of a path in the source lead to the repository, with a `/` at
    /// the end.
    above: usize,
    /// The path from the repository to the source, with a `/` at the end, where the
    /// source is in the repository.
    prefix: Vec<u8>,
    /// What comes later takes precedence.
    files: Vec<RulesFile>,
}

/// The rules of a file.
struct RulesFile {
    /// The path from the repository to what they are relative to, with a `/` at the end.
    base: Vec<u8>,
    rules: Vec<Pattern>,
    bytes: usize,
}

/// How many rules held in the directory above.
#[derive(Clone, Copy)]
pub(super) struct Before {
    repositories: usize,
    files: usize,
}

impl Rules {
    /// Reads the rules that hold in `root`, a path without symlinks, because of what is
    /// above it. Where no repository is, the source is taken for one.
    ///
    /// # Errors
    /// Those of reading, and of rules that are too long.
    pub(super) fn above(root: &Path) -> Result<Self> {
        let mut rules = Self {
            repositories: Vec::new(),
            bytes: 0,
            rules: 0,
            compared: Cell::new(0),
        };
        let mut top = None;
        for directory in root.ancestors() {
            let found = find_above(directory);
            let failed = |cause| source_error(directory.join(GIT).display(), cause);
            if let Some(git) = found.map_err(failed)? {
                top = Some((directory, git));
                break;
            }
        }
        let Some((top, git)) = top else {
            rules.repository(0, Vec::new());
            return Ok(rules);
        };
        let below = root.strip_prefix(top).unwrap_or(Path::new(""));
        let names: Vec<&[u8]> = below.iter().map(|name| name.as_encoded_bytes()).collect();
        rules.repository(0, slashed(&names));
        let place = git.join("info/exclude");
        rules.add_exclude(&place, || open_above(&place))?;
        let mut directory = top.to_owned();
        for (depth, name) in below.iter().enumerate() {
            let place = directory.join(RULES);
            // As git does, it reads no rules through a symlink.
            if place.symlink_metadata().is_ok_and(|found| found.is_file()) {
                let text = open_above(&place).and_then(|file| read(file, MAX_FILE));
                let text = text.map_err(|cause| source_error(place.display(), cause))?;
                rules.add(&place, slashed(&names[..depth]), text)?;
            }
            directory.push(name);
        }
        Ok(rules)
    }

    /// Notes that a directory of the source is entered: at `relative`, which is `path` in
    /// bytes with `/` between names. `has_git` says whether `.git` is in it, `has_rules`
    /// whether a file of rules is.
    ///
    /// Nothing outside of the source is read.
    ///
    /// # Errors
    /// Those of reading, and of rules that are too long.
    pub(super) fn enter(
        &mut self,
        beneath: &Beneath,
        relative: &Path,
        path: &[u8],
        has_git: bool,
        has_rules: bool,
    ) -> Result<()> {
        let below = !path.is_empty();
        if below && has_git {
            let place = beneath.place(relative).join(GIT);
            let found = find_within(beneath, relative);
            match found.map_err(|cause| source_error(place.display(), cause))? {
                Within::None => {}
                Within::Elsewhere => self.repository(path.len() + 1, Vec::new()),
                Within::At(git) => {
                    self.repository(path.len() + 1, Vec::new());
                    let exclude = git.join("info/exclude");
                    let open = || beneath.open_file(&exclude);
                    self.add_exclude(&beneath.place(&exclude), open)?;
                }
            }
        }
        if has_rules {
            let place = beneath.place(relative).join(RULES);
            let file = beneath.open_file(&relative.join(RULES));
            let text = file.and_then(|file| read(file, MAX_FILE));
            let text = text.map_err(|cause| source_error(place.display(), cause))?;
            let repository = self.repositories.last().expect("there is always one");
            let mut base = repository.prefix.clone();
            base.extend(path.get(repository.above..).unwrap_or_default());
            if base.last().is_some_and(|&last| last != b'/') {
                base.push(b'/');
            }
            self.add(&place, base, text)?;
        }
        Ok(())
    }

    /// Returns what holds now, for [`leave`](Self::leave).
    pub(super) fn now(&self) -> Before {
        let repository = self.repositories.last();
        Before {
            repositories: self.repositories.len(),
            files: repository.map_or(0, |repository| repository.files.len()),
        }
    }

    /// Goes back to what held before.
    pub(super) fn leave(&mut self, before: Before) {
        self.repositories.truncate(before.repositories);
        if let Some(repository) = self.repositories.last_mut() {
            repository.files.truncate(before.files);
        }
        let files = || self.repositories.iter().flat_map(|it| &it.files);
        self.bytes = files().map(|file| file.bytes).sum();
        self.rules = files().map(|file| file.rules.len()).sum();
    }

    /// Tells whether git leaves out what is at `path`, in bytes with `/` between names,
    /// in a directory that it does not leave out.
    ///
    /// # Errors
    /// `LimitExceeded` where there were too many comparisons.
    pub(super) fn ignores(&self, path: &[u8], is_directory: bool) -> Result<bool> {
        let compared = self.compared.get() + self.rules as u64;
        self.compared.set(compared);
        if compared > MAX_COMPARED {
            return Err(Error::new(ErrorKind::LimitExceeded, "read source")
                .at(String::from_utf8_lossy(path))
                .because(format_args!(
                    "more than {MAX_COMPARED} comparisons of entries with rules"
                )));
        }
        let repository = self.repositories.last().expect("there is always one");
        let mut within = repository.prefix.clone();
        within.extend(&path[repository.above..]);
        let mut found = repository.files.iter().rev().filter_map(|file| {
            let path = within.strip_prefix(file.base.as_slice())?;
            let mut rules = file.rules.iter().rev();
            rules.find(|rule| matches(rule, path, is_directory))
        });
        Ok(found.next().is_some_and(|rule| !rule.is_negative()))
    }

    fn repository(&mut self, above: usize, prefix: Vec<u8>) {
        self.repositories.push(Repository {
            above,
            prefix,
            files: Vec::new(),
        });
    }

    fn add_exclude(&mut self, place: &Path, open: impl Fn() -> io::Result<File>) -> Result<()> {
        match open().and_then(|file| read(file, MAX_FILE)) {
            Ok(text) => self.add(place, Vec::new(), text),
            Err(cause) if is_missing(&cause) => Ok(()),
            Err(cause) => Err(source_error(place.display(), cause)),
        }
    }

    /// Adds the rules of a file, which are relative to `base`.
    fn add(&mut self, place: &Path, base: Vec<u8>, text: Vec<u8>) -> Result<()> {
        self.bytes += text.len();
        if self.bytes > MAX_ALL {
            return Err(Error::new(ErrorKind::LimitExceeded, "read source")
                .at(place.display())
                .because(format!("more than {MAX_ALL} bytes of rules hold here")));
        }
        let mut rules = Vec::new();
        for (rule, line, _) in gix_ignore::parse(&normal(&text), false) {
            let stars = rule.text.split(|&byte| byte != b'*');
            if stars.filter(|stars| !stars.is_empty()).count() > MAX_STARS {
                let place = format!("{}:{}", place.display(), line - 1);
                let why = format!("a rule with more than {MAX_STARS} `*`");
                return Err(invalid(place, &why));
            }
            rules.push(rule);
        }
        self.rules += rules.len();
        if self.rules > MAX_RULES {
            return Err(Error::new(ErrorKind::LimitExceeded, "read source")
                .at(place.display())
                .because(format!("more than {MAX_RULES} rules hold here")));
        }
        let repository = self.repositories.last_mut().expect("there is always one");
        repository.files.push(RulesFile {
            base,
            rules,
            bytes: text.len(),
        });
        Ok(())
    }
}

/// Tells whether a rule is about a path, which is relative to the rule's file.
///
/// As git does it: what comes before the first wildcard is compared first, and only what
/// is after it is a pattern. So the `**` of `a**/b` is at the start of one, and stands for
/// any directories.
fn matches(rule: &Pattern, path: &[u8], is_directory: bool) -> bool {
    if rule.mode.contains(Form::MUST_BE_DIR) && !is_directory {
        return false;
    }
    let is_name = rule.mode.contains(Form::NO_SUB_DIR) && !rule.mode.contains(Form::ABSOLUTE);
    if is_name {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        return rule.matches(name.into(), Mode::NO_MATCH_SLASH_LITERAL);
    }
    let Some(wildcard) = rule.first_wildcard_pos else {
        return *rule.text == *path;
    };
    let (plain, pattern) = rule.text.split_at(wildcard);
    path.strip_prefix(plain)
        .is_some_and(|rest| wildmatch(pattern.into(), rest.into(), Mode::NO_MATCH_SLASH_LITERAL))
}

/// Returns the lines of a file of rules as git reads them: without a byte order mark of
/// UTF-8, and each up to its first NUL, with an end of which nothing is left. The first is
/// empty, so that nothing else is taken for a mark.
fn normal(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut lines = Vec::with_capacity(text.len() + 2);
    for line in text.split(|&byte| byte == b'\n') {
        lines.extend(b"\r\n");
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
        let rule = line.strip_prefix(b"!").unwrap_or(line);
        // The parser takes such a rule for none, unless its first byte is escaped.
        if rule.iter().all(u8::is_ascii_whitespace) && rule.iter().any(|&byte| byte != b' ') {
            lines.extend(&line[..line.len() - rule.len()]);
            lines.push(b'\\');
            lines.extend(rule);
        } else {
            lines.extend(line);
        }
    }
    lines.extend(b"\r\n");
    lines
}

fn slashed(names: &[&[u8]]) -> Vec<u8> {
    let mut path = Vec::new();
    for name in names {
        path.extend(*name);
        path.push(b'/');
    }
    path
}

/// Reads a file of up to `limit` bytes.
fn read(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut text)?;
    if read as u64 > limit {
        let why = format!("more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}

fn is_missing(cause: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(cause.kind(), NotFound | NotADirectory | IsADirectory)
}

/// Opens a file outside of the source, without waiting for the other end of a FIFO.
fn open_above(place: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(place)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
    }
}

/// Returns the path in a file that names a directory, after `start`; `None` where there is
/// no such file, or it names none.
fn named(file: io::Result<File>, start: &str) -> io::Result<Option<PathBuf>> {
    match file.and_then(|file| read(file, MAX_NAME)) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text).into_owned();
            let name = text.strip_prefix(start).map(str::trim_end);
            Ok(name.map(PathBuf::from))
        }
        Err(cause) if is_missing(&cause) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Returns where the repository whose work tree is at `directory`, at the top of the
/// source or above it, keeps what all its work trees share; `None` where `directory` is
/// none.
fn find_above(directory: &Path) -> io::Result<Option<PathBuf>> {
    let git = directory.join(GIT);
    let git = match git.metadata() {
        Ok(found) if found.is_dir() => git,
        Ok(found) if found.is_file() => match named(open_above(&git), "gitdir: ")? {
            Some(elsewhere) => directory.join(elsewhere),
            None => return Ok(None),
        },
        Ok(_) => return Ok(None),
        Err(cause) if is_missing(&cause) => return Ok(None),
        Err(cause) => return Err(cause),
    };
    // What makes a directory a repository: `HEAD`, `objects` and `refs`.
    if git.join("HEAD").symlink_metadata().is_err() {
        return Ok(None);
    }
    let shared = match named(open_above(&git.join("commondir")), "")? {
        Some(elsewhere) => git.join(elsewhere),
        None => git,
    };
    let whole = ["objects", "refs"]
        .iter()
        .all(|name| shared.join(name).is_dir());
    Ok(whole.then_some(shared))
}

/// The repository whose work tree is a directory within the source.
enum Within {
    None,
    /// What all its work trees share is here in the source.
    At(PathBuf),
    /// It keeps that outside of the source, where nothing is read.
    Elsewhere,
}

/// Finds the repository whose work tree is at `relative` in the source.
fn find_within(beneath: &Beneath, relative: &Path) -> io::Result<Within> {
    let git = relative.join(GIT);
    let git = match beneath.list(&git) {
        Ok(_) => git,
        Err(_) => match named(beneath.open_file(&git), "gitdir: ") {
            Ok(Some(elsewhere)) => match inside(beneath, relative, &elsewhere) {
                Some(git) => git,
                // Looked at from outside only.
                None => {
                    let place = beneath.place(relative).join(elsewhere);
                    let is_there = place.join("HEAD").symlink_metadata().is_ok();
                    return Ok(if is_there {
                        Within::Elsewhere
                    } else {
                        Within::None
                    });
                }
            },
            // No file either: git knows no such repository.
            _ => return Ok(Within::None),
        },
    };
    let names = match beneath.list(&git) {
        Ok(names) => names,
        Err(_) => return Ok(Within::None),
    };
    let has = |wanted: &str| names.iter().any(|(name, _)| name == wanted);
    if !has("HEAD") {
        return Ok(Within::None);
    }
    let shared = match has("commondir") {
        true => match named(beneath.open_file(&git.join("commondir")), "")? {
            Some(elsewhere) => match inside(beneath, &git, &elsewhere) {
                Some(shared) => shared,
                None => return Ok(Within::Elsewhere),
            },
            None => git,
        },
        false => git,
    };
    let whole = ["objects", "refs"]
        .iter()
        .all(|name| beneath.list(&shared.join(name)).is_ok());
    Ok(if whole {
        Within::At(shared)
    } else {
        Within::None
    })
}

/// Returns a path that is named at `from` as it is within the source; `None` where it
/// leaves that.
fn inside(beneath: &Beneath, from: &Path, named: &Path) -> Option<PathBuf> {
    let (mut path, rest) = match named.is_absolute() {
        true => (PathBuf::new(), named.strip_prefix(beneath.root()).ok()?),
        false => (from.to_owned(), named),
    };
    for part in rest.components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}
