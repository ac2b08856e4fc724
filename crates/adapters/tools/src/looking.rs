//! `read`, `ls` and `find`.

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use workspace_core::{Entry, File, Name, TreePath, View};

use crate::arguments::Arguments;
use crate::entries::{Entries, Globs, verdict};
use crate::refusal::Refusal;
use crate::result::{MAX_RESULT, ToolResult, counted, cut};
use crate::stored::State;
use crate::text::{self, LineEnds, Lines, Traits, as_text};
use crate::tools::Tools;

/// A longer file is read by bytes only.
const MAX_LINED: u64 = text::MAX_TEXT as u64;
/// So many bytes are read unless more are asked for, and at most.
const READ_BYTES: u64 = 90_000;
const MOST_BYTES: u64 = 1_000_000;
/// So many lines are read unless more are asked for, and at most.
const READ_LINES: u64 = 2_000;
const MOST_LINES: u64 = 1_000_000;
/// So many entries of a directory are counted.
const COUNTED: usize = 10_000;
/// So many entries are looked at by name.
const LOOKED: usize = 100_000;
/// So many names beside one that is not there are compared with it.
const BESIDE: usize = 1_000;

/// What every file is found by.
pub(crate) const PATH: &[&str] = &["path", "file_path", "filePath"];

impl Tools {
    pub(crate) async fn read(&self, mut given: Arguments) -> Result<ToolResult, Refusal> {
        let path = given.required_path(PATH)?;
        if given.has("pages") {
            return Err(given.malformed("`pages` is for documents, of which no pages are known"));
        }
        let by_bytes = given.number(&["byte_offset", "byteOffset"])?;
        let by_lines = given.given(&["offset", "limit"]);
        let limit = given.number_in(&["limit"], 1..=MOST_LINES, READ_LINES)?;
        let offset = given.number_in(&["offset"], 0..=u64::from(u32::MAX), 1)?;
        let most = given.number_in(&["max_bytes"], 1..=MOST_BYTES, READ_BYTES)?;
        if let (Some(_), Some(lines)) = (by_bytes, by_lines.filter(|name| *name == "offset")) {
            return Err(given.contradiction(format!(
                "`byte_offset` and `{lines}` both say where to begin: give one of them"
            )));
        }
        given.end()?;
        let state = self.state()?;
        let file = match state.files.stat(&path)? {
            Some(Entry::File(file)) => file,
            Some(Entry::Directory(_)) => return list(&state, &path, None, 500),
            Some(Entry::Symlink(symlink)) => {
                let target = symlink.target.as_str().to_owned();
                return Err(Refusal::new(
                    "not_a_file",
                    format!("{path} is a symlink to {target}, which is not followed"),
                )
                .at(&path)
                .with("target", target));
            }
            None => return Err(absent(&state, &path, "read", PATH[0], json!({}))?),
        };
        match by_bytes {
            Some(from) => read_bytes(&state, &path, &file, from, most).await,
            None if file.size > MAX_LINED => Err(Refusal::new(
                "limit_exceeded",
                format!("{path} has {} bytes; up to {MAX_LINED} are read by lines", file.size),
            )
            .at(&path)
            .with("size", file.size)
            .next("read", json!({ "path": path.as_str(), "byte_offset": 0 }))),
            None => {
                let bytes = state.files.read(&path).await?;
                read_lines(&path, &file, &bytes, (offset.max(1), limit), most)
            }
        }
    }

    pub(crate) fn ls(&self, mut given: Arguments) -> Result<ToolResult, Refusal> {
        let path = given.path(PATH)?.unwrap_or_else(TreePath::root);
        let limit = given.number_in(&["limit"], 1..=5_000, 500)?;
        let after = given.text(&["after"])?;
        let after = after.as_deref().map(Name::new).transpose();
        let after = after.map_err(Refusal::from)?;
        given.end()?;
        let state = self.state()?;
        match state.files.stat(&path)? {
            Some(Entry::Directory(_)) => list(&state, &path, after, limit as usize),
            Some(other) => Err(Refusal::new(
                "not_a_directory",
                format!("{path} is a {}", other.kind()),
            )
            .at(&path)
            .next("read", json!({ "path": path.as_str() }))),
            None => Err(absent(&state, &path, "ls", PATH[0], json!({}))?),
        }
    }

