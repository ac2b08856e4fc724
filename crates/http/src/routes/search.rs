//! What is looked for below a directory: by names, and by what is in files.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use workspace_core::{Entry, Error, ErrorKind, Glob, Reason, Result, TreePath, View};

use super::listing::{PAGE_BYTES, Paged, placed};
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
/// What a pattern may become, in bytes: each of a text is compared with all of it at worst.
const MAX_COMPILED: usize = 16 << 10;
/// How deep its groups may be within one another, and how many it may have.
const MAX_NESTED: u32 = 50;
const MAX_GROUPS: usize = 17;
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
    /// Lists the lines that match a pattern, in files below a directory, or in one file. Files that are not
    /// text, or have more than 1 MiB, are skipped and counted. A page reads 2,000 files or 4
    /// MiB at most, 1 MiB for a regular expression, so one may be empty and not the last.
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
    /// How many lines matched beyond the first 1,000 of a file.
    pub left_out: Count,
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
    /// Its text without its end; of one that is longer than 1,000 bytes, so many from a little
    /// before the match.
    pub text: String,
}

async fn glob(
    _: On,
    (view, path): (View, TreePath),
    Query(query): Query<GlobQuery>,
) -> Result<WalkPage, Problem> {
    let limit = page_limit(query.limit)?;
    let pattern = Glob::new(&query.pattern)?;
    let after = query.after.as_deref().map(TreePath::new).transpose()?;
    let mut paged = Paged::new(&view, &path, after.as_ref())?;
    let mut trail = pattern.trail();
    let (mut entries, mut looked, mut bytes) = (Vec::new(), 0, 0);
    let (mut last, mut next) = (None::<TreePath>, None);
    while let Some((path, entry)) = paged.next()? {
        let verdict = trail.at(&path);
        let matches = verdict.matches;
        // What would be the first of the next page is there, so this is not the last one.
        let is_full = entries.len() == limit || bytes > PAGE_BYTES;
        if looked == LOOKED || matches && is_full {
            next = last.map(|last| last.to_string());
            break;
        }
        looked += 1;
        if !verdict.may_match_below {
            paged.skip_directory(&path);
        }
        if matches {
            bytes += path.as_str().len() + 256;
            entries.push(placed(&path, &entry));
        }
        last = Some(path);
    }
    Ok(WalkPage { entries, next })
}

async fn grep(
    on: On,
    (view, path): (View, TreePath),
    Query(query): Query<GrepQuery>,
) -> Result<MatchPage, Problem> {
    let limit = page_limit(query.limit)?;
    let pattern = Pattern::new(&query)?;
    let glob = query.glob.as_deref().map(Glob::new).transpose()?;
    let mut trail = glob.as_ref().map(Glob::trail);
    let after = query.after.as_deref().map(TreePath::new).transpose()?;
    let mut paged = match view.stat(&path) {
        Ok(Some(file @ Entry::File(_))) => Paged::one(&view, (path, file), after.as_ref()),
        _ => Paged::new(&view, &path, after.as_ref())?,
    };
    let mut page = MatchPage::default();
    let (mut looked, mut files, mut read, mut told) = (0, 0, 0, 0);
    let (mut skipped, mut left_out) = (0, 0);
    while let Some((path, entry)) = paged.next()? {
        looked += 1;
        let verdict = trail.as_mut().map(|trail| trail.at(&path));
        let matches = verdict.is_none_or(|verdict| verdict.matches);
        if verdict.is_some_and(|verdict| !verdict.may_match_below) {
            paged.skip_directory(&path);
        }
        match entry {
            Entry::File(file) if matches && file.size > MAX_FILE => skipped += 1,
            Entry::File(file) if matches => {
                // The one that was found, whatever is there by now.
                let contents = on.workspace.read_entry(&file).await?;
                files += 1;
                read += contents.len() as u64;
                match text(&contents) {
                    Some(text) => {
                        let mut found = pattern.lines(&path, text);
                        let lines: Vec<_> = found.by_ref().take(MAX_MATCHES).collect();
                        left_out += found.count() as u64;
                        told += lines.iter().map(bytes_of).sum::<usize>();
                        page.matches.extend(lines);
                    }
                    None => skipped += 1,
                }
            }
            _ => {}
        }
        if page.matches.len() >= limit
            || looked == LOOKED
            || files == READ_FILES
            || read >= pattern.page_bytes()
            || told > PAGE_BYTES
        {
            page.next = paged.next()?.map(|_| path.to_string());
            break;
        }
    }
    page.skipped = skipped.into();
    page.left_out = left_out.into();
    Ok(page)
}

