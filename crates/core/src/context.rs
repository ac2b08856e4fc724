//! What the runtime passes in: the time, and fresh ids.

use std::fmt;

use crate::entry::Timestamp;

/// Tells the time.
pub trait Clock {
    /// Returns the present time.
    fn now(&self) -> Timestamp;
}

/// Makes ids.
pub trait IdSource {
    /// Returns 16 bytes that were never returned before and cannot be guessed: at
    /// least 64 of their bits come from a generator that is fit for secrets.
    /// Later ones should order after earlier ones (as UUIDv7 does), which keeps
    /// the rows of a store in the order they were made.
    fn next(&self) -> [u8; 16];
}

/// What a workspace needs from its runtime.
pub struct Context {
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Makes the ids of copies, the keys of objects, and tokens.
    pub ids: Box<dyn IdSource>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
