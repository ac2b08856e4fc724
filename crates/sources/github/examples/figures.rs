//! How long an import takes, against `curl` and `tar`, in the same run:
//! `cargo run --release -p workspace-github --example figures -- URL OWNER/NAME DIRECTORY`.
//! The URL is that of `workspace-github-double`, or of GitHub Enterprise; what is imported goes
//! into a workspace below the directory.

#![allow(clippy::print_stdout, reason = "it talks to the person who started it")]

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use workspace_core::{At, EntriesOptions, FileId, ImportOptions, Snapshot as _, SourceKind};
use workspace_github::{Address, GitHub, GitHubOptions, NativeTransport, Patience, Retries, Token};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, name, place] = &args[..] else {
        return Err("expected URL OWNER/NAME DIRECTORY".into());
    };
    let place = Path::new(place);
    let token = match std::env::var("GITHUB_TOKEN") {
        Ok(token) => Token::personal(&token)?,
        Err(_) => Token::None,
    };
    let options = GitHubOptions::default()
        .url(Some(url.clone()))
        .token(token)
        .retries(Retries {
            attempts: 1,
            wait: Duration::ZERO,
        });
    let transport = Arc::new(NativeTransport::new(Patience::default())?);
    let github = GitHub::new(transport, options)?;
    let address: Address = format!("github:{name}").parse()?;
    // The archive is made once, before anything is measured.
    let snapshot = github.open(&address).await?;
    let commit = snapshot.commit();
    let archive = format!("{url}/api/v3/repos/{name}/tarball/{commit}");
    shell(&format!("curl -sSL -A curl {archive} > /dev/null"))?;
    for round in 1..=3 {
        let unpacked = place.join(format!("unpacked{round}"));
        std::fs::create_dir_all(&unpacked)?;
        let start = Instant::now();
        shell(&format!(
            "curl -sSL -A curl {archive} | tar xz -C {}",
            unpacked.display()
        ))?;
        println!("curl | tar xz: {:?}", start.elapsed());

        let start = Instant::now();
        let snapshot = github.open(&address).await?;
        let mut entries = snapshot.entries(EntriesOptions::default()).await?;
        let (mut files, mut bytes) = (0, 0);
        while entries.next().await?.is_some() {
            files += 1;
            while let Some(chunk) = entries.chunk().await? {
                bytes += chunk.len();
            }
        }
        println!(
            "read and compared: {files} entries, {bytes} bytes, {:?}, {} KiB at most",
            start.elapsed(),
            peak()
        );

        let start = Instant::now();
        let workspace = workspace_native::open_or_create(place.join(format!("workspace{round}")))?;
        let snapshot = github.open(&address).await?;
        let mut entries = snapshot.entries(EntriesOptions::default()).await?;
        let imported = workspace
            .import(At::Head, &mut *entries, ImportOptions::default())
            .await?;
        println!(
            "into a workspace: {} files, {:?}, {} KiB at most",
            imported.files,
            start.elapsed(),
            peak()
        );

        let start = Instant::now();
        let snapshot = github.open(&address).await?;
        let lazy = EntriesOptions::default().lazy(true);
        let mut entries = snapshot.entries(lazy).await?;
        let mut ids: Vec<FileId> = Vec::new();
        while let Some(entry) = entries.next().await? {
            if let SourceKind::External { id, .. } = entry.kind {
                ids.push(id);
            }
        }
        println!(
            "listed, bytes left there: {} files, {:?}",
            ids.len(),
            start.elapsed()
        );
        let step = (ids.len() / 1000).max(1);
        let some: Vec<FileId> = ids.into_iter().step_by(step).take(1000).collect();
        let start = Instant::now();
        let mut bodies = snapshot.read(&some).await?;
        while bodies.next().await?.is_some() {}
        println!("{} of them read: {:?}", some.len(), start.elapsed());
        let start = Instant::now();
        let mut bodies = snapshot.read(&some[..1]).await?;
        while bodies.next().await?.is_some() {}
        println!("one of them read: {:?}", start.elapsed());
    }
    Ok(())
}

fn shell(line: &str) -> Result<(), Box<dyn Error>> {
    let done = Command::new("bash")
        .args(["-o", "pipefail", "-c", line])
        .status()?;
    match done.success() {
        true => Ok(()),
        false => Err(format!("failed: {line}").into()),
    }
}

/// The most memory that this process had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
