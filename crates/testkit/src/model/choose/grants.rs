//! Choosing what becomes of grants, what their holders do, and globs.

use workspace_core::store::Budget;
use workspace_core::{GrantId, TreePath};

use super::super::action::{Action, Held, Place};
use super::super::files::{Files, Thing};
use super::super::grants::Narrowing;
use super::Chooser;

/// How many grants are alive before no more are handed out.
const GRANTS: usize = 6;

impl Chooser<'_> {
    /// Something that is done to a grant, or by its holder.
    pub(super) fn of_grants(&mut self) -> Action {
        let crowded = self.model.grants.len() >= GRANTS;
        match self.random.below(12) {
            // A directory of long names would lead to paths that no holder can name.
            _ if self.taste.long_names => self.change(),
            0..3 if !crowded => {
                let place = match self.rarely(3) {
                    true => self.place(),
                    false => Place::Copy(self.copy()),
                };
                let scope = self.narrowing(&self.files(place), place);
                Action::IssueGrant(place, scope, self.expiry(), self.budget())
            }
            3 if !crowded => {
                let of = self.grant();
                match self.model.grants.get(&of).cloned() {
                    Some(grant) if self.kept.has_token(&of) => {
                        let scope = self.narrowing(&self.seen(of), grant.at);
                        Action::AttenuateGrant(of, scope, self.expiry(), self.budget())
                    }
                    _ => Action::RevokeGrant(of),
                }
            }
            4 if self.rarely(2) => Action::RevokeGrant(self.grant()),
            0..8 => {
                let id = self.grant();
                let edits = self.edits_of(self.seen(id));
                Action::Held(id, Held::Change(edits))
            }
            n => {
                let id = self.grant();
                let path = self.path(&self.seen(id));
                let directory = path.parent().unwrap_or(path.clone());
                Action::Held(
                    id,
                    match n {
                        8 => Held::Stat(path),
                        9 => Held::List(directory),
                        10 => Held::Read(path),
                        _ => Held::Walk(directory),
                    },
                )
            }
        }
    }

    /// A grant that is alive, or rarely nobody's id.
    fn grant(&mut self) -> GrantId {
        let ids: Vec<GrantId> = self.model.grants.keys().copied().collect();
        let nobody = GrantId::from_bytes([7; 16]);
        match self.rarely(30) {
            true => nobody,
            false => self.random.choose(&ids).copied().unwrap_or(nobody),
        }
    }

    /// The files that a grant is to, from where its holder sees them.
    fn seen(&self, id: GrantId) -> Files {
        let Some(grant) = self.model.grants.get(&id) else {
            return Files::default();
        };
        let mut seen = self.files(grant.at);
        for scope in &grant.scopes {
            seen = below(&seen, &scope.root);
        }
        seen
    }

    fn narrowing(&mut self, files: &Files, place: Place) -> Narrowing {
        let mut root = match self.rarely(2) {
            true => TreePath::root(),
            false => self.path(files),
        };
        while !matches!(files.get(&root), Some(Thing::Directory)) && !self.rarely(9) {
            root = root.parent().unwrap_or(TreePath::root());
        }
        let seen = below(files, &root);
        let only_reads = !matches!(place, Place::Copy(_)) && !self.rarely(9);
        Narrowing {
            read: self.globs(&seen, 0),
            write: match only_reads {
                true => Vec::new(),
                false => self.globs(&seen, 0),
            },
            delete: !only_reads && !self.rarely(3),
            root,
        }
    }

    /// Some globs, at least so many; one of all that is there, mostly.
    pub(super) fn globs(&mut self, files: &Files, least: usize) -> Vec<String> {
        let count = least.max(self.random.below(3));
        let glob = |chooser: &mut Self| {
            let patterns = ["/*", "a*", "/*/?", "**/b", "*.b", "/a/**/f?", "/**/c", "é/"];
            match chooser.random.below(3) {
                0 => "/**".into(),
                1 => chooser.random.choose(&patterns).map_or("a", |it| it).into(),
                _ => match chooser.path(files) {
                    root if root.is_root() => "/**".into(),
                    path => path.to_string(),
                },
            }
        };
        (0..count).map(|_| glob(self)).collect()
    }

    fn budget(&mut self) -> Budget {
        Budget {
            max_bytes: None,
            max_entries: self.rarely(3).then(|| self.random.below(6) as u64),
        }
    }
}

/// Returns what is below a directory, as seen from there.
fn below(files: &Files, root: &TreePath) -> Files {
    let below = files.below(root);
    let seen = below.filter_map(|(path, thing)| Some((path.strip_prefix(root)?, thing.clone())));
    Files(seen.collect())
}
