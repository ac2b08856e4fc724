//! The runtime, as a process of its own: for the tests and the benchmarks.
//!
//! - [`Workerd`]: a running one, which dies with its value.
//! - [`Client`]: calls a Worker in it.

mod sandbox;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use sandbox::Sandbox;
pub use sandbox::resident;

/// The binary, by platform: what the package's install script would find.
const BINARIES: [(&str, &str, &str); 4] = [
    ("linux", "x86_64", "workerd-linux-64"),
    ("linux", "aarch64", "workerd-linux-arm64"),
    ("macos", "x86_64", "workerd-darwin-64"),
    ("macos", "aarch64", "workerd-darwin-arm64"),
];

/// The socket that is configured last, and so is ready last.
const HTTP: &str = "http";

/// The configuration of the one that runs delegated code, beside that of the one that has it
/// run.
const SANDBOX: &str = "sandbox.capnp";

/// Addresses by the names of sockets.
type Sockets = BTreeMap<String, String>;

/// Variables of its environment, by name.
pub type Env = &'static [(&'static str, &'static str)];

/// Runs a command until it ends or standard input does, whose other end the starting
/// process holds: however that one ends, the command does not outlive it. A line says
/// that it is waited for no longer. The shell becomes the command, so that the process
/// is its own.
const TETHERED: &str = "exec 3<&0; \
    (read -r _ <&3 || kill -9 $$) >/dev/null 2>&1 & \
    exec \"$@\" 3<&- </dev/null";

/// A running workerd. It is killed when this is dropped, and when this process ends in
/// any other way.
#[derive(Debug)]
pub struct Workerd {
    env: Env,
    command: PathBuf,
    config: PathBuf,
    state: PathBuf,
    /// What runs delegated code for it.
    sandbox: Option<Sandbox>,
    child: Child,
    /// What it is tied to this process by. Not left in the child, which closes it in
    /// order to wait.
    tether: ChildStdin,
    sockets: Sockets,
}

impl Workerd {
    /// Starts the Worker of `config` with its state in `state`; port 0 listens on
    /// a free one. What it says goes to `workerd.log` in `state`. The binary is
    /// that of the npm package, installed below `root`.
    ///
    /// # Errors
    /// A platform that workerd is not built for, a binary that is missing, and a
    /// configuration that it refuses.
    pub fn start(root: &Path, config: &Path, state: &Path, listen: &str, env: Env) -> Result<Self> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let package = BINARIES
            .iter()
            .find(|(an_os, an_arch, _)| (*an_os, *an_arch) == (os, arch))
            .with_context(|| format!("workerd has no binary for {os} on {arch}"))?;
        let command = root
            .join("node_modules/@cloudflare")
            .join(package.2)
            .join("bin/workerd");
        // Beside its own configuration, where it hands code on.
        let other = config.with_file_name(SANDBOX);
        let sandbox = other.exists().then(|| {
            let directory = state.join("sandbox");
            Sandbox::start(&command, &other, &directory)
        });
        let sandbox = sandbox.transpose()?;
        let (child, tether, sockets) = spawn(&command, config, state, &sandbox, listen, env)?;
        Ok(Self {
            sandbox,
            env,
            command,
            config: config.into(),
            state: state.into(),
            child,
            tether,
            sockets,
        })
    }

    /// Kills it, as a machine that loses power does, and starts it again.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let listen = "127.0.0.1:0";
        (self.child, self.tether, self.sockets) = spawn(
            &self.command,
            &self.config,
            &self.state,
            &self.sandbox,
            listen,
            self.env,
        )?;
        Ok(())
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        // It may be dead already, which is as good.
        let _ = self.tether.write_all(b"\n");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGKILL to what runs delegated code; it is made again by itself.
    pub fn kill_sandbox(&self) {
        if let Some(sandbox) = &self.sandbox {
            sandbox.kill();
        }
    }

    /// Returns the address that it listens at.
    #[must_use]
    pub fn address(&self) -> &str {
        self.socket(HTTP)
    }

    /// Returns the address of the socket of that name; empty where it has none.
    #[must_use]
    pub fn socket(&self, name: &str) -> &str {
        self.sockets.get(name).map_or("", String::as_str)
    }

    /// Returns the directory that holds its state.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Returns the id of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns the id of the process that runs delegated code, where there is one.
    #[must_use]
    pub fn sandbox(&self) -> Option<u32> {
        self.sandbox.as_ref().map(Sandbox::process)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// Always: it is not supposed to.
    pub fn wait(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        bail!(
            "workerd ended with {status}; see {}",
            self.state.join("workerd.log").display()
        )
    }

    /// Returns a client, which outlives a restart only with errors.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address().into())
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Calls a Worker.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    address: String,
}