    pub(crate) fn find(&self, mut given: Arguments) -> Result<ToolResult, Refusal> {
        let pattern = given.required_text(&["pattern", "glob"])?;
        let path = given.path(&["path"])?.unwrap_or_else(TreePath::root);
        let limit = given.number_in(&["limit", "head_limit"], 1..=5_000, 200)? as usize;
        let after = given.path(&["after"])?;
        given.end()?;
        let globs = Globs::new(&pattern, &path).map_err(Refusal::from)?;
        let state = self.state()?;
        if !matches!(state.files.stat(&path)?, Some(Entry::Directory(_))) {
            return Err(absent(&state, &path, "find", "path", json!({ "pattern": pattern }))?);
        }
        let mut entries = Entries::new(&state.files, &path, after)?;
        let mut trails = globs.trails();
        let (mut found, mut bytes, mut total, mut looked) = (Vec::new(), 0, 0_u64, 0);
        let mut ended = true;
        let mut cut_at = None;
        while let Some((path, entry)) = entries.next()? {
            looked += 1;
            if looked > LOOKED {
                ended = false;
                break;
            }
            let (matches, may_below) = verdict(&mut trails, &path);
            if !may_below && !matches {
                entries.skip_directory();
            }
            if !matches || !globs.matches_itself(&path) {
                continue;
            }
            total += 1;
            let shown = match entry {
                Entry::Directory(_) => format!("{path}/"),
                _ => path.to_string(),
            };
            if found.len() < limit && bytes + shown.len() < MAX_RESULT / 2 {
                bytes += shown.len() + 1;
                found.push(shown);
            } else if cut_at.is_none() {
                cut_at = found.last().cloned();
            }
        }
        let complete = ended && cut_at.is_none();
        let mut value = json!({ "pattern": pattern, "paths": found, "complete": complete });
        value[if ended { "total" } else { "at_least" }] = total.into();
        let mut text = found.join("\n");
        if found.is_empty() {
            text = format!("Nothing matches {pattern}.");
        }
        // Where the walk ended early without a cut, what was found last is gone on after.
        let last = cut_at.or_else(|| found.last().cloned().filter(|_| !ended));
        let told = |total: u64| match ended {
            true => format!("of {total}"),
            false => format!("of at least {total}"),
        };
        match last {
            Some(last) if !complete => {
                let last = last.trim_end_matches('/');
                let mut next = json!({ "pattern": pattern, "after": last, "limit": limit });
                if !path.is_root() {
                    next["path"] = path.as_str().into();
                }
                text.push_str(&format!("\nNot complete: {} {}", found.len(), told(total)));
                tell_next(&mut text, &mut value, "find", next);
            }
            _ if !complete => {
                text.push_str(&format!(
                    "\nNot complete: {LOOKED} entries were looked at. Give a path to look below."
                ));
            }
            _ => {
                text.push_str(&format!("\nComplete: {}.", counted(total, "match", "matches")));
            }
        }
        Ok(ToolResult::new(text, value))
    }
}

/// Adds a call that goes on.
pub(crate) fn tell_next(text: &mut String, value: &mut Value, tool: &str, arguments: Value) {
    text.push_str(&format!("\nNext call: {tool} {arguments}"));
    value["next"] = json!({ "tool": tool, "arguments": arguments });
}

/// Lists a directory.
fn list(
    state: &State,
    path: &TreePath,
    after: Option<Name>,
    limit: usize,
) -> Result<ToolResult, Refusal> {
    let found = state.files.list(path, after.as_ref(), COUNTED + 1)?;
    let (total, ended) = (found.len().min(COUNTED), found.len() <= COUNTED);
    let mut text = String::new();
    let mut entries = Vec::new();
    let mut bytes = 0;
    for (name, entry) in found.iter().take(limit) {
        let line = match entry {
            Entry::File(file) => format!("{name}  {} bytes", file.size),
            Entry::Directory(_) => format!("{name}/"),
            Entry::Symlink(symlink) => format!("{name} -> {}", symlink.target),
        };
        bytes += line.len() + 80;
        if bytes > MAX_RESULT / 2 {
            break;
        }
        text.push_str(&line);
        text.push('\n');
        let kind = entry.kind().to_string();
        let mut told = json!({ "name": name.as_str(), "kind": kind });
        if let Entry::File(file) = entry {
            told["size"] = file.size.into();
        }
        entries.push(told);
    }
    let shown = entries.len();
    let complete = ended && shown == total;
    let mut value = json!({ "path": path.as_str(), "entries": entries, "complete": complete });
    value[if ended { "total" } else { "at_least" }] = total.into();
    let last = shown.checked_sub(1).and_then(|last| found.get(last));
    match last {
        Some((last, _)) if !complete => {
            let at_least = if ended { "" } else { "at least " };
            text.push_str(&format!("Not complete: {shown} of {at_least}{total}"));
            let next = json!({ "path": path.as_str(), "after": last.as_str(), "limit": limit });
            tell_next(&mut text, &mut value, "ls", next);
        }
        _ => {
            let entries = counted(total as u64, "entry", "entries");
            text.push_str(&format!("Complete: {entries} in {path}."));
        }
    }
    Ok(ToolResult::new(text, value))
}

