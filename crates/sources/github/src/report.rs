//! What came of reading the entries of a commit.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::trees::{Unheld, Why};

/// What is found out while entries are read.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    unheld: BTreeMap<(Vec<u8>, Why), Unheld>,
    repaired: usize,
}

impl Shared {
    /// Takes note of something that a tree of ours cannot hold.
    pub(crate) fn unheld(&self, unheld: Unheld) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .unheld
            .insert((unheld.path.clone(), unheld.why), unheld);
    }

    /// Takes note of how many files the archive did not have as the commit has them.
    pub(crate) fn repaired(&self, files: usize) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .repaired = files;
    }

    pub(crate) fn found(&self) -> (Vec<Unheld>, usize) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.unheld.values().cloned().collect(), state.repaired)
    }
}
