//! What a mounted view is, said as simply as can be.

use std::collections::BTreeMap;

use workspace_core::{ContentId, CopyId, ErrorKind};

/// Path to text, or `None` for a directory; the root is implied.
pub(crate) type Files = BTreeMap<String, Option<String>>;

pub(crate) enum Of {
    /// Which of the trees.
    Tree(usize),
    /// Which of the trees has the composition; and the base.
    Overlay(usize, Files),
    Local,
    Rejected,
}

pub(crate) struct MountModel {
    pub(crate) prefix: String,
    pub(crate) of: Of,
    pub(crate) writable: bool,
}

#[derive(Default)]
pub(crate) struct View {
    pub(crate) trees: Vec<(Option<CopyId>, Files)>,
    pub(crate) mounts: Vec<MountModel>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    File(ContentId, bool),
    Directory,
    Local,
}

#[derive(Debug)]
pub(crate) enum Made {
    Write(String, String, bool),
    Mkdir(String, bool),
    Remove(String, bool),
    Rename(String, String),
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Written,
    Nothing,
    /// The view refuses it.
    Refused(ErrorKind),
    /// The files do not have it so.
    Failed,
}

pub(crate) fn below(path: &str, prefix: &str) -> Option<String> {
    match (prefix, path.strip_prefix(prefix)?) {
        ("/", _) => Some(path.into()),
        (_, "") => Some("/".into()),
        (_, rest) => rest.starts_with('/').then(|| rest.into()),
    }
}

pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = String> + '_ {
    path.match_indices('/')
        .skip(1)
        .map(|(end, _)| path[..end].into())
}

fn parent(path: &str) -> String {
    ancestors(path).last().unwrap_or_else(|| "/".into())
}

fn remove(files: &mut Files, path: &str) {
    files.retain(|at, _| below(at, path).is_none());
}

/// The base with what the copy adds, replaces and hides.
pub(crate) fn overlaid(base: &Files, copy: &Files) -> Files {
    let mut files = base.clone();
    let is_mark = |path: &str| path.split('/').any(|name| name.starts_with(".wh."));
    for at in copy.keys().filter(|at| !is_mark(&parent(at))) {
        if let Some((above, hidden)) = at.rsplit_once("/.wh.") {
            remove(&mut files, &format!("{above}/{hidden}"));
        }
    }
    for (at, text) in copy.iter().filter(|(at, _)| !is_mark(at)) {
        if text.is_some() || files.get(at).is_some_and(Option::is_some) {
            remove(&mut files, at);
        }
        files.insert(at.clone(), text.clone());
    }
    files
}

impl View {
    fn owner(&self, path: &str) -> Option<usize> {
        let owners = self.mounts.iter().enumerate();
        let owners = owners.filter(|(_, mount)| below(path, &mount.prefix).is_some());
        Some(owners.max_by_key(|(_, mount)| mount.prefix.len())?.0)
    }

    fn passage(&self, path: &str) -> bool {
        let shows = |mount: &&MountModel| !matches!(mount.of, Of::Rejected);
        let mut shown = self.mounts.iter().filter(shows);
        shown.any(|mount| mount.prefix != path && below(&mount.prefix, path).is_some())
    }

    fn text(&self, tree: usize, path: &str) -> Option<Option<String>> {
        match path {
            "/" => Some(None),
            _ => self.trees[tree].1.get(path).cloned(),
        }
    }

