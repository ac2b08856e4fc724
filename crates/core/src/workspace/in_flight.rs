//! The keys of objects that are in use without a row, or beyond the life of one.

#![expect(
    clippy::disallowed_types,
    reason = "the body of a file is a stream that may be dropped on another thread"
)]

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::entry::Timestamp;
use crate::error::Result;
use crate::id::BlobKey;

/// The most keys that are remembered one by one to be deleted: those of a batch of an
/// import, and some.
const MAX_LEFT: usize = 16 << 10;

/// The keys of objects that somebody stores, which no row names yet, and of
/// those that somebody reads, whose rows may go meanwhile. The collector leaves
/// both alone. After a crash they are orphans that it deletes.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    used: HashMap<BlobKey, Uses>,
    /// Keys that nobody uses any more and that perhaps no row names.
    left: BTreeSet<BlobKey>,
    /// Whether there are others than `left` holds.
    more: bool,
    /// When upkeep first found some.
    since: Option<Timestamp>,
}

#[derive(Default)]
struct Uses {
    uploads: usize,
    readers: usize,
    /// Whether the object is perhaps nobody's when the last of them is done.
    left: bool,
    /// Whether it is being stored still, as far as is known: it may come to be there when
    /// nobody waits for it any more.
    coming: bool,
}

impl InFlight {
    /// Keeps a key that is being stored. Where no row names it when the last one
    /// who keeps it is done, that is a reason for a collection.
    pub(crate) fn upload(&self, key: BlobKey) -> HeldObject {
        self.hold(key, true)
    }

    /// Keeps an object that is being read.
    pub(crate) fn read(&self, key: BlobKey) -> HeldObject {
        self.hold(key, false)
    }

    fn hold(&self, key: BlobKey, upload: bool) -> HeldObject {
        let mut state = self.lock();
        let uses = state.used.entry(key.clone()).or_default();
        match upload {
            true => {
                uses.uploads += 1;
                uses.left = true;
                uses.coming = true;
            }
            false => uses.readers += 1,
        }
        drop(state);
        let keys = self.clone();
        HeldObject(Arc::new(Hold { keys, key, upload }))
    }

    /// Tells whether the collector must leave a key that no row names, which it
    /// then remembers for the next collection.
    pub(crate) fn keeps(&self, key: &BlobKey) -> bool {
        self.leave(key, |_| true)
    }

    /// Tells whether somebody stores or reads the object under a key.
    pub(crate) fn contains(&self, key: &BlobKey) -> bool {
        self.lock().used.contains_key(key)
    }

    /// Tells whether somebody reads the object under a key that no row names any
    /// more, and remembers it if so.
    pub(crate) fn reads(&self, key: &BlobKey) -> bool {
        self.leave(key, |uses| uses.readers > 0)
    }

    fn leave(&self, key: &BlobKey, whether: impl Fn(&Uses) -> bool) -> bool {
        match self.lock().used.get_mut(key) {
            Some(uses) if whether(uses) => {
                uses.left = true;
                true
            }
            _ => false,
        }
    }

    /// Takes note that an object is stored.
    pub(crate) fn stored(&self, key: &BlobKey) {
        if let Some(uses) = self.lock().used.get_mut(key) {
            uses.coming = false;
        }
    }

    /// Takes out up to `limit` keys of objects that are stored, that nobody uses, and that
    /// perhaps no row names.
    pub(crate) fn take_left(&self, limit: usize) -> Vec<BlobKey> {
        let state = &mut *self.lock();
        let idle = |key: &&BlobKey| !state.used.contains_key(*key);
        let taken: Vec<_> = state
            .left
            .iter()
            .filter(idle)
            .take(limit)
            .cloned()
            .collect();
        for key in &taken {
            state.left.remove(key);
        }
        taken
    }

    /// Takes note that these objects are deleted, or that rows name them.
    pub(crate) fn settled<'k>(&self, keys: impl IntoIterator<Item = &'k BlobKey>) {
        let mut state = self.lock();
        for key in keys {
            state.left.remove(key);
            if let Some(uses) = state.used.get_mut(key) {
                uses.left = false;
            }
        }
    }

    /// Takes note of objects that are perhaps part of no tree.
    pub(crate) fn left_some(&self) {
        self.lock().more = true;
    }

    /// Takes note that a collection begins, which deletes what was left.
    pub(crate) fn collected(&self) {
        let mut state = self.lock();
        state.left.clear();
        state.more = false;
        state.since = None;
    }

    /// Returns since when objects are left that no row names, as far as upkeep
    /// noticed; `None` where there are none.
    pub(crate) fn left_since(
        &self,
        now: Timestamp,
        named: impl Fn(&BlobKey) -> Result<bool>,
    ) -> Result<Option<Timestamp>> {
        let mut state = self.lock();
        for key in state.left.clone() {
            if named(&key)? {
                state.left.remove(&key);
            }
        }
        if state.left.is_empty() && !state.more {
            state.since = None;
            return Ok(None);
        }
        Ok(Some(*state.since.get_or_insert(now)))
    }

    /// Tells whether both are of one workspace.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of an object, which the collector leaves alone while this or a clone of
/// it lives.
#[derive(Clone)]
pub struct HeldObject(Arc<Hold>);

struct Hold {
    keys: InFlight,
    key: BlobKey,
    upload: bool,
}

impl HeldObject {
    /// Returns the key.
    pub fn key(&self) -> &BlobKey {
        &self.0.key
    }
}

impl fmt::Debug for HeldObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeldObject").field(self.key()).finish()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.keys.lock();
        let Some(uses) = state.used.get_mut(&self.key) else {
            return;
        };
        match self.upload {
            true => uses.uploads -= 1,
            false => uses.readers -= 1,
        }
        if uses.uploads + uses.readers > 0 {
            return;
        }
        let (left, coming) = (uses.left, uses.coming);
        state.used.remove(&self.key);
        if left && !coming && state.left.len() < MAX_LEFT {
            state.left.insert(self.key.clone());
        } else if left {
            state.more = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_or_stored_is_known_until_it_is_deleted() {
        let keys = InFlight::default();
        let key = BlobKey::from_random([1; 16]);
        let left = || {
            keys.left_since(Timestamp::default(), |_| Ok(false))
                .unwrap()
        };
        let upload = keys.upload(key.clone());
        assert!(keys.keeps(&key) && !keys.reads(&key), "nobody reads it");
        assert!(format!("{upload:?}").contains(key.as_str()), "{upload:?}");
        let reader = keys.read(key.clone());
        assert!(keys.reads(&key));
        keys.stored(&key);
        drop(upload);
        assert!(keys.reads(&key) && left().is_none());
        drop(reader);
        assert!(!keys.contains(&key) && left().is_some(), "nobody needs it");
        keys.settled([&key]);
        assert!(left().is_none());
        // Deleted while somebody reads it: what ends then leaves nothing.
        let reader = keys.read(key.clone());
        assert!(keys.reads(&key));
        keys.settled([&key]);
        drop(reader);
        assert!(left().is_none());
    }
}
