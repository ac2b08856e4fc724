//! Grants handed out as tokens: issue, find, attenuate, revoke, expire.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use derive_setters::Setters;
use sha2::{Digest, Sha256};

use crate::entry::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{Grant, MAX_SCOPES, Scope};
use crate::id::{GrantId, TokenHash};
use crate::reason::{Reason, Sought};
use crate::store::{Budget, CopyState, GrantRecord, MetaTx as _, Purpose, Used, WhichGrants};
use crate::workspace::batch::check_text;
use crate::workspace::tx::Tx;
use crate::workspace::{At, Workspace};

/// What the tokens of grants begin with, so that they are known when they leak.
const PREFIX: &str = "wsg_";
/// How many grants that were issued to the same files may be alive at once.
const MAX_ISSUED: u64 = 1000;
/// How many that were attenuated from the same one.
const MAX_MADE: u64 = 100;
/// How many below the same one that was issued, however many are between them.
const MAX_BELOW: u64 = 1000;
/// How many of them are looked at for dead ones where there are as many.
const SEARCHED: usize = 50;
/// For how many of these groups it is remembered where the next search begins.
const MAX_SEARCHES: usize = 1000;
/// The most globs in all of its scopes.
const MAX_GLOBS: usize = 128;
/// The most bytes of the roots and globs of one that is issued.
const MAX_GRANT: usize = 16 << 10;
/// The most bytes of the root and globs of a scope that is added to it.
const MAX_ADDED: usize = 4 << 10;
/// The longest label, in bytes.
const MAX_LABEL: usize = 200;

/// How to issue a grant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Setters)]
#[non_exhaustive]
pub struct GrantOptions {
    /// What it is for, in up to 200 bytes.
    #[setters(into)]
    pub label: String,
    /// The name under which its holder's changes are logged, in up to 200 bytes.
    #[setters(into)]
    pub actor: String,
    /// When it expires; `None` for as long as the copy is open, or the revision kept.
    #[setters(into)]
    pub expires: Option<Timestamp>,
    /// What its holder may add; any number of bytes and entries unless said.
    pub budget: Budget,
}

