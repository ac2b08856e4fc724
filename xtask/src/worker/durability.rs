//! SIGKILL under writers of the Worker as it is deployed: what was acknowledged is
//! there afterwards, and nothing is there by halves.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use workspace_workerd::{Client, Workerd};

use super::{build, dev};
use crate::repository::Repository;

const WRITERS: u64 = 4;
/// How long writers write before each kill, in milliseconds, give or take.
const MILLIS: u64 = 1_000;
/// The files of an import.
const IMPORTED: u64 = 20;
/// Every so many steps the first file is too large for a row.
const LARGE_EVERY: u64 = 9;

/// Where the files of a writer are, by path: the SHA-256 of each.
type Found = BTreeMap<String, String>;

/// What was done while workerd was killed, and acknowledged.
pub(crate) struct Survived {
    /// Files written to head.
    pub(crate) writes: u64,
    /// Copies applied.
    pub(crate) applies: u64,
    /// Archives imported.
    pub(crate) imports: u64,
    /// Steps of collection.
    pub(crate) steps: u64,
}

/// Kills workerd `kills` times under writers and a collector.
pub(crate) fn run(repository: &Repository, kills: u32) -> Result<Survived> {
    let package = build::package(repository)?;
    let directory = repository.target.join("worker/durability");
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)?;
    let token = "0".repeat(64);
    let config = dev::configure(repository, &package.join("worker.js"), &directory, &token)?;
    let state = directory.join("state");
    let mut workerd = Workerd::start(&repository.root, &config, &state, "127.0.0.1:0", &[])?;
    let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
    let mut steps = 0;
    for round in 0..kills {
        let workspace = Workspace::of(&workerd, &token);
        let outcomes: Vec<Result<u64>> = thread::scope(|scope| {
            let writing = writers.iter_mut().map(|writer| {
                let workspace = workspace.clone();
                scope.spawn(move || writer.write(&workspace).map(|()| 0))
            });
            let mut running: Vec<_> = writing.collect();
            let collector = workspace.clone();
            running.push(scope.spawn(move || collect(&collector)));
            // Not always at the same point of anything.
            thread::sleep(Duration::from_millis(MILLIS + u64::from(round * 37 % 100)));
            workerd.kill();
            let ended = running.into_iter().map(thread::ScopedJoinHandle::join);
            ended
                .map(|ended| ended.unwrap_or_else(|_| Err(anyhow::anyhow!("a writer panicked"))))
                .collect()
        });
        for outcome in outcomes {
            steps += outcome.with_context(|| format!("before kill {}", round + 1))?;
        }
        workerd.restart()?;
        let workspace = Workspace::of(&workerd, &token);
        for writer in &mut writers {
            writer
                .check(&workspace)
                .with_context(|| format!("after kill {}", round + 1))?;
        }
        whole(&workspace).with_context(|| format!("after kill {}", round + 1))?;
    }
    let count = |kind: Kind| -> u64 { writers.iter().map(|writer| writer.done(kind)).sum() };
    let [writes, applies, imports] = [Kind::Write, Kind::Apply, Kind::Import].map(count);
    ensure!(
        kills == 0 || writes + applies + imports > u64::from(kills),
        "next to nothing was written"
    );
    println!(
        "durability: {writes} writes, {applies} applies and {imports} imports acknowledged, all there \
         after {kills} kills, beside {steps} steps of collection"
    );
    Ok(Survived {
        writes,
        applies,
        imports,
        steps,
    })
}

/// Collects until the server is gone; returns how many steps it took.
fn collect(workspace: &Workspace) -> Result<u64> {
    for steps in 0.. {
        if workspace.call("POST", "/v1/gc", b"")?.is_none() {
            return Ok(steps);
        }
    }
    Ok(0)
}

/// Asserts that nothing that is stored is damaged.
fn whole(workspace: &Workspace) -> Result<()> {
    let report = workspace.call("GET", "/v1/fsck?contents=true", b"")?;
    let report = report.context("the server is gone")?.1;
    let report: Value = serde_json::from_str(&report)?;
    ensure!(report["problem_count"] == 0, "damage: {report}");
    Ok(())
}

/// The workspace, over HTTP.
#[derive(Clone)]
struct Workspace {
    client: Client,
    token: String,
}

impl Workspace {
    fn of(workerd: &Workerd, token: &str) -> Self {
        Self {
            client: workerd.client(),
            token: token.into(),
        }
    }

    /// Calls; returns status and answer, or nothing where the server is gone. Any
    /// status but success and a conflict is an error.
    fn call(&self, method: &str, target: &str, body: &[u8]) -> Result<Option<(u16, String)>> {
        let path = format!("/workspaces/durable{target}");
        let Ok((status, answer)) = self.client.send(method, &path, Some(&self.token), body) else {
            return Ok(None);
        };
        let answer = String::from_utf8(answer).context("an answer that is not UTF-8")?;
        ensure!(
            status < 300 || status == 409,
            "{method} {target}: {status}: {answer}"
        );
        Ok(Some((status, answer)))
    }
}

/// What one step of a writer does.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A file to head.
    Write,
    /// Two files to a copy, which is applied.
    Apply,
    /// A tar archive into head.
    Import,
}

/// Writes step after step, each into a directory of its own.
struct Writer {
    number: u64,
    acknowledged: u64,
}

impl Writer {
    fn new(number: u64) -> Self {
        Self {
            number,
            acknowledged: 0,
        }
    }

    fn kind(step: u64) -> Kind {
        match step % 4 {
            0 => Kind::Import,
            2 => Kind::Apply,
            _ => Kind::Write,
        }
    }

