//! `grep`: searches the contents of files.

use std::cell::RefCell;
use std::collections::HashSet;

use bytes::Bytes;
use futures::TryStreamExt;
use regex::bytes::{Regex, RegexBuilder};
use serde::Serialize;
use workspace_core::store::ByteStream;
use workspace_core::{Entry, Error, ErrorKind, File, Glob, Reason, TreePath};

use crate::args::{ReadAt, tree_path};
use crate::commands::files::require;
use crate::commands::progress;
use crate::exit::{Outcome, Result};
use crate::output::{BOLD, CYAN, List, Output, RED};
use crate::run::Run;

/// A NUL among this many first bytes makes a file binary.
const BINARY_PROBE: usize = 8000;
/// A longer line, in bytes, is not searched: it is held in memory.
const MAX_LINE: usize = 64 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Grep {
    /// The pattern: a regular expression, line by line
    pattern: String,
    /// Only files that match one of these, such as '*.rs' or '/src'
    globs: Vec<Glob>,
    /// Only below this directory
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = tree_path)]
    below: TreePath,
    /// Take the pattern as plain text
    #[arg(short = 'F', long)]
    fixed: bool,
    /// Let upper and lower case be the same
    #[arg(short, long)]
    ignore_case: bool,
    /// Print the paths of matching files only
    #[arg(short = 'l', long)]
    files: bool,
    /// Search all below, which is always so
    #[arg(short, long, hide = true)]
    recursive: bool,
    /// Number the lines, which is always so
    #[arg(short = 'n', long, hide = true)]
    line_number: bool,
    #[command(flatten)]
    at: ReadAt,
}

/// A matching line.
#[derive(Debug, Serialize)]
struct MatchShape<'a> {
    path: &'a str,
    /// Counted from 1; none where only files are asked for, or in a binary file.
    line: Option<u64>,
    text: Option<String>,
}

/// Searches the contents of files.
pub(crate) async fn grep(run: &Run, args: &Grep) -> Result<Outcome> {
    let session = run.session()?;
    let view = session.files(session.fixed(args.at.find(session).await?).await?);
    let pattern = compile(args)?;
    let root = require(view, "grep", &args.below).await?;
    let files = root.as_directory().map(|root| root.summary.files);
    let bar = progress::start(run, "searching", files);

    let mut search = Search {
        out: &run.out,
        list: match run.out.is_json() {
            true => Some(run.out.begin_list("matches")?),
            false => None,
        },
        pattern,
        files_only: args.files,
        found: false,
        unsearched: None,
    };
    // The same content is common in many places; what has no match there needs
    // no second reading.
    let barren = RefCell::new(HashSet::new());
    let named = |path: &TreePath| args.globs.iter().any(|glob| glob.matches(path));
    let wanted = |path: &TreePath, file: &File| {
        bar.inc(1);
        (args.globs.is_empty() || named(path)) && !barren.borrow().contains(&file.content)
    };
    if let Entry::File(file) = &root {
        let body = view.open_found(&args.below, file).await?;
        search.file(&args.below, body).await?;
    } else {
        let all = args.globs.is_empty();
        let mut bodies = view.bodies(&args.below, all, &wanted).await?;
        while let Some((path, file, body)) = bodies.try_next().await? {
            if !search.file(&path, body).await? {
                barren.borrow_mut().insert(file.content);
            } else if run.out.is_terminal() {
                // From here on the results are the progress.
                bar.finish_and_clear();
                run.out.flush()?;
            }
        }
    }
    bar.finish_and_clear();
    let found = search.found;
    if let Some(list) = search.list {
        list.end()?;
    }
    // All else was searched.
    if let Some(error) = search.unsearched {
        return Err(error.into());
    }
    Ok(match found {
        true => Outcome::Done,
        false => Outcome::Negative,
    })
}

fn compile(args: &Grep) -> Result<Regex> {
    let text = match args.fixed {
        true => regex::escape(&args.pattern),
        false => args.pattern.clone(),
    };
    let pattern = RegexBuilder::new(&text)
        .case_insensitive(args.ignore_case)
        .build()
        .map_err(|error| {
            Error::invalid(Reason::MalformedArgument, "parse pattern")
                .at(args.pattern.escape_debug())
                .because(error)
        })?;
    Ok(pattern)
}

struct Search<'a> {
    out: &'a Output,
    list: Option<List<'a>>,
    pattern: Regex,
    files_only: bool,
    found: bool,
    /// The first file that was not searched to its end.
    unsearched: Option<Error>,
}

