//! What is asked of one repository, by git's protocol and by REST.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::address::{Reference, RepositoryName};
use crate::error::{Error, Kind, Result};
use crate::git::{
    Fetch, FetchAnswer, ObjectId, PackLimits, PackReader, PackSink, PushAnswer, Ref, RefUpdate,
    RefsAnswer, Report, ls_refs, push_request,
};
use crate::session::{Ask, Session, collect};
use crate::token::Scheme;
use crate::transport::Body;

/// How much is taken, and held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the trees of a commit.
    pub trees: u64,
    /// Bytes of the blobs of one request; what is larger comes by itself, as a stream.
    pub blobs: u64,
    /// Blobs that are asked for in one request.
    pub batch: usize,
    /// Entries of a commit, directories among them.
    pub entries: usize,
    /// Bytes of the list of these: of their paths, and 64 for each.
    pub listing: usize,
    /// Bytes that come out of an archive.
    pub archive: u64,
    /// Bytes of a pack that is pushed.
    pub push: usize,
}

impl Default for Limits {
    /// 256 MiB of trees, 64 of blobs, 128 a request, 2 million entries, 512 MiB of
    /// their list, 1 TiB of an archive, 512 MiB of a push; in a Worker, which has 128 MiB in
    /// all, 32 MiB of trees, 16 of blobs, 32 of the list, 32 of a push.
    fn default() -> Self {
        let large = |native: u64, worker: u64| match cfg!(target_arch = "wasm32") {
            true => worker << 20,
            false => native << 20,
        };
        Self {
            trees: large(256, 32),
            blobs: large(64, 16),
            batch: 128,
            entries: 2_000_000,
            listing: large(512, 32) as usize,
            archive: 1 << 40,
            push: large(512, 32) as usize,
        }
    }
}

impl Limits {
    pub(crate) fn of_trees(&self) -> PackLimits {
        PackLimits {
            bytes: self.trees,
            objects: u32::try_from(self.entries).unwrap_or(u32::MAX),
            ..PackLimits::default()
        }
    }

    pub(crate) fn of_blobs(&self) -> PackLimits {
        PackLimits {
            bytes: self.blobs,
            ..PackLimits::default()
        }
    }
}

/// A repository, and what it takes to reach it.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) session: Arc<Session>,
    pub(crate) name: RepositoryName,
    /// Where git's protocol is, and where REST, without a slash at the end.
    pub(crate) web: String,
    pub(crate) api: String,
    pub(crate) limits: Limits,
}

/// The services of git's protocol.
const UPLOAD: &str = "git-upload-pack";
const RECEIVE: &str = "git-receive-pack";
/// The most bytes of an answer in JSON.
const MAX_JSON: usize = 16 << 20;

/// A commit, and the ref that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) commit: ObjectId,
    pub(crate) name: Option<String>,
}

impl Remote {
    fn git(&self, operation: &'static str, service: &'static str, body: Vec<u8>) -> Ask {
        let url = format!("{}/{}.git/{service}", self.web, self.name);
        let (content, answer) = match service {
            RECEIVE => (
                "application/x-git-receive-pack-request",
                "application/x-git-receive-pack-result",
            ),
            _ => (
                "application/x-git-upload-pack-request",
                "application/x-git-upload-pack-result",
            ),
        };
        let mut ask = Ask::get(operation, &self.name.to_string(), url);
        ask.method = Method::POST;
        ask.scheme = Scheme::Git;
        ask.headers.clear();
        ask.body = body.into();
        let ask = ask.header(CONTENT_TYPE, content).header(ACCEPT, answer);
        match service {
            // There is a second version of fetching alone.
            UPLOAD => ask.header(HeaderName::from_static("git-protocol"), "version=2"),
            _ => ask,
        }
    }

    fn rest(&self, rest: &str) -> String {
        format!("{}/repos/{}{rest}", self.api, self.name)
    }

    /// Lists the refs whose names begin in one of these ways.
    pub(crate) async fn refs(&self, prefixes: &[String]) -> Result<Vec<Ref>> {
        let ask = self.git("list refs", UPLOAD, ls_refs(prefixes));
        let mut attempts = self.session.attempts();
        loop {
            let listed = async {
                let mut body = self.session.send_once(&ask).await?.into_body();
                let mut answer = RefsAnswer::default();
                while let Some(bytes) = body.next().await {
                    answer.push(&bytes?)?;
                }
                answer.finish()
            };
            match listed.await {
                Ok(refs) => return Ok(refs),
                Err(error) => attempts.after(error.at(&self.name)).await?,
            }
        }
    }

    /// Finds the commit that a reference means; without one, that of the default branch.
    pub(crate) async fn resolve(&self, reference: Option<&Reference>) -> Result<Resolved> {
        let names = match reference {
            None => vec!["HEAD".to_owned()],
            Some(Reference::Commit(commit)) => {
                return Ok(Resolved {
                    commit: *commit,
                    name: None,
                });
            }
            Some(Reference::Pull(number)) => vec![format!("refs/pull/{number}/head")],
            Some(Reference::Named(name)) if name == "HEAD" || name.starts_with("refs/") => {
                vec![name.clone()]
            }
            Some(Reference::Named(name)) => {
                vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
            }
        };
        let refs = self.refs(&names).await?;
        for name in &names {
            if let Some(found) = refs.iter().find(|found| found.name == *name) {
                return Ok(Resolved {
                    commit: found.object(),
                    name: Some(found.target.clone().unwrap_or_else(|| name.clone())),
                });
            }
        }
        let Some(reference) = reference else {
            return Err(Error::new(Kind::NotFound, "resolve")
                .at(&self.name)
                .because("it has no commits"));
        };
        let text = reference.to_string();
        let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if (7..40).contains(&text.len()) && hex {
            return self.abbreviated(&text).await;
        }
        Err(Error::new(Kind::NotFound, "resolve")
            .at(format!("{}@{text}", self.name))
            .because("no branch, tag or pull request of that name"))
    }

