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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;

    /// What is under a key.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Row {
        Good,
        Damaged,
        None,
    }

    /// Reads a table by its keys, as a store does: a page with a damaged row is none.
    fn read(table: &[Row], after: Option<u128>, limit: usize) -> Result<Vec<u128>> {
        let keys = (0..).zip(table).filter(|(_, row)| **row != Row::None);
        let behind = keys.filter(|(key, _)| after.is_none_or(|after| *key > after));
        let page = behind.take(limit).map(|(key, row)| match row {
            Row::Damaged => Err(Error::new(ErrorKind::Corrupt, "read").because("torn")),
            Row::Good | Row::None => Ok(key),
        });
        page.collect()
    }

    /// All tables of so many keys.
    fn tables(keys: u32) -> impl Iterator<Item = Vec<Row>> {
        let row = |number: usize, key: u32| match number / 3_usize.pow(key) % 3 {
            0 => Row::Good,
            1 => Row::Damaged,
            _ => Row::None,
        };
        let table = move |number| (0..keys).map(|key| row(number, key)).collect();
        (0..3_usize.pow(keys)).map(table)
    }

    /// In whatever pages a table is read, each good row comes once, and a row or run of
    /// rows that is damaged once, under its last key. Of several runs some, and good rows
    /// between them, may be passed over with another.
    #[test]
    fn what_is_damaged_is_found_between_what_is_not() {
        for table in tables(6) {
            let present: Vec<u128> = (0..)
                .zip(&table)
                .filter(|(_, row)| **row != Row::None)
                .map(|(key, _)| key)
                .collect();
            let is_damaged = |key: u128| table[key as usize] == Row::Damaged;
            let good: Vec<u128> = present
                .iter()
                .copied()
                .filter(|key| !is_damaged(*key))
                .collect();
            let runs: Vec<u128> = present
                .iter()
                .copied()
                .enumerate()
                .filter(|(at, key)| {
                    let next = present.get(at + 1);
                    is_damaged(*key) && next.is_none_or(|next| !is_damaged(*next))
                })
                .map(|(_, key)| key)
                .collect();
            for limit in [1, 2, 3, 7] {
                for end in [5, 1 << 53] {
                    let (mut rows, mut damaged, mut after) = (Vec::new(), Vec::new(), None);
                    for pages in 0.. {
                        assert!(pages < 20, "{table:?} has no end");
                        let page =
                            page(after, end, limit, |after, limit| read(&table, after, limit));
                        let page = page.unwrap();
                        if let Some((key, why)) = page.damaged {
                            assert!(page.rows.is_empty());
                            assert_eq!(page.more, key < end, "{table:?}");
                            assert_eq!(why.as_deref(), Some("torn"));
                            damaged.push(key);
                            after = Some(key);
                        } else {
                            assert!(!page.more || page.rows.len() <= limit);
                            after = page.rows.last().copied().or(after);
                        }
                        rows.extend(page.rows);
                        if !page.more {
                            break;
                        }
                    }
                    let told = format!("{table:?} in pages of {limit}");
                    if runs.len() < 2 {
                        assert_eq!((rows, damaged), (good.clone(), runs.clone()), "{told}");
                        continue;
                    }
                    assert!(damaged.iter().all(|key| runs.contains(key)), "{told}");
                    assert!(rows.is_sorted() && rows.iter().all(|key| good.contains(key)));
                    let (first, last) = (runs[0], runs[runs.len() - 1]);
                    let outside = |key: &&u128| **key < first || **key > last;
                    let found = rows.iter().filter(outside).count();
                    assert_eq!(found, good.iter().filter(outside).count(), "{told}");
                }
            }
        }
    }

    /// A page before a damaged row is a tenth as long, not a single row.
    #[test]
    fn a_page_with_damage_is_read_in_tenths() {
        let mut table = vec![Row::Good; 2_000];
        table[150] = Row::Damaged;
        let page = page(None, 1 << 53, 1_000, |after, limit| {
            read(&table, after, limit)
        })
        .unwrap();
        assert_eq!((page.rows.len(), page.more), (100, true));
    }

    /// What fails for another reason is no damage, wherever it fails.
    #[test]
    fn a_failure_is_no_damage() {
        let table = [Row::Good, Row::Damaged, Row::Good];
        for fails in 0..60 {
            let calls = Cell::new(0);
            let read = |after, limit| {
                calls.set(calls.get() + 1);
                match calls.get() == fails {
                    true => Err(Error::new(ErrorKind::Unavailable, "read")),
                    false => read(&table, after, limit),
                }
            };
            let found = page(Some(0), 1 << 53, 1, read);
            match calls.get() == fails {
                true => assert_eq!(found.err().unwrap().kind(), ErrorKind::Unavailable),
                false => assert_eq!(found.unwrap().damaged.unwrap().0, 1),
            }
        }
    }
}