/// A grant that was just issued. The token is nowhere else: only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// What is kept.
    pub grant: GrantRecord,
    /// What to give to the holder.
    pub token: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl Workspace {
    /// Issues a grant to the files of an open copy, or to those of head or of a
    /// revision to be read, as a token of 256 random bits. It dies with the copy or
    /// the revision, when it expires, and when it is revoked.
    ///
    /// # Errors
    /// `NotFound`, `Closed`; `ReadOnly` where it would let something be written that
    /// is not in a copy; `Invalid` for a bare tree, and for a label, an actor, an
    /// expiry, a root of more than 1,024 bytes or a budget that cannot be; `LimitExceeded` for more than 16 scopes, 128
    /// globs or 16 KiB of roots and globs in all of them, and where 1,000 grants to
    /// the same files were issued and none of the 50 that the call looks at is dead.
    /// The next call looks at the next 50, so that one of 20 finds a dead one, if
    /// there is any.
    pub fn issue_grant(&self, at: At, grant: Grant, options: GrantOptions) -> Result<Issued> {
        const OPERATION: &str = "issue grant";
        check_text(OPERATION, &options.actor, "")?;
        check_label(OPERATION, &options.label)?;
        check_target(OPERATION, at, &grant)?;
        check_size(OPERATION, &grant, grant.scopes(), MAX_GRANT)?;
        options.budget.check(OPERATION)?;
        let now = self.now();
        check_expiry(OPERATION, options.expires, now)?;
        let issued = self.issued(GrantRecord {
            id: self.next_grant(),
            token: TokenHash::of(""),
            at,
            purpose: Purpose::Files(grant),
            label: options.label,
            actor: options.actor,
            parent: None,
            top: None,
            budget: options.budget,
            used: Used::default(),
            created: now,
            expires: options.expires,
        });
        self.write(OPERATION, |tx| {
            match at {
                At::Head | At::Tree(_) => {}
                At::Copy(copy) => drop(tx.open_copy(OPERATION, copy, now)?),
                At::Revision(revision) => drop(tx.revision(OPERATION, revision)?),
            }
            if !make_room(tx, WhichGrants::Issued(at), MAX_ISSUED, now)? {
                return Err(Error::new(ErrorKind::LimitExceeded, OPERATION)
                    .at(at)
                    .because(format!(
                        "{MAX_ISSUED} grants were issued, of which none is found dead"
                    )));
            }
            tx.rows.put_grant(&issued.grant)?;
            Ok(issued)
        })
    }

    /// Issues a grant that allows no more than that of `token` and no more than
    /// `scope`, expires no later, and may add no more; `None` where the token is that
    /// of no grant that is alive. What its holder adds counts for it and for all that
    /// it was made from. Revoking a grant revokes those that were made from it.
    ///
    /// # Errors
    /// `Invalid` for an expiry in the past, a root of more than 128 bytes, and for a
    /// budget that cannot be;
    /// `LimitExceeded` for more than 4 KiB of root and globs, for scopes and globs as for
    /// [`issue_grant`](Self::issue_grant), and where 100 grants were made of that one, or 1,000 in all of the one that was issued,
    /// and none of the 50 that the call looks at is dead.
    pub fn attenuate_grant(
        &self,
        token: &str,
        scope: Scope,
        expires: Option<Timestamp>,
        budget: Budget,
    ) -> Result<Option<Issued>> {
        const OPERATION: &str = "attenuate grant";
        let now = self.now();
        check_expiry(OPERATION, expires, now)?;
        budget.check(OPERATION)?;
        let Some(parent) = self.find_grant(token)? else {
            return Ok(None);
        };
        let Purpose::Files(grant) = &parent.purpose else {
            return Ok(None);
        };
        let narrower = grant.attenuate(scope);
        // What it is bound to is not the holder's affair.
        check_target(OPERATION, parent.at, &narrower)
            .map_err(|error| error.map_subject(|_| None))?;
        let added = narrower
            .scopes()
            .last()
            .map_or(&[][..], std::slice::from_ref);
        check_size(OPERATION, &narrower, added, MAX_ADDED)?;
        let earlier = match (parent.expires, expires) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let issued = self.issued(GrantRecord {
            id: self.next_grant(),
            purpose: Purpose::Files(narrower),
            parent: Some(parent.id),
            top: Some(parent.top.unwrap_or(parent.id)),
            budget: budget.within(parent.budget),
            used: Used::default(),
            created: now,
            expires: earlier,
            ..parent
        });
        let (made_from, below) = (parent.id, parent.top.unwrap_or(parent.id));
        self.write(OPERATION, |tx| {
            if !(make_room(tx, WhichGrants::MadeFrom(made_from), MAX_MADE, now)?
                && make_room(tx, WhichGrants::Below(below), MAX_BELOW, now)?)
            {
                // How many others there are is not the holder's affair.
                return Err(Error::new(ErrorKind::LimitExceeded, OPERATION)
                    .because("no more grants can be made of this one"));
            }
            tx.rows.put_grant(&issued.grant)?;
            Ok(Some(issued))
        })
    }

    /// Returns the grant of a token; `None` where it is not known, and where the
    /// grant has expired, was revoked, or is to a copy that is closed.
    pub fn find_grant(&self, token: &str) -> Result<Option<GrantRecord>> {
        if !token.starts_with(PREFIX) {
            return Ok(None);
        }
        let (hash, now) = (TokenHash::of(token), self.now());
        self.read("find grant", |tx| {
            live(tx, tx.rows.grant_with_token(&hash)?, now, is_to_files)
        })
    }

    /// Returns a grant by its id; `None` where it is dead.
    pub fn grant(&self, id: &GrantId) -> Result<Option<GrantRecord>> {
        let now = self.now();
        self.read("read grant", |tx| {
            live(tx, tx.rows.grant(id)?, now, is_to_files)
        })
    }

    /// Returns up to `limit` grants to these files after `after`, in the order of
    /// issuing; those that are dead and not yet deleted included.
    pub fn grants(
        &self,
        at: At,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRecord>> {
        self.read("list grants", |tx| {
            tx.rows.grants(WhichGrants::Files(at), after, limit)
        })
    }

    /// Revokes a grant and all that were attenuated from it, in one transaction;
    /// returns how many those are.
    ///
    /// # Errors
    /// `NotFound`, also for one that was revoked already.
    pub fn revoke_grant(&self, id: &GrantId) -> Result<u64> {
        self.write("revoke grant", |tx| {
            if tx.rows.grant(id)?.filter(is_to_files).is_none() {
                return Err(Error::not_found(Sought::Grant, "revoke grant")
                    .at(id)
                    .because("no such grant"));
            }
            let mut revoked = vec![*id];
            let mut next = 0;
            while let Some(parent) = revoked.get(next).copied() {
                tx.rows.delete_grant(&parent)?;
                let made = WhichGrants::MadeFrom(parent);
                let made = tx.rows.grants(made, None, usize::MAX)?;
                revoked.extend(made.into_iter().map(|grant| grant.id));
                next += 1;
            }
            Ok(revoked.len() as u64)
        })
    }

    pub(super) fn next_grant(&self) -> GrantId {
        GrantId::from_bytes(self.inner.context.ids.next())
    }

    /// Makes the token of a grant.
    fn issued(&self, grant: GrantRecord) -> Issued {
        let token = format!("{PREFIX}{}", base32(&self.secret()));
        let grant = GrantRecord {
            token: TokenHash::of(&token),
            ..grant
        };
        Issued { grant, token }
    }

    /// Returns 256 bits that cannot be guessed. An id orders by time, so that only
    /// 64 of its bits surely cannot: those of four are condensed by a hash.
    pub(super) fn secret(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"workspace token\0");
        for _ in 0..4 {
            hash.update(self.inner.context.ids.next());
        }
        hash.finalize().into()
    }
}

