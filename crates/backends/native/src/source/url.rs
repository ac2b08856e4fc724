//! An archive somewhere on the network.

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use workspace_core::{
    Error, ErrorKind, Failure, Reason, Result, Snapshot, SnapshotId, Sought, Source, Timestamp,
};

use super::snapshot::{LocalSnapshot, Place, hex, no_reference};
use super::{SourceOptions, source_error};
use crate::blobs::reactor::Reactor;

/// How long a server may take to be reached, and to say something more.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most redirects that are followed.
const REDIRECTS: usize = 10;
/// The latest that a server may say to ask again, in seconds.
const LONGEST_WAIT: i64 = 1 << 32;

/// An archive at a URL: tar, plain or packed by gzip or zstd, or zip.
///
/// It is read into a temporary file when it is resolved, up to the bytes of the limits; its
/// version is the SHA-256 of its bytes. Nothing is sent but the URL.
pub struct UrlSource {
    url: Url,
    options: SourceOptions,
    client: reqwest::Client,
    reactor: Reactor,
}

impl fmt::Debug for UrlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlSource")
            .field("url", &shown(&self.url))
            .finish_non_exhaustive()
    }
}

impl UrlSource {
    /// Takes the archive at `url`, `http://` or `https://`. Sends nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for what is no such URL, and for one with a password, which
    /// would be stored with the files.
    pub fn new(url: &str, options: SourceOptions) -> Result<Self> {
        let invalid = |reason, why: &str| {
            Error::invalid(reason, "open source")
                .at("the URL")
                .because(why)
        };
        let url = Url::parse(url)
            .map_err(|cause| invalid(Reason::MalformedUrl, "it is none").with_source(cause))?;
        if !matches!(url.scheme(), "http" | "https") {
            let why = "expected http:// or https://";
            return Err(invalid(Reason::MalformedUrl, why));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                Reason::Insecure,
                "it has a name or a password in it",
            ));
        }
        // Whoever comes first chooses for the process; all choose the same.
        let _chosen_before = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::custom(|attempt| {
                match refused(attempt.previous(), attempt.url()) {
                    Some(why) => attempt.error(why),
                    None => attempt.follow(),
                }
            }))
            // It would tell the next host the query, which may be as good as a password.
            .referer(false)
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .user_agent("workspace");
        if url.scheme() == "http" {
            // Nobody asks for the certificates of this system, which take time to load.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|cause| {
            Error::new(ErrorKind::Unavailable, "open source").with_source(cause)
        })?;
        Ok(Self {
            url,
            options,
            client,
            reactor: Reactor::start()?,
        })
    }

    async fn download(&self) -> Result<Arc<dyn Snapshot>> {
        let name = shown(&self.url);
        let upstream = |cause: reqwest::Error| failed(&name, &cause.without_url());
        let request = self.client.get(self.url.clone());
        let mut response = request.send().await.map_err(upstream)?;
        refuse(&name, &response)?;
        let expected = response.content_length();
        let limit = self.options.limits.bytes;
        let too_long = || {
            Error::new(ErrorKind::LimitExceeded, "read source")
                .at(&name)
                .because(format_args!("an archive of more than {limit} bytes in all"))
        };
        if expected.is_some_and(|expected| expected > limit) {
            return Err(too_long());
        }
        let disk = |cause: io::Error| source_error(&name, cause);
        let mut file = tempfile::NamedTempFile::new().map_err(disk)?;
        let (mut hash, mut size) = (Sha256::new(), 0_u64);
        while let Some(chunk) = response.chunk().await.map_err(upstream)? {
            size += chunk.len() as u64;
            if size > limit {
                return Err(too_long());
            }
            hash.update(&chunk);
            file.write_all(&chunk).map_err(disk)?;
        }
        if expected.is_some_and(|expected| expected != size) {
            return Err(Error::source_failed(Failure::Truncated, "read source")
                .at(&name)
                .because("the body is not as long as it said"));
        }
        let version: [u8; 32] = hash.finalize().into();
        let path = PathBuf::from(self.url.path());
        Ok(Arc::new(LocalSnapshot {
            id: SnapshotId::new("url", &name, &hex(&version))?,
            place: Place::Download(file, path),
            options: self.options.clone(),
        }))
    }
}

impl Source for UrlSource {
    fn resolve<'a>(
        &'a self,
        reference: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Arc<dyn Snapshot>>> {
        match reference {
            Some(reference) => ready(Err(no_reference(reference))).boxed(),
            None => self.reactor.enter(self.download().boxed()).boxed(),
        }
    }
}

/// Tells why a redirect is not followed; `None` where it is.
fn refused(previous: &[Url], to: &Url) -> Option<&'static str> {
    if previous.len() > REDIRECTS {
        return Some("it redirects too often");
    }
    let clear = to.scheme() != "https" && previous.iter().any(|url| url.scheme() == "https");
    clear.then_some("it redirects to where others can listen")
}

/// Returns a URL without its query, which may be as good as a password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Makes an error of an answer that is no archive.
fn refuse(name: &str, response: &Response) -> Result<()> {
    let status = response.status();
    let failure = match status {
        _ if status.is_success() => return Ok(()),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(Error::not_found(Sought::Source, "read source")
                .at(name)
                .because(format_args!("the server answers {status}")));
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Denied,
        StatusCode::TOO_MANY_REQUESTS => Failure::RateLimited,
        _ => Failure::Upstream,
    };
    let wait = response.headers().get("retry-after");
    let seconds = wait.and_then(|wait| wait.to_str().ok()?.trim().parse::<i64>().ok());
    let until = seconds.map(|seconds| {
        let now = crate::context::timestamp(std::time::SystemTime::now());
        Timestamp::plus_millis(now, seconds.clamp(0, LONGEST_WAIT) * 1000)
    });
    Err(Error::source_failed(failure, "read source")
        .at(name)
        .because(format_args!("the server answers {status}"))
        .until(until))
}

fn failed(name: &str, cause: &reqwest::Error) -> Error {
    let cut = cause.is_body() || cause.is_decode();
    let failure = match cut {
        true => Failure::Truncated,
        false => Failure::Upstream,
    };
    let mut innermost: &dyn std::error::Error = cause;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    Error::source_failed(failure, "read source")
        .at(name)
        .because(innermost)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_redirect_from_https_to_http_is_refused() {
        let url = |text: &str| Url::parse(text).unwrap();
        let (clear, safe) = (url("http://a.example/x"), url("https://b.example/x"));
        let one = std::slice::from_ref;
        assert_eq!(refused(one(&clear), &clear), None);
        assert_eq!(refused(one(&clear), &safe), None);
        assert_eq!(refused(one(&safe), &safe), None);
        let why = Some("it redirects to where others can listen");
        assert_eq!(refused(one(&safe), &clear), why);
        assert_eq!(refused(&[clear.clone(), safe.clone()], &clear), why);
        assert_eq!(refused(&vec![clear.clone(); REDIRECTS], &clear), None);
        let why = Some("it redirects too often");
        assert_eq!(refused(&vec![clear.clone(); REDIRECTS + 1], &clear), why);
    }
}