fn read_lines(
    path: &TreePath,
    file: &File,
    bytes: &[u8],
    (offset, limit): (u64, u64),
    most: u64,
) -> Result<ToolResult, Refusal> {
    let Some(text) = as_text(bytes) else {
        return Err(no_text(path, file));
    };
    let (lines, traits) = (Lines::of(text), Traits::of(text));
    let total = lines.len();
    let first = usize::try_from(offset - 1).unwrap_or(usize::MAX);
    if first > 0 && first >= total {
        return Err(Refusal::new(
            "out_of_range",
            format!(
                "{path} has {}; line {offset} is behind its end",
                counted(total as u64, "line", "lines")
            ),
        )
        .at(path)
        .with("total_lines", total)
        .with("version", file.content.to_string())
        .next("read", json!({ "path": path.as_str() })));
    }
    let asked = first.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX)).min(total);
    let range = lines.range(first..asked);
    let part = text.get(range.clone()).unwrap_or_default();
    let end = cut(part, usize::try_from(most).unwrap_or(usize::MAX));
    let shown = part.get(..end).unwrap_or_default();
    let stopped = range.start + end;
    let within_line = end < part.len() && !shown.ends_with('\n');
    let last = first + Lines::of(shown).len();
    let complete = first == 0 && stopped == text.len();
    let mut value = json!({
        "path": path.as_str(),
        "version": file.content.to_string(),
        "size": file.size,
        "total_lines": total,
        "start_line": first + usize::from(total > 0),
        "end_line": last,
        "complete": complete,
        "content": shown,
        "line_ends": match traits.line_ends {
            LineEnds::None => "none",
            LineEnds::Lf => "lf",
            LineEnds::Crlf => "crlf",
            LineEnds::Mixed => "mixed",
        },
        "bom": traits.bom,
        "tabs": traits.tabs,
        "nfc": traits.nfc,
        "ends_with_line_end": traits.ended,
    });
    let mut told = format!(
        "{path}, lines {}-{last} of {total}",
        first + usize::from(total > 0)
    );
    for fact in traits.told() {
        told.push_str("; ");
        told.push_str(fact);
    }
    if total > 0 && !traits.ended && stopped == text.len() {
        told.push_str("; no line end at the end");
    }
    told.push('\n');
    for (n, line) in shown.split_inclusive('\n').enumerate() {
        told.push_str(&format!("{}|{line}", first + n + 1));
    }
    if within_line {
        told.push_str(&format!("\n[line {last} goes on]"));
        let next = json!({ "path": path.as_str(), "byte_offset": stopped });
        tell_next(&mut told, &mut value, "read", next);
    } else if stopped < text.len() {
        let mut next = json!({ "path": path.as_str(), "offset": last + 1 });
        if limit != READ_LINES {
            next["limit"] = limit.into();
        }
        told.push_str(&format!("[{} more lines]", total - last));
        tell_next(&mut told, &mut value, "read", next);
    }
    Ok(ToolResult::new(told, value))
}

async fn read_bytes(
    state: &State,
    path: &TreePath,
    file: &File,
    from: u64,
    most: u64,
) -> Result<ToolResult, Refusal> {
    let range = from.min(file.size)..from.saturating_add(most).min(file.size);
    let opened = state.files.open(path, Some(range.clone())).await?;
    let chunks: Vec<Bytes> = opened.body.try_collect().await?;
    let bytes = chunks.concat();
    let Some((text, skipped)) = whole_characters(&bytes, range.end == file.size) else {
        return Err(no_text(path, file));
    };
    let begins = range.start + skipped as u64;
    let ends = begins + text.len() as u64;
    let mut value = json!({
        "path": path.as_str(),
        "version": file.content.to_string(),
        "size": file.size,
        "start_byte": begins,
        "end_byte": ends,
        "complete": begins == 0 && ends == file.size,
        "content": text,
    });
    let mut told = format!("{path}, bytes {begins}-{ends} of {}\n{text}", file.size);
    if ends < file.size {
        let next = json!({ "path": path.as_str(), "byte_offset": ends, "max_bytes": most });
        tell_next(&mut told, &mut value, "read", next);
    }
    Ok(ToolResult::new(told, value))
}

