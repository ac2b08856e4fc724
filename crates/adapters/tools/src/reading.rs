//! `read`.

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde_json::json;
use workspace_core::{Entry, File, TreePath};

use crate::arguments::Arguments;
use crate::looking::{PATH, absent, list, tell_next};
use crate::refusal::Refusal;
use crate::result::{ToolResult, counted, cut};
use crate::stored::State;
use crate::text::{self, LineEnds, Lines, Traits, as_text};
use crate::tools::Tools;

/// A longer file is read by bytes only.
const MAX_LINED: u64 = text::MAX_TEXT as u64;
/// So many bytes are read unless more are asked for, and at most.
const READ_BYTES: u64 = 80_000;
const MOST_BYTES: u64 = 1_000_000;
/// The longest character, in bytes.
const MAX_CHAR: u64 = 4;
/// So many lines are read unless more are asked for, and at most.
const READ_LINES: u64 = 2_000;
const MOST_LINES: u64 = 1_000_000;

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
                format!(
                    "{path} has {} bytes; up to {MAX_LINED} are read by lines",
                    file.size
                ),
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
    let asked = first
        .saturating_add(usize::try_from(limit).unwrap_or(usize::MAX))
        .min(total);
    let range = lines.range(first..asked);
    let part = text.get(range.clone()).unwrap_or_default();
    let end = cut(part, usize::try_from(most).unwrap_or(usize::MAX));
    let shown = part.get(..end).unwrap_or_default();
    let stopped = range.start + end;
    let within_line = end < part.len() && !shown.ends_with('\n');
    let last = first + Lines::of(shown).len();
    // Whether there is more after it: what is before was not asked for.
    let complete = stopped == text.len();
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
    // One character is read whole, however few bytes are asked for.
    let most_read = most.max(MAX_CHAR);
    let range = from.min(file.size)..from.saturating_add(most_read).min(file.size);
    let opened = state.files.open(path, Some(range.clone())).await?;
    let chunks: Vec<Bytes> = opened.body.try_collect().await?;
    let bytes = chunks.concat();
    let edges = (range.start == 0, range.end == file.size);
    let Some((text, skipped)) = whole_characters(&bytes, edges) else {
        return Err(no_text(path, file));
    };
    let one = text.chars().next().map_or(0, char::len_utf8);
    let end = cut(text, usize::try_from(most).unwrap_or(usize::MAX));
    let text = text.get(..end.max(one)).unwrap_or(text);
    let begins = range.start + skipped as u64;
    let ends = begins + text.len() as u64;
    let mut value = json!({
        "path": path.as_str(),
        "version": file.content.to_string(),
        "size": file.size,
        "start_byte": begins,
        "end_byte": ends,
        "complete": ends == file.size,
        "content": text,
    });
    let mut told = format!("{path}, bytes {begins}-{ends} of {}\n{text}", file.size);
    if ends < file.size {
        let next = json!({ "path": path.as_str(), "byte_offset": ends, "max_bytes": most });
        tell_next(&mut told, &mut value, "read", next);
    }
    Ok(ToolResult::new(told, value))
}

/// Returns the text that bytes are, without a character that is cut at their beginning or at
/// their end, unless the file begins or ends there; and how many bytes there are before it.
fn whole_characters(bytes: &[u8], (begins, ends): (bool, bool)) -> Option<(&str, usize)> {
    let continues = |byte: &&u8| **byte & 0xc0 == 0x80;
    let cut = if begins { 0 } else { 3 };
    let skipped = bytes.iter().take(cut).take_while(continues).count();
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
        format!(
            "{path} is not UTF-8 text: a binary file of {} bytes",
            file.size
        ),
    )
    .at(path)
    .with("size", file.size)
    .with("version", file.content.to_string())
    .with(
        "media_type",
        file.media_type
            .as_ref()
            .map(|kind| kind.as_str().to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_are_cut_are_left_to_their_neighbours() {
        let text = "aé€";
        let bytes = text.as_bytes();
        assert_eq!(whole_characters(bytes, (true, true)), Some((text, 0)));
        assert_eq!(
            whole_characters(&bytes[..4], (true, false)),
            Some(("aé", 0))
        );
        assert_eq!(whole_characters(&bytes[2..], (false, true)), Some(("€", 1)));
        assert_eq!(whole_characters(&bytes[2..], (true, true)), None);
        assert_eq!(whole_characters(&bytes[..4], (true, true)), None);
        assert_eq!(whole_characters(b"a\0b", (true, true)), None);
        assert_eq!(whole_characters(b"", (true, true)), Some(("", 0)));
    }
}
