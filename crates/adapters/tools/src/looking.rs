//! `ls` and `find`, and what is said of what is not there.

use serde_json::{Value, json};
use workspace_core::{Entry, Name, TreePath, View};

use crate::arguments::Arguments;
use crate::entries::{Entries, Globs, verdict};
use crate::refusal::Refusal;
use crate::result::{MAX_RESULT, ToolResult, counted};
use crate::stored::State;
use crate::text;
use crate::tools::Tools;

/// So many entries of a directory are counted.
const COUNTED: usize = 10_000;
/// So many entries are looked at by name.
const LOOKED: usize = 100_000;
/// So many names beside one that is not there are compared with it.
const BESIDE: usize = 1_000;

/// What every file is found by.
pub(crate) const PATH: &[&str] = &["path", "file_path", "filePath"];

impl Tools {
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
        let found = state.files.stat(&path)?;
        if let Some(other) = found.as_ref().filter(|it| it.as_directory().is_none()) {
            let told = format!("{path} is a {}", other.kind());
            let refusal = Refusal::new("not_a_directory", told).at(&path);
            return Err(refusal.next("read", json!({ "path": path.as_str() })));
        }
        if found.is_none() {
            return Err(absent(
                &state,
                &path,
                "find",
                "path",
                json!({ "pattern": pattern }),
            )?);
        }
        let mut entries = Entries::new(&state.files, &path, after)?;
        let mut trails = globs.trails();
        let (mut found, mut bytes, mut total, mut looked) = (Vec::new(), 0, 0_u64, 0);
        let mut ended = true;
        let mut cut_at = None;
        let mut last_looked: Option<TreePath> = None;
        while let Some((path, entry)) = entries.next()? {
            if looked == LOOKED {
                ended = false;
                break;
            }
            looked += 1;
            last_looked = Some(path.clone());
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
        // Where the walk ended early without a cut, what was looked at last is gone on after.
        let last_looked = last_looked.filter(|_| !ended).map(|path| path.to_string());
        let last = cut_at.or(last_looked);
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
                text.push_str(&format!(
                    "\nComplete: {}.",
                    counted(total, "match", "matches")
                ));
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
pub(crate) fn list(
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
        refusal = refusal.show(format!("There is {only}."));
        // What removes or overwrites is not made ready for another file than was asked for.
        if !matches!(tool, "delete" | "move" | "write") {
            refusal = refusal.next(tool, arguments);
        }
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