    /// Returns how many steps of a kind were acknowledged.
    fn done(&self, kind: Kind) -> u64 {
        let steps = 0..self.acknowledged;
        steps.filter(|step| Self::kind(*step) == kind).count() as u64
    }

    fn root(&self) -> String {
        format!("/writer{}", self.number)
    }

    /// Returns the names and bytes of a step's files.
    fn files(&self, step: u64) -> Vec<(String, Vec<u8>)> {
        let count = match Self::kind(step) {
            Kind::Write => 1,
            Kind::Apply => 2,
            Kind::Import => IMPORTED,
        };
        let files = (0..count).map(|file| {
            let size = match (step % LARGE_EVERY, file) {
                (4, 0) => 70_000,
                _ => 200,
            };
            let word = format!("{} {step} {file} ", self.number).into_bytes();
            let bytes = word.into_iter().cycle().take(size).collect();
            (format!("f{file}"), bytes)
        });
        files.collect()
    }

    /// Writes until the server is gone.
    fn write(&mut self, workspace: &Workspace) -> Result<()> {
        while self.step(workspace, self.acknowledged)?.is_some() {
            self.acknowledged += 1;
        }
        Ok(())
    }

    /// Makes a step; returns nothing where the server is gone before it says so.
    fn step(&self, workspace: &Workspace, step: u64) -> Result<Option<()>> {
        let directory = format!("{}/{step}", self.root());
        let files = self.files(step);
        match Self::kind(step) {
            Kind::Write => self.put(workspace, "/v1/head", &directory, &files),
            Kind::Import => {
                let mut archive = tar::Builder::new(Vec::new());
                for (name, bytes) in &files {
                    let mut header = tar::Header::new_ustar();
                    header.set_size(bytes.len() as u64);
                    header.set_mode(0o644);
                    archive.append_data(&mut header, name, &**bytes)?;
                }
                let target = format!("/v1/head/import?into={directory}");
                // Head may have moved on meanwhile; nothing of it is done then.
                until_done(workspace, &target, &archive.into_inner()?)
            }
            Kind::Apply => {
                let Some((_, copy)) = workspace.call("POST", "/v1/copies", b"{}")? else {
                    return Ok(None);
                };
                let copy: Value = serde_json::from_str(&copy)?;
                let id = copy["id"].as_str().context("a copy has an id")?;
                let root = format!("/v1/copies/{id}");
                if self.put(workspace, &root, &directory, &files)?.is_none() {
                    return Ok(None);
                }
                loop {
                    let rebased = workspace.call("POST", &format!("{root}/rebase"), b"{}")?;
                    let applied = workspace.call("POST", &format!("{root}/apply"), b"{}")?;
                    match (rebased, applied) {
                        (Some(_), Some((409, _))) => {}
                        (_, applied) => return Ok(applied.map(drop)),
                    }
                }
            }
        }
    }

    fn put(
        &self,
        workspace: &Workspace,
        root: &str,
        directory: &str,
        files: &[(String, Vec<u8>)],
    ) -> Result<Option<()>> {
        for (name, bytes) in files {
            let target = format!("{root}/files{directory}/{name}?create_parents=true");
            if workspace.call("PUT", &target, bytes)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Asserts that every acknowledged step is there and whole, and nothing else
    /// but perhaps the one that was under way, whole as well.
    fn check(&mut self, workspace: &Workspace) -> Result<()> {
        let found = walk(workspace, &self.root())?;
        let mut expected = Found::new();
        let mut step = 0;
        while step <= self.acknowledged {
            let files = self.files(step).into_iter().map(|(name, bytes)| {
                let path = format!("{}/{step}/{name}", self.root());
                (path, hex(&Sha256::digest(bytes)))
            });
            let files: Found = files.collect();
            let under_way = step == self.acknowledged;
            if under_way && !files.keys().any(|path| found.contains_key(path)) {
                break;
            }
            expected.extend(files);
            step += 1;
        }
        for (path, hash) in &expected {
            ensure!(
                found.get(path) == Some(hash),
                "{path}: {:?} is there, of {} acknowledged steps",
                found.get(path),
                self.acknowledged
            );
        }
        ensure!(
            found.len() == expected.len(),
            "{} files are there, expected {}",
            found.len(),
            expected.len()
        );
        self.acknowledged = step;
        Ok(())
    }
}

/// Posts until head stands still for as long as that takes.
fn until_done(workspace: &Workspace, target: &str, body: &[u8]) -> Result<Option<()>> {
    loop {
        match workspace.call("POST", target, body)? {
            Some((409, _)) => {}
            answer => return Ok(answer.map(drop)),
        }
    }
}

/// Returns all files below a directory, which need not be there.
fn walk(workspace: &Workspace, directory: &str) -> Result<Found> {
    let root = workspace.call("GET", "/v1/head/list?limit=100", b"")?;
    let root: Value = serde_json::from_str(&root.context("the server is gone")?.1)?;
    let entries = root["entries"].as_array().context("a list has entries")?;
    if !entries.iter().any(|entry| entry["name"] == directory[1..]) {
        return Ok(Found::new());
    }
    let lines = workspace.call("GET", &format!("/v1/head/walk{directory}"), b"")?;
    let lines = lines.context("the server is gone")?.1;
    let mut found = Found::new();
    for line in lines.lines() {
        let placed: Value = serde_json::from_str(line)?;
        if let (Some(path), Some(content)) =
            (placed["path"].as_str(), placed["entry"]["content"].as_str())
        {
            found.insert(path.into(), content.into());
        }
    }
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
