//! Large files that a small one in the repository stands for (Git LFS).

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Kind, Result};
use crate::remote::Remote;
use crate::session::Ask;
use crate::token::Scheme;
use crate::transport::Body;

/// What stands for a large file has fewer bytes than this.
pub(crate) const MAX_POINTER: u64 = 1023;
/// How many files are asked for in one request.
const BATCH: usize = 100;
const LFS_JSON: &str = "application/vnd.git-lfs+json";

/// What stands for a large file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    oid: String,
    size: u64,
}

impl Pointer {
    /// Reads one, after the specification of Git LFS: `version` first, then keys in order.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes)
            .ok()
            .filter(|_| bytes.len() as u64 <= MAX_POINTER)?;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let version = lines.next()?.strip_prefix("version ")?;
        let known = [
            "https://git-lfs.github.com/spec/v1",
            "http://git-media.io/v/2",
            "https://hawser.github.com/spec/v1",
        ];
        if !known.contains(&version) {
            return None;
        }
        let (mut oid, mut size) = (None, None);
        for line in lines {
            match line.split_once(' ')? {
                ("oid", value) => oid = Some(value.strip_prefix("sha256:")?),
                ("size", value) => size = Some(value.parse().ok()?),
                _ => {}
            }
        }
        let oid = oid.filter(|oid| {
            oid.len() == 64 && oid.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })?;
        Some(Self {
            oid: oid.into(),
            size: size?,
        })
    }
}

/// Fetches large files, one after the other; each is compared with its SHA-256.
pub(crate) struct LfsFiles {
    remote: Remote,
    left: VecDeque<(usize, Pointer)>,
    /// Where those of the last request are.
    found: HashMap<String, Action>,
    current: Option<Current>,
}

struct Current {
    pointer: Pointer,
    body: Body,
    hasher: Sha256,
    left: u64,
}

/// Where a file is, and what is to be said there.
#[derive(Debug, Deserialize)]
struct Action {
    href: String,
    #[serde(default)]
    header: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    objects: Vec<Object>,
}

#[derive(Debug, Deserialize)]
struct Object {
    oid: String,
    #[serde(default)]
    actions: HashMap<String, Action>,
    #[serde(default)]
    error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: u16,
    message: String,
}

impl LfsFiles {
    pub(crate) fn new(remote: &Remote, pointers: Vec<(usize, Pointer)>) -> Self {
        Self {
            remote: remote.clone(),
            left: pointers.into(),
            found: HashMap::new(),
            current: None,
        }
    }

    /// Moves to the next one, and returns where it belongs and how large it is.
    pub(crate) async fn next(&mut self) -> Result<Option<(usize, u64)>> {
        let Some((at, pointer)) = self.left.front().cloned() else {
            return Ok(None);
        };
        if !self.found.contains_key(&pointer.oid) {
            self.ask().await?;
        }
        let action = self
            .found
            .get(&pointer.oid)
            .ok_or_else(|| Error::new(Kind::NotFound, "read large file").at(&pointer.oid))?;
        let mut ask = Ask::get("read large file", &pointer.oid, action.href.clone());
        ask.scheme = Scheme::Nobody;
        ask.headers.clear();
        for (name, value) in action.header.iter().take(20) {
            let wrong = || Error::malformed("read large file", "a header that is none");
            let name = HeaderName::try_from(name).map_err(|_| wrong())?;
            ask.headers
                .push((name, HeaderValue::try_from(value).map_err(|_| wrong())?));
        }
        let plain = !action.href.starts_with("https://");
        if plain && self.remote.web.starts_with("https://") {
            return Err(Error::malformed(
                "read large file",
                "it is where others can listen",
            ));
        }
        let body = self.remote.session.send(&ask).await?.into_body();
        self.left.pop_front();
        let size = pointer.size;
        self.current = Some(Current {
            pointer,
            body,
            hasher: Sha256::new(),
            left: size,
        });
        Ok(Some((at, size)))
    }

    /// Asks where the next files are.
    async fn ask(&mut self) -> Result<()> {
        let objects: Vec<_> = self
            .left
            .iter()
            .take(BATCH)
            .map(|(_, pointer)| serde_json::json!({ "oid": pointer.oid, "size": pointer.size }))
            .collect();
        let body = serde_json::json!({
            "operation": "download",
            "transfers": ["basic"],
            "objects": objects,
            "hash_algo": "sha256",
        });
        let remote = &self.remote;
        let url = format!("{}/{}.git/info/lfs/objects/batch", remote.web, remote.name);
        let name = remote.name.to_string();
        let mut ask = Ask::post("find large files", &name, url, body.to_string().into())
            .header(CONTENT_TYPE, LFS_JSON)
            .header(ACCEPT, LFS_JSON);
        ask.scheme = Scheme::Git;
        let answer: Answer = remote.json(&ask).await?;
        self.found.clear();
        for mut object in answer.objects.into_iter().take(BATCH) {
            if let Some(failure) = object.error {
                let kind = match failure.code {
                    404 | 410 => Kind::NotFound,
                    401 | 403 => Kind::Denied,
                    429 => Kind::RateLimited,
                    _ => Kind::Upstream,
                };
                let why = crate::git::shown(failure.message.as_bytes());
                return Err(Error::new(kind, "find large files")
                    .at(object.oid)
                    .because(why));
            }
            if let Some(action) = object.actions.remove("download") {
                self.found.insert(object.oid, action);
            }
        }
        Ok(())
    }

    /// Returns the next bytes of the current file; `None` at the end of what is then known to
    /// be right.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        let wrong = |kind, why: &'static str, pointer: &Pointer| {
            Error::new(kind, "read large file")
                .at(&pointer.oid)
                .because(why)
        };
        match current.body.next().await.transpose()? {
            Some(bytes) => {
                let left = current.left.checked_sub(bytes.len() as u64);
                current.left = left.ok_or_else(|| {
                    wrong(
                        Kind::Altered,
                        "more bytes than it should have",
                        &current.pointer,
                    )
                })?;
                current.hasher.update(&bytes);
                Ok(Some(bytes))
            }
            None => {
                let Some(current) = self.current.take() else {
                    return Ok(None);
                };
                if current.left > 0 {
                    return Err(wrong(Kind::Truncated, "it ends too soon", &current.pointer));
                }
                match HEXLOWER.encode(&current.hasher.finalize()) == current.pointer.oid {
                    true => Ok(None),
                    false => Err(wrong(
                        Kind::Altered,
                        "it has another hash",
                        &current.pointer,
                    )),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_told_from_files() {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let good =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n");
        let read = Pointer::read(good.as_bytes()).unwrap();
        assert_eq!((read.oid.as_str(), read.size), (oid, 12345));
        let extended = good.replace("oid", "ext-0-foo sha256:1\noid");
        assert!(Pointer::read(extended.as_bytes()).is_some());
        for text in [
            String::new(),
            good.replace("v1", "v9"),
            good.replace("sha256:4", "sha256:Z"),
            good.replace("size 12345", "size many"),
            good.replace("size 12345", ""),
            format!("{good}{}", "x y\n".repeat(300)),
        ] {
            assert_eq!(Pointer::read(text.as_bytes()), None, "{text}");
        }
    }
}
