//! Reading files: `cat`, `stat`.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::TryStreamExt;
use serde::Serialize;
use workspace_core::{Entry, Error, ErrorKind, Opened, Reason, Sought, TreePath};

use crate::args::{ReadAt, tree_path};
use crate::commands::copies::{SIMILAR, likeness};
use crate::commands::listing::PAGE;
use crate::exit::{Failure, Outcome, Result};
use crate::run::Run;
use crate::session::{Files, Session};
use crate::shapes::EntryShape;
use crate::time::local_text;

#[derive(Debug, clap::Args)]
pub(crate) struct Cat {
    /// The files
    #[arg(required = true, value_parser = tree_path)]
    paths: Vec<TreePath>,
    /// Only these bytes: FROM..TO, FROM.. or ..TO, counted from 0, TO not included
    #[arg(long, value_name = "RANGE", value_parser = parse_range)]
    range: Option<Range<u64>>,
    #[command(flatten)]
    at: ReadAt,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Stat {
    /// The entry
    #[arg(value_parser = tree_path)]
    path: TreePath,
    #[command(flatten)]
    at: ReadAt,
}

fn parse_range(text: &str) -> workspace_core::Result<Range<u64>> {
    let invalid = || {
        Error::invalid(Reason::MalformedArgument, "parse range")
            .at(text.escape_debug())
            .because("expected FROM..TO, FROM.. or ..TO")
    };
    let (from, to) = text.split_once("..").ok_or_else(invalid)?;
    let number = |text: &str, open: u64| match text {
        "" => Ok(open),
        _ => text.parse().map_err(|_| invalid()),
    };
    Ok(number(from, 0)?..number(to, u64::MAX)?)
}

/// Returns the entry at a path.
///
/// # Errors
/// `NotFound`, with the directory to look in as the hint.
pub(crate) async fn require(
    files: Files<'_>,
    operation: &'static str,
    path: &TreePath,
) -> Result<Entry> {
    match files.stat(path).await? {
        Some(entry) => Ok(entry),
        None => Err(Failure::Error {
            error: Error::not_found(Sought::Path, operation).at(path),
            hint: nearest(files, path).await,
        }),
    }
}

/// Returns a hint for a path that is not there: the deepest directory that is,
/// and a name in it that is like the missing one.
pub(crate) async fn nearest(files: Files<'_>, path: &TreePath) -> Option<String> {
    let mut missing = path.clone();
    let directory = loop {
        let parent = missing.parent()?;
        if let Ok(Some(Entry::Directory(_))) = files.stat(&parent).await {
            break parent;
        }
        missing = parent;
    };
    let name = missing.name()?;
    // As other commands write where a file is.
    if let Some((copy, _)) = path.as_str()[1..].split_once(':') {
        return Some(format!(
            "--copy {copy} reads a copy, --at NUMBER a revision"
        ));
    }
    let names = files.list(&directory, None, PAGE).await.ok()?;
    let close = names
        .iter()
        .map(|(other, _)| (likeness(name.as_str(), other.as_str()), other))
        // The very name was there, and is not any more within a batch.
        .filter(|(likeness, other)| *likeness >= SIMILAR && **other != name)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Some(match close {
        Some((_, close)) => format!("did you mean {}?", directory.join(close).ok()?),
        None => format!("`workspace ls {directory}` lists what is there"),
    })
}

/// Adds to an error that says that a path is not there what is there.
pub(crate) async fn told_nearest<T>(
    result: workspace_core::Result<T>,
    files: Files<'_>,
    path: &TreePath,
) -> Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::Error {
            hint: nearest(files, path).await,
            error,
        }),
        result => Ok(result?),
    }
}

/// Returns the files that are to be read.
pub(crate) async fn view<'a>(session: &'a Session, at: &ReadAt) -> Result<Files<'a>> {
    Ok(session.files(at.find(session).await?))
}

/// Prints files.
pub(crate) async fn cat(run: &Run, args: &Cat) -> Result<Outcome> {
    let view = view(run.session()?, &args.at).await?;
    let mut files = match run.out.is_json() {
        true => Some(run.out.begin_list("files")?),
        false => None,
    };
    for path in &args.paths {
        let opened = view.open(path, args.range.clone()).await;
        let opened = told_nearest(opened, view, path).await?;
        match &mut files {
            Some(files) => files.item(&content_shape(path, opened).await?)?,
            None => {
                let mut body = opened.body;
                while let Some(chunk) = body.try_next().await? {
                    run.out.bytes(&chunk)?;
                }
            }
        }
    }
    if let Some(files) = files {
        files.end()?;
    }
    Ok(Outcome::Done)
}

/// The most bytes of a file in a JSON document, which is held in memory.
const MAX_DOCUMENT: u64 = 64 << 20;

/// A file's bytes, as text where they are UTF-8.
#[derive(Debug, Serialize)]
struct ContentShape {
    path: String,
    size: u64,
    from: u64,
    to: u64,
    encoding: &'static str,
    content: String,
}

async fn content_shape(path: &TreePath, mut opened: Opened) -> Result<ContentShape> {
    let mut bytes = Vec::new();
    let size = opened.range.end.saturating_sub(opened.range.start);
    if size > MAX_DOCUMENT {
        let error = Error::new(ErrorKind::LimitExceeded, "read").at(path);
        let why = format!("{size} bytes, more than the {MAX_DOCUMENT} of a document");
        return Err(Failure::Error {
            error: error.because(why),
            hint: Some("without --json it streams, and --range reads a part".into()),
        });
    }
    while let Some(chunk) = opened.body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    let (encoding, content) = match String::from_utf8(bytes) {
        Ok(text) => ("utf-8", text),
        Err(error) => ("base64", BASE64.encode(error.as_bytes())),
    };
    Ok(ContentShape {
        path: path.to_string(),
        size: opened.file.size,
        from: opened.range.start,
        to: opened.range.end,
        encoding,
        content,
    })
}

/// Tells all about an entry.
pub(crate) async fn stat(run: &Run, args: &Stat) -> Result<Outcome> {
    let view = view(run.session()?, &args.at).await?;
    let out = &run.out;
    let entry = require(view, "stat", &args.path).await?;
    if out.is_json() {
        out.json(&EntryShape::new(&args.path, &entry))?;
        return Ok(Outcome::Done);
    }
    let field = |what: &str, text: &dyn std::fmt::Display| {
        out.line(format!("{what:12} {}", out.safe(&text.to_string())))
    };
    field("path", &args.path)?;
    field("kind", &entry.kind())?;
    match &entry {
        Entry::File(file) => {
            field("size", &file.size)?;
            field("content", &file.content)?;
            field("executable", &if file.executable { "yes" } else { "no" })?;
            field("modified", &local_text(file.modified))?;
            if let Some(media_type) = &file.media_type {
                field("media type", media_type)?;
            }
            if let Some(provenance) = &file.provenance {
                field("provenance", provenance)?;
            }
        }
        Entry::Directory(directory) => {
            field("tree", &directory.tree)?;
            field("files", &directory.summary.files)?;
            field("directories", &directory.summary.directories)?;
            field("bytes", &directory.summary.bytes)?;
        }
        Entry::Symlink(symlink) => {
            field("target", &symlink.target)?;
            field("modified", &local_text(symlink.modified))?;
        }
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_be_open() {
        for (text, range) in [
            ("0..10", 0..10),
            ("5..", 5..u64::MAX),
            ("..5", 0..5),
            ("..", 0..u64::MAX),
        ] {
            assert_eq!(parse_range(text).unwrap(), range);
        }
        for bad in ["", "5", "a..b", "-1..2", "1...2"] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
    }
}