    /// Finds a commit by how its id begins.
    async fn abbreviated(&self, start: &str) -> Result<Resolved> {
        #[derive(Deserialize)]
        struct Answer {
            sha: String,
        }
        let subject = format!("{}@{start}", self.name);
        let url = self.rest(&format!("/commits/{start}"));
        let ask = Ask::get("resolve", &subject, url).header(ACCEPT, "application/vnd.github+json");
        let answer = self.json::<Answer>(&ask).await;
        let answer = answer.map_err(|error| match error.kind() {
            // GitHub's word for a commit that is not there.
            Kind::Refused => Error::new(Kind::NotFound, "resolve").at(&subject),
            _ => error,
        })?;
        let commit = ObjectId::parse(&answer.sha)
            .filter(|_| answer.sha.starts_with(&start.to_ascii_lowercase()))
            .ok_or_else(|| Error::malformed("resolve", "a commit of another id").at(&subject))?;
        Ok(Resolved { commit, name: None })
    }

    /// Fetches objects into a pack; what went wrong is beside what came.
    pub(crate) async fn fetch_once(
        &self,
        fetch: &Fetch<'_>,
        limits: PackLimits,
    ) -> (PackReader, Result<()>) {
        let ask = self.git("fetch objects", UPLOAD, fetch.body());
        let mut answer = FetchAnswer::new(PackReader::new(limits));
        let fetched = async {
            let mut body = self.session.send_once(&ask).await?.into_body();
            while let Some(bytes) = body.next().await {
                answer.push(&bytes?)?;
            }
            answer.finish()
        };
        let fetched = fetched.await.map_err(|error| error.at(&self.name));
        (answer.into_pack(), fetched)
    }

    /// Begins to fetch objects, for who reads the answer as it comes.
    pub(crate) async fn begin_fetch<P: PackSink>(
        &self,
        fetch: &Fetch<'_>,
        pack: P,
    ) -> Result<(FetchAnswer<P>, Body)> {
        let ask = self.git("fetch objects", UPLOAD, fetch.body());
        let answer = self.session.send_once(&ask).await?;
        Ok((FetchAnswer::new(pack), answer.into_body()))
    }

    /// Begins to read the archive of a commit.
    pub(crate) async fn tarball(&self, commit: &ObjectId) -> Result<Body> {
        let url = self.rest(&format!("/tarball/{commit}"));
        let ask = Ask::get("read archive", &self.name.to_string(), url);
        Ok(self.session.send_once(&ask).await?.into_body())
    }

    /// Reads a blob by REST.
    pub(crate) async fn raw_blob(&self, id: &ObjectId) -> Result<Bytes> {
        let url = self.rest(&format!("/git/blobs/{id}"));
        let ask = Ask::get("read blob", &id.to_string(), url)
            .header(ACCEPT, "application/vnd.github.raw+json");
        let limit = usize::try_from(self.limits.blobs).unwrap_or(usize::MAX);
        let (_, bytes) = self.session.read(&ask, limit).await?;
        Ok(bytes)
    }

    /// Pushes once. Where the answer is lost, nobody knows whether it was taken.
    pub(crate) async fn push_once(&self, update: &RefUpdate<'_>, pack: &[u8]) -> Result<Report> {
        let ask = self.git("push", RECEIVE, push_request(update, pack));
        let mut body = self.session.send_once(&ask).await?.into_body();
        let mut answer = PushAnswer::default();
        while let Some(bytes) = body.next().await {
            answer.push(&bytes?)?;
        }
        answer.finish().map_err(|error| error.at(&self.name))
    }

    pub(crate) fn get(&self, operation: &'static str, rest: &str) -> Ask {
        Ask::get(operation, &self.name.to_string(), self.rest(rest))
    }

    pub(crate) fn post(&self, operation: &'static str, rest: &str, body: Vec<u8>) -> Ask {
        Ask::post(
            operation,
            &self.name.to_string(),
            self.rest(rest),
            body.into(),
        )
    }

    /// Sends a request that reads, until it is answered, in JSON.
    pub(crate) async fn json<A: DeserializeOwned>(&self, ask: &Ask) -> Result<A> {
        let (_, body) = self.session.read(ask, MAX_JSON).await?;
        parsed(&body, ask)
    }

    /// Sends a request once, that is answered in JSON.
    pub(crate) async fn json_once<A: DeserializeOwned>(&self, ask: &Ask) -> Result<A> {
        let body = self.session.send_once(ask).await?.into_body();
        parsed(&collect(body, MAX_JSON, ask).await?, ask)
    }
}

fn parsed<A: DeserializeOwned>(body: &[u8], ask: &Ask) -> Result<A> {
    serde_json::from_slice(body)
        .map_err(|error| Error::malformed(ask.operation, error.to_string()).at(&ask.subject))
}

/// What is encoded in a segment of a URL: all but what is unreserved (RFC 3986, 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes a text as one value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
