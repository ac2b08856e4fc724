//! A workerd of its own for delegated code: where the platform holds no limits, what hangs or
//! takes too much is killed with what it runs, and made again.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::TETHERED;

/// More memory than this, in bytes, is a run's that takes too much.
const MEMORY: u64 = 512 << 20;
/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What loses its connection is dead within so long, or something else happened.
const DYING: Duration = Duration::from_millis(500);
/// What happened so long ago ended nothing that is asked about now.
const RECENT: Duration = Duration::from_millis(1_000);
/// So long it may take to begin.
const STARTING: Duration = Duration::from_secs(20);

/// A workerd for delegated code, and what watches it. Both end with this value.
#[derive(Debug)]
pub(crate) struct Sandbox {
    kept: Arc<Mutex<Kept>>,
    directory: PathBuf,
}

/// The process as it is now.
#[derive(Debug)]
struct Kept {
    command: PathBuf,
    config: PathBuf,
    directory: PathBuf,
    child: Child,
    tether: ChildStdin,
    /// What ended the one before it, and when.
    cause: (&'static str, Instant),
    over: bool,
}

impl Sandbox {
    /// Starts it, with its sockets and its log in `directory`.
    pub(crate) fn start(command: &Path, config: &Path, directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).context("making the sandbox's directory")?;
        // Who can reach its sockets can have code run, and killed.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        let (child, tether) = spawn(command, config, directory)?;
        let kept = Arc::new(Mutex::new(Kept {
            command: command.into(),
            config: config.into(),
            directory: directory.into(),
            child,
            tether,
            cause: ("", Instant::now()),
            over: false,
        }));
        let control = directory.join("supervisor.sock");
        let _gone = fs::remove_file(&control);
        let listener = UnixListener::bind(&control).context("listening for the sandbox")?;
        let asked = Arc::clone(&kept);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&asked);
                if lock(&kept).over {
                    return;
                }
                thread::spawn(move || answer(&kept, stream));
            }
        });
        let watched = Arc::clone(&kept);
        thread::spawn(move || {
            loop {
                thread::sleep(LOOK);
                let mut kept = lock(&watched);
                if kept.over {
                    return;
                }
                kept.look();
            }
        });
        Ok(Self {
            kept,
            directory: directory.into(),
        })
    }

    /// Returns what tells another workerd where it is.
    pub(crate) fn arguments(&self) -> [String; 2] {
        let at = |service: &str, socket: &str| {
            let path = self.directory.join(socket);
            format!("--external-addr={service}=unix:{}", path.display())
        };
        [
            at("sandbox", "sandbox.sock"),
            at("supervisor", "supervisor.sock"),
        ]
    }

    /// Kills it; whoever looks next makes it again.
    pub(crate) fn kill(&self) {
        lock(&self.kept).kill();
    }

    /// Returns the id of its process.
    pub(crate) fn process(&self) -> u32 {
        lock(&self.kept).child.id()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let mut kept = lock(&self.kept);
        kept.over = true;
        kept.kill();
        drop(kept);
        // Whoever listens looks whether it is over.
        let _woken = UnixStream::connect(self.directory.join("supervisor.sock"));
    }
}

impl Kept {
    fn kill(&mut self) {
        // It may be dead already, which is as good.
        let _ = self.tether.write_all(b"\n");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Makes it again where it is dead, or takes too much.
    fn look(&mut self) {
        if self.over {
            return;
        }
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            self.again(if self.ran_out() { "memory" } else { "ended" });
        } else if resident(self.child.id()) > MEMORY {
            self.kill();
            self.again("memory");
        }
    }

    /// Makes it again.
    fn again(&mut self, cause: &'static str) {
        if self.over {
            return;
        }
        // Where it does not start, the next look tries again.
        let cause = match spawn(&self.command, &self.config, &self.directory) {
            Ok((child, tether)) => {
                (self.child, self.tether) = (child, tether);
                cause
            }
            Err(_) => "it did not start again",
        };
        self.cause = (cause, Instant::now());
    }

    /// Tells whether the last thing that it said was that its memory is used up.
    fn ran_out(&self) -> bool {
        let said = || -> Option<String> {
            let mut log = File::open(self.directory.join("sandbox.log")).ok()?;
            let length = log.seek(SeekFrom::End(0)).ok()?;
            log.seek(SeekFrom::Start(length.saturating_sub(16 << 10)))
                .ok()?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        said().is_some_and(|said| said.contains("out of memory") || said.contains("heap limit"))
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how many bytes a process has in memory; none where it is none, or not on Linux.
pub fn resident(process: u32) -> u64 {
    // In KiB, whatever a page has.
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.unwrap_or_default();
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    let size = size.and_then(|size| size.parse::<u64>().ok());
    size.unwrap_or(0).saturating_mul(1024)
}

/// Answers the Worker that has code run: `POST /restart` once there is another process, and
/// `GET /cause` with what ended the last one.
fn answer(kept: &Mutex<Kept>, stream: UnixStream) {
    let Ok(read) = stream.try_clone() else { return };
    let mut read = BufReader::new(read);
    loop {
        let mut request = String::new();
        let mut line = String::new();
        loop {
            line.clear();
            match read.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) if request.is_empty() => request.clone_from(&line),
                Ok(_) => {}
            }
        }
        let said = if request.starts_with("POST /restart ") {
            let mut kept = lock(kept);
            kept.kill();
            kept.again("restart");
            kept.cause.0
        } else {
            // It may be dying still, or be made again already.
            let asked = Instant::now();
            loop {
                let mut kept = lock(kept);
                kept.look();
                let (cause, when) = kept.cause;
                if when + RECENT > asked {
                    break cause;
                }
                if asked.elapsed() > DYING {
                    break "";
                }
                drop(kept);
                thread::sleep(Duration::from_millis(5));
            }
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}",
            said.len()
        );
        if (&stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn spawn(command: &Path, config: &Path, directory: &Path) -> Result<(Child, ChildStdin)> {
    let socket = directory.join("sandbox.sock");
    let _gone = fs::remove_file(&socket);
    let log = directory.join("sandbox.log");
    let mut child = Command::new("sh")
        .args(["-c", TETHERED, "sh"])
        .arg(command)
        .stdin(Stdio::piped())
        .arg("serve")
        .arg(config)
        .arg("--experimental")
        .arg(format!("--socket-addr=sandbox=unix:{}", socket.display()))
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .spawn()
        .with_context(|| format!("cannot start {}", command.display()))?;
    let tether = child.stdin.take().context("stdin is piped")?;
    let latest = Instant::now() + STARTING;
    while UnixStream::connect(&socket).is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}; see {}", log.display());
        }
        if Instant::now() > latest {
            let _gone = child.kill();
            // It leaves nothing behind but what it said.
            let _ended = child.wait();
            bail!("it does not listen; see {}", log.display());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok((child, tether))
}
