//! In whose name GitHub is asked.

#[cfg_attr(target_arch = "wasm32", path = "token/webcrypto.rs")]
#[cfg_attr(not(target_arch = "wasm32"), path = "token/native.rs")]
mod sign;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::HeaderValue;
use serde::Deserialize;
use workspace_core::Timestamp;

use crate::error::{Error, Result};
use crate::session::{Ask, Session};

/// In whose name GitHub is asked.
#[derive(Clone)]
pub enum Token {
    /// Nobody's: what is public, and that not often.
    None,
    /// That of a person, or one that somebody else got.
    Personal(String),
    /// That of a GitHub App's installation, which is asked for when it is needed.
    App(App),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Personal(_) => "Personal",
            Self::App(_) => "App",
        })
    }
}

impl Token {
    /// Takes a token.
    ///
    /// # Errors
    /// `Invalid` where a header cannot carry it. It is not repeated.
    pub fn personal(token: &str) -> Result<Self> {
        let graphic = token.bytes().all(|byte| byte.is_ascii_graphic());
        match graphic && !token.is_empty() && token.len() <= 1000 {
            true => Ok(Self::Personal(token.into())),
            false => Err(Error::invalid(
                "read token",
                "expected up to 1,000 visible ASCII characters",
            )),
        }
    }
}

/// A GitHub App, as one of its installations.
#[derive(Clone)]
pub struct App {
    id: String,
    key: Vec<u8>,
    installation: u64,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .field("installation", &self.installation)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Takes an App's id, or its client id, its private key as GitHub hands it out, and the
    /// number of an installation.
    ///
    /// # Errors
    /// `Invalid` where the key is not PEM, of PKCS #1 or PKCS #8.
    pub fn new(id: &str, pem: &str, installation: u64) -> Result<Self> {
        Ok(Self {
            id: id.into(),
            key: private_key(pem)?,
            installation,
        })
    }
}

/// How a token is shown.
#[derive(Debug, Clone)]
pub(crate) enum Scheme {
    /// As REST takes it: `token`, which is taken for every kind of token and every route.
    Rest,
    /// As git takes it: a user and a password.
    Git,
    /// As it is.
    Given(HeaderValue),
    /// Not at all.
    Nobody,
}

/// A token, and what was got for it.
pub(crate) struct Credentials {
    pub(crate) token: Token,
    pub(crate) api: String,
    got: Mutex<Option<(String, Timestamp)>>,
}

/// GitHub gives such a token for an hour; it is asked for anew some time before.
const KEPT: i64 = 50 * 60 * 1000;

impl Credentials {
    pub(crate) fn new(token: Token, api: String) -> Self {
        Self {
            token,
            api,
            got: Mutex::new(None),
        }
    }

    /// Tells whether there may be another token where this one was refused.
    pub(crate) fn renews(&self) -> bool {
        matches!(self.token, Token::App(_))
    }

    /// Returns the header that shows the token; `anew` where the last one was refused.
    pub(crate) async fn header(
        &self,
        session: &Session,
        scheme: Scheme,
        anew: bool,
    ) -> Result<Option<HeaderValue>> {
        let token = match (&scheme, &self.token) {
            (Scheme::Nobody, _) => return Ok(None),
            (Scheme::Given(header), _) => return Ok(Some(header.clone())),
            (_, Token::None) => return Ok(None),
            (_, Token::Personal(token)) => token.clone(),
            (_, Token::App(app)) => self.of_installation(session, app, anew).await?,
        };
        let text = match scheme {
            Scheme::Git => {
                let pair = format!("x-access-token:{token}");
                format!("Basic {}", BASE64_STANDARD.encode(pair))
            }
            _ => format!("token {token}"),
        };
        header(&text).map(Some)
    }