/// Encodes bytes in lower-case base32 (RFC 4648) without padding.
pub(super) fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

pub(super) fn is_to_files(grant: &GrantRecord) -> bool {
    matches!(grant.purpose, Purpose::Files(_))
}

/// Keeps a grant that is alive and for that purpose.
pub(super) fn live(
    tx: &Tx<'_>,
    grant: Option<GrantRecord>,
    now: Timestamp,
    purpose: fn(&GrantRecord) -> bool,
) -> Result<Option<GrantRecord>> {
    let Some(grant) = grant.filter(purpose) else {
        return Ok(None);
    };
    Ok(line(tx, grant, now)?.map(|mut line| line.swap_remove(0)))
}

/// Returns a grant and all that it was attenuated from; `None` where it is dead: one of
/// them has expired or is not there, or what it is bound to. Reads a row for each of
/// those, at most [`MAX_SCOPES`].
pub(super) fn line(
    tx: &Tx<'_>,
    grant: GrantRecord,
    now: Timestamp,
) -> Result<Option<Vec<GrantRecord>>> {
    let expired = |expires: Option<Timestamp>| expires.is_some_and(|expires| expires <= now);
    let at = grant.at;
    let mut line = Vec::with_capacity(1);
    let mut next = Some(grant);
    while let Some(grant) = next {
        // One that attenuates has a scope more than the one above it.
        if expired(grant.expires) || line.len() > MAX_SCOPES {
            return Ok(None);
        }
        next = match &grant.parent {
            None => None,
            Some(parent) => match tx.rows.grant(parent)? {
                None => return Ok(None),
                found => found,
            },
        };
        line.push(grant);
    }
    let is_there = match at {
        At::Head => true,
        At::Copy(id) => tx
            .rows
            .copy(&id)?
            .is_some_and(|copy| copy.state == CopyState::Open && !expired(copy.expires)),
        At::Revision(id) => tx.rows.revision(id)?.is_some(),
        At::Tree(id) => tx.has_tree(&id)?,
    };
    Ok(is_there.then_some(line))
}

