//! `edit`: exact replacements, in the shapes that models know, and patches.

use serde_json::{Map, Value, json};
use workspace_core::{Change, Entry, File, TreePath};

use crate::arguments::{Arguments, kind};
use crate::hunks;
use crate::looking::{PATH, absent};
use crate::patch::{self, FilePatch};
use crate::reading::no_text;
use crate::refusal::Refusal;
use crate::repair;
use crate::result::ToolResult;
use crate::stored::{Plan, State};
use crate::text::{self, MAX_EDITS, MAX_TEXT, Refused, Replacement, as_text};
use crate::tools::{Call, Tools};
use crate::writing::{Expected, parents};

/// What a text that is replaced and the one in its place are called, by different agents.
const SHAPES: &[(&str, &str)] = &[
    ("old_string", "new_string"),
    ("oldText", "newText"),
    ("oldString", "newString"),
    ("old_str", "new_str"),
    ("old_text", "new_text"),
];
const ALL: &[&str] = &["replace_all", "replaceAll"];
const PATCHES: &[&str] = &["patch", "input"];

/// A file to be edited, and how.
struct Edits {
    path: TreePath,
    edits: Vec<Replacement>,
    expected: Option<Expected>,
}

/// A file as it is.
pub(crate) struct Current {
    pub(crate) path: TreePath,
    pub(crate) file: File,
    pub(crate) text: String,
}

impl Tools {
    pub(crate) async fn edit(
        &self,
        call: Call<'_>,
        mut given: Arguments,
    ) -> Result<ToolResult, Refusal> {
        if given.given(PATCHES).is_none() {
            let edits = read_edits(given)?;
            return self
                .commit(call, async |state| self.plan_edits(state, &edits).await)
                .await;
        }
        let text = given.required_text(PATCHES)?;
        let others = PATH.iter().chain(ALL).chain(&["edits", "line"]);
        let others: Vec<_> = others
            .chain(SHAPES.iter().map(|(old, _)| old))
            .copied()
            .collect();
        if let Some(other) = given.given(&others) {
            return Err(given.contradiction(format!(
                "`patch` and `{other}` are two shapes of one call: give one of them"
            )));
        }
        let files = patch::parse(&text).map_err(|(line, why)| {
            given
                .malformed(format!("line {line} of the patch: {why}"))
                .with("line", line)
        })?;
        let mut seen: Vec<TreePath> = Vec::new();
        for file in &files {
            let path = given.read_path(file.path())?;
            if seen.contains(&path) {
                return Err(given
                    .contradiction(format!(
                        "the patch has {path} twice: put its hunks together"
                    ))
                    .at(&path));
            }
            seen.push(path);
        }
        let moved = |file: &FilePatch| match file {
            FilePatch::Update { to: Some(to), .. } => Some(given.read_path(to)),
            _ => None,
        };
        let to = files.iter().map(|file| moved(file).transpose());
        let to: Vec<Option<TreePath>> = to.collect::<Result<_, _>>()?;
        // A place that a file moves to is not there yet: nothing else may make it.
        for (n, path) in to.iter().enumerate() {
            let Some(path) = path else { continue };
            let before = to.iter().take(n).flatten();
            if seen.iter().chain(before).any(|other| other == path) {
                return Err(given
                    .contradiction(format!(
                        "the patch moves a file to {path}, and has {path} besides: use two patches"
                    ))
                    .at(path));
            }
        }
        given.end()?;
        self.commit(call, async |state| {
            let mut plan = Plan::default();
            for ((n, path), to) in seen.iter().enumerate().zip(&to) {
                let file = FileOf {
                    files: &files,
                    n,
                    path,
                    to: to.as_ref(),
                };
                plan.changes.extend(self.plan_patch(state, file).await?);
            }
            let names: Vec<&str> = seen.iter().map(TreePath::as_str).collect();
            plan.note = names.join(" ");
            plan.extra.insert("matched_with".into(), "exact".into());
            Ok(plan)
        })
        .await
    }

