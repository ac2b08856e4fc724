//! Hard links: a second name for a member that came before.

use std::collections::HashMap;
use std::io::{self, Seek};

use workspace_core::{Result, TreePath};

use super::Reading;
use super::blocks::Member;
use crate::source::ahead::{Sink, Stop};
use crate::source::archive::member_path;
use crate::source::{invalid, source_error};

/// The hard links of an archive that are still to become copies.
///
/// A stream cannot go back to an earlier member, so they come at the end, from a
/// second pass over the archive. A later entry wins, hence a link is forgotten
/// where a later member takes its path.
#[derive(Default)]
pub(super) struct HardLinks(HashMap<TreePath, Target>);

#[derive(Clone)]
struct Target {
    path: TreePath,
    /// Only members before this one count.
    before: u64,
}

impl HardLinks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, path: TreePath, target: TreePath, number: u64) {
        // A link to a link is one to the same member.
        let target = self.0.get(&target).cloned().unwrap_or(Target {
            path: target,
            before: number,
        });
        self.0.insert(path, target);
    }

    /// Another member has this path.
    pub(super) fn replaced(&mut self, path: &TreePath) {
        self.0.remove(path);
    }

    /// Turns them round for the second pass.
    pub(super) fn copies(self) -> Copies {
        let mut copies = Copies::default();
        for (path, target) in self.0 {
            copies.0.entry(target.path).or_default().push(Copy {
                path,
                before: target.before,
                made: false,
            });
        }
        copies
    }
}

/// The copies to make of each member.
#[derive(Default)]
pub(super) struct Copies(HashMap<TreePath, Vec<Copy>>);

struct Copy {
    path: TreePath,
    before: u64,
    made: bool,
}

impl Copies {
    /// Sends the member under the path of each link to it.
    pub(super) fn make(
        &mut self,
        reading: &Reading,
        number: u64,
        member: &mut Member<'_>,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        if member.header().entry_type().is_pax_global_extensions() {
            return Ok(());
        }
        let path = member_path(&member.path_bytes())?;
        let Some(copies) = self.0.get_mut(&path) else {
            return Ok(());
        };
        let Some(mut entry) = reading.entry(member, path.clone())? else {
            return Ok(());
        };
        // The bytes pass by once, so they are kept where they are needed again.
        // They were within the limits of the import the first time.
        let failed = |cause| source_error(&path, cause);
        let mut spool = None;
        if copies.len() > 1 {
            let mut file = tempfile::tempfile().map_err(failed)?;
            io::copy(member, &mut file).map_err(failed)?;
            spool = Some(file);
        }
        for copy in copies.iter_mut().filter(|copy| number < copy.before) {
            copy.made = true;
            entry.path = copy.path.clone();
            sink.entry(entry.clone())?;
            let expected = member.size();
            match &mut spool {
                None => sink.bytes(member, expected, failed)?,
                Some(file) => {
                    file.rewind().map_err(failed)?;
                    sink.bytes(file, expected, failed)?
                }
            };
        }
        Ok(())
    }

    pub(super) fn refuse_dangling(&self) -> Result<()> {
        let all = self.0.iter().flat_map(|(target, copies)| {
            copies
                .iter()
                .map(move |copy| (&copy.path, target, copy.made))
        });
        let dangling = all.filter(|(_, _, made)| !made);
        match dangling.min_by_key(|(path, _, _)| path.as_str()) {
            None => Ok(()),
            Some((path, target, _)) => {
                let why = format!("a hard link to {target}, which is no file before it");
                Err(invalid(path, &why))
            }
        }
    }
}
