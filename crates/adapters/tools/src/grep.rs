//! `grep`.

use serde_json::{Value, json};
use workspace_core::{Entry, File, TreePath};

use crate::arguments::Arguments;
use crate::entries::{Entries, Globs, verdict};
use crate::looking::{absent, tell_next};
use crate::refusal::{Refusal, shortened};
use crate::result::{MAX_RESULT, ToolResult, counted, cut};
use crate::text::{Asked, Lines, Pattern, as_text};
use crate::tools::Tools;

/// A larger file is not searched.
const MAX_FILE: u64 = 4 << 20;
/// So many entries are looked at, and so many files read.
const LOOKED: usize = 200_000;
const READ_FILES: usize = 20_000;
/// A longer line is shown up to here, from a little before the match, in bytes.
const MAX_LINE: usize = 500;
/// So many files that were not searched are named.
const NAMED: usize = 5;

/// How matches are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Content,
    Files,
    Count,
}

/// What is looked for, and how it is told.
struct Search {
    pattern: Pattern,
    mode: Mode,
    before: usize,
    after: usize,
    limit: u64,
    offset: u64,
}

/// What was found.
#[derive(Default)]
struct Found {
    text: String,
    results: Vec<Value>,
    /// Matches, or files, as the mode counts them.
    total: u64,
    shown: u64,
    files: u64,
    skipped: u64,
    skipped_names: Vec<String>,
    /// Whether a result was left out.
    full: bool,
}

impl Tools {
    pub(crate) async fn grep(&self, mut given: Arguments) -> Result<ToolResult, Refusal> {
        // The shape that says `query` means plain text, unless it says otherwise.
        let plain = given.has("query");
        let wanted = given.required_text(&["pattern", "query"])?;
        let regex = given.flag(&["regex"])?;
        let literal = given.flag(&["literal", "fixed_strings"])?;
        if regex.is_some() && literal.is_some() && regex == literal {
            return Err(given.contradiction("`regex` and `literal` say different things"));
        }
        let literal = literal.or(regex.map(|regex| !regex)).unwrap_or(plain);
        let ignore_case = given.flag(&["-i", "ignore_case", "ignoreCase", "case_insensitive"])?;
        let multiline = given.flag(&["multiline"])?.unwrap_or(false);
        // Lines are numbered in any case.
        given.flag(&["-n", "line_numbers"])?;
        let path = given.path(&["path"])?.unwrap_or_else(TreePath::root);
        let glob = given.text(&["glob", "include"])?;
        let mode = match given.text(&["output_mode"])?.as_deref() {
            None | Some("content") => Mode::Content,
            Some("files_with_matches") => Mode::Files,
            Some("count") => Mode::Count,
            Some(other) => {
                return Err(given.malformed(format!(
                    "`output_mode` is {}; expected content, files_with_matches or count",
                    shortened(other)
                )));
            }
        };
        let around = given.number_in(&["-C", "context"], 0..=30, 0)?;
        let after_lines = given.number_in(&["-A"], 0..=30, around)?;
        let before_lines = given.number_in(&["-B"], 0..=30, around)?;
        let limit = given.number_in(&["head_limit", "limit"], 0..=5_000, 250)?;
        let offset = given.number_in(&["offset"], 0..=u64::from(u32::MAX), 0)?;
        let after = given.path(&["after"])?;
        if given.has("type") {
            return Err(given.malformed("`type` is not known: give `glob`, as in *.rs"));
        }
        given.end()?;
        let asked = Asked {
            pattern: wanted.clone(),
            literal,
            ignore_case: ignore_case.unwrap_or(false),
            multiline,
        };
        let mut again = json!({ "pattern": wanted });
        for (name, value, otherwise) in [
            ("literal", json!(literal), json!(false)),
            ("-i", json!(asked.ignore_case), json!(false)),
            ("multiline", json!(multiline), json!(false)),
            ("path", json!(path.as_str()), json!("/")),
            ("glob", json!(glob), Value::Null),
            ("output_mode", json!(mode.name()), json!("content")),
            ("-A", json!(after_lines), json!(0)),
            ("-B", json!(before_lines), json!(0)),
            ("head_limit", json!(limit), json!(250)),
        ] {
            if value != otherwise {
                again[name] = value;
            }
        }
        let pattern = Pattern::new(&asked).map_err(|why| {
            let mut literally = again.clone();
            literally["literal"] = true.into();
            Refusal::new(
                "malformed_pattern",
                format!("the pattern is none: {}", shortened(&why)),
            )
            .show("It is a regular expression, without look-around and back-references.")
            .next("grep", literally)
        })?;
        let search = Search {
            pattern,
            mode,
            before: before_lines as usize,
            after: after_lines as usize,
            limit: if limit == 0 { 5_000 } else { limit },
            offset,
        };
        self.search(search, (path, glob, after), again).await
    }