/// Returns the text that bytes are, without a character that is cut at their beginning or,
/// unless the file ends there, at their end; and how many bytes there are before it.
fn whole_characters(bytes: &[u8], ends: bool) -> Option<(&str, usize)> {
    let continues = |byte: &&u8| **byte & 0xc0 == 0x80;
    let skipped = bytes.iter().take(3).take_while(continues).count();
    let rest = bytes.get(skipped..)?;
    if rest.iter().take(8_000).any(|byte| *byte == 0) {
        return None;
    }
    match std::str::from_utf8(rest) {
        Ok(text) => Some((text, skipped)),
        Err(error) if !ends && error.error_len().is_none() && error.valid_up_to() > 0 => {
            let whole = rest.get(..error.valid_up_to())?;
            Some((std::str::from_utf8(whole).ok()?, skipped))
        }
        Err(_) => None,
    }
}

/// Refuses what is no text.
pub(crate) fn no_text(path: &TreePath, file: &File) -> Refusal {
    Refusal::new(
        "not_text",
        format!("{path} is not UTF-8 text: a binary file of {} bytes", file.size),
    )
    .at(path)
    .with("size", file.size)
    .with("version", file.content.to_string())
    .with("media_type", file.media_type.as_ref().map(|kind| kind.as_str().to_owned()))
}

/// Refuses a path at which nothing is, with what is close to it: a file of that name
/// elsewhere, or another name beside it. `field` is the argument that names it, `others` are
/// the rest.
pub(crate) fn absent(
    state: &State,
    path: &TreePath,
    tool: &'static str,
    field: &str,
    others: Value,
) -> Result<Refusal, Refusal> {
    let mut refusal = Refusal::new("not_found", format!("nothing is at {path}")).at(path);
    let close = close_to(&state.files, path)?;
    if let [only] = close.as_slice() {
        let mut arguments = others;
        arguments[field] = only.as_str().into();
        refusal = refusal.show(format!("There is {only}.")).next(tool, arguments);
    } else if !close.is_empty() {
        let names: Vec<&str> = close.iter().map(TreePath::as_str).collect();
        refusal = refusal.show(format!("There are {}.", names.join(", ")));
    }
    let close: Vec<&str> = close.iter().map(TreePath::as_str).collect();
    refusal = refusal.with("close", close);
    // The directory that is there.
    let mut above = path.parent();
    while let Some(directory) = above {
        if let Ok(Some(Entry::Directory(_))) = state.files.stat(&directory) {
            refusal = refusal.next("ls", json!({ "path": directory.as_str() }));
            break;
        }
        above = directory.parent();
    }
    Ok(refusal)
}

fn close_to(files: &View, path: &TreePath) -> Result<Vec<TreePath>, Refusal> {
    let (Some(name), Some(parent)) = (path.name(), path.parent()) else {
        return Ok(Vec::new());
    };
    let mut close = Vec::new();
    if let Ok(beside) = files.list(&parent, None, BESIDE) {
        let names: Vec<&str> = beside.iter().map(|(name, _)| name.as_str()).collect();
        for found in text::closest_names(name.as_str(), &names, 2) {
            close.extend(parent.join_relative(found).ok());
        }
    }
    if !close.is_empty() {
        return Ok(close);
    }
    let mut entries = Entries::new(files, &TreePath::root(), None)?;
    for _ in 0..LOOKED / 4 {
        let Some((path, _)) = entries.next()? else {
            break;
        };
        if path.name().as_ref() == Some(&name) {
            close.push(path);
            if close.len() == 3 {
                break;
            }
        }
    }
    Ok(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_are_cut_are_left_to_their_neighbours() {
        let text = "aé€";
        let bytes = text.as_bytes();
        assert_eq!(whole_characters(bytes, true), Some((text, 0)));
        assert_eq!(whole_characters(&bytes[..4], false), Some(("aé", 0)));
        assert_eq!(whole_characters(&bytes[2..], true), Some(("€", 1)));
        assert_eq!(whole_characters(&bytes[..4], true), None);
        assert_eq!(whole_characters(b"a\0b", true), None);
        assert_eq!(whole_characters(b"", true), Some(("", 0)));
    }
}