    async fn plan_edits(&self, state: &State, edits: &Edits) -> Result<Plan, Refusal> {
        let Edits {
            path,
            edits,
            expected,
        } = edits;
        let shape = || match edits.as_slice() {
            [one] if one.old.is_empty() => Some(one.new.clone()),
            _ => None,
        };
        let Some(entry) = state.files.stat(path)? else {
            // What some agents mean by an edit of nothing.
            if let Some(content) = shape() {
                let content = json!({ "path": path.as_str(), "content": content });
                return Err(Refusal::new("not_found", format!("nothing is at {path}"))
                    .at(path)
                    .next("write", content));
            }
            let mut others = repair::arguments(path, edits);
            if let Some(fields) = others.as_object_mut() {
                fields.remove(PATH[0]);
            }
            return Err(absent(state, path, "edit", PATH[0], others)?);
        };
        let current = self.current(state, path, entry).await?;
        if let Some(expected) = expected {
            let entry = Entry::File(current.file.clone());
            expected.check(self, state, path, Some(&entry))?;
        }
        match text::replace(&current.text, edits) {
            Ok(replaced) => {
                let mut extra = Map::new();
                extra.insert("matched_with".into(), "exact".into());
                extra.insert("replaced".into(), replaced.count.into());
                Ok(Plan {
                    changes: vec![Change::write(path.as_str(), replaced.text)?],
                    note: path.to_string(),
                    extra,
                })
            }
            Err(Refused::TooMuch(why)) => Err(too_much(path, why)),
            Err(Refused::Faulty(faulty)) => {
                Err(repair::refuse(self, state, &current, edits, &faulty))
            }
        }
    }

    async fn plan_patch(
        &self,
        state: &State,
        FileOf { files, n, path, to }: FileOf<'_>,
    ) -> Result<Vec<Change>, Refusal> {
        let Some(file) = files.get(n) else {
            return Ok(Vec::new());
        };
        let entry = state.files.stat(path)?;
        match (file, entry) {
            (FilePatch::Add { .. }, Some(_)) => Err(Refusal::new(
                "already_exists",
                format!("{path} is there already: the patch adds it"),
            )
            .at(path)
            .next("read", json!({ "path": path.as_str() }))),
            (FilePatch::Add { content, .. }, None) => {
                let content = content.as_str();
                Ok(vec![Change::write(path.as_str(), content)?.with_parents()])
            }
            (_, None) => {
                let mut refusal = absent(state, path, "read", PATH[0], json!({}))?;
                refusal = refusal.with("searched", json!({ "file": n + 1 }));
                Err(refusal)
            }
            (FilePatch::Delete { .. }, Some(_)) => Ok(vec![Change::remove(path.as_str())?]),
            (FilePatch::Update { hunks, .. }, Some(entry)) => {
                let current = self.current(state, path, entry).await?;
                let text = patch::apply(&current.text, hunks).map_err(|(hunk, fault)| {
                    hunks::refuse_patch(self, state, &current, files, (n, hunk), &fault)
                })?;
                if text.len() > MAX_TEXT {
                    return Err(too_much(path, format!("more than {MAX_TEXT} bytes")));
                }
                let mut changes = Vec::new();
                let mut written = path;
                if let Some(to) = to {
                    if state.files.stat(to)?.is_some() {
                        return Err(Refusal::new(
                            "already_exists",
                            format!("{to} is there already: the patch moves {path} to it"),
                        )
                        .at(to)
                        .next("read", json!({ "path": to.as_str() })));
                    }
                    changes.extend(parents(state, to)?);
                    changes.push(Change::rename(path.as_str(), to.as_str())?);
                    written = to;
                }
                changes.push(Change::write(written.as_str(), text)?);
                Ok(changes)
            }
        }
    }

