//! What git leaves out: the rules of `.gitignore` files.
//!
//! Git reads the `.gitignore` files from the top of the repository down, the repository's
//! `info/exclude`, and of another repository below only that one's own. A person's file of
//! rules (`core.excludesFile`) and what the index tracks do not count.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gix_ignore::glob::pattern::Mode as Form;
use gix_ignore::glob::wildmatch::Mode;
use gix_ignore::glob::{Pattern, wildmatch};
use workspace_core::{Error, ErrorKind, Result};

use super::{invalid, source_error};

/// The most bytes of one file of rules.
const MAX_FILE: u64 = 16 << 20;
/// The most bytes of all files of rules that hold in one directory.
const MAX_ALL: usize = 64 << 20;
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
        };
        let mut top = None;
        for directory in root.ancestors() {
            if let Some(git) = repository(directory)? {
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
        rules.add_exclude(&git)?;
        let mut directory = top.to_owned();
        for (depth, name) in below.iter().enumerate() {
            let place = directory.join(RULES);
            // As git does, it reads no rules through a symlink.
            if place.symlink_metadata().is_ok_and(|found| found.is_file()) {
                let file = File::open(&place);
                let text = file.and_then(|file| read(file, MAX_FILE));
                let text = text.map_err(|cause| source_error(place.display(), cause))?;
                rules.add(&place, slashed(&names[..depth]), text)?;
            }
            directory.push(name);
        }
        Ok(rules)
    }

    /// Notes that a directory of the source is entered, whose path is `path`, in bytes
    /// with `/` between names, and whose place is `place`. `has_git` says whether `.git`
    /// is in it, `rules` is its file of rules.
    ///
    /// # Errors
    /// Those of reading, and of rules that are too long.
    pub(super) fn enter(
        &mut self,
        path: &[u8],
        place: &Path,
        has_git: bool,
        rules: Option<File>,
    ) -> Result<()> {
        let below = !path.is_empty();
        if below
            && has_git
            && let Some(git) = repository(place)?
        {
            self.repository(path.len() + 1, Vec::new());
            self.add_exclude(&git)?;
        }
        if let Some(file) = rules {
            let place = place.join(RULES);
            let text = read(file, MAX_FILE);
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
        let files = self.repositories.iter().flat_map(|it| &it.files);
        self.bytes = files.map(|file| file.bytes).sum();
    }

    /// Tells whether git leaves out what is at `path`, in bytes with `/` between names,
    /// in a directory that it does not leave out.
    pub(super) fn ignores(&self, path: &[u8], is_directory: bool) -> bool {
        let repository = self.repositories.last().expect("there is always one");
        let mut within = repository.prefix.clone();
        within.extend(&path[repository.above..]);
        let mut found = repository.files.iter().rev().filter_map(|file| {
            let path = within.strip_prefix(file.base.as_slice())?;
            let mut rules = file.rules.iter().rev();
            rules.find(|rule| matches(rule, path, is_directory))
        });
        found.next().is_some_and(|rule| !rule.is_negative())
    }

    fn repository(&mut self, above: usize, prefix: Vec<u8>) {
        self.repositories.push(Repository {
            above,
            prefix,
            files: Vec::new(),
        });
    }

    fn add_exclude(&mut self, git: &Path) -> Result<()> {
        let place = git.join("info/exclude");
        match File::open(&place).and_then(|file| read(file, MAX_FILE)) {
            Ok(text) => self.add(&place, Vec::new(), text),
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

/// Returns where the repository whose work tree is at `directory` keeps what all its
/// work trees share; `None` where `directory` is none.
fn repository(directory: &Path) -> Result<Option<PathBuf>> {
    let found = find_repository(directory);
    found.map_err(|cause| source_error(directory.join(GIT).display(), cause))
}

fn find_repository(directory: &Path) -> io::Result<Option<PathBuf>> {
    /// The most bytes of a file that names a directory.
    const MAX_NAME: u64 = 64 << 10;
    let named = |place: &Path, start: &str| -> io::Result<Option<PathBuf>> {
        match File::open(place).and_then(|file| read(file, MAX_NAME)) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                let name = text.strip_prefix(start).map(str::trim_end);
                Ok(name.map(PathBuf::from))
            }
            Err(cause) if is_missing(&cause) => Ok(None),
            Err(cause) => Err(cause),
        }
    };
    let git = directory.join(GIT);
    let git = match git.metadata() {
        Ok(found) if found.is_dir() => git,
        Ok(found) if found.is_file() => match named(&git, "gitdir: ")? {
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
    let shared = match named(&git.join("commondir"), "")? {
        Some(elsewhere) => git.join(elsewhere),
        None => git,
    };
    let whole = ["objects", "refs"]
        .iter()
        .all(|name| shared.join(name).is_dir());
    Ok(whole.then_some(shared))
}
