//! `write`, `delete` and `move`.

use serde_json::{Value, json};
use workspace_core::{Change, ContentId, Entry, EntryKind, TreePath};

use crate::arguments::Arguments;
use crate::authors::changed_by;
use crate::looking::{PATH, absent};
use crate::refusal::{Refusal, shortened};
use crate::result::{ToolResult, counted};
use crate::stored::{Plan, State};
use crate::tools::{Call, Tools};

/// The longest content that is written, in bytes.
const MAX_CONTENT: usize = 32 << 20;

impl Tools {
    pub(crate) async fn write(
        &self,
        call: Call<'_>,
        mut given: Arguments,
    ) -> Result<ToolResult, Refusal> {
        let path = given.required_path(PATH)?;
        let content = given.required_text(&["content", "contents"])?;
        let expected = Expected::of(&mut given)?;
        given.end()?;
        if content.len() > MAX_CONTENT {
            return Err(Refusal::new(
                "limit_exceeded",
                format!(
                    "{} bytes; up to {MAX_CONTENT} are written at once",
                    content.len()
                ),
            )
            .at(&path));
        }
        self.commit(call, async |state| {
            match (state.files.stat(&path)?, &expected) {
                (Some(Entry::Directory(_)), _) => {
                    return Err(
                        Refusal::new("is_a_directory", format!("{path} is a directory"))
                            .at(&path)
                            .next("ls", json!({ "path": path.as_str() })),
                    );
                }
                (found, Some(expected)) => expected.check(self, state, &path, found.as_ref())?,
                (_, None) => {}
            }
            Ok(Plan {
                changes: vec![Change::write(path.as_str(), content.as_str())?.with_parents()],
                note: path.to_string(),
                ..Plan::default()
            })
        })
        .await
    }

    pub(crate) async fn delete(
        &self,
        call: Call<'_>,
        mut given: Arguments,
    ) -> Result<ToolResult, Refusal> {
        let path = given.required_path(PATH)?;
        let recursive = given.flag(&["recursive"])?.unwrap_or(false);
        given.end()?;
        self.commit(call, async |state| {
            let entry = match state.files.stat(&path)? {
                Some(entry) => entry,
                None => return Err(absent(state, &path, "delete", PATH[0], json!({}))?),
            };
            if let Entry::Directory(directory) = &entry
                && directory.summary.entries() > 0
                && !recursive
            {
                let entries = counted(directory.summary.entries(), "entry", "entries");
                return Err(Refusal::new(
                    "not_empty",
                    format!("{path} is a directory with {entries} below it"),
                )
                .at(&path)
                .with("entries", directory.summary.entries())
                .next(
                    "delete",
                    json!({ "path": path.as_str(), "recursive": true }),
                ));
            }
            let change = Change::remove(path.as_str())?;
            Ok(Plan {
                changes: vec![if recursive {
                    change.recursively()
                } else {
                    change
                }],
                note: path.to_string(),
                ..Plan::default()
            })
        })
        .await
    }

    pub(crate) async fn rename(
        &self,
        call: Call<'_>,
        mut given: Arguments,
    ) -> Result<ToolResult, Refusal> {
        let from = given.required_path(&["from", "source", "path", "old_path", "file_path"])?;
        let to = given.required_path(&["to", "destination", "new_path", "move_to"])?;
        let replace = given.flag(&["replace", "overwrite"])?.unwrap_or(false);
        given.end()?;
        self.commit(call, async |state| {
            let Some(entry) = state.files.stat(&from)? else {
                let others = json!({ "to": to.as_str(), "replace": replace });
                return Err(absent(state, &from, "move", "from", others)?);
            };
            let mut changes = parents(state, &to)?;
            let again = |to: &str, replace: bool| {
                json!({ "from": from.as_str(), "to": to, "replace": replace })
            };
            match state.files.stat(&to)? {
                Some(Entry::Directory(_)) if from != to => {
                    let name = from.name();
                    let within = name.and_then(|name| to.join(&name).ok());
                    let mut refusal =
                        Refusal::new("already_exists", format!("{to} is a directory")).at(&to);
                    if let Some(within) = within {
                        refusal = refusal.next("move", again(within.as_str(), replace));
                    }
                    return Err(refusal);
                }
                Some(_) if !replace && from != to => {
                    let refusal = Refusal::new("already_exists", format!("{to} is there already"));
                    let refusal = refusal.at(&to);
                    return Err(match entry.kind() {
                        EntryKind::Directory => refusal,
                        _ => refusal.next("move", again(to.as_str(), true)),
                    });
                }
                _ => {}
            }
            let change = Change::rename(from.as_str(), to.as_str())?;
            changes.push(if replace { change.replacing() } else { change });
            Ok(Plan {
                changes,
                note: format!("{from} {to}"),
                ..Plan::default()
            })
        })
        .await
    }
}

/// Returns what makes the directory that a path is to be in, where it is not there.
pub(crate) fn parents(state: &State, path: &TreePath) -> Result<Vec<Change>, Refusal> {
    let Some(parent) = path.parent().filter(|parent| !parent.is_root()) else {
        return Ok(Vec::new());
    };
    match state.files.stat(&parent)? {
        Some(_) => Ok(Vec::new()),
        None => Ok(vec![Change::mkdir(parent.as_str())?.with_parents()]),
    }
}

/// The version that a file has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// That there is none.
    Nothing,
    Version(ContentId),
}

impl Expected {
    pub(crate) fn of(given: &mut Arguments) -> Result<Option<Self>, Refusal> {
        match given.text(&["if_version"])? {
            None => Ok(None),
            Some(none) if none == "none" => Ok(Some(Self::Nothing)),
            Some(version) => match version.parse() {
                Ok(version) => Ok(Some(Self::Version(version))),
                Err(_) => Err(given.malformed(format!(
                    "`if_version` is {}; expected a version as read tells it, or none",
                    shortened(&version)
                ))),
            },
        }
    }

    /// Refuses a file of another version.
    pub(crate) fn check(
        self,
        tools: &Tools,
        state: &State,
        path: &TreePath,
        found: Option<&Entry>,
    ) -> Result<(), Refusal> {
        let now = found.and_then(Entry::as_file).map(|file| file.content);
        let holds = match self {
            Self::Nothing => found.is_none(),
            Self::Version(version) => now == Some(version),
        };
        if holds {
            return Ok(());
        }
        let told = match (&now, found) {
            (Some(now), _) => format!("{path} has another version now: {now}"),
            (None, Some(_)) => format!("{path} is no file"),
            (None, None) => format!("nothing is at {path}"),
        };
        let mut refusal = Refusal::new("stale", told).at(path).with(
            "version",
            now.map_or(Value::Null, |now| now.to_string().into()),
        );
        if let Some(by) = changed_by(tools, state, path, None) {
            refusal = refusal.show(by.told()).with("changed_by", by.value());
        }
        Err(match found {
            Some(_) => refusal.next("read", json!({ "path": path.as_str() })),
            None => refusal,
        })
    }
}
