//! Writes what a patch makes into a copy.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use diffy::patch_set::FileMode;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use workspace_core::{
    Change, ChangeOptions, EntrySource, Error, ErrorKind, ImportOptions, Reason, SourceEntry,
    SourceKind, Text, TreePath,
};

use super::{AllMade, Body, Made};
use crate::commands::child::Child;
use crate::exit::Result;
use crate::random;
use crate::run::Run;
use crate::session::Files;

/// How many changes go in one call.
const BATCH: usize = 1000;

/// Writes what was made into a copy.
pub(super) async fn fill(
    run: &Run,
    files: &Files<'_>,
    child: &Child<'_>,
    made: AllMade,
) -> Result<()> {
    let mut changes = Vec::new();
    // What only moves, or is copied, is never read. It is first where nothing that gives way
    // or is removed is above it.
    let room = TreePath::root().join_relative(&format!(".workspace-patch-{}", random_name()?))?;
    let mut moving: Vec<(TreePath, TreePath)> = Vec::new();
    for (path, it) in &made.written {
        let Body::Of(from, file) = &it.body else {
            continue;
        };
        if moving.is_empty() {
            changes.push(Change::Mkdir {
                path: room.clone(),
                parents: false,
            });
        }
        let place = room.join_relative(&moving.len().to_string())?;
        changes.push(Change::Copy {
            from: from.clone(),
            to: place.clone(),
            replace: false,
        });
        if file.executable != (it.mode == FileMode::Executable) {
            changes.push(Change::SetExecutable {
                path: place.clone(),
                executable: it.mode == FileMode::Executable,
            });
        }
        moving.push((place, path.clone()));
    }
    let gone = made.removed.iter().filter(|path| {
        let with = |above: &TreePath| path.starts_with(above);
        !made.given_way.iter().any(with)
    });
    changes.extend(
        made.given_way
            .iter()
            .chain(gone)
            .map(|path| Change::Remove {
                path: path.clone(),
                recursive: made.given_way.contains(path),
            }),
    );
    let above: BTreeSet<TreePath> = moving
        .iter()
        .filter_map(|(_, path)| path.parent())
        .collect();
    changes.extend(
        above
            .into_iter()
            .filter(|path| !path.is_root())
            .map(|path| Change::Mkdir {
                path,
                parents: true,
            }),
    );
    let is_moving = !moving.is_empty();
    changes.extend(moving.into_iter().map(|(from, to)| Change::Rename {
        from,
        to,
        replace: true,
    }));
    if is_moving {
        changes.push(Change::Remove {
            path: room,
            recursive: true,
        });
    }
    let mut changes = changes.into_iter().peekable();
    while changes.peek().is_some() {
        let batch = changes.by_ref().take(BATCH).collect();
        let options = ChangeOptions::default().author(run.author(&None));
        files.change(batch, options).await?;
    }
    let mut entries = VecDeque::new();
    for (path, made) in made.written {
        if let Some(entry) = entry(path, made)? {
            entries.push_back(entry);
        }
    }
    if entries.is_empty() {
        return Ok(());
    }
    let source = Box::new(Written {
        entries,
        body: Bytes::new(),
    });
    let options = ImportOptions::default().author(run.author(&None));
    // Whose the names are was looked at when they were read.
    let session = run.session()?;
    session.import(child.at(), source, options, true).await?;
    Ok(())
}

fn random_name() -> workspace_core::Result<String> {
    random::hex::<8>()
        .map_err(|error| Error::new(ErrorKind::Unavailable, "apply patch").because(error))
}

/// Returns what is written as an import takes it; `None` for what is there by now.
fn entry(path: TreePath, made: Made) -> Result<Option<(SourceEntry, Bytes)>> {
    let Body::Bytes(bytes) = made.body else {
        return Ok(None);
    };
    let (kind, bytes) = match made.mode {
        FileMode::Symlink => {
            let target = std::str::from_utf8(&bytes).map_err(|_| {
                Error::invalid(Reason::UnfitEntry, "apply patch")
                    .at(&path)
                    .because("the link's target is not UTF-8")
            })?;
            let kind = SourceKind::Symlink {
                target: Text::new(target)?,
                modified: None,
            };
            (kind, Bytes::new())
        }
        mode => {
            let kind = SourceKind::File {
                size: Some(bytes.len() as u64),
                executable: mode == FileMode::Executable,
                modified: None,
                media_type: made.media_type,
                provenance: None,
            };
            (kind, bytes)
        }
    };
    Ok(Some((SourceEntry { path, kind }, bytes)))
}

/// What a patch made, as an import takes it.
struct Written {
    entries: VecDeque<(SourceEntry, Bytes)>,
    body: Bytes,
}

impl EntrySource for Written {
    fn next(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<SourceEntry>>> {
        async {
            let Some((entry, body)) = self.entries.pop_front() else {
                return Ok(None);
            };
            self.body = body;
            Ok(Some(entry))
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<Bytes>>> {
        async {
            let body = std::mem::take(&mut self.body);
            Ok((!body.is_empty()).then_some(body))
        }
        .boxed()
    }
}