fn bytes_of(found: &MatchDto) -> usize {
    found.path.len() + found.text.len() + 64
}

/// What lines are compared with.
enum Pattern {
    Text(String),
    /// In lower case.
    AnyCase(String),
    Regex(regex_lite::Regex),
}

impl Pattern {
    fn new(query: &GrepQuery) -> Result<Self> {
        let wrong = |why: String| {
            Error::invalid(Reason::MalformedPattern, "grep").because(why.escape_debug())
        };
        if query.pattern.is_empty() || query.pattern.len() > MAX_PATTERN {
            return Err(wrong(format!("expected 1 to {MAX_PATTERN} bytes")));
        }
        match (query.literal, query.ignore_case) {
            (true, false) => return Ok(Self::Text(query.pattern.clone())),
            (true, true) => return Ok(Self::AnyCase(query.pattern.to_lowercase())),
            (false, _) => {}
        }
        let mut builder = regex_lite::RegexBuilder::new(&query.pattern);
        let built = builder
            .case_insensitive(query.ignore_case)
            .size_limit(MAX_COMPILED)
            .nest_limit(MAX_NESTED)
            .build();
        let regex = built.map_err(|error| wrong(error.to_string()))?;
        match regex.captures_len() > MAX_GROUPS {
            true => Err(wrong(format!("more than {MAX_GROUPS} groups"))),
            false => Ok(Self::Regex(regex)),
        }
    }

    /// Returns how many bytes of files a page compares: what a byte costs is bounded by the
    /// size of what the pattern became.
    fn page_bytes(&self) -> u64 {
        match self {
            Self::Text(_) | Self::AnyCase(_) => READ_BYTES,
            Self::Regex(_) => READ_BYTES / 4,
        }
    }

    /// Returns where in a line it is.
    fn find(&self, line: &str) -> Option<usize> {
        match self {
            Self::Text(text) => line.find(text.as_str()),
            // Where it is in lower case may be elsewhere.
            Self::AnyCase(text) => line.to_lowercase().contains(text.as_str()).then_some(0),
            Self::Regex(regex) => regex.find(line).map(|found| found.start()),
        }
    }

    fn lines<'a>(
        &'a self,
        path: &'a TreePath,
        text: &'a str,
    ) -> impl Iterator<Item = MatchDto> + 'a {
        let lines = text.lines().enumerate();
        lines.filter_map(move |(n, line)| {
            let at = self.find(line)?;
            // Of a long line, what is around it.
            let from = match line.len() > MAX_LINE {
                true => line.floor_char_boundary(at.saturating_sub(MAX_LINE / 4)),
                false => 0,
            };
            let shown = line.get(from..).unwrap_or_default();
            Some(MatchDto {
                path: path.to_string(),
                line: (n as u64 + 1).into(),
                text: shown[..shown.floor_char_boundary(MAX_LINE)].into(),
            })
        })
    }
}

/// Returns the contents of a file that is text.
fn text(contents: &[u8]) -> Option<&str> {
    let probe = contents.get(..BINARY_PROBE).unwrap_or(contents);
    match probe.contains(&0) {
        true => None,
        false => std::str::from_utf8(contents).ok(),
    }
}
