//! Grants handed out as tokens: issue, find, attenuate, revoke, expire.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use derive_setters::Setters;
use sha2::{Digest, Sha256};

use crate::entry::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{Grant, MAX_SCOPES, Scope};
use crate::id::{CopyId, GrantId, TokenHash};
use crate::reason::{Reason, Sought};
use crate::store::{CopyState, GrantRecord, MetaTx as _, Purpose, WhichGrants};
use crate::workspace::batch::check_text;
use crate::workspace::tx::Tx;
use crate::workspace::{At, Workspace};

/// What the tokens of grants begin with, so that they are known when they leak.
const PREFIX: &str = "wsg_";
/// How many grants to the files of one copy may be alive at once.
const MAX_GRANTS: u64 = 1000;
/// How many of them are looked at for dead ones where there are as many.
const SEARCHED: usize = 50;
/// For how many copies it is remembered where the next search begins.
const MAX_SEARCHES: usize = 1000;
/// The most globs in all of its scopes.
const MAX_GLOBS: usize = 128;
/// The most bytes of its roots and globs.
const MAX_GRANT: usize = 16 << 10;
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
    /// When it expires; `None` for as long as the copy is open.
    #[setters(into)]
    pub expires: Option<Timestamp>,
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
    /// Issues a grant to the files of an open copy, as a token of 256 random bits.
    /// It dies with the copy, when it expires, and when it is revoked.
    ///
    /// # Errors
    /// `NotFound`, `Closed`; `Invalid` for a label, an actor or an expiry that
    /// cannot be, and for a root of more than 1,024 bytes; `LimitExceeded` for more than 16 scopes, 128 globs or 16 KiB of
    /// roots and globs in all of them, and where there are 1,000 grants to the copy
    /// and none of the 50 that the call looks at is dead. The next call looks at the
    /// next 50, so that one of 20 finds a dead one, if there is any.
    pub fn issue_grant(&self, copy: CopyId, grant: Grant, options: GrantOptions) -> Result<Issued> {
        const OPERATION: &str = "issue grant";
        check_text(OPERATION, &options.actor, "")?;
        check_label(OPERATION, &options.label)?;
        check_size(OPERATION, &grant)?;
        let now = self.now();
        check_expiry(OPERATION, options.expires, now)?;
        let issued = self.issued(GrantRecord {
            id: self.next_grant(),
            token: TokenHash::of(""),
            at: At::Copy(copy),
            purpose: Purpose::Files(grant),
            label: options.label,
            actor: options.actor,
            parent: None,
            created: now,
            expires: options.expires,
        });
        self.write(OPERATION, |tx| {
            tx.open_copy(OPERATION, copy, now)?;
            add(tx, OPERATION, copy, &issued.grant)?;
            Ok(issued)
        })
    }

    /// Issues a grant that allows no more than that of `token` and no more than
    /// `scope`, and expires no later; `None` where the token is that of no grant
    /// that is alive. Revoking a grant revokes those that were made from it.
    ///
    /// # Errors
    /// `Invalid` for an expiry in the past, and for a root of more than 128 bytes;
    /// `LimitExceeded` as for
    /// [`issue_grant`](Self::issue_grant).
    pub fn attenuate_grant(
        &self,
        token: &str,
        scope: Scope,
        expires: Option<Timestamp>,
    ) -> Result<Option<Issued>> {
        const OPERATION: &str = "attenuate grant";
        let now = self.now();
        check_expiry(OPERATION, expires, now)?;
        let Some(parent) = self.find_grant(token)? else {
            return Ok(None);
        };
        let (At::Copy(copy), Purpose::Files(grant)) = (parent.at, &parent.purpose) else {
            return Ok(None);
        };
        let narrower = grant.attenuate(scope);
        check_size(OPERATION, &narrower)?;
        let earlier = match (parent.expires, expires) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let issued = self.issued(GrantRecord {
            id: self.next_grant(),
            purpose: Purpose::Files(narrower),
            parent: Some(parent.id),
            created: now,
            expires: earlier,
            ..parent
        });
        self.write(OPERATION, |tx| {
            add(tx, OPERATION, copy, &issued.grant)?;
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

    /// Returns up to `limit` grants to the files of a copy after `after`, in the
    /// order of issuing; those that are dead and not yet deleted included.
    pub fn grants(
        &self,
        copy: CopyId,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRecord>> {
        self.read("list grants", |tx| {
            tx.rows.grants(WhichGrants::Files(copy), after, limit)
        })
    }

    /// Revokes a grant and all that were attenuated from it, in one transaction;
    /// returns how many those are.
    ///
    /// # Errors
    /// `NotFound`, also for one that was revoked already.
    pub fn revoke_grant(&self, id: &GrantId) -> Result<u64> {
        self.write("revoke grant", |tx| {
            let found = tx.rows.grant(id)?.filter(is_to_files);
            let Some(GrantRecord {
                at: At::Copy(copy), ..
            }) = found
            else {
                return Err(Error::not_found(Sought::Grant, "revoke grant")
                    .at(id)
                    .because("no such grant"));
            };
            let all = tx.rows.grants(WhichGrants::Files(copy), None, usize::MAX)?;
            let mut revoked = vec![*id];
            let mut next = 0;
            while let Some(parent) = revoked.get(next).copied() {
                tx.rows.delete_grant(&parent)?;
                let children = all.iter().filter(|grant| grant.parent == Some(parent));
                revoked.extend(children.map(|grant| grant.id));
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

fn is_to_files(grant: &GrantRecord) -> bool {
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
    Ok(is_alive(tx, &grant, now)?.then_some(grant))
}

/// Tells whether a grant has not expired, nor what it is bound to, and whether
/// all that it was attenuated from are there and have not expired. Reads a row
/// for each of those, at most [`MAX_SCOPES`].
fn is_alive(tx: &Tx<'_>, grant: &GrantRecord, now: Timestamp) -> Result<bool> {
    let expired = |expires: Option<Timestamp>| expires.is_some_and(|expires| expires <= now);
    if expired(grant.expires) {
        return Ok(false);
    }
    let mut above = grant.parent;
    let mut parents = 0;
    while let Some(parent) = above {
        parents += 1;
        match tx.rows.grant(&parent)? {
            // One that attenuates has a scope more than the one above it.
            _ if parents > MAX_SCOPES => return Ok(false),
            None => return Ok(false),
            Some(parent) if expired(parent.expires) => return Ok(false),
            Some(parent) => above = parent.parent,
        }
    }
    Ok(match grant.at {
        At::Head => true,
        At::Copy(id) => tx
            .rows
            .copy(&id)?
            .is_some_and(|copy| copy.state == CopyState::Open && !expired(copy.expires)),
        At::Revision(id) => tx.rows.revision(id)?.is_some(),
        At::Tree(id) => tx.has_tree(&id)?,
    })
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
        if !is_alive(tx, &grant, now)? {
            tx.rows.delete_grant(&grant.id)?;
        }
    }
    Ok(last)
}

/// Adds a grant to a copy. Where there are as many as may be, those that are dead
/// among a page of them give way; only then rows of others are read.
fn add(tx: &Tx<'_>, operation: &'static str, copy: CopyId, grant: &GrantRecord) -> Result<()> {
    if tx.rows.count_grants(&copy)? >= MAX_GRANTS && !delete_some_dead(tx, copy, grant.created)? {
        return Err(
            Error::new(ErrorKind::LimitExceeded, operation).because(format!(
                "the copy has {MAX_GRANTS} grants, of which none is found dead"
            )),
        );
    }
    tx.rows.put_grant(grant)
}

/// Deletes the dead ones among the next [`SEARCHED`] grants to a copy, and tells
/// whether there were any. The next search goes on where this one ended.
fn delete_some_dead(tx: &Tx<'_>, copy: CopyId, now: Timestamp) -> Result<bool> {
    let mut searches = tx.grant_searches().borrow_mut();
    let after = searches.remove(&copy);
    let page = |after| tx.rows.grants(WhichGrants::Files(copy), after, SEARCHED);
    let page = match (page(after.as_ref())?, &after) {
        // There is none after the last.
        (ended, Some(_)) if ended.is_empty() => page(None)?,
        (page, _) => page,
    };
    if let Some(last) = page.last().filter(|_| page.len() == SEARCHED) {
        if searches.len() >= MAX_SEARCHES {
            searches.clear();
        }
        searches.insert(copy, last.id);
    }
    let mut found = false;
    for old in page {
        if !is_alive(tx, &old, now)? {
            tx.rows.delete_grant(&old.id)?;
            found = true;
        }
    }
    Ok(found)
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
fn check_size(operation: &'static str, grant: &Grant) -> Result<()> {
    let scopes = grant.scopes();
    let globs = || {
        let lists = scopes.iter().flat_map(|scope| [&scope.read, &scope.write]);
        lists.flatten()
    };
    let roots = scopes.iter().map(|scope| scope.root.as_str().len());
    let bytes = roots.sum::<usize>() + globs().map(|glob| glob.as_str().len() + 1).sum::<usize>();
    for (count, limit, what) in [
        (scopes.len(), MAX_SCOPES, "scopes"),
        (globs().count(), MAX_GLOBS, "globs in all scopes"),
        (bytes, MAX_GRANT, "bytes of roots and globs"),
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
