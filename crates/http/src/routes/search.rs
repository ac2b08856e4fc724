//! What is looked for below a directory: by names, and by what is in files.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use workspace_core::{Entry, Error, ErrorKind, Glob, Reason, Result, TreePath, View, Walk};

use super::listing::placed;
use super::page_limit;
use crate::call::On;
use crate::operation::{OfPath, Operation, Query, Table, operations};
use crate::problem::Problem;
use crate::wire::{Count, WalkPage};

/// How many entries a page looks at.
const LOOKED: usize = 50_000;
/// How many files a page reads, and how many bytes of them.
const READ_FILES: usize = 2_000;
const READ_BYTES: u64 = 4 << 20;
/// A larger file is not searched.
const MAX_FILE: u64 = 1 << 20;
/// More matches are not told of one file.
const MAX_MATCHES: usize = 1_000;
/// A longer line is told up to here.
const MAX_LINE: usize = 1_000;
/// A NUL among so many first bytes makes a file binary.
const BINARY_PROBE: usize = 8_000;
/// A longer pattern is none.
const MAX_PATTERN: usize = 1_000;
/// How looking can fail.
const LOOKING: &[ErrorKind] = &[ErrorKind::NotFound, ErrorKind::NotADirectory];

operations! {
    /// Lists what is below a directory and matches a glob, a directory before its entries. A
    /// page looks at 50,000 entries at most, so one may be empty and not the last.
    static GLOB: Operation<OfPath, Query<GlobQuery>, WalkPage> =
        Operation::get("glob", "{files}/glob/{*path}")
            .answers("A page of what matches.")
            .fails(LOOKING)
            .leads(&["pattern"]);
    /// Lists the lines that match a pattern, in files below a directory. Files that are not
    /// text, or have more than 1 MiB, are skipped and counted. A page reads 2,000 files or 4
    /// MiB at most, so one may be empty and not the last.
    static GREP: Operation<OfPath, Query<GrepQuery>, MatchPage> =
        Operation::get("grep", "{files}/grep/{*path}")
            .answers("A page of the lines.")
            .fails(LOOKING)
            .leads(&["pattern"]);
}

pub(super) fn all(table: &mut Table) {
    table.add(&GLOB, glob);
    table.add(&GREP, grep);
}

/// What is looked for by name.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct GlobQuery {
    /// The glob, as seen from the root: `src/**/*.rs`, or `*.md` at any depth.
    pub pattern: String,
    /// The path after which the page begins.
    pub after: Option<String>,
    /// How many entries it has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

/// What is looked for in files.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct GrepQuery {
    /// A regular expression, in the syntax of the crate `regex-lite`, in up to 1,000 bytes.
    pub pattern: String,
    /// Whether the pattern is plain text.
    #[serde(default)]
    #[param(required = false)]
    pub literal: bool,
    /// Whether upper and lower case are the same.
    #[serde(default)]
    #[param(required = false)]
    pub ignore_case: bool,
    /// A glob that files have to match.
    pub glob: Option<String>,
    /// The path after which the page begins.
    pub after: Option<String>,
    /// After how many lines it ends, at the end of a file: 1 to 10,000, and 1,000 unless
    /// said.
    pub limit: Option<Count>,
}

/// A page of matching lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchPage {
    /// The lines, in the order of a walk: up to 1,000 of one file.
    pub matches: Vec<MatchDto>,
    /// How many files were not searched.
    pub skipped: Count,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A matching line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchDto {
    /// The file.
    pub path: String,
    /// The line, counted from 1.
    pub line: Count,
    /// Its text without its end, in up to 1,000 bytes.
    pub text: String,
}

/// A walk that goes on after a path.
struct Looking {
    walk: Walk,
    after: Option<TreePath>,
    glob: Option<Glob>,
    last: Option<TreePath>,
}

impl Looking {
    fn new(view: &View, path: &TreePath, after: Option<&str>, glob: Option<&str>) -> Result<Self> {
        Ok(Self {
            walk: view.walk(path)?,
            after: after.map(TreePath::new).transpose()?,
            glob: glob.map(Glob::new).transpose()?,
            last: None,
        })
    }

