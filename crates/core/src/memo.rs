//! Calls that are made once, however often they are repeated.
//!
//! Who does not know whether a call was made, since its answer was lost, repeats it under the
//! key that it chose for it. What the call led to is kept under that key, as a *memo*, in the
//! transaction that made it so: neither is there without the other. A repeated call is told
//! what the first one was told, and does nothing.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::id::RequestHash;
use crate::reason::Reason;
use crate::store::MemoRecord;

/// The longest answer that is kept, in bytes: a row of a Durable Object has 2,000,000.
pub const MAX_MEMO: usize = 3 << 19;
/// The longest key, in bytes.
const MAX_KEY: usize = 255;

/// A key that the caller of a [`Once`] chose, and uses for no other call.
///
/// Invariants: 1 to 255 visible ASCII characters. The keys of each grant's holder are its own.
///
/// ```
/// use workspace_core::MemoKey;
/// assert!("8e03978e-40d5-43e8-bc93-6894a57f9324".parse::<MemoKey>().is_ok());
/// for bad in ["", "two words", "ümlaut", "line\n", &"x".repeat(256)] {
///     assert!(bad.parse::<MemoKey>().is_err());
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoKey(String);

impl MemoKey {
    /// Reads a key.
    ///
    /// # Errors
    /// `Invalid` for what is none.
    pub fn new(text: &str) -> Result<Self> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        match visible && (1..=MAX_KEY).contains(&text.len()) {
            true => Ok(Self(text.into())),
            false => Err(Error::invalid(Reason::MalformedKey, "read key")
                .because(format!("expected 1 to {MAX_KEY} visible ASCII characters"))),
        }
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MemoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MemoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoKey({})", self.0)
    }
}

impl FromStr for MemoKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

/// How a call is made once: by which key, and what of it is kept.
pub struct Once<'a, T> {
    /// The key.
    pub key: &'a MemoKey,
    /// What is asked for; another call with the same key is refused.
    pub request: RequestHash,
    /// Whether it is made for who has a part of the files only: of what is kept, as much is for
    /// them as for holders of grants.
    pub of_a_part: bool,
    /// Makes the answer that is kept, of up to [`MAX_MEMO`] bytes. It is called in the
    /// transaction, after the call was made in it; where it fails, nothing was.
    pub answer: &'a dyn Fn(&T) -> Result<Bytes>,
}

impl<T> fmt::Debug for Once<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("key", self.key)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl MemoRecord {
    /// Returns the answer to `request`.
    ///
    /// # Errors
    /// `Invalid` where its key was used for another one.
    pub fn answer_to(self, operation: &'static str, request: RequestHash) -> Result<Bytes> {
        match self.request == request {
            true => Ok(self.answer),
            false => Err(Error::invalid(Reason::KeyReused, operation)
                .because("its key was used for another call")),
        }
    }
}

/// What a call that is made once led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat<T> {
    /// It was made now.
    First(T),
    /// It was made before, and this was its answer.
    Again(Bytes),
}
