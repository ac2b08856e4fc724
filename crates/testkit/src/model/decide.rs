//! Ways out of a conflict, path by path.

use std::collections::BTreeSet;

use workspace_core::store::OperationCause;
use workspace_core::{
    Applied, Author, Conflict, CopyId, ErrorKind, OperationId, RevisionMessage, Timestamp, TreePath,
};

use super::action::Side;
use super::files::{FileThing, Files, Thing};
use super::glob::matches;
use super::merge::{Changes, carry, changes, conflicting, only};
use super::show::Shown;
use super::state::{Model, Outcome};

/// Returns what `to` changed at what one of the globs `selected` matches, made to `from`;
/// `None` where it changed nothing there.
///
/// # Errors
/// `Invalid` where that needs a directory that is something else.
pub(super) fn part(
    from: &Files,
    to: &Files,
    selected: &[String],
) -> Result<Option<Files>, ErrorKind> {
    let mut taken = changes(from, to);
    taken.retain(|path, _| selected.iter().any(|glob| matches(glob, path)));
    if taken.is_empty() {
        return Ok(None);
    }
    let mut files = from.clone();
    for (path, thing) in taken {
        let stays = thing == Some(Thing::Directory) && files.get(&path) == Some(&Thing::Directory);
        if !stays {
            files.remove(&path);
        }
        if let Some(thing) = thing {
            files.0.insert(path, thing);
        }
    }
    make_directories(&mut files)?;
    Ok(Some(files))
}

/// Makes the directories that are missing above what is there.
fn make_directories(files: &mut Files) -> Result<(), ErrorKind> {
    let paths: Vec<TreePath> = files.0.keys().cloned().collect();
    for path in paths {
        let above = std::iter::successors(path.parent(), TreePath::parent);
        for above in above.take_while(|above| !above.is_root()) {
            match files.0.get(&above) {
                None => drop(files.0.insert(above, Thing::Directory)),
                Some(Thing::Directory) => {}
                Some(_) => return Err(ErrorKind::Invalid),
            }
        }
    }
    Ok(())
}

impl Model {
    /// Moves a copy onto what its parent is now, with what is decided.
    ///
    /// # Errors
    /// As the facade.
    pub fn rebase_decided(
        &mut self,
        id: CopyId,
        author: &Author,
        decided: &[(TreePath, Side)],
        now: Timestamp,
    ) -> Outcome<Option<OperationId>> {
        if decided.is_empty() {
            return self.rebase(id, author, now);
        }
        let copy = self.open_copy(id, now)?.clone();
        let (version, theirs) = self.parent_of(&copy);
        for (n, (path, side)) in decided.iter().enumerate() {
            let others = decided[n + 1..].iter();
            let nested =
                |other: &&(TreePath, Side)| other.0.starts_with(path) || path.starts_with(&other.0);
            let is_directory = |files: &Files| files.get(path) == Some(&Thing::Directory);
            let in_the_way = is_directory(&copy.files) || is_directory(&theirs);
            if others.filter(nested).count() > 0 || (matches!(side, Side::Content(_)) && in_the_way)
            {
                return Err(ErrorKind::Invalid.into());
            }
        }
        let (ours_changed, copy_changed) = (
            changes(&copy.base, &theirs),
            changes(&copy.base, &copy.files),
        );
        let both = conflicting(&ours_changed, &copy_changed);
        let covers = |path: &TreePath| decided.iter().any(|(above, _)| path.starts_with(above));
        let open: BTreeSet<_> = both.iter().filter(|path| !covers(path)).cloned().collect();
        if !open.is_empty() {
            return Err(Conflict {
                parent: only(&ours_changed, &copy_changed, &both),
                copy: only(&copy_changed, &ours_changed, &both),
                both: open.into_iter().collect(),
            }
            .into());
        }
        if decided
            .iter()
            .any(|(above, _)| !both.iter().any(|path| path.starts_with(above)))
        {
            return Err(ErrorKind::Invalid.into());
        }
        let mut merged = carry(&copy.base, &theirs, &copy.files, covers);
        for (path, side) in decided {
            merged.remove(path);
            let from = match side {
                Side::Copy => &copy.files,
                Side::Parent => &theirs,
                Side::Content(bytes) => {
                    let [was, ours, theirs] =
                        [&copy.base, &copy.files, &theirs].map(|files| match files.get(path) {
                            Some(Thing::File(file)) => Some(file.clone()),
                            _ => None,
                        });
                    let executable = match (&was, &ours, &theirs) {
                        (_, None, None) => false,
                        (_, Some(ours), None) => ours.executable,
                        (_, None, Some(theirs)) => theirs.executable,
                        (Some(was), Some(ours), Some(theirs))
                            if was.executable == ours.executable =>
                        {
                            theirs.executable
                        }
                        (_, Some(ours), Some(_)) => ours.executable,
                    };
                    let media_type = match (&was, &ours, &theirs) {
                        (_, None, None) => None,
                        (_, Some(ours), None) => ours.media_type.clone(),
                        (_, None, Some(theirs)) => theirs.media_type.clone(),
                        (Some(was), Some(ours), Some(theirs))
                            if was.media_type == ours.media_type =>
                        {
                            theirs.media_type.clone()
                        }
                        (_, Some(ours), Some(_)) => ours.media_type.clone(),
                    };
                    let file = FileThing {
                        bytes: bytes.clone(),
                        executable,
                        modified: now,
                        media_type,
                        provenance: None,
                    };
                    merged.0.insert(path.clone(), Thing::File(file));
                    continue;
                }
            };
            let there = from.0.iter().filter(|(other, _)| other.starts_with(path));
            merged
                .0
                .extend(there.map(|(path, thing)| (path.clone(), thing.clone())));
        }
        make_directories(&mut merged)?;
        let copy = self.open_copy(id, now)?;
        copy.base = theirs;
        copy.base_version = version;
        if merged == *copy.files {
            copy.modified = now;
            return Ok(None);
        }
        Ok(Some(copy.advance(
            merged,
            OperationCause::Rebase(version),
            author,
            now,
        )))
    }

