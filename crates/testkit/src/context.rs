//! A clock and an id source that a test controls.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use workspace_core::{Clock, Context, IdSource, Timestamp};

use crate::random::Random;

/// A clock that moves when it is told to, and ids that a seed repeats.
///
/// Clones share both, so that a workspace that is opened again goes on where the
/// one before stopped.
#[derive(Debug, Clone)]
pub struct TestContext {
    now: Rc<Cell<Timestamp>>,
    ids: Rc<RefCell<Random>>,
}

impl TestContext {
    /// Starts at one million milliseconds, with the ids of `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Rc::new(Cell::new(Timestamp::from_millis(1_000_000))),
            ids: Rc::new(RefCell::new(Random::new(seed))),
        }
    }

    /// Returns what a workspace takes.
    pub fn context(&self) -> Context {
        Context {
            clock: Box::new(self.clone()),
            ids: Box::new(self.clone()),
        }
    }

    /// Returns the present time.
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    /// Lets `millis` pass.
    pub fn advance(&self, millis: i64) {
        self.now.set(self.now().plus_millis(millis));
    }

    /// Returns the id that will come next.
    pub fn peek(&self) -> [u8; 16] {
        self.ids.borrow().clone().bytes16()
    }
}

impl Clock for TestContext {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl IdSource for TestContext {
    fn next(&self) -> [u8; 16] {
        self.ids.borrow_mut().bytes16()
    }
}
