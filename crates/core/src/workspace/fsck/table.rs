//! Reading a table whose rows may be damaged.

use crate::error::{ErrorKind, Result};

/// A page of a table in the order of its keys, which count as numbers.
pub(super) struct Page<R> {
    /// The rows, in order.
    pub(super) rows: Vec<R>,
    /// The key of a row behind them that does not decode, and why.
    pub(super) damaged: Option<(u128, Option<String>)>,
    /// Whether there may be more.
    pub(super) more: bool,
}

/// Reads up to `limit` rows after `after`. `read` takes a key and a limit; `end` is a key that
/// none comes after. A row that does not decode is found by halves, as no key of it
/// can be read: where several follow one another it stands for all of them.
///
/// # Errors
/// Those of `read` but `Corrupt`.
pub(super) fn page<R>(
    after: Option<u128>,
    end: u128,
    limit: usize,
    read: impl Fn(Option<u128>, usize) -> Result<Vec<R>>,
) -> Result<Page<R>> {
    let mut limit = limit;
    let why = loop {
        match read(after, limit) {
            Ok(rows) => {
                return Ok(Page {
                    more: rows.len() == limit,
                    rows,
                    damaged: None,
                });
            }
            Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
            Err(error) if limit == 1 => break error.detail().map(str::to_string),
            Err(_) => limit = (limit / 10).max(1),
        }
    };
    let (mut low, mut high) = (after.map_or(0, |after| after + 1), end);
    while low < high {
        let middle = low + (high - low) / 2;
        match read(Some(middle), 1) {
            Ok(_) => high = middle,
            Err(error) if error.kind() == ErrorKind::Corrupt => low = middle + 1,
            Err(error) => return Err(error),
        }
    }
    Ok(Page {
        rows: Vec::new(),
        damaged: Some((low, why)),
        more: low < end,
    })
}