    async fn search(
        &self,
        search: Search,
        (path, glob, after): (TreePath, Option<String>, Option<TreePath>),
        mut again: Value,
    ) -> Result<ToolResult, Refusal> {
        let state = self.state()?;
        let globs = glob.map(|glob| Globs::new(&glob, &TreePath::root()));
        let globs = globs.transpose().map_err(Refusal::from)?;
        let mut trails = globs.as_ref().map(Globs::trails);
        let mut found = Found::default();
        let mut stopped = None;
        match state.files.stat(&path)? {
            None => {
                return Err(absent(&state, &path, "grep", "path", again)?);
            }
            Some(Entry::File(file)) => {
                self.search_file(&search, &path, &file, &mut found).await?;
            }
            Some(Entry::Symlink(_)) => {}
            Some(Entry::Directory(_)) => {
                let mut entries = Entries::new(&state.files, &path, after.clone())?;
                let (mut looked, mut files, mut read) = (0, 0, 0);
                let mut last = after.clone();
                while let Some((path, entry)) = entries.next()? {
                    looked += 1;
                    let out =
                        looked > LOOKED || files >= READ_FILES || read >= search.pattern.budget();
                    if out {
                        stopped = Some(last);
                        break;
                    }
                    let mut matches = true;
                    if let Some(trails) = &mut trails {
                        let (is_match, may_below) = verdict(trails, &path);
                        matches = is_match;
                        if !may_below && !is_match {
                            entries.skip_directory();
                        }
                    }
                    if let Entry::File(file) = &entry
                        && matches
                    {
                        files += 1;
                        read += self.search_file(&search, &path, file, &mut found).await?;
                    }
                    last = Some(path);
                }
            }
        }
        let complete = stopped.is_none() && !found.full;
        let what = match search.mode {
            Mode::Content => "matches",
            _ => "files",
        };
        let mut value = json!({
            "pattern": again["pattern"],
            "results": found.results,
            "shown": found.shown,
            "offset": search.offset,
            "files": found.files,
            "skipped_files": found.skipped,
            "complete": complete,
        });
        let total = found.total;
        value[if stopped.is_none() {
            "total"
        } else {
            "at_least"
        }] = total.into();
        let mut text = found.text;
        let at_least = if stopped.is_none() { "" } else { "at least " };
        let files = counted(found.files, "file", "files");
        match (found.full, &stopped) {
            _ if complete && total == 0 => text.push_str("No matches. The search is complete.\n"),
            (false, None) => {
                text.push_str(&format!("Complete: {total} {what} in {files}.\n"));
            }
            _ => text.push_str(&format!(
                "Not complete: {} of {at_least}{total} {what} in {files}.\n",
                found.shown
            )),
        }
        if found.skipped > 0 {
            text.push_str(&format!(
                "Not searched, as they are no text or have more than {MAX_FILE} bytes: {} ({})\n",
                counted(found.skipped, "file", "files"),
                found.skipped_names.join(", ")
            ));
        }
        let text_end = text.trim_end().len();
        text.truncate(text_end);
        if found.full {
            again["offset"] = (search.offset + found.shown).into();
            if let Some(after) = after {
                again["after"] = after.as_str().into();
            }
            tell_next(&mut text, &mut value, "grep", again);
        } else if let Some(Some(last)) = stopped {
            again["after"] = last.as_str().into();
            tell_next(&mut text, &mut value, "grep", again);
        }
        Ok(ToolResult::new(text, value))
    }

