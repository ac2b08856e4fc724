//! Marks, and sweeping what has none.

use workspace_core::Result;
use workspace_core::store::{Marked, Swept};

use super::packs::pack as read_pack;
use super::{Tx, blob, number};
use crate::pack::{Member, SLOTS};
use crate::record;

impl Tx<'_> {
    /// Reads a bitmap of marks.
    pub(super) fn load_marks(&self, number: u64) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT bits FROM marks WHERE number = ?1";
        self.one("marks", sql, &[super::number(number)?], |row| {
            row.bytes().map(<[u8]>::to_vec)
        })
    }

    pub(super) fn mark(&self, place: Option<u64>) -> Result<Marked> {
        let Some(place) = place else {
            return Ok(Marked::Missing);
        };
        let new = self
            .marks
            .borrow_mut()
            .set(place, |number| self.load_marks(number))?;
        Ok(if new { Marked::New } else { Marked::Already })
    }

    /// Deletes the members of a pack that have no mark, their rows where these
    /// say that they are here.
    pub(super) fn sweep_pack(
        &self,
        pack: u64,
        members: &[(Member, usize)],
        swept: &mut Swept,
    ) -> Result<()> {
        let mut gone = 0_u64;
        for (slot, (member, _)) in (0..).zip(members) {
            if *member == Member::Gone {
                continue;
            }
            swept.looked += 1;
            let marked = self
                .marks
                .borrow_mut()
                .has(pack * SLOTS + slot, |number| self.load_marks(number))?;
            if !marked {
                gone |= 1 << slot;
            }
        }
        if gone == 0 {
            return Ok(());
        }
        let sql = "SELECT directory, bytes FROM packs WHERE number = ?1";
        let Some(found) = self.one("packs", sql, &[number(pack)?], read_pack)? else {
            return Ok(());
        };
        if !self.rewrite(pack, &found, |slot| gone & (1 << slot) == 0)? {
            return Ok(());
        }
        for (slot, (member, _)) in (0..).zip(members) {
            if gone & (1 << slot) == 0 {
                continue;
            }
            let place = number(pack * SLOTS + slot)?;
            match member {
                Member::Gone => {}
                Member::Node(id) => {
                    let sql = "DELETE FROM nodes WHERE id = ?1 AND place = ?2";
                    self.exec(sql, &[blob(id.as_bytes()), place])?;
                    swept.nodes += 1;
                }
                Member::Content(id) => {
                    let sql = "DELETE FROM contents WHERE id = ?1 AND place = ?2 RETURNING object";
                    let key = [blob(id.as_bytes()), place];
                    let object = self.one("contents", sql, &key, record::object)?;
                    swept.objects.extend(object.flatten());
                    swept.contents += 1;
                }
            }
        }
        Ok(())
    }
}