impl Client {
    /// Calls whoever listens at an address.
    #[must_use]
    pub fn new(address: String) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(300)))
            // A connection for each call: one that is kept was seen to be reset.
            .max_idle_connections(0)
            .build()
            .new_agent();
        Self { agent, address }
    }

    /// Sends a request, with a token where one is given; returns status and body.
    ///
    /// # Errors
    /// No answer, or one that breaks off.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>)> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = if body.is_empty() {
            self.agent.run(request.body(())?)?
        } else {
            self.agent.run(request.body(body)?)?
        };
        let status = response.status().as_u16();
        let limited = response.body_mut().with_config().limit(u64::MAX);
        Ok((status, limited.read_to_vec()?))
    }

    /// Posts to a path; returns status and text.
    ///
    /// # Errors
    /// No answer, or one that is not text.
    pub fn call(&self, path: &str) -> Result<(u16, String)> {
        let (status, body) = self.send("POST", path, None, b"")?;
        Ok((status, String::from_utf8(body).context("not UTF-8")?))
    }

    /// Posts to a path; returns the text of the answer.
    ///
    /// # Errors
    /// No answer, or one with another status than 200.
    pub fn pass(&self, path: &str) -> Result<String> {
        match self.call(path)? {
            (200, text) => Ok(text),
            (status, text) => bail!("{path}: {status}: {text}"),
        }
    }
}

fn spawn(
    command: &Path,
    config: &Path,
    state: &Path,
    sandbox: &Option<Sandbox>,
    listen: &str,
    env: Env,
) -> Result<(Child, ChildStdin, Sockets)> {
    for directory in ["objects", "r2"] {
        fs::create_dir_all(state.join(directory)).context("making the state directory")?;
    }
    let log = state.join("workerd.log");
    let log_file = File::options().create(true).append(true).open(&log)?;
    let disk = |name: &str| {
        let path = state.join(name);
        format!("--directory-path={name}={}", path.display())
    };
    let mut child = Command::new("sh")
        .args(["-c", TETHERED, "sh"])
        .arg(command)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .arg("serve")
        .arg(config)
        .args(["--experimental", "--control-fd=1"])
        .arg(format!("--socket-addr=http={listen}"))
        .args([disk("objects"), disk("r2")])
        .args(sandbox.iter().flat_map(Sandbox::arguments))
        .stdout(Stdio::piped())
        .stderr(log_file)
        .spawn()
        .with_context(|| format!("cannot start {}", command.display()))?;
    let tether = child.stdin.take().context("stdin is piped")?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut sockets = Sockets::new();
    for line in &mut lines {
        let event: Value = match serde_json::from_str(&line?) {
            Ok(event) => event,
            Err(_) => continue,
        };
        let (Some(name), Some(port)) = (event["socket"].as_str(), event["port"].as_u64()) else {
            continue;
        };
        sockets.insert(name.into(), format!("127.0.0.1:{port}"));
        if name == HTTP {
            // A full pipe would block it.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((child, tether, sockets));
        }
    }
    let _ = child.wait();
    bail!("workerd did not start; see {}", log.display())
}
