//! Previews: a tree shown as a site to whoever has the token.

use crate::entry::Timestamp;
use crate::error::{Error, Result};
use crate::id::{GrantId, TokenHash};
use crate::path::{Name, TreePath};
use crate::reason::Sought;
use crate::store::{Budget, GrantRecord, MetaTx as _, Purpose, Site, Used, WhichGrants};
use crate::workspace::grants::{Issued, base32, check_expiry, live};
use crate::workspace::{At, Workspace};

/// How long a preview lasts unless it is said, in milliseconds: a week.
const PREVIEW_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How many bytes of a secret a token carries: it is part of a name in the DNS,
/// which has room for 63 characters.
const TOKEN_BYTES: usize = 16;

impl Default for Site {
    /// All files but hidden ones, with `index.html`, no fallback, and nothing that is run.
    fn default() -> Self {
        Self {
            root: TreePath::root(),
            index: Name::new("index.html").expect("it is a name"),
            fallback: None,
            hidden: false,
            app: false,
        }
    }
}

impl Workspace {
    /// Lets whoever has the token look at the files of `at` below the site's root,
    /// read-only, as they change; a root that is not there yet shows nothing. The token is 128 random bits in 26 characters out of
    /// `a-z 2-7`. It dies when it expires (after a week unless said), when it is
    /// revoked, and with the copy or revision.
    ///
    /// # Errors
    /// `NotFound`, `Closed`; `Invalid` for an expiry in the past.
    pub fn issue_preview(&self, at: At, site: Site, expires: Option<Timestamp>) -> Result<Issued> {
        let now = self.now();
        check_expiry("issue preview", expires, now)?;
        let expires = expires.unwrap_or_else(|| now.plus_millis(PREVIEW_MILLIS));
        let token = base32(&self.secret()[..TOKEN_BYTES]);
        let grant = GrantRecord {
            id: self.next_grant(),
            token: TokenHash::of(&token),
            at,
            purpose: Purpose::Site(site),
            label: String::new(),
            actor: String::new(),
            parent: None,
            top: None,
            budget: Budget::default(),
            used: Used::default(),
            created: now,
            expires: Some(expires),
        };
        self.write("issue preview", |tx| {
            tx.resolve(at)?;
            tx.rows.put_grant(&grant)
        })?;
        Ok(Issued { grant, token })
    }

    /// Returns the preview of a token; `None` where it is not known, and where the
    /// preview has expired, was revoked, or is of what is gone.
    pub fn find_preview(&self, token: &str) -> Result<Option<GrantRecord>> {
        let (hash, now) = (TokenHash::of(token), self.now());
        self.read("find preview", |tx| {
            live(tx, tx.rows.grant_with_token(&hash)?, now, is_site)
        })
    }

    /// Returns up to `limit` previews after `after`, in the order of issuing;
    /// those that are dead and not yet deleted included.
    pub fn previews(&self, after: Option<&GrantId>, limit: usize) -> Result<Vec<GrantRecord>> {
        self.read("list previews", |tx| {
            tx.rows.grants(WhichGrants::Sites, after, limit)
        })
    }

    /// Revokes a preview.
    ///
    /// # Errors
    /// `NotFound`, also for one that was revoked already.
    pub fn revoke_preview(&self, id: &GrantId) -> Result<()> {
        self.write("revoke preview", |tx| {
            if tx.rows.grant(id)?.filter(is_site).is_none() {
                return Err(Error::not_found(Sought::Preview, "revoke preview")
                    .at(id)
                    .because("no such preview"));
            }
            tx.rows.delete_grant(id)
        })
    }
}

fn is_site(grant: &GrantRecord) -> bool {
    matches!(grant.purpose, Purpose::Site(_))
}
