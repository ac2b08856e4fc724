//! Answers that are read line by line.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use workspace_core::Result;
use workspace_core::store::ByteStream;

use super::read::unreadable;

/// The longest line, in bytes: a path and an entry, each of their bytes escaped.
const MAX_LINE: usize = 256 << 10;

/// A body in lines.
pub(super) struct Lines {
    body: ByteStream<'static>,
    held: BytesMut,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl Lines {
    pub(super) fn new(body: ByteStream<'static>) -> Self {
        Self {
            body,
            held: BytesMut::new(),
        }
    }

    /// Returns the next line, without its end; `None` at the end of the body.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut searched = 0;
        loop {
            let end = self.held[searched..].iter().position(|&byte| byte == b'\n');
            if let Some(end) = end {
                let line = self.held.split_to(searched + end + 1).freeze();
                return Ok(Some(line.slice(..line.len() - 1)));
            }
            searched = self.held.len();
            if searched > MAX_LINE {
                return Err(unreadable("a line without an end"));
            }
            match self.body.try_next().await? {
                Some(chunk) => self.held.extend_from_slice(&chunk),
                None if self.held.is_empty() => return Ok(None),
                None => return Err(unreadable("the answer ends within a line")),
            }
        }
    }
}
