//! Conflicts in a person's hands: `rebase --edit`.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use workspace_core::{
    At, Conflicting, Content, Entry, Error, ErrorKind, File, Reason, Resolution, Take, TreePath,
};
use workspace_merge::Marked;

use crate::commands::editor::{Desk, edit_files, read, run_program};
use crate::commands::publish::{Rebase, check_listed};
use crate::exit::{Failure, Result};
use crate::run::Run;
use crate::session::Session;
use crate::signals::shell;

/// What a person made of conflicting files.
pub(crate) struct Asked {
    /// What they were made from.
    pub(crate) generation: u64,
    pub(crate) parent_version: u64,
    made: Vec<(TreePath, PathBuf, Vec<u8>)>,
    desk: Desk,
}

impl Asked {
    /// Tells whether a path is among them.
    pub(crate) fn has(&self, path: &TreePath) -> bool {
        self.made.iter().any(|(it, ..)| it == path)
    }

    /// Returns what to take at each path.
    pub(crate) fn resolutions(&self) -> Vec<Resolution> {
        let made = self.made.iter();
        made.map(|(path, _, text)| Resolution {
            path: path.clone(),
            take: Take::Content(Content::Bytes(text.clone().into())),
        })
        .collect()
    }

    /// Keeps the files for a person whose rebase failed.
    pub(crate) fn keep(self, failure: Failure) -> Failure {
        if self.made.is_empty() {
            return failure;
        }
        let place = self.desk.place().to_owned();
        self.desk.keep(failure, &place)
    }
}

/// The three texts of a file, and what to begin with.
struct Texts {
    base: Bytes,
    copy: Bytes,
    parent: Bytes,
    merged: Marked,
}

/// Has a person merge the conflicting files that are texts on both sides, one by one.
///
/// # Errors
/// `Invalid` where none of them is; `Conflict` where something is left undecided.
pub(crate) async fn ask(run: &Run, args: &Rebase) -> Result<Asked> {
    // While a person merges, others may have the workspace.
    let session = run.connect()?;
    let copy = args.copy.find(&session, "rebase").await?;
    let found = session.conflicts(copy.id).await?;
    let parent = match found.copy.parent {
        Some(parent) => At::Copy(parent),
        None => At::Head,
    };
    // Where it moved since, it is told in the end.
    let trees = [
        At::Tree(found.copy.base),
        At::Tree(found.copy.tree),
        session.tree(parent).await?,
    ];
    check_listed(&copy, &found)?;
    let mut texts = Vec::new();
    let mut undecided = Vec::new();
    for it in &found.paths {
        let path = &it.path;
        let (asks, merges) = (args.asks(path), args.merges(path));
        let loaded = match asks || merges {
            true => load(&session, trees, it).await?,
            false => None,
        };
        match loaded {
            // What lines merge by themselves is merged where that was asked for.
            Some((_, false)) if merges => {}
            Some((found, _)) if asks => texts.push((path.clone(), found)),
            _ if args.takes(path) => {}
            _ => undecided.push(path),
        }
    }
    drop(session);
    if texts.is_empty() && args.is_only_edit() {
        return Err(Failure::Error {
            error: Error::invalid(Reason::NoConflict, "rebase")
                .because("no conflicting file there is a text on both sides"),
            hint: Some("--take copy:PATH or --take parent:PATH decides any other".into()),
        });
    }
    // Before anybody is asked: what he wrote would be for nothing.
    if let Some(first) = undecided.first() {
        let count = undecided.len();
        return Err(Failure::Error {
            error: Error::new(ErrorKind::Conflict, "rebase")
                .at(first)
                .because(match count {
                    1 => "nothing decides it, and it is no text to be edited".into(),
                    _ => format!("nothing decides it and {} more", count - 1),
                }),
            hint: Some(
                "nobody was asked yet: --take copy:PATH or --take parent:PATH decides what is \
                 no text, or is not named by --edit"
                    .into(),
            ),
        });
    }
    let desk = Desk::new()?;
    let mut asked = Asked {
        generation: found.copy.generation,
        parent_version: found.parent_version,
        made: Vec::new(),
        desk,
    };
    for (number, (path, texts)) in texts.iter().enumerate() {
        let name = path.name();
        let name = name.as_ref().map_or("file", |name| name.as_str());
        let text = texts.merged.text();
        let place = asked
            .desk
            .put(Path::new(&number.to_string()).join(name), text.as_bytes())?;
        let tool = args.tool();
        let merged = merge(&asked.desk, number, name, texts, &place, tool.as_deref()).await;
        asked.made.push((path.clone(), place, Vec::new()));
        match merged.and_then(|text| decided(path, &texts.merged, text)) {
            Ok(text) => {
                if let Some(last) = asked.made.last_mut() {
                    last.2 = text;
                }
            }
            Err(failure) => return Err(asked.keep(failure)),
        }
    }
    Ok(asked)
}

