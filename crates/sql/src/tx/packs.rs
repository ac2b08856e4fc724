//! Packs: the bytes of nodes and contents, each at its place.

use bytes::Bytes;
use workspace_core::Result;

use super::{Tx, blob};
use crate::pack::{Member, Pack, SLOTS, bytes_of};
use crate::row::Row;

impl Tx<'_> {
    /// Returns the place that the next [`fill`](Self::fill) puts `length` bytes at.
    pub(super) fn next_place(&self, length: usize) -> Result<u64> {
        let full = |(_, pack): &(u64, Pack)| pack.is_full_for(length);
        if self.open_pack.borrow().as_ref().is_some_and(full) {
            self.close_pack()?;
        }
        let mut open = self.open_pack.borrow_mut();
        let (number, pack) = match &mut *open {
            Some(open) => open,
            none => none.insert((self.take_pack_number()?, Pack::default())),
        };
        Ok(*number * SLOTS + pack.slots())
    }

    /// Puts bytes at the place that [`next_place`](Self::next_place) returned.
    pub(super) fn fill(&self, member: Member, bytes: &[u8]) {
        if let Some((_, pack)) = &mut *self.open_pack.borrow_mut() {
            pack.push(member, bytes);
        }
    }

    pub(super) fn take_pack_number(&self) -> Result<u64> {
        let next = match self.next_pack.get() {
            Some(next) => next,
            None => {
                let sql = "SELECT max(number) FROM packs";
                let last = self.one("packs", sql, &[], |row| row.optional_number())?;
                last.flatten().unwrap_or(0) + 1
            }
        };
        self.next_pack.set(Some(next + 1));
        Ok(next)
    }

    pub(super) fn close_pack(&self) -> Result<()> {
        let Some((number, pack)) = self.open_pack.take() else {
            return Ok(());
        };
        if pack.slots() == 0 {
            // Nothing was new; the number is free.
            self.next_pack.set(Some(number));
            return Ok(());
        }
        self.exec(
            "INSERT INTO packs (number, directory, bytes) VALUES (?1, ?2, ?3)",
            &[
                super::number(number)?,
                blob(&pack.directory),
                blob(&pack.bytes),
            ],
        )?;
        Ok(())
    }

    /// Reads the bytes of a member from its place, given the columns of its pack,
    /// which are absent where the pack is still open.
    pub(super) fn member(&self, row: &mut Row<'_>, place: u64, member: Member) -> Result<Bytes> {
        let (directory, bytes) = (row.optional_bytes()?, row.optional_bytes()?);
        let slot = place % SLOTS;
        let open = self.open_pack.borrow();
        let found = match (directory, bytes, &*open) {
            (Some(directory), Some(bytes), _) => bytes_of(directory, bytes, slot, member),
            (None, None, Some((number, pack))) if *number == place / SLOTS => {
                bytes_of(&pack.directory, &pack.bytes, slot, member)
            }
            _ => None,
        };
        let found = found
            .ok_or_else(|| row.corrupt(format_args!("place {place} does not hold {member:?}")))?;
        Ok(Bytes::copy_from_slice(found))
    }

    /// Tells whether the pack that a row points to is lost, so that bytes that come
    /// again may take another place. `find` selects the place.
    pub(super) fn is_lost(&self, table: &'static str, find: &str, id: &[u8; 32]) -> Result<bool> {
        match self.one(table, find, &[blob(id)], |row| row.number())? {
            Some(place) => Ok(!self.has_pack(place)?),
            None => Ok(false),
        }
    }

    /// Empties places: rewrites their pack without them, or deletes it with the last.
    pub(super) fn empty_place(&self, place: u64) -> Result<()> {
        let (number, slot) = (place / SLOTS, place % SLOTS);
        self.close_pack()?;
        let sql = "SELECT directory, bytes FROM packs WHERE number = ?1";
        let found = self.one("packs", sql, &[super::number(number)?], pack)?;
        match found {
            Some(found) => self.rewrite(number, &found, |kept| kept != slot).map(drop),
            None => Ok(()),
        }
    }

    /// Rewrites a pack without the slots that `keep` refuses, or deletes it with the
    /// last; returns whether it could. One whose bytes do not fit its directory stays
    /// as it is, so that nothing is lost that may still be read.
    pub(super) fn rewrite(
        &self,
        number: u64,
        pack: &Pack,
        keep: impl Fn(u64) -> bool,
    ) -> Result<bool> {
        let key = super::number(number)?;
        match pack.without(keep) {
            Some((rest, true)) => self.exec(
                "UPDATE packs SET directory = ?2, bytes = ?3 WHERE number = ?1",
                &[key, blob(&rest.directory), blob(&rest.bytes)],
            )?,
            Some((_, false)) => self.exec("DELETE FROM packs WHERE number = ?1", &[key])?,
            None => return Ok(false),
        };
        Ok(true)
    }

    /// Tells whether the pack of a place is there, or still open.
    pub(super) fn has_pack(&self, place: u64) -> Result<bool> {
        let number = place / SLOTS;
        let open = |(open, _): &(u64, Pack)| *open == number;
        if self.open_pack.borrow().as_ref().is_some_and(open) {
            return Ok(true);
        }
        let sql = "SELECT 1 FROM packs WHERE number = ?1";
        self.exists(sql, &[super::number(number)?])
    }
}

pub(super) fn pack(row: &mut Row<'_>) -> Result<Pack> {
    Ok(Pack {
        directory: row.bytes()?.to_vec(),
        bytes: row.bytes()?.to_vec(),
    })
}