impl Search<'_> {
    /// Searches a file, a line at a time; returns whether it has a match. A line of a
    /// binary file ends at a NUL as well.
    async fn file(&mut self, path: &TreePath, mut body: ByteStream<'static>) -> Result<bool> {
        let mut lines = Lines::default();
        let (mut found, mut binary, mut first) = (false, false, true);
        loop {
            let chunk = body.try_next().await?;
            if let Some(chunk) = &chunk
                && std::mem::take(&mut first)
            {
                binary = chunk[..chunk.len().min(BINARY_PROBE)].contains(&0);
                lines.ends_at_nul = binary;
            }
            let end = chunk.is_none();
            lines.feed(chunk.unwrap_or_default());
            while let Some((number, line)) = lines.next(end) {
                if !self.pattern.is_match(line) {
                    continue;
                }
                found = true;
                let line = (!binary && !self.files_only).then_some((number, line));
                self.report(path, line, binary)?;
                if line.is_none() {
                    self.found = true;
                    return Ok(true);
                }
            }
            if lines.is_too_long() {
                let error = Error::new(ErrorKind::LimitExceeded, "grep").at(path);
                let why = format!("line {} is longer than {MAX_LINE} bytes", lines.number + 1);
                self.unsearched.get_or_insert(error.because(why));
            } else if !end {
                continue;
            }
            self.found |= found;
            return Ok(found);
        }
    }

    fn report(&mut self, path: &TreePath, line: Option<(u64, &[u8])>, binary: bool) -> Result<()> {
        let text = line.map(|(_, line)| String::from_utf8_lossy(line));
        if let Some(list) = &mut self.list {
            return list.item(&MatchShape {
                path: path.as_str(),
                line: line.map(|(number, _)| number),
                text: text.map(|text| text.into_owned()),
            });
        }
        let name = self.out.paint(BOLD, self.out.safe(path.as_str()));
        match (line, text) {
            (Some((number, line)), Some(text)) => {
                let number = self.out.paint(CYAN, number);
                let shown = self.highlighted(line, &text);
                self.out.line(format!("{name}:{number}:{shown}"))
            }
            _ if binary && !self.files_only => {
                self.out.line(format!("{name}: binary file matches"))
            }
            _ => self.out.line(name),
        }
    }

    fn highlighted(&self, line: &[u8], text: &str) -> String {
        let mut shown = String::new();
        let mut from = 0;
        if text.as_bytes() == line {
            for found in self.pattern.find_iter(line) {
                // A byte pattern may cut a character in two; then it stays plain.
                if let (Some(before), Some(inside)) =
                    (text.get(from..found.start()), text.get(found.range()))
                {
                    shown.push_str(&self.out.safe(before));
                    shown.push_str(&self.out.paint(RED, self.out.safe(inside)));
                    from = found.end();
                }
            }
        }
        shown.push_str(&self.out.safe(&text[from..]));
        shown
    }
}

/// Cuts a stream of chunks into lines, without their ends.
#[derive(Default)]
struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    from: usize,
    /// Up to where it was looked for its end.
    looked: usize,
    number: u64,
    ends_at_nul: bool,
}

impl Lines {
    fn feed(&mut self, chunk: Bytes) {
        let from = std::mem::take(&mut self.from);
        self.buffer.drain(..from);
        self.looked = self.looked.saturating_sub(from);
        self.buffer.extend_from_slice(&chunk);
    }

    /// Tells whether more is held of a line than may be. Nothing but its start is held
    /// when the lines before were taken.
    fn is_too_long(&self) -> bool {
        self.looked.saturating_sub(self.from) > MAX_LINE
    }

    /// Returns the next whole line, or what is left at the end.
    fn next(&mut self, end: bool) -> Option<(u64, &[u8])> {
        let nul = self.ends_at_nul;
        let is_end = |&byte: &u8| byte == b'\n' || nul && byte == 0;
        let looked = self.looked.max(self.from);
        let found = self.buffer[looked..].iter().position(is_end);
        let start = self.from;
        let stop = match found {
            Some(at) => {
                self.from = looked + at + 1;
                looked + at
            }
            None => {
                self.looked = self.buffer.len();
                if !end || start == self.buffer.len() {
                    return None;
                }
                self.from = self.buffer.len();
                self.buffer.len()
            }
        };
        self.number += 1;
        let line = &self.buffer[start..stop];
        Some((self.number, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&str]) -> Vec<(u64, String)> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            lines.feed(Bytes::copy_from_slice(chunk.as_bytes()));
            while let Some((number, line)) = lines.next(index + 1 == chunks.len()) {
                found.push((number, String::from_utf8(line.to_vec()).unwrap()));
            }
        }
        found
    }

    #[test]
    fn lines_do_not_depend_on_the_chunks() {
        let whole = cut(&["one\r\ntwo\n\nfour", ""]);
        let expected = [(1, "one"), (2, "two"), (3, ""), (4, "four")];
        assert_eq!(whole, expected.map(|(n, text)| (n, text.to_string())));
        assert_eq!(cut(&["on", "e\r", "\ntw", "o\n", "\nfo", "ur", ""]), whole);
    }

    #[test]
    fn a_long_line_comes_whole() {
        let long = "x".repeat(3 << 20);
        let whole = cut(&[&long, &long, "\nnext\n", ""]);
        let sizes: Vec<(u64, usize)> = whole.iter().map(|(n, text)| (*n, text.len())).collect();
        assert_eq!(sizes, [(1, 6 << 20), (2, 4)]);
    }

    #[test]
    fn a_line_that_is_too_long_is_told() {
        let mut lines = Lines::default();
        lines.feed(Bytes::from(vec![b'x'; MAX_LINE]));
        assert_eq!(lines.next(false), None);
        assert!(!lines.is_too_long());
        lines.feed(Bytes::from_static(b"x"));
        assert_eq!(lines.next(false), None);
        assert!(lines.is_too_long());
    }
}
