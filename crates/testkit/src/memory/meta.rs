//! The metadata store in memory.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use workspace_core::store::{MetaStore, MetaTx};
use workspace_core::{Error, ErrorKind, Result};

use super::rows::Rows;
use super::rules;

/// Metadata in memory, stricter than any real store.
///
/// Clones share the rows, so that a test can open the same storage twice, as
/// after a crash. It panics where its caller breaks a rule: a transaction inside
/// another, a content that is not what its id says, two nodes under one id, an object that two contents refer to, a
/// version, generation or id that goes backwards, a closed copy that reopens, a
/// token of two grants or a second one of a grant, an
/// integer that JavaScript would round, a row over 1 MiB; and at each commit, a
/// name that two open copies have, an operation without its copy, a record
/// whose tree is not stored. A write inside `read` is an error.
#[derive(Debug, Clone, Default)]
pub struct MemoryMeta(Arc<Mutex<Rows>>);

impl MemoryMeta {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes without any check, to stage damage that a real disk could do.
    ///
    /// # Errors
    /// Those of `body`; nothing is written then.
    pub fn tamper(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.transact(Mode::Unchecked, body)
    }

    fn transact(&self, mode: Mode, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        let tx = Tx {
            rows: RefCell::new(self.lock()),
            mode,
            wrote_in_read: Cell::new(false),
        };
        body(&tx)?;
        if tx.wrote_in_read.get() {
            return Err(write_in_read());
        }
        if mode == Mode::Write {
            rules::check(&tx.rows.borrow());
        }
        tx.rows.borrow_mut().commit();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        match self.0.try_lock() {
            Ok(rows) => rows,
            // The transaction that panicked has rolled back.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("a transaction is open already"),
        }
    }
}

impl MetaStore for MemoryMeta {
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.transact(Mode::Read, body)
    }

    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.transact(Mode::Write, body)
    }

    fn write_unsynced(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.transact(Mode::Write, body)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Read,
    Write,
    Unchecked,
}

/// An open transaction; what it wrote is taken back unless it commits.
pub(super) struct Tx<'a> {
    rows: RefCell<MutexGuard<'a, Rows>>,
    mode: Mode,
    wrote_in_read: Cell<bool>,
}

impl Tx<'_> {
    pub(super) fn checked(&self) -> bool {
        self.mode == Mode::Write
    }

    pub(super) fn read<T>(&self, get: impl FnOnce(&Rows) -> T) -> Result<T> {
        Ok(get(&self.rows.borrow()))
    }

    pub(super) fn write<T>(&self, change: impl FnOnce(&mut Rows) -> T) -> Result<T> {
        if self.mode == Mode::Read {
            self.wrote_in_read.set(true);
            return Err(write_in_read());
        }
        Ok(change(&mut self.rows.borrow_mut()))
    }
}

fn write_in_read() -> Error {
    Error::new(ErrorKind::ReadOnly, "write").because("inside a read")
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        self.rows.get_mut().roll_back();
    }
}
