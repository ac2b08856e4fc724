//! A double, a clock that nobody waits for, and what git says of a commit.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use workspace_core::{EntriesOptions, EntrySource, Snapshot as _, SourceKind, Timestamp};
use workspace_github::git::{ObjectId, ObjectKind, object_id};
use workspace_github::{
    Body, GitHub, GitHubOptions, GitHubSnapshot, NativeTransport, Patience, Repository, Result,
    Transport, Unheld, Why,
};
use workspace_github_double::{Double, Repo, Route};

pub(crate) const TOKEN: &str = "ghp_of_a_person";

/// The network, with a clock that goes on at once where somebody waits.
pub(crate) struct Hasty {
    inner: NativeTransport,
    skipped: Mutex<Vec<Duration>>,
}

impl Hasty {
    pub(crate) fn new() -> Self {
        Self::idle(Patience::default().idle)
    }

    /// With as much patience for an answer of which nothing comes.
    pub(crate) fn idle(idle: Duration) -> Self {
        let patience = Patience {
            idle,
            ..Patience::default()
        };
        Self {
            inner: NativeTransport::new(patience).unwrap(),
            skipped: Mutex::default(),
        }
    }

    pub(crate) fn waited(&self) -> Vec<Duration> {
        self.skipped.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Hasty {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        self.inner.send(request).await
    }

    fn now(&self) -> Timestamp {
        let skipped: Duration = self.skipped.lock().unwrap().iter().sum();
        self.inner.now().plus_millis(skipped.as_millis() as i64)
    }

    async fn wait(&self, time: Duration) {
        self.skipped.lock().unwrap().push(time);
        // Long enough for a process of git's to end.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server, and who asks it.
pub(crate) struct Place {
    pub(crate) double: Double,
    pub(crate) transport: Arc<Hasty>,
    pub(crate) github: GitHub,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: GitHubOptions) -> Self {
        let double = Double::start().await.unwrap();
        double.allow(TOKEN);
        let transport = Arc::new(Hasty::new());
        let options = options.url(Some(double.url().into()));
        let github = GitHub::new(transport.clone(), options).unwrap();
        Self {
            double,
            transport,
            github,
        }
    }

    /// The same server, asked in another way.
    pub(crate) fn asked(&self, options: GitHubOptions) -> GitHub {
        let options = options.url(Some(self.double.url().into()));
        GitHub::new(self.transport.clone(), options).unwrap()
    }

    pub(crate) fn repository(&self, repo: &Repo) -> Repository {
        self.github.repository(repo.name.parse().unwrap())
    }

    pub(crate) async fn open(&self, text: &str) -> Result<GitHubSnapshot> {
        self.github.open(&text.parse().unwrap()).await
    }

    /// What was asked since the last time.
    pub(crate) fn routes(&self) -> Vec<Route> {
        self.double.seen().iter().map(|seen| seen.route).collect()
    }
}

/// Options of a person who may do everything.
pub(crate) fn options() -> GitHubOptions {
    let token = workspace_github::Token::personal(TOKEN).unwrap();
    GitHubOptions::default().token(token)
}

/// Feeds `git fast-import`.
pub(crate) fn fast_import(repo: &Repo, stream: &[u8]) {
    let mut child = workspace_github_double::command(&repo.path)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A commit for `git fast-import`.
pub(crate) struct Commit {
    stream: Vec<u8>,
}

impl Commit {
    pub(crate) fn on(branch: &str, message: &str) -> Self {
        let stream = format!(
            "commit refs/heads/{branch}\ncommitter C <c@x> 1700000000 +0100\ndata {}\n{message}\n",
            message.len()
        );
        Self {
            stream: stream.into_bytes(),
        }
    }

    /// The one after another.
    pub(crate) fn after(mut self, commit: &str) -> Self {
        self.stream.extend(format!("from {commit}^0\n").bytes());
        self
    }

    pub(crate) fn put(
        mut self,
        mode: &str,
        path: impl AsRef<[u8]>,
        bytes: impl AsRef<[u8]>,
    ) -> Self {
        self.line(format!("M {mode} inline ").as_bytes(), path.as_ref());
        let bytes = bytes.as_ref();
        self.stream
            .extend(format!("data {}\n", bytes.len()).bytes());
        self.stream.extend(bytes);
        self.stream.push(b'\n');
        self
    }

    pub(crate) fn file(self, path: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Self {
        self.put("100644", path, bytes)
    }

    pub(crate) fn link(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.put("120000", path, target)
    }

    pub(crate) fn submodule(mut self, path: impl AsRef<[u8]>) -> Self {
        let id = "1".repeat(40);
        self.line(format!("M 160000 {id} ").as_bytes(), path.as_ref());
        self
    }

    pub(crate) fn delete(mut self, path: impl AsRef<[u8]>) -> Self {
        self.line(b"D ", path.as_ref());
        self
    }

    fn line(&mut self, start: &[u8], path: &[u8]) {
        self.stream.extend(start);
        self.stream.push(b'"');
        for byte in path {
            match byte {
                b'"' | b'\\' => self.stream.extend([b'\\', *byte]),
                0x20..0x7f => self.stream.push(*byte),
                byte => self.stream.extend(format!("\\{byte:03o}").bytes()),
            }
        }
        self.stream.extend(b"\"\n");
    }

    pub(crate) fn make(self, repo: &Repo) {
        fast_import(repo, &self.stream);
    }
}

/// What was read of a snapshot: of each path the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    File { executable: bool, bytes: Vec<u8> },
    External { executable: bool, id: ObjectId },
    Symlink(String),
    Directory,
    Removed,
}

pub(crate) type Read = BTreeMap<String, Got>;

pub(crate) async fn drain(entries: &mut dyn EntrySource) -> workspace_core::Result<Read> {
    let mut read = Read::new();
    while let Some(entry) = entries.next().await? {
        let got = match entry.kind {
            SourceKind::File {
                executable, size, ..
            } => {
                let mut bytes = Vec::new();
                while let Some(chunk) = entries.chunk().await? {
                    assert!(!chunk.is_empty());
                    bytes.extend_from_slice(&chunk);
                }
                let _ = size;
                Got::File { executable, bytes }
            }
            SourceKind::External { id, executable, .. } => Got::External {
                executable,
                id: ObjectId::from_bytes(id.as_bytes().try_into().unwrap()),
            },
            SourceKind::Symlink { target, .. } => Got::Symlink(target.as_str().into()),
            SourceKind::Directory => Got::Directory,
            SourceKind::Removed => Got::Removed,
        };
        read.insert(entry.path.as_str()[1..].into(), got);
    }
    Ok(read)
}

pub(crate) async fn read(snapshot: &GitHubSnapshot) -> workspace_core::Result<Read> {
    read_with(snapshot, EntriesOptions::default()).await
}

pub(crate) async fn read_with(
    snapshot: &GitHubSnapshot,
    options: EntriesOptions,
) -> workspace_core::Result<Read> {
    let mut entries = snapshot.entries(options).await?;
    drain(&mut *entries).await
}

/// What git says is in a commit: mode and id of each path.
pub(crate) fn listed(repo: &Repo, commit: &str) -> BTreeMap<Vec<u8>, (String, ObjectId)> {
    let output = workspace_github_double::command(&repo.path)
        .args(["ls-tree", "-r", "-t", "-z", "--full-tree", commit])
        .output()
        .unwrap();
    assert!(output.status.success());
    let lines = output.stdout.split(|byte| *byte == 0);
    let lines = lines.filter(|line| !line.is_empty()).map(|line| {
        let tab = line.iter().position(|byte| *byte == b'\t').unwrap();
        let head = str::from_utf8(&line[..tab]).unwrap();
        let words: Vec<&str> = head.split(' ').collect();
        let id = ObjectId::parse(words[2]).unwrap();
        (line[tab + 1..].to_vec(), (words[0].to_owned(), id))
    });
    lines.collect()
}

/// Fails unless what was read, and what is said not to be, are the commit: each path, each
/// mode, and the id of the bytes of each, and where git can make one, the id of its tree.
pub(crate) fn assert_exact(repo: &Repo, commit: &str, read: &Read, unheld: &[Unheld]) {
    let mut expected = listed(repo, commit);
    let empty = ObjectId::parse("4b825dc642cb6eb9a060e54bf8d69288fbee4904").unwrap();
    expected.retain(|_, (mode, id)| mode != "040000" || *id == empty);
    let mut found = BTreeMap::new();
    for (path, got) in read {
        let blob = |bytes: &[u8]| object_id(ObjectKind::Blob, bytes).unwrap();
        let (mode, id) = match got {
            Got::File { executable, bytes } => {
                (if *executable { "100755" } else { "100644" }, blob(bytes))
            }
            Got::External { executable, id } => {
                (if *executable { "100755" } else { "100644" }, *id)
            }
            Got::Symlink(target) => ("120000", blob(target.as_bytes())),
            Got::Directory => ("040000", empty),
            Got::Removed => panic!("{path} is removed"),
        };
        found.insert(path.clone().into_bytes(), (mode.to_owned(), id));
    }
    let mut git_makes_it = true;
    for Unheld {
        path,
        mode,
        id,
        why,
        ..
    } in unheld
    {
        let mode = format!("{:06o}", mode.bits());
        match why {
            // Of a directory whose name is none of ours all below it.
            Why::Name if mode == "040000" => {
                let below = [path.as_slice(), b"/"].concat();
                let all = expected.iter().filter(|(path, _)| path.starts_with(&below));
                let all: Vec<_> = all.map(|(path, of)| (path.clone(), of.clone())).collect();
                found.extend(all);
            }
            // Git shows it as one of those that it writes.
            Why::Mode => git_makes_it = false,
            Why::Empty => git_makes_it = false,
            Why::Submodule | Why::Name | Why::Target => {
                let before = found.insert(path.clone(), (mode, *id));
                assert_eq!(before, None, "{path:?}");
            }
            Why::LeftOut | Why::Lfs => panic!("{path:?} is {why:?}"),
        }
    }
    for (path, of) in &expected {
        assert_eq!(
            found.get(path),
            Some(of),
            "{}",
            String::from_utf8_lossy(path)
        );
    }
    for path in found.keys() {
        assert!(
            expected.contains_key(path),
            "{}",
            String::from_utf8_lossy(path)
        );
    }
    if git_makes_it {
        let tree = written(&repo.path, &found);
        assert_eq!(tree, repo.rev(&format!("{commit}^{{tree}}")));
    }
}

/// The tree that git writes of entries.
pub(crate) fn written(repo: &Path, entries: &BTreeMap<Vec<u8>, (String, ObjectId)>) -> String {
    let index = tempfile::tempdir().unwrap();
    let index = index.path().join("index");
    let mut lines = Vec::new();
    for (path, (mode, id)) in entries {
        lines.extend(format!("{mode} {id}\t").bytes());
        lines.extend(path);
        lines.push(0);
    }
    let mut child = workspace_github_double::command(repo)
        .args(["update-index", "-z", "--index-info"])
        .env("GIT_INDEX_FILE", &index)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&lines).unwrap();
    assert!(child.wait().unwrap().success());
    let output = workspace_github_double::command(repo)
        .args(["write-tree", "--missing-ok"])
        .env("GIT_INDEX_FILE", &index)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Numbers that look random, and are the same for the same seed (SplitMix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// The seeds that a variable asks for, `0-39`, or those of the gate.
pub(crate) fn seeds(variable: &str, usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var(variable) else {
        return usual;
    };
    let (from, to) = text.split_once('-').unwrap_or((&text, &text));
    from.parse().unwrap()..to.parse::<u64>().unwrap() + 1
}
