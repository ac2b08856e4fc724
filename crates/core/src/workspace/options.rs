//! What a workspace is opened with, and what of it is refused.

use derive_setters::Setters;

use crate::error::{Error, Result};
use crate::reason::Reason;

/// What can be tuned.
///
/// This and all other options begin with their default; what is to differ is set by the
/// name of its field. Fields may be added in any version. A setter of a `String` takes
/// whatever becomes one, and that of an `Option` takes the value or an `Option` of it.
///
/// ```
/// # use workspace_core::{GrantOptions, KeepRevisions, Options, Timestamp, Upkeep};
/// let options = Options::default().inline_limit(4 << 10).keep_events(1_000);
/// assert_eq!(options.keep_operations, 10_000);
///
/// let keep = KeepRevisions::default().newest(10);
/// let policy = Upkeep::default().keep_revisions(keep).idle(None);
///
/// let expires: Option<Timestamp> = None;
/// let grant = GrantOptions::default().label("for review").expires(expires);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setters)]
#[non_exhaustive]
pub struct Options {
    /// Contents of up to this many bytes are kept in rows, larger ones in the
    /// blob store. At most 1,000,000.
    pub inline_limit: usize,
    /// How much memory decoded nodes may take, in bytes. At most 1 TiB.
    pub node_cache: usize,
    /// How long applied and discarded copies are remembered, in milliseconds:
    /// for that long a repeated apply returns its revision. 0 to 100 years.
    pub keep_closed_copies: i64,
    /// The most entries that a tree may have: files, symlinks and directories, each
    /// counted at every path. What would make more is refused; a tree that has more
    /// can still be read, and made smaller.
    pub max_entries: u64,
    /// How many of the newest events are kept for readers that come late; at
    /// least 1.
    pub keep_events: u64,
    /// How many of the newest operations of an open copy are kept to be listed and
    /// undone; at least 1. Collection deletes the older ones.
    pub keep_operations: u64,
    /// How long it is kept what a call under a key led to, in milliseconds: for that long a
    /// repeated one is told the same, and nothing is done. 0 to 100 years.
    pub keep_memos: i64,
    /// Of how many calls that is kept at once; at least 1, and of holders of grants half as
    /// many. More fail with `LimitExceeded` until some are kept no longer.
    pub max_memos: u64,
    /// The most bytes that the differences of one answer may take in memory, before
    /// renames are paired; at least 64 KiB. The list that holds them takes up to three
    /// times as much while it grows.
    pub max_diff: usize,
}

impl Default for Options {
    /// 64 KiB in rows, 16 MiB of nodes, 30 days of closed copies, 50 million
    /// entries, 10,000 events, 10,000 operations a copy, 7 days and 100,000 of memos,
    /// 64 MiB of differences.
    fn default() -> Self {
        Self {
            inline_limit: 64 << 10,
            node_cache: 16 << 20,
            keep_closed_copies: 30 * 24 * 60 * 60 * 1000,
            max_entries: 50_000_000,
            keep_events: 10_000,
            keep_operations: 10_000,
            keep_memos: 7 * 24 * 60 * 60 * 1000,
            max_memos: 100_000,
            max_diff: 64 << 20,
        }
    }
}

impl Options {
    /// Refuses what is out of range. Every way to a workspace goes through here.
    ///
    /// # Errors
    /// `Invalid`, naming the field and its range.
    pub(crate) fn check(&self) -> Result<()> {
        const HUNDRED_YEARS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
        let kept = |millis: i64| u64::try_from(millis).unwrap_or(u64::MAX);
        let closed = kept(self.keep_closed_copies);
        for (what, value, least, most) in [
            ("inline_limit", self.inline_limit as u64, 0, 1_000_000),
            ("node_cache", self.node_cache as u64, 0, 1 << 40),
            ("keep_closed_copies", closed, 0, HUNDRED_YEARS),
            ("keep_events", self.keep_events, 1, u64::MAX),
            ("keep_operations", self.keep_operations, 1, u64::MAX),
            ("keep_memos", kept(self.keep_memos), 0, HUNDRED_YEARS),
            ("max_memos", self.max_memos, 1, u64::MAX),
            ("max_diff", self.max_diff as u64, 64 << 10, 1 << 40),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::invalid(Reason::OutOfRange, "open")
                    .at(what)
                    .because(format!("it is not from {least} to {most}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        Options::default().check().unwrap();
        let least = Options {
            inline_limit: 0,
            node_cache: 0,
            keep_closed_copies: 0,
            max_entries: 0,
            keep_events: 1,
            keep_operations: 1,
            keep_memos: 0,
            max_memos: 1,
            max_diff: 64 << 10,
        };
        least.check().unwrap();
        let good = Options::default();
        // 100 years of 365 days.
        let century = 3_153_600_000_000;
        let most = good
            .inline_limit(1_000_000)
            .node_cache(1_099_511_627_776)
            .keep_closed_copies(century)
            .keep_memos(century);
        most.check().unwrap();
        for (what, options) in [
            ("inline_limit", good.inline_limit(1_000_001)),
            ("node_cache", good.node_cache(1_099_511_627_777)),
            ("node_cache", good.node_cache(usize::MAX)),
            ("keep_closed_copies", good.keep_closed_copies(-1)),
            ("keep_closed_copies", good.keep_closed_copies(century + 1)),
            ("keep_closed_copies", good.keep_closed_copies(i64::MAX)),
            ("keep_events", good.keep_events(0)),
            ("keep_operations", good.keep_operations(0)),
            ("keep_memos", good.keep_memos(-1)),
            ("keep_memos", good.keep_memos(century + 1)),
            ("max_memos", good.max_memos(0)),
            ("max_diff", good.max_diff((64 << 10) - 1)),
        ] {
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{what}");
            assert_eq!(error.subject(), Some(what));
        }
    }
}