    /// Lists the paths that stand in the way of a rebase, with what base, copy and parent
    /// have there.
    ///
    /// # Errors
    /// As the facade.
    pub fn conflicts(
        &mut self,
        id: CopyId,
        now: Timestamp,
    ) -> Outcome<Vec<(TreePath, [Option<Shown>; 3])>> {
        let copy = self.open_copy(id, now)?.clone();
        let (_, theirs) = self.parent_of(&copy);
        let both = conflicting(
            &changes(&copy.base, &theirs),
            &changes(&copy.base, &copy.files),
        );
        let sides = [&copy.base, &copy.files, &theirs];
        let shown = both.into_iter().map(|path| {
            let shown = sides.map(|side| side.show(&path));
            (path, shown)
        });
        Ok(shown.collect())
    }

    /// Lists the pairs of copies that meet, and where.
    ///
    /// # Errors
    /// As the facade.
    pub fn overlap(
        &mut self,
        copies: &[CopyId],
        now: Timestamp,
    ) -> Outcome<Vec<(CopyId, CopyId, Vec<TreePath>)>> {
        all_distinct(copies)?;
        let mut changed: Vec<(CopyId, Changes)> = Vec::new();
        for id in copies {
            let copy = self.open_copy(*id, now)?;
            changed.push((*id, changes(&copy.base, &copy.files)));
        }
        let mut met = Vec::new();
        for (n, (one, ours)) in changed.iter().enumerate() {
            for (other, theirs) in &changed[n + 1..] {
                let paths: Vec<_> = conflicting(ours, theirs).into_iter().collect();
                if !paths.is_empty() {
                    met.push((*one, *other, paths));
                }
            }
        }
        Ok(met)
    }

    /// Applies copies of one parent, each as what it is on top of those before.
    ///
    /// # Errors
    /// As the facade; what was done until then stays.
    pub fn apply_all(
        &mut self,
        copies: &[CopyId],
        message: &RevisionMessage,
        now: Timestamp,
    ) -> Outcome<Vec<Applied>> {
        all_distinct(copies)?;
        let mut parents = BTreeSet::new();
        for id in copies {
            parents.insert(self.any_copy(*id)?.parent);
            if parents.len() > 1 {
                return Err(ErrorKind::Invalid.into());
            }
        }
        let mut applied = Vec::new();
        for id in copies {
            applied.push(self.apply(*id, true, message.clone(), &[], true, now)?);
        }
        Ok(applied)
    }
}

fn all_distinct(copies: &[CopyId]) -> Outcome<()> {
    let distinct: BTreeSet<_> = copies.iter().collect();
    match distinct.len() == copies.len() {
        true => Ok(()),
        false => Err(ErrorKind::Invalid.into()),
    }
}
