//! Who may call: the holder of the root token.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use workspace_core::{Error, ErrorKind, Result};

use crate::problem::Problem;

/// The shortest token that is accepted, in bytes.
const MIN_TOKEN: usize = 16;

/// Who may call. Nothing is open by default.
///
/// Keeps the token's SHA-256 only; tokens are compared by hash, in constant time.
#[derive(Clone)]
pub struct Access(Root);

/// Who has all authority.
#[derive(Clone)]
enum Root {
    Nobody,
    Token([u8; 32]),
    Everybody,
}

impl Access {
    /// Lets in whoever has the root token.
    ///
    /// # Errors
    /// `Invalid` for a token that is shorter than 16 bytes, or that a header
    /// cannot carry: visible ASCII characters only.
    pub fn root(token: &str) -> Result<Self> {
        if token.len() < MIN_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(ErrorKind::Invalid, "read token")
                .because("expected 16 or more visible ASCII characters"));
        }
        Ok(Self(Root::Token(hash(token))))
    }

    /// Lets nobody in as root: for a server that was given no token.
    pub fn nobody() -> Self {
        Self(Root::Nobody)
    }

    /// Lets everybody in, without a token: for a caller that proved otherwise
    /// that it may do all, as one that holds the Durable Object itself.
    pub fn trusted() -> Self {
        Self(Root::Everybody)
    }

    /// Checks the token of a request.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let admitted = match &self.0 {
            Root::Nobody => false,
            Root::Everybody => true,
            Root::Token(root) => {
                bearer(headers).is_some_and(|token| hash(token).ct_eq(root).into())
            }
        };
        match admitted {
            true => Ok(()),
            false => Err(Problem::unauthorized()),
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
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn only_the_whole_token_is_let_in() {
        let access = Access::root(TOKEN).unwrap();
        let allows = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            access.check(&headers).is_ok()
        };
        let good = format!("Bearer {TOKEN}");
        assert!(allows(&[&good]) && allows(&[&format!("bearer  {TOKEN}")]));
        assert!(!allows(&[]) && !allows(&[&good, &good]));
        for bad in ["", "Bearer", "Bearer ", "Basic 0123456789abcdef", TOKEN] {
            assert!(!allows(&[bad]), "{bad}");
        }
        assert!(!allows(&[&format!("{good}0")]) && !allows(&[&good[..good.len() - 1]]));
    }

    #[test]
    fn without_a_token_nobody_is_let_in_but_who_is_trusted() {
        let mut headers = HeaderMap::new();
        assert!(Access::nobody().check(&headers).is_err());
        assert!(Access::trusted().check(&headers).is_ok());
        headers.append(AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
        assert!(Access::nobody().check(&headers).is_err());
    }

    #[test]
    fn tokens_that_can_be_guessed_or_not_sent_are_refused() {
        for bad in ["", "short", "with a space in it", "ümlaut ümlaut ümlaut"] {
            assert!(Access::root(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", Access::root(TOKEN).unwrap()).contains(TOKEN));
    }
}