    pub(crate) fn at(&self, path: &str) -> Result<Option<(Option<usize>, Kind)>, ()> {
        let owner = self.owner(path);
        let kind = match owner.map(|at| &self.mounts[at]) {
            None => None,
            Some(MountModel {
                of: Of::Rejected, ..
            }) => return Err(()),
            Some(MountModel { of: Of::Local, .. }) => Some(Kind::Local),
            Some(mount) => {
                let (Of::Tree(tree) | Of::Overlay(tree, _)) = &mount.of else {
                    unreachable!()
                };
                let at = below(path, &mount.prefix).unwrap();
                self.text(*tree, &at).map(|text| match text {
                    None => Kind::Directory,
                    Some(text) => {
                        let of_base = |base: &Files| base.get(&at) == Some(&Some(text.clone()));
                        let of_base = matches!(&mount.of, Of::Overlay(_, base) if of_base(base));
                        Kind::File(ContentId::of(text.as_bytes()), of_base)
                    }
                })
            }
        };
        let kind = if self.passage(path) {
            Some(Kind::Directory)
        } else {
            kind
        };
        Ok(kind.map(|kind| (owner, kind)))
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, ErrorKind> {
        match self.at(path) {
            Err(()) => return Err(ErrorKind::Denied),
            Ok(None) => return Err(ErrorKind::NotFound),
            Ok(Some((_, Kind::Local))) => return Err(ErrorKind::Unsupported),
            Ok(Some((_, Kind::File(..)))) => return Err(ErrorKind::NotADirectory),
            Ok(Some((_, Kind::Directory))) => {}
        }
        let mut names: Vec<_> = super::NAMES.into_iter().map(String::from).collect();
        names.sort();
        let above = path.trim_end_matches('/');
        names.retain(|name| matches!(self.at(&format!("{above}/{name}")), Ok(Some(_))));
        Ok(names)
    }

    pub(crate) fn walk(&self, path: &str) -> Vec<String> {
        let above = path.trim_end_matches('/');
        let names = self.list(path).unwrap_or_default().into_iter();
        let each = names.flat_map(|name| {
            let at = format!("{above}/{name}");
            [vec![at.clone()], self.walk(&at)].concat()
        });
        each.collect()
    }

    /// Where a write goes: the mount, the tree, and the path in it.
    fn writable(&self, path: &str) -> Result<(usize, usize, String), ErrorKind> {
        let mount = self.owner(path).ok_or(ErrorKind::ReadOnly)?;
        let MountModel {
            prefix,
            of,
            writable,
        } = &self.mounts[mount];
        match of {
            Of::Rejected => Err(ErrorKind::Denied),
            Of::Tree(tree) | Of::Overlay(tree, _) if *writable => {
                Ok((mount, *tree, below(path, prefix).unwrap()))
            }
            _ => Err(ErrorKind::ReadOnly),
        }
    }

    pub(crate) fn change(&mut self, made: &Made) -> Outcome {
        match self.routed(made) {
            Err(Some(kind)) => Outcome::Refused(kind),
            Err(None) => Outcome::Failed,
            Ok(None) => Outcome::Nothing,
            Ok(Some((tree, files))) => {
                let same = self.trees[tree].1 == files;
                self.trees[tree].1 = files;
                if same {
                    Outcome::Nothing
                } else {
                    Outcome::Written
                }
            }
        }
    }

    fn routed(&self, made: &Made) -> Result<Option<(usize, Files)>, Option<ErrorKind>> {
        let around = |path: &str| {
            self.mounts
                .iter()
                .any(|it| below(&it.prefix, path).is_some())
        };
        let (path, parents) = match made {
            Made::Write(path, _, parents) | Made::Mkdir(path, parents) => (path, *parents),
            Made::Remove(path, _) | Made::Rename(_, path) => (path, false),
        };
        match made {
            Made::Remove(..) | Made::Rename(..) if around(path) => Err(Some(ErrorKind::Invalid))?,
            Made::Rename(from, _) if around(from) => Err(Some(ErrorKind::Invalid))?,
            Made::Mkdir(..) if self.passage(path) && parents => return Ok(None),
            Made::Mkdir(..) if self.passage(path) => Err(Some(ErrorKind::AlreadyExists))?,
            Made::Write(..) if self.passage(path) => Err(Some(ErrorKind::IsADirectory))?,
            _ => {}
        }
        let (mount, tree, at) = self.writable(path).map_err(Some)?;
        match made {
            Made::Mkdir(..) if at == "/" && parents => return Ok(None),
            Made::Mkdir(..) if at == "/" => Err(Some(ErrorKind::AlreadyExists))?,
            Made::Write(..) if at == "/" => Err(Some(ErrorKind::IsADirectory))?,
            _ => {}
        }
        let is_overlay = matches!(self.mounts[mount].of, Of::Overlay(..));
        let mut files = self.trees[tree].1.clone();
        let mut moved = Files::new();
        if let Made::Rename(from, _) = made {
            let (_, other, from) = self.writable(from).map_err(Some)?;
            let refused = if other != tree {
                Some(ErrorKind::Invalid)
            } else {
                None
            };
            let refused = refused.or(is_overlay.then_some(ErrorKind::Unsupported));
            refused.map_or(Ok(()), |kind| Err(Some(kind)))?;
            match self.text(tree, &from) {
                Some(_) if at == from => return Ok(None),
                Some(_) if below(&at, &from).is_none() => {}
                _ => return Err(None),
            }
            let all = files.iter().filter_map(|(it, text)| {
                let rest = below(it, &from)?;
                Some((format!("{at}{}", rest.trim_end_matches('/')), text.clone()))
            });
            moved = all.collect();
        }
        if is_overlay && at.contains("/.wh.") {
            Err(Some(ErrorKind::Invalid))?;
        }
        let above = self.mounts[mount].prefix.trim_end_matches('/').to_string();
        for it in ancestors(&at) {
            let made = parents || self.passage(&format!("{above}{}", parent(&at)));
            match files.get(&it) {
                Some(Some(_)) => return Err(None),
                None if !made => return Err(None),
                _ => {}
            }
            files.entry(it).or_insert(None);
        }
        match (made, files.get(&at).cloned()) {
            (Made::Write(_, text, _), None | Some(Some(_))) => {
                files.insert(at, Some(text.clone()));
            }
            (Made::Mkdir(..), None) => {
                files.insert(at, None);
            }
            (Made::Mkdir(_, true), Some(None)) => {}
            (Made::Remove(_, all), Some(_)) => {
                let empty = !files.keys().any(|it| it != &at && below(it, &at).is_some());
                if !all && !empty {
                    return Err(None);
                }
                remove(&mut files, &at);
            }
            (Made::Rename(from, _), None) => {
                let (.., from) = self.writable(from).map_err(Some)?;
                remove(&mut files, &from);
                files.extend(moved);
            }
            _ => return Err(None),
        }
        Ok(Some((tree, files)))
    }
}