    /// Returns the token of an installation. Boxed, as it makes a request of its own.
    fn of_installation<'a>(
        &'a self,
        session: &'a Session,
        app: &'a App,
        anew: bool,
    ) -> BoxFuture<'a, Result<String>> {
        async move {
            let now = session.transport.now();
            if !anew {
                let got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((token, until)) = &*got
                    && *until > now
                {
                    return Ok(token.clone());
                }
            }
            #[derive(Deserialize)]
            struct Answer {
                token: String,
            }
            let assertion = assertion(app, now).await?;
            let url = format!(
                "{}/app/installations/{}/access_tokens",
                self.api, app.installation
            );
            let subject = format!("installation {}", app.installation);
            let mut ask = Ask::post("get token", &subject, url, Bytes::from_static(b"{}"));
            ask.scheme = Scheme::Given(header(&format!("Bearer {assertion}"))?);
            let (_, body) = session.read(&ask, 64 << 10).await?;
            let answer: Answer = serde_json::from_slice(&body)
                .map_err(|error| Error::malformed("get token", error.to_string()))?;
            let mut got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
            *got = Some((answer.token.clone(), now.plus_millis(KEPT)));
            Ok(answer.token)
        }
        .boxed()
    }
}

fn header(text: &str) -> Result<HeaderValue> {
    let mut header = HeaderValue::try_from(text)
        .map_err(|_| Error::invalid("read token", "a header cannot carry it"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Returns what an App says of itself for ten minutes: a JSON Web Token, signed by RS256
/// (RFC 7519, RFC 7518).
async fn assertion(app: &App, now: Timestamp) -> Result<String> {
    let now = now.as_millis() / 1000;
    // GitHub's clock may be behind.
    let claims = serde_json::json!({ "iat": now - 60, "exp": now + 540, "iss": app.id });
    let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let said = format!(
        "{}.{}",
        encoded(r#"{"alg":"RS256","typ":"JWT"}"#),
        encoded(&claims.to_string())
    );
    let signature = sign::rs256(&app.key, said.as_bytes()).await?;
    Ok(format!(
        "{said}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    ))
}

/// Reads a private key, as PKCS #8: what is PKCS #1, as GitHub hands keys out, is put into
/// that.
fn private_key(pem: &str) -> Result<Vec<u8>> {
    let invalid = || Error::invalid("read key", "expected a private key of RSA, in PEM");
    for (label, older) in [("RSA PRIVATE KEY", true), ("PRIVATE KEY", false)] {
        let (begin, end) = (
            format!("-----BEGIN {label}-----"),
            format!("-----END {label}-----"),
        );
        let Some((_, rest)) = pem.split_once(&begin) else {
            continue;
        };
        let (body, _) = rest.split_once(&end).ok_or_else(invalid)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = BASE64_STANDARD.decode(body).map_err(|_| invalid())?;
        return match (older, der.len()) {
            (_, 1..=10_000) if !older => Ok(der),
            (_, 1..=10_000) => Ok(in_pkcs8(&der)),
            _ => Err(invalid()),
        };
    }
    Err(invalid())
}

/// Puts the key of PKCS #1 into PKCS #8 (RFC 5208): a version, an algorithm, and the key.
fn in_pkcs8(key: &[u8]) -> Vec<u8> {
    // Version 0, and rsaEncryption without parameters.
    const HEAD: [u8; 18] = [
        0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
        0x01, 0x05, 0x00,
    ];
    let tagged = |tag: u8, content: &[u8]| {
        // A key of PKCS #1 is longer than 255 bytes, and shorter than 64 KiB.
        let [high, low] = (content.len() as u16).to_be_bytes();
        [&[tag, 0x82, high, low], content].concat()
    };
    let key = tagged(0x04, key);
    tagged(0x30, &[&HEAD, &key[..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_keys_that_are_none_are_refused_and_not_repeated() {
        for token in ["", "a b", "t\n", "ümlaut"] {
            let error = Token::personal(token).unwrap_err().to_string();
            assert!(token.is_empty() || !error.contains(token), "{error}");
        }
        let secret = Token::personal("ghp_secret").unwrap();
        assert!(!format!("{secret:?}").contains("secret"));
        for pem in [
            "",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA",
            "-----BEGIN RSA PRIVATE KEY-----\n!\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ] {
            assert!(App::new("1", pem, 1).is_err(), "{pem}");
        }
    }
}
