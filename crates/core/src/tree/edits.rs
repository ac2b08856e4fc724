//! The edits of one directory, by name: compact where there are few.

use std::collections::BTreeMap;

use crate::path::Name;

/// Up to this many are kept in a list.
const FEW: usize = 16;

/// A map from name to edit. Most directories that a batch goes through are on
/// the way to one below, and have one edit: for them it takes no more than that
/// edit does.
#[derive(Debug)]
pub(super) enum Edits<T> {
    /// In order of name, without spare room where there is one.
    Few(Vec<(Name, T)>),
    Many(BTreeMap<Name, T>),
}

impl<T> Default for Edits<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T> Edits<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        match self {
            Self::Few(list) => {
                let at = list.binary_search_by(|(found, _)| found.as_str().cmp(name));
                at.ok().map(|at| &list[at].1)
            }
            Self::Many(map) => map.get(name),
        }
    }

    /// Sets what is under `name`; returns what was.
    pub(super) fn insert(&mut self, name: Name, edit: T) -> Option<T> {
        if let Self::Few(list) = self {
            match list.binary_search_by(|(found, _)| found.cmp(&name)) {
                Ok(at) => return Some(std::mem::replace(&mut list[at].1, edit)),
                Err(at) if list.len() < FEW => {
                    if list.is_empty() {
                        list.reserve_exact(1);
                    }
                    list.insert(at, (name, edit));
                    return None;
                }
                Err(_) => *self = Self::Many(std::mem::take(list).into_iter().collect()),
            }
        }
        match self {
            Self::Many(map) => map.insert(name, edit),
            Self::Few(_) => None,
        }
    }

    /// Returns all, in order of name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &T)> {
        let (few, many) = match self {
            Self::Few(list) => (Some(list), None),
            Self::Many(map) => (None, Some(map)),
        };
        let few = few.into_iter().flatten().map(|(name, edit)| (name, edit));
        few.chain(many.into_iter().flatten())
    }

    /// Returns all, in order of name.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = (Name, T)> {
        let (few, many) = match self {
            Self::Few(list) => (Some(list), None),
            Self::Many(map) => (None, Some(map)),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }
}