    /// Searches a file; returns how many bytes were read.
    async fn search_file(
        &self,
        search: &Search,
        path: &TreePath,
        file: &File,
        found: &mut Found,
    ) -> Result<u64, Refusal> {
        if file.size > MAX_FILE {
            found.skip(path);
            return Ok(0);
        }
        // The one that was found, whatever is there by now.
        let bytes = self.workspace.read_entry(file).await;
        let bytes = bytes.map_err(|error| self.told_of_error(error))?;
        let Some(text) = as_text(&bytes) else {
            found.skip(path);
            return Ok(file.size);
        };
        let matches = search.pattern.matches(text);
        if !matches.is_empty() {
            found.files += 1;
            search.tell(path, text, &matches, found);
        }
        Ok(file.size)
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Files => "files_with_matches",
            Self::Count => "count",
        }
    }
}

impl Found {
    fn skip(&mut self, path: &TreePath) {
        self.skipped += 1;
        if self.skipped_names.len() < NAMED {
            self.skipped_names.push(path.to_string());
        }
    }

    /// Counts a result; tells whether it is one to be shown.
    fn next(&mut self, search: &Search, bytes: usize) -> bool {
        self.total += 1;
        if self.total <= search.offset {
            return false;
        }
        let fits = self.shown == 0 || self.text.len() + bytes <= MAX_RESULT / 2;
        if self.full || self.shown >= search.limit || !fits {
            self.full = true;
            return false;
        }
        self.shown += 1;
        true
    }
}

impl Search {
    fn tell(
        &self,
        path: &TreePath,
        text: &str,
        matches: &[(usize, usize, usize)],
        found: &mut Found,
    ) {
        if self.mode != Mode::Content {
            let line = match self.mode {
                Mode::Count => format!("{path}:{}\n", matches.len()),
                _ => format!("{path}\n"),
            };
            if found.next(self, line.len()) {
                found.text.push_str(&line);
                let told = json!({ "path": path.as_str(), "count": matches.len() });
                found.results.push(told);
            }
            return;
        }
        let lines = Lines::of(text);
        // The first line that was not shown yet.
        let mut free = 0;
        for (n, (first, last, at)) in matches.iter().enumerate() {
            // A line that matches is never shown as what is around another one.
            let other = matches.get(n + 1).map_or(lines.len(), |(first, ..)| *first);
            let begins = first.saturating_sub(self.before).max(free);
            let ends = (last + 1 + self.after)
                .min(other)
                .max(last + 1)
                .min(lines.len());
            let mut block = String::new();
            if (self.before > 0 || self.after > 0) && begins > free && found.shown > 0 {
                block.push_str("--\n");
            }
            for line in begins..ends.max(begins) {
                let is_match = (*first..=*last).contains(&line);
                let mark = if is_match { ':' } else { '-' };
                let around = if line == *first { *at } else { 0 };
                let shown = shown(lines.get(line), around);
                block.push_str(&format!("{path}{mark}{}{mark}{shown}\n", line + 1));
            }
            block.truncate(cut(&block, MAX_RESULT / 2));
            if found.next(self, block.len()) {
                found.text.push_str(&block);
                let mut told = json!({
                    "path": path.as_str(),
                    "line": first + 1,
                    "text": shown(lines.get(*first), *at),
                });
                if last > first {
                    told["end_line"] = (last + 1).into();
                }
                found.results.push(told);
                free = ends;
            }
        }
    }
}

/// Returns what is shown of a line.
fn shown(line: &str, at: usize) -> String {
    if line.len() <= MAX_LINE {
        return line.into();
    }
    let from = line.floor_char_boundary(at.saturating_sub(MAX_LINE / 4));
    let to = line.floor_char_boundary((from + MAX_LINE).min(line.len()));
    let part = line.get(from..to).unwrap_or_default();
    let (before, after) = (from > 0, to < line.len());
    format!(
        "{}{part}{}",
        if before { "…" } else { "" },
        if after { "…" } else { "" }
    )
}
