//! What the server knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::fault::{Fault, Route, What};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// What it was for.
    pub route: Route,
    /// `GET`, `POST`.
    pub method: String,
    /// Its path, without a query.
    pub path: String,
    /// Its `authorization`, if there was one.
    pub authorization: Option<String>,
    /// How many objects were wanted, of a fetch.
    pub wants: usize,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its repository.
    pub repository: String,
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The branch that it brings.
    pub head: String,
    /// The branch that it is for.
    pub base: String,
    /// Whether it is a draft.
    pub draft: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) private: BTreeSet<String>,
    pub(crate) renamed: BTreeMap<String, String>,
    pub(crate) tokens: BTreeSet<String>,
    pub(crate) installations: BTreeMap<u64, (String, Vec<u8>)>,
    pub(crate) large: BTreeMap<String, Vec<u8>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) pulls: Vec<Pull>,
    pub(crate) delay: Duration,
    pub(crate) direct: bool,
    pub(crate) issued: u64,
}

#[derive(Debug)]
pub(crate) struct State {
    root: PathBuf,
    pub(crate) url: String,
    pub(crate) load: String,
    inner: Mutex<Inner>,
}

impl State {
    pub(crate) fn new(root: &Path, url: &str, load: &str) -> Self {
        Self {
            root: root.into(),
            url: url.into(),
            load: load.into(),
            inner: Mutex::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.git"))
    }

    /// Returns a repository that is there, by its name in any case.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let safe = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let path = self.path_of(name);
        (safe && path.join("objects").is_dir()).then_some(path)
    }

    pub(crate) fn keep_large(&self, bytes: &[u8]) -> String {
        let digest = Sha256::digest(bytes);
        let oid: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.lock().large.insert(oid.clone(), bytes.to_vec());
        oid
    }

    /// Returns what goes wrong with a request.
    pub(crate) fn fault_of(&self, route: Route) -> Option<What> {
        let mut inner = self.lock();
        let mut faults = inner.faults.iter_mut();
        faults.find_map(|fault| fault.strikes(route).then(|| fault.what.clone()))
    }
}
