//! A server that stands for GitHub in tests: the routes of REST that `workspace-github` uses,
//! and git's protocol over HTTP, backed by real repositories and by `git` itself, with faults
//! on demand.
//!
//! - [`Double`]: the server, on two ports, since archives are at another host than the rest.
//! - [`Fault`]: what goes wrong, where, and how often; [`Seen`]: what was asked.
//! - [`Repo`]: a bare repository in it; [`git`] runs git on one.
//!
//! Without faults it answers as GitHub does, so far as GitHub says how; the JSON is compared
//! with GitHub's own description of it in the tests.

mod answer;
mod backend;
mod fault;
mod rest;
mod serve;
mod state;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use fault::{Fault, Route, What};
pub use state::{Pull, Seen};

use state::State;

/// The server; it ends when it is dropped, and its repositories are gone with it.
#[derive(Debug)]
pub struct Double {
    state: Arc<State>,
    url: String,
    tasks: Vec<JoinHandle<()>>,
    _place: Option<TempDir>,
}

impl Drop for Double {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A bare repository of the server.
#[derive(Debug, Clone)]
pub struct Repo {
    /// `owner/name`.
    pub name: String,
    /// Where it is on disk.
    pub path: PathBuf,
}

impl Repo {
    /// Runs git on it.
    ///
    /// # Panics
    /// Where git fails.
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.path, args)
    }

    /// Makes a commit on a branch, after what is there: of each file its mode, its path and its
    /// bytes.
    ///
    /// # Panics
    /// Where git fails.
    pub fn commit(&self, branch: &str, files: &[(&str, &str, &str)]) {
        let mut stream = format!("commit refs/heads/{branch}\ncommitter C <c@x> 1 +0000\n");
        stream.push_str("data 1\nm\n");
        let there = command(&self.path)
            .args(["rev-parse", "--quiet", "--verify", branch])
            .output();
        if there.expect("git is installed").status.success() {
            stream.push_str(&format!("from refs/heads/{branch}^0\n"));
        }
        for (mode, path, bytes) in files {
            let size = bytes.len();
            stream.push_str(&format!("M {mode} inline {path}\ndata {size}\n{bytes}\n"));
        }
        let mut child = command(&self.path)
            .args(["fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git is installed");
        let mut input = child.stdin.take().expect("it has an input");
        input.write_all(stream.as_bytes()).expect("git reads it");
        drop(input);
        assert!(
            child.wait().expect("git ends").success(),
            "git fast-import failed"
        );
    }

    /// Returns what a name means there.
    ///
    /// # Panics
    /// Where it means nothing.
    pub fn rev(&self, name: &str) -> String {
        self.git(&["rev-parse", "--verify", name])
    }
}

/// Runs git in a directory, with nothing of this machine's configuration, and returns what it
/// says.
///
/// # Panics
/// Where git fails.
pub fn git(directory: &Path, args: &[&str]) -> String {
    let output = command(directory).args(args).output();
    let output = output.expect("git is installed");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Returns git, to be run in a directory, with nothing of this machine's configuration.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(directory);
    for (key, value) in backend::ENVIRONMENT {
        command.env(key, value);
    }
    command
}

impl Double {
    /// Starts a server on free ports of this machine, with repositories in a directory that
    /// goes away with it.
    ///
    /// # Errors
    /// Where there is no port, or no directory.
    pub async fn start() -> io::Result<Self> {
        let place = tempfile::tempdir()?;
        let mut double = Self::at(place.path(), 0).await?;
        double._place = Some(place);
        Ok(double)
    }

    /// Starts a server on a port, with the repositories below a directory.
    ///
    /// # Errors
    /// Where the port is taken.
    pub async fn at(root: &Path, port: u16) -> io::Result<Self> {
        let main = TcpListener::bind(("127.0.0.1", port)).await?;
        let loads = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", main.local_addr()?);
        let load = format!("http://{}", loads.local_addr()?);
        let state = Arc::new(State::new(root, &url, &load));
        let tasks = vec![
            tokio::spawn(serve::listen(main, Arc::clone(&state), false)),
            tokio::spawn(serve::listen(loads, Arc::clone(&state), true)),
        ];
        Ok(Self {
            state,
            url,
            tasks,
            _place: None,
        })
    }

    /// Returns its URL, as that of GitHub Enterprise.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a bare repository without commits.
    ///
    /// # Panics
    /// Where git fails.
    pub fn create(&self, name: &str) -> Repo {
        let path = self.state.path_of(name);
        std::fs::create_dir_all(&path).expect("the directory is the double's own");
        git(
            &path,
            &["init", "--quiet", "--bare", "--initial-branch=main"],
        );
        for setting in [
            "uploadpack.allowFilter",
            "uploadpack.allowAnySHA1InWant",
            "http.receivepack",
            "receive.fsckObjects",
        ] {
            git(&path, &["config", setting, "true"]);
        }
        git(&path, &["config", "receive.hideRefs", "refs/pull"]);
        Repo {
            name: name.into(),
            path,
        }
    }

    /// Makes a repository private: nobody sees it without a token.
    pub fn hide(&self, name: &str) {
        self.state.lock().private.insert(name.into());
    }

    /// Renames a repository; its old name leads to the new one.
    ///
    /// # Panics
    /// Where it cannot be moved.
    pub fn rename(&self, old: &str, new: &str) -> Repo {
        let path = self.state.path_of(new);
        std::fs::create_dir_all(path.parent().unwrap_or(&path)).expect("it is the double's own");
        std::fs::rename(self.state.path_of(old), &path).expect("the repository is there");
        self.state.lock().renamed.insert(old.into(), new.into());
        Repo {
            name: new.into(),
            path,
        }
    }

    /// Takes this token, beside those that it takes already. Without one nobody can push.
    pub fn allow(&self, token: &str) {
        self.state.lock().tokens.insert(token.into());
    }

    /// Takes this token no longer.
    pub fn revoke(&self, token: &str) {
        self.state.lock().tokens.remove(token);
    }

    /// Gives tokens to an App's installation, whose public key this is (PKCS #1, DER).
    pub fn install(&self, installation: u64, app: &str, key: &[u8]) {
        let app = (app.to_owned(), key.to_vec());
        self.state.lock().installations.insert(installation, app);
    }

    /// Keeps a large file (Git LFS), and returns its id.
    pub fn keep_large(&self, bytes: &[u8]) -> String {
        self.state.keep_large(bytes)
    }

    /// Lets something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// Lets nothing go wrong any more.
    pub fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// Waits that long before each answer.
    pub fn delay(&self, time: Duration) {
        self.state.lock().delay = time;
    }

    /// Serves archives by itself, without a redirect to another host.
    pub fn serve_archives_itself(&self) {
        self.state.lock().direct = true;
    }

    /// Returns what was asked since the last time.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().seen)
    }

    /// Returns the pull requests.
    pub fn pulls(&self) -> Vec<Pull> {
        self.state.lock().pulls.clone()
    }

    /// Returns the JSON of each kind that it answers, under the name that GitHub's description
    /// has for it.
    pub fn samples(&self) -> Vec<(&'static str, serde_json::Value)> {
        rest::samples(&self.state)
    }
}