/// Deletes the dead ones of up to `limit` grants and previews after `after`;
/// returns the last that it looked at, where there may be more.
pub(crate) fn delete_dead(
    tx: &Tx<'_>,
    after: Option<GrantId>,
    limit: usize,
    now: Timestamp,
) -> Result<Option<GrantId>> {
    let page = tx.rows.grants(WhichGrants::Every, after.as_ref(), limit)?;
    let last = page.last().filter(|_| page.len() == limit);
    let last = last.map(|grant| grant.id);
    for grant in page {
        let id = grant.id;
        if line(tx, grant, now)?.is_none() {
            tx.rows.delete_grant(&id)?;
        }
    }
    Ok(last)
}

/// Tells whether there may be one more of these grants. Where there are as many as may
/// be, those that are dead among a page of them give way; only then rows of others are
/// read.
fn make_room(tx: &Tx<'_>, which: WhichGrants, most: u64, now: Timestamp) -> Result<bool> {
    Ok(tx.rows.count_grants(which)? < most || delete_some_dead(tx, which, now)?)
}

/// Deletes the dead ones among the next [`SEARCHED`] of these grants, and tells
/// whether there were any. The next search goes on where this one ended.
fn delete_some_dead(tx: &Tx<'_>, which: WhichGrants, now: Timestamp) -> Result<bool> {
    let mut searches = tx.grant_searches().borrow_mut();
    let after = searches.remove(&which);
    let page = |after| tx.rows.grants(which, after, SEARCHED);
    let page = match (page(after.as_ref())?, &after) {
        // There is none after the last.
        (ended, Some(_)) if ended.is_empty() => page(None)?,
        (page, _) => page,
    };
    if let Some(last) = page.last().filter(|_| page.len() == SEARCHED) {
        if searches.len() >= MAX_SEARCHES {
            searches.clear();
        }
        searches.insert(which, last.id);
    }
    let mut found = false;
    for old in page {
        let id = old.id;
        if line(tx, old, now)?.is_none() {
            tx.rows.delete_grant(&id)?;
            found = true;
        }
    }
    Ok(found)
}

/// Refuses a grant to what nothing can be bound to, or written to.
fn check_target(operation: &'static str, at: At, grant: &Grant) -> Result<()> {
    match at {
        At::Copy(_) => Ok(()),
        At::Head | At::Revision(_) if grant.only_reads() => Ok(()),
        At::Head | At::Revision(_) => Err(Error::new(ErrorKind::ReadOnly, operation)
            .at(at)
            .because("a grant lets files be written in a copy only")),
        At::Tree(_) => Err(Error::invalid(Reason::MalformedArgument, operation)
            .at(at)
            .because("expected a copy, head or a revision")),
    }
}

fn check_label(operation: &'static str, label: &str) -> Result<()> {
    if label.len() > MAX_LABEL || label.contains('\0') {
        return Err(Error::invalid(Reason::MalformedText, operation)
            .at("label")
            .because(format!("a NUL byte, or more than {MAX_LABEL} bytes")));
    }
    Ok(())
}

pub(super) fn check_expiry(
    operation: &'static str,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    match expires {
        Some(expires) if expires <= now => Err(Error::invalid(Reason::InThePast, operation)
            .at("expires")
            .because("in the past")),
        _ => Ok(()),
    }
}

/// Bounds what a row holds and what each use of a grant costs: with the limits of
/// a [`Glob`](crate::Glob), under a million steps to compare it with a path.
///
/// Of the bytes those of the `new` scopes count: how long what is above them is must not
/// be told by what fits.
fn check_size(operation: &'static str, grant: &Grant, new: &[Scope], most: usize) -> Result<()> {
    let bytes = |scope: &Scope| {
        let globs = [&scope.read, &scope.write].into_iter().flatten();
        let globs: usize = globs.map(|glob| glob.as_str().len() + 1).sum();
        scope.root.as_str().len() + globs
    };
    for (count, limit, what) in [
        (grant.scopes().len(), MAX_SCOPES, "scopes"),
        (grant.globs(), MAX_GLOBS, "globs in all scopes"),
        (
            new.iter().map(bytes).sum(),
            most,
            "bytes of roots and globs",
        ),
    ] {
        if count > limit {
            return Err(Error::new(ErrorKind::LimitExceeded, operation)
                .because(format!("more than {limit} {what}")));
        }
    }
    grant.check_roots()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert_eq!(base32(&[0xff; 32]).len(), 52);
    }
}
