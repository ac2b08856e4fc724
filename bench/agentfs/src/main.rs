//! Writes a directory into an AgentFS database, durably: the peer of
//! `workspace import`. A program of its own, since the SDK brings a global
//! allocator that no other figure should be measured with.
//!
//! It takes the fastest way that the SDK offers: by inode, with no path to be
//! resolved, one handle a file, one write of all its bytes. The SDK turns
//! `synchronous` off, so durability comes at the end: its own `fsync`, then one of
//! the files that it wrote.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use agentfs_sdk::filesystem::{AgentFS as Files, FileSystem};
use agentfs_sdk::{AgentFS, AgentFSOptions, BoxedFile};
use anyhow::{Context, Result};

const ROOT: i64 = 1;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (tree, database) = args
        .next()
        .zip(args.next())
        .context("usage: agentfs-import DIRECTORY DATABASE")?;
    let path = database
        .to_str()
        .context("the database's path is not UTF-8")?;
    let agentfs = AgentFS::open(AgentFSOptions::with_path(path)).await?;
    let mut last = None;
    write_directory(&agentfs.fs, &tree, ROOT, &mut last).await?;
    if let Some(last) = last {
        last.fsync().await?;
    }
    for suffix in ["", "-wal"] {
        let file = PathBuf::from(format!("{path}{suffix}"));
        if file.exists() {
            File::open(&file)?.sync_all()?;
        }
    }
    let database = database.canonicalize()?;
    let parent = database.parent().context("the database has no parent")?;
    Ok(File::open(parent)?.sync_all()?)
}

async fn write_directory(
    files: &Files,
    directory: &Path,
    inode: i64,
    last: &mut Option<BoxedFile>,
) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().context("a name is not UTF-8")?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let made = FileSystem::mkdir(files, inode, name, 0o755, 0, 0).await?;
            Box::pin(write_directory(files, &entry.path(), made.ino, last)).await?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path())?;
            let (_, file) = FileSystem::create_file(files, inode, name, 0o644, 0, 0).await?;
            file.pwrite(0, &bytes).await?;
            *last = Some(file);
        }
    }
    Ok(())
}