    /// Returns the next entry, and whether it matches.
    fn next(&mut self) -> Result<Option<(TreePath, Entry, bool)>> {
        while let Some((path, entry)) = self.walk.next().transpose()? {
            let below = self.glob.as_ref();
            if below.is_some_and(|glob| !glob.matches(&path) && !glob.may_match_below(&path)) {
                self.walk.skip_directory();
            }
            if let Some(after) = &self.after
                && path.segments().le(after.segments())
            {
                if !after.starts_with(&path) {
                    self.walk.skip_directory();
                }
                continue;
            }
            let matches = self.glob.as_ref().is_none_or(|glob| glob.matches(&path));
            self.last = Some(path.clone());
            return Ok(Some((path, entry, matches)));
        }
        self.last = None;
        Ok(None)
    }

    /// Returns where the next page begins: after what was looked at last.
    fn rest(self) -> Option<String> {
        self.last.map(|path| path.to_string())
    }
}

async fn glob(
    _: On,
    (view, path): (View, TreePath),
    Query(query): Query<GlobQuery>,
) -> Result<WalkPage, Problem> {
    let limit = page_limit(query.limit)?;
    let (after, pattern) = (query.after.as_deref(), Some(query.pattern.as_str()));
    let mut looking = Looking::new(&view, &path, after, pattern)?;
    let (mut entries, mut looked) = (Vec::new(), 0);
    while entries.len() < limit
        && looked < LOOKED
        && let Some((path, entry, matches)) = looking.next()?
    {
        looked += 1;
        if matches {
            entries.push(placed(&path, &entry));
        }
    }
    let next = looking.rest();
    Ok(WalkPage { entries, next })
}

async fn grep(
    _: On,
    (view, path): (View, TreePath),
    Query(query): Query<GrepQuery>,
) -> Result<MatchPage, Problem> {
    let limit = page_limit(query.limit)?;
    let pattern = compile(&query)?;
    let (after, glob) = (query.after.as_deref(), query.glob.as_deref());
    let mut looking = Looking::new(&view, &path, after, glob)?;
    let mut page = MatchPage::default();
    let (mut looked, mut files, mut bytes, mut skipped) = (0, 0, 0, 0);
    while page.matches.len() < limit
        && looked < LOOKED
        && files < READ_FILES
        && bytes < READ_BYTES
        && let Some((path, entry, matches)) = looking.next()?
    {
        looked += 1;
        let Entry::File(file) = entry else { continue };
        if !matches {
            continue;
        }
        if file.size > MAX_FILE {
            skipped += 1;
            continue;
        }
        let contents = view.read(&path).await?;
        files += 1;
        bytes += contents.len() as u64;
        match text(&contents) {
            Some(text) => page.matches.extend(lines(&path, text, &pattern)),
            None => skipped += 1,
        }
    }
    page.skipped = skipped.into();
    page.next = looking.rest();
    Ok(page)
}

fn compile(query: &GrepQuery) -> Result<regex_lite::Regex> {
    let wrong =
        |why: String| Error::invalid(Reason::MalformedPattern, "grep").because(why.escape_debug());
    if query.pattern.len() > MAX_PATTERN {
        return Err(wrong(format!("a pattern of more than {MAX_PATTERN} bytes")));
    }
    let pattern = match query.literal {
        true => regex_lite::escape(&query.pattern),
        false => query.pattern.clone(),
    };
    let mut builder = regex_lite::RegexBuilder::new(&pattern);
    builder.case_insensitive(query.ignore_case);
    builder.build().map_err(|error| wrong(error.to_string()))
}

/// Returns the contents of a file that is text.
fn text(contents: &[u8]) -> Option<&str> {
    let probe = contents.get(..BINARY_PROBE).unwrap_or(contents);
    match probe.contains(&0) {
        true => None,
        false => std::str::from_utf8(contents).ok(),
    }
}

fn lines(path: &TreePath, text: &str, pattern: &regex_lite::Regex) -> Vec<MatchDto> {
    let lines = text.lines().enumerate();
    let found = lines.filter(|(_, line)| pattern.is_match(line));
    let told = found.take(MAX_MATCHES).map(|(n, line)| MatchDto {
        path: path.to_string(),
        line: (n as u64 + 1).into(),
        text: line[..line.floor_char_boundary(MAX_LINE)].into(),
    });
    told.collect()
}