async fn merge(
    desk: &Desk,
    number: usize,
    name: &str,
    texts: &Texts,
    place: &Path,
    tool: Option<&str>,
) -> Result<Vec<u8>> {
    let Some(tool) = tool else {
        edit_files(&[place]).await?;
        return read(place);
    };
    let above = Path::new(&number.to_string()).to_owned();
    let side = |side: &str, bytes| desk.put(above.join(side).join(name), bytes);
    let mut command = shell(tool);
    // The names that git gives them.
    command
        .env("BASE", side("base", &texts.base)?)
        .env("LOCAL", side("copy", &texts.copy)?)
        .env("REMOTE", side("parent", &texts.parent)?)
        .env("MERGED", place);
    run_program(command, tool).await?;
    read(place)
}

/// Refuses a text in which something is left to decide.
fn decided(path: &TreePath, marked: &Marked, text: Vec<u8>) -> Result<Vec<u8>> {
    match marked.is_open_in(&text) {
        false => Ok(text),
        true => Err(Error::new(ErrorKind::Conflict, "rebase")
            .at(path)
            .because("there are conflict markers in it still; nothing was changed")
            .into()),
    }
}

/// Reads a conflicting file on all sides, and tells whether its lines conflict; `None`
/// where it is no text on both sides.
async fn load(
    session: &Session,
    [before, here, there]: [At; 3],
    it: &Conflicting,
) -> Result<Option<(Texts, bool)>> {
    let (Some(Entry::File(ours)), Some(Entry::File(theirs))) = (&it.copy, &it.parent) else {
        return Ok(None);
    };
    let base = match &it.base {
        None => None,
        Some(Entry::File(base)) => Some(base),
        Some(_) => return Ok(None),
    };
    let read = async |at, file: Option<&File>| match file {
        None => Ok(Some(Bytes::new())),
        Some(file) if file.size > workspace_merge::MAX_TEXT => Ok(None),
        Some(file) => {
            let files = session.files(at);
            files.read_found(&it.path, file).await.map(Some)
        }
    };
    let sides = (
        read(before, base).await?,
        read(here, Some(ours)).await?,
        read(there, Some(theirs)).await?,
    );
    let (Some(base), Some(copy), Some(parent)) = sides else {
        return Ok(None);
    };
    // Bytes may be UTF-8 and no text, as git has it.
    let text = |bytes: &Bytes| match bytes.contains(&0) {
        true => None,
        false => String::from_utf8(bytes.to_vec()).ok(),
    };
    let (Some(a), Some(b), Some(c)) = (text(&base), text(&copy), text(&parent)) else {
        return Ok(None);
    };
    let conflicts = workspace_merge::lines(&a, &b, &c).is_none();
    let merged = workspace_merge::marked(&a, &b, &c);
    let texts = Texts {
        base,
        copy,
        parent,
        merged,
    };
    Ok(Some((texts, conflicts)))
}