    /// Reads a file that is to be edited.
    async fn current(
        &self,
        state: &State,
        path: &TreePath,
        entry: Entry,
    ) -> Result<Current, Refusal> {
        let file = match entry {
            Entry::File(file) => file,
            other => {
                let refusal = Refusal::new("not_a_file", format!("{path} is a {}", other.kind()));
                let refusal = refusal.at(path);
                return Err(match other {
                    Entry::Directory(_) => refusal.next("ls", json!({ "path": path.as_str() })),
                    _ => refusal,
                });
            }
        };
        if file.size > MAX_TEXT as u64 {
            let why = format!("{} bytes; up to {MAX_TEXT} are edited", file.size);
            return Err(too_much(path, why));
        }
        let bytes = state.files.read(path).await?;
        match as_text(&bytes) {
            Some(text) => Ok(Current {
                path: path.clone(),
                text: text.to_owned(),
                file,
            }),
            None => Err(no_text(path, &file)),
        }
    }
}

/// One file of a patch.
struct FileOf<'a> {
    files: &'a [FilePatch],
    n: usize,
    path: &'a TreePath,
    to: Option<&'a TreePath>,
}

fn too_much(path: &TreePath, why: String) -> Refusal {
    Refusal::new("limit_exceeded", format!("{path}: {why}")).at(path)
}

/// Reads replacements, in whatever shape.
fn read_edits(mut given: Arguments) -> Result<Edits, Refusal> {
    let path = given.required_path(PATH)?;
    let expected = Expected::of(&mut given)?;
    let list = given.take(&["edits"])?;
    let single = SHAPES
        .iter()
        .flat_map(|(old, new)| [*old, *new])
        .find(|name| given.has(name));
    let edits = match (list, single) {
        (Some(_), Some(single)) => {
            return Err(given.contradiction(format!(
                "`edits` and `{single}` are two shapes of one call: give one of them"
            )));
        }
        (None, _) => vec![replacement(&mut given)?],
        (Some(list), None) => {
            if let Some(name) = given.given(&["replace_all", "replaceAll", "line"]) {
                return Err(given.malformed(format!("`{name}` belongs into each of `edits`")));
            }
            let list = match list {
                Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                list => list,
            };
            let Value::Array(list) = list else {
                return Err(given.malformed(format!("`edits` is {}; expected a list", kind(&list))));
            };
            if list.is_empty() {
                return Err(given.malformed("`edits` is empty"));
            }
            if list.len() > MAX_EDITS {
                return Err(Refusal::new(
                    "limit_exceeded",
                    format!("{} edits; up to {MAX_EDITS} in a call", list.len()),
                )
                .at(&path));
            }
            let mut edits = Vec::new();
            for (n, item) in list.iter().enumerate() {
                if !item.is_object() {
                    return Err(given.malformed(format!(
                        "edit {} is {}; expected an object",
                        n + 1,
                        kind(item)
                    )));
                }
                let mut fields = Arguments::new(given.tool(), item)?;
                let edit = replacement(&mut fields);
                let edit = edit.and_then(|edit| fields.end().map(|()| edit));
                edits.push(edit.map_err(|refusal| refusal.with("edit", n + 1))?);
            }
            edits
        }
    };
    given.end()?;
    Ok(Edits {
        path,
        edits,
        expected,
    })
}

/// Takes one replacement, in one shape.
fn replacement(given: &mut Arguments) -> Result<Replacement, Refusal> {
    let used = |(old, new): &&(&str, &str)| given.has(old) || given.has(new);
    let shapes: Vec<_> = SHAPES.iter().filter(used).collect();
    let (old, new) = match shapes.as_slice() {
        [] => return Err(given.missing(&["old_string"])),
        [one] => **one,
        [(one, _), (other, _), ..] => {
            return Err(given.contradiction(format!(
                "names of two shapes, that of `{one}` and that of `{other}`: use one"
            )));
        }
    };
    let old = take(given, old)?;
    let new = take(given, new)?;
    let all = given.flag(ALL)?.unwrap_or(false);
    let line = given.number(&["line"])?.map(|line| line as usize);
    if all && line.is_some() {
        return Err(given.contradiction("`replace_all` and `line` say different things"));
    }
    Ok(Replacement {
        old,
        new,
        all,
        line,
    })
}

fn take(given: &mut Arguments, name: &'static str) -> Result<String, Refusal> {
    given.required_text(&[name])
}
