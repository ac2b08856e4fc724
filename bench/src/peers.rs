//! The peers: what else keeps a file tree durably.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rusqlite::Connection;

use crate::measure::timed;
use crate::process::{seconds, sync};

/// Imports a tree with git into `repository`: init, add, commit, then everything
/// made durable. Returns seconds.
pub(crate) fn git(tree: &Path, repository: &Path) -> Result<f64> {
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_DIR", repository)
            .env("GIT_WORK_TREE", tree)
            .args([
                "-c",
                "user.name=bench",
                "-c",
                "user.email=bench@example.com",
            ])
            .args(["-c", "maintenance.auto=false"])
            .args(args);
        seconds(&mut command)
    };
    let init = git(&["init", "--quiet"])?;
    // Without --force the tree's own ignore files would leave files out.
    let add = git(&["add", "--all", "--force"])?;
    let commit = git(&["commit", "--quiet", "--message", "import"])?;
    let (synced, ()) = timed(|| sync(repository))?;
    Ok(init + add + commit + synced.as_secs_f64())
}

/// Imports a tree with the AgentFS SDK into `database`, in a process of its own.
/// Returns seconds.
pub(crate) fn agentfs(tree: &Path, database: &Path) -> Result<f64> {
    let program = beside("agentfs-import")?;
    seconds(Command::new(program).arg(tree).arg(database))
}

fn beside(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot find this program")?;
    Ok(this.with_file_name(name))
}

/// Bare SQLite: a table of its own, in which each row is a durable commit.
#[derive(Debug)]
pub(crate) struct BareSqlite {
    connection: Connection,
    next: i64,
}

impl BareSqlite {
    /// Makes a database with the settings that workspaces have.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 4096)?;
        connection.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)")?;
        Ok(Self {
            connection,
            next: 0,
        })
    }

    /// Commits one row of 100 bytes; returns seconds.
    pub(crate) fn commit(&mut self) -> Result<f64> {
        self.next += 1;
        let (took, _) = timed(|| {
            let mut insert = self
                .connection
                .prepare_cached("INSERT INTO rows (id, value) VALUES (?1, ?2)")?;
            Ok(insert.execute((self.next, [7u8; 100]))?)
        })?;
        Ok(took.as_secs_f64())
    }
}
