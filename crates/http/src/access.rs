//! Who may call: the holder of the root token, and holders of grants.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use workspace_core::store::GrantRecord;
use workspace_core::{Error, ErrorKind, Reason, Result, View, Workspace};

use crate::problem::Problem;

/// The shortest token that is accepted, in bytes.
const MIN_TOKEN: usize = 16;
/// How many root tokens there may be at once.
const MAX_TOKENS: usize = 16;

/// Who may call. Nothing is open by default.
///
/// Keeps the SHA-256 of root tokens only; they are compared by hash, in constant time.
/// Tokens of grants are looked up by theirs in the workspace.
#[derive(Clone)]
pub struct Access(Root);

/// Who has all authority.
#[derive(Clone)]
enum Root {
    Nobody,
    Tokens(Arc<[[u8; 32]]>),
    Everybody,
}

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    /// Everybody.
    Anyone,
    /// The holder of the root token.
    Root,
    /// The holder of a grant's token.
    Holder,
}

impl Who {
    /// Returns who may call a route at `path`, unless it is open.
    pub(crate) fn of(path: &str) -> Self {
        match path.strip_prefix("/v1/view") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::Holder,
            _ => Self::Root,
        }
    }
}

/// The holder of a grant's token.
#[derive(Clone)]
pub(crate) struct Holder {
    workspace: Workspace,
    pub(crate) grant: Rc<GrantRecord>,
    pub(crate) token: Rc<str>,
}

impl Holder {
    /// Returns the files as the holder sees them.
    pub(crate) fn view(&self) -> Result<View> {
        self.workspace.view_of(&self.grant)
    }

    /// Returns how many bytes may still be written; `None` for any number.
    pub(crate) fn left(&self) -> Result<Option<u64>> {
        Ok(self.workspace.left(&self.grant)?.max_bytes)
    }

    /// Checks that the grant is still alive.
    ///
    /// # Errors
    /// `Denied` where it is not.
    pub(crate) fn check(&self) -> Result<()> {
        match self.workspace.grant(&self.grant.id)? {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Denied, "call")),
        }
    }
}

