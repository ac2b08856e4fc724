//! Runs the command in a directory of its own.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use regex::Regex;
use serde_json::Value;

thread_local! {
    static BEHIND_A_URL: Cell<bool> = const { Cell::new(false) };
}

/// Runs a test with workspaces that a server has, and commands that reach them
/// by their URL only.
pub(crate) fn behind_a_url(test: fn()) {
    BEHIND_A_URL.set(true);
    test();
    BEHIND_A_URL.set(false);
}

/// Makes tests of tests of this module, that run them behind a URL.
macro_rules! also_behind_a_url {
    ($($test:ident),+ $(,)?) => {
        mod behind_a_url {
            $(
                #[test]
                fn $test() {
                    crate::support::behind_a_url(super::$test);
                }
            )+
        }
    };
}
pub(crate) use also_behind_a_url;

/// A temporary directory with a workspace in it.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    server: Option<Server>,
}

/// A server of a place's workspace. It is killed when it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) token: String,
    /// What it writes to standard error.
    pub(crate) log: tempfile::NamedTempFile,
}

impl Server {
    /// Starts `serve`, and waits until it listens.
    pub(crate) fn start(place: &Place) -> Self {
        let mut command = place.command();
        let log = tempfile::NamedTempFile::new().unwrap();
        command.args(["--json", "serve"]).stdout(Stdio::piped());
        command.stderr(log.reopen().unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let first: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| first[name].as_str().unwrap().to_string();
        Self {
            child,
            url: text("url"),
            token: text("token"),
            log,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run of the command left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Makes a directory with a workspace.
    pub(crate) fn new() -> Self {
        let mut place = Self::empty();
        place.ok(&["init"]);
        if BEHIND_A_URL.get() {
            place.server = Some(Server::start(&place));
        }
        place
    }

    /// Makes a directory without one.
    pub(crate) fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            server: None,
        }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Writes a file beside the workspace.
    pub(crate) fn file(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Returns the command, ready to be run in the directory.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("workspace"));
        command
            .current_dir(self.directory.path())
            .env_clear()
            .env("USER", "tester")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        if let Some(server) = &self.server {
            command.env("WORKSPACE_REMOTE", &server.url);
            command.env("WORKSPACE_TOKEN", &server.token);
        }
        command
    }

    /// Runs the command.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ran {
        Ran::of(self.command().args(arguments).output().unwrap())
    }

    /// Runs the command with something to read.
    pub(crate) fn run_with<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> Ran {
        use std::io::Write as _;
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read it all.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Runs the command, which succeeds; returns what it printed.
    #[track_caller]
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs the command with `--json`; returns what it printed.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Runs the command with `--json`, which fails with this exit code; returns
    /// the error.
    #[track_caller]
    pub(crate) fn error(&self, code: i32, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["--json"], arguments].concat());
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        let shape: Value = serde_json::from_str(&ran.stderr).unwrap();
        shape["error"].clone()
    }

    /// Puts a text at a path of head, and makes what is missing above.
    #[track_caller]
    pub(crate) fn put(&self, path: &str, content: &str) {
        let ran = self.run_with(&["put", "--parents", path], content.as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }

    /// Puts a text at a path of a copy, and makes what is missing above.
    #[track_caller]
    pub(crate) fn put_in(&self, copy: &str, path: &str, content: &str) {
        let arguments = ["put", "--parents", "--copy", copy, path];
        let ran = self.run_with(&arguments, content.as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }

    /// Makes sure that the workspace is whole, contents included.
    #[track_caller]
    pub(crate) fn whole(&self) {
        let report = self.json(&["fsck", "--contents"]);
        assert_eq!(report["problems"], serde_json::json!([]));
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Plays a script and writes down what came out. A line is the arguments of the
/// command, or `< TEXT` before one that reads it.
pub(crate) fn transcript(place: &Place, options: &[&str], script: &str) -> String {
    let mut written = String::new();
    let mut input = String::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        if let Some(text) = line.strip_prefix("< ") {
            input = text.replace("\\n", "\n").replace("\\0", "\0");
            continue;
        }
        let words: Vec<&str> = options.iter().copied().chain(split(line)).collect();
        let ran = place.run_with(&words, std::mem::take(&mut input).as_bytes());
        written.push_str(&format!("$ workspace {line}\n{}{}", ran.stdout, ran.stderr));
        if ran.code != 0 {
            written.push_str(&format!("[exit code {}]\n", ran.code));
        }
        written.push('\n');
    }
    redacted(&written, place.directory.path())
}

/// Splits at spaces, but not within single quotes.
fn split(line: &str) -> Vec<&str> {
    let pieces = line.split('\'').enumerate();
    pieces
        .flat_map(|(index, piece)| match index % 2 {
            0 => piece.split_whitespace().collect(),
            _ => vec![piece],
        })
        .collect()
}

/// Replaces what differs from run to run: ids, times and the directory.
pub(crate) fn redacted(text: &str, directory: &Path) -> String {
    let mut text = text.to_string();
    let real = fs::canonicalize(directory).unwrap();
    for directory in [real.as_path(), directory] {
        text = text.replace(directory.to_str().unwrap(), "[directory]");
    }
    for (pattern, mark) in [
        (r"\bwsg_\w+\b", "[token]"),
        (r"\b[0-9a-f]{64}\b", "[hash]"),
        (r"\b[0-9a-f]{32}\b", "[copy]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[time]"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[time]"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, mark).into();
    }
    text
}