impl Access {
    /// Lets in whoever has a root token, and the holders of grants to what their grants
    /// allow. There may be several, with white space between them, so that a new one
    /// is known before the old one is forgotten.
    ///
    /// # Errors
    /// `Invalid` for no token, for more than 16, for one that is shorter than 16 bytes,
    /// and for one that a header cannot carry: visible ASCII characters only.
    pub fn root(tokens: &str) -> Result<Self> {
        let invalid = |why: &str| Error::invalid(Reason::MalformedToken, "read token").because(why);
        let mut hashes = Vec::new();
        for token in tokens.split_ascii_whitespace() {
            if token.len() < MIN_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(invalid("expected 16 or more visible ASCII characters"));
            }
            hashes.push(hash(token));
        }
        match hashes.len() {
            0 => Err(invalid("expected 16 or more visible ASCII characters")),
            1..=MAX_TOKENS => Ok(Self(Root::Tokens(hashes.into()))),
            _ => Err(invalid("more than 16 tokens")),
        }
    }

    /// Lets nobody in as root: for a server that was given no token. Holders of
    /// grants are let in.
    pub fn nobody() -> Self {
        Self(Root::Nobody)
    }

    /// Lets everybody in as root, whatever token they show: for a caller that
    /// proved otherwise that it may do all, as one that holds the Durable Object
    /// itself.
    pub fn trusted() -> Self {
        Self(Root::Everybody)
    }

    /// Tells whether a request comes from the root token's holder.
    pub fn is_root(&self, headers: &HeaderMap) -> bool {
        match &self.0 {
            Root::Nobody => false,
            Root::Everybody => true,
            Root::Tokens(tokens) => bearer(headers).is_some_and(|token| {
                let token = hash(token);
                // All of them, so that the time tells of none.
                let equal = tokens.iter().map(|root| token.ct_eq(root));
                equal.fold(Choice::from(0), |any, equal| any | equal).into()
            }),
        }
    }

    /// Checks the token of a request; returns the holder of a grant, `None` for
    /// that of the root token.
    pub(crate) fn check(
        &self,
        workspace: &Workspace,
        headers: &HeaderMap,
    ) -> Result<Option<Holder>, Problem> {
        if self.is_root(headers) {
            return Ok(None);
        }
        let token = bearer(headers).ok_or_else(Problem::unauthorized)?;
        let grant = workspace.find_grant(token)?;
        let grant = grant.ok_or_else(Problem::unauthorized)?;
        Ok(Some(Holder {
            workspace: workspace.clone(),
            grant: Rc::new(grant),
            token: token.into(),
        }))
    }

    /// Lets in to a route that is for `who`.
    pub(crate) fn admit(
        &self,
        who: Who,
        workspace: &Workspace,
        headers: &HeaderMap,
    ) -> Result<Option<Holder>, Problem> {
        if who == Who::Anyone {
            return Ok(None);
        }
        let holder = self.check(workspace, headers)?;
        match holder.is_some() == (who == Who::Holder) {
            true => Ok(holder),
            false => Err(Problem::denied()),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Returns the token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut found = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (found.next()?, found.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use workspace_core::Options;
    use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn workspace() -> Workspace {
        let meta = Box::new(MemoryMeta::new());
        let blobs = Arc::new(MemoryBlobs::new());
        let context = TestContext::new(1).context();
        Workspace::create(meta, blobs, context, Options::default()).unwrap()
    }

    #[test]
    fn routes_below_the_view_are_for_holders() {
        for (path, who) in [
            ("/v1/view", Who::Holder),
            ("/v1/view/files/{*path}", Who::Holder),
            ("/v1/views", Who::Root),
            ("/v1/head/view", Who::Root),
        ] {
            assert_eq!(Who::of(path), who);
        }
    }

    #[test]
    fn only_the_whole_token_is_let_in() {
        let access = Access::root(TOKEN).unwrap();
        let workspace = workspace();
        let allows = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            access.check(&workspace, &headers).is_ok()
        };
        let good = format!("Bearer {TOKEN}");
        assert!(allows(&[&good]) && allows(&[&format!("bearer  {TOKEN}")]));
        assert!(!allows(&[]) && !allows(&[&good, &good]));
        for bad in ["", "Bearer", "Bearer ", "Basic 0123456789abcdef", TOKEN] {
            assert!(!allows(&[bad]), "{bad}");
        }
        assert!(!allows(&[&format!("{good}0")]) && !allows(&[&good[..good.len() - 1]]));
    }

    /// A new root token is let in before the old one is forgotten.
    #[test]
    fn each_of_several_root_tokens_is_let_in() {
        let access = Access::root(&format!("{TOKEN}\n another-of-16-bytes\n")).unwrap();
        let is_root = |token: &str| {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            access.is_root(&headers)
        };
        assert!(is_root(TOKEN) && is_root("another-of-16-bytes"));
        for wrong in [
            "another-of-16-byte",
            "",
            &format!("{TOKEN} another-of-16-bytes"),
        ] {
            assert!(!is_root(wrong), "{wrong}");
        }
    }

    #[test]
    fn without_a_token_nobody_is_let_in_but_who_is_trusted() {
        let (workspace, mut headers) = (workspace(), HeaderMap::new());
        assert!(Access::nobody().check(&workspace, &headers).is_err());
        assert!(Access::trusted().check(&workspace, &headers).is_ok());
        headers.append(AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
        assert!(Access::nobody().check(&workspace, &headers).is_err());
    }

    #[test]
    fn tokens_that_can_be_guessed_or_not_sent_are_refused() {
        let many = "0123456789abcdef ".repeat(17);
        for bad in [
            "",
            " ",
            "short",
            "0123456789abcdef and-short",
            "ümlaut-ümlaut-ümlaut",
            "0123456789abcde\u{7f}",
            &many,
        ] {
            assert!(Access::root(bad).is_err(), "{bad}");
        }
        let shown = format!("{:?}", Access::root(TOKEN).unwrap());
        assert!(
            shown.starts_with("Access") && !shown.contains(TOKEN),
            "{shown}"
        );
    }
}
