//! A box that runs: started, listened to, ended.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fuser::{Session, SessionACL};
use futures::channel::oneshot;
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, pidfd_getfd, pidfd_open, pidfd_send_signal,
};
use workspace_core::{Error, ErrorKind, Result};

use super::lower::Lower;
use super::stage::{SOCKET, Spec, WORD};
use crate::command::{Ended, Exit, Output};

/// How long it is waited for a word of the box before it is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The most words of a box, and bytes of one.
const WORDS: (usize, usize) = (64, 4096);
/// The most bytes of what a box is told: the kernel takes no longer argument.
const SPEC: usize = (128 << 10) - 1;
/// How many threads answer the kernel: that many files are fetched side by side.
const THREADS: usize = 8;

/// What is to be run.
pub(super) struct Asked {
    pub(super) program: PathBuf,
    pub(super) spec: Spec,
    pub(super) timeout: Option<Duration>,
    pub(super) keep: Option<usize>,
    /// The file system that the box mounts.
    pub(super) lower: Option<Lower>,
}

/// What a box said, and how it ended.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) lines: Vec<String>,
    exit: Option<Exit>,
    error: Option<String>,
    stdout: Output,
    stderr: Output,
}

impl Told {
    /// Says why there was no box.
    pub(super) fn why(&self) -> String {
        if let Some(error) = &self.error {
            return error.clone();
        }
        match String::from_utf8_lossy(&self.stderr.bytes).trim() {
            "" => "it ended without a word".into(),
            said => said.into(),
        }
    }

    /// Returns how the command ended.
    pub(super) fn into_ended(self) -> Result<Ended> {
        match self.exit {
            Some(exit) => Ok(Ended {
                exit,
                stdout: self.stdout,
                stderr: self.stderr,
            }),
            None => Err(Error::new(ErrorKind::Unsupported, "run")
                .because(format!("the box did not begin: {}", self.why()))),
        }
    }
}

/// A box that a thread of its own watches over; it is ended when this is dropped.
pub(super) struct Supervised {
    ended: oneshot::Receiver<Result<Told>>,
    _leave: Leave,
}

/// Tells the thread that nobody waits any more.
struct Leave(Arc<AtomicBool>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Supervised {
    /// Starts a box. It dies with the thread that started it, and so with this process.
    pub(super) fn start(asked: Asked) -> Result<Self> {
        let (told, ended) = oneshot::channel();
        let left = Arc::new(AtomicBool::new(false));
        let leave = Leave(Arc::clone(&left));
        thread::Builder::new()
            .name("sandbox".into())
            .spawn(move || drop(told.send(Watch::run(asked, &left))))
            .map_err(|error| failed("start a thread", error))?;
        Ok(Self {
            ended,
            _leave: leave,
        })
    }

    /// Waits for the end.
    pub(super) async fn ended(self) -> Result<Told> {
        let Self { ended, _leave } = self;
        ended.await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Source, "run").because("the thread that watches is gone"))
        })
    }
}

fn failed(doing: &str, error: impl Into<io::Error>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::Source, "run")
        .because(format!("{doing}: {error}"))
        .with_source(error)
}

struct Watch {
    socket: UnixDatagram,
    /// Process 1 of the box.
    init: Option<OwnedFd>,
    lower: Option<Lower>,
    /// The descriptor of process 1 by which it has mounted the file system.
    fuse: Option<i32>,
    told: Told,
}

impl Watch {
    fn run(asked: Asked, left: &AtomicBool) -> Result<Told> {
        let state = File::open(&asked.spec.state).map_err(|error| failed("open state", error))?;
        let path = format!("/proc/self/fd/{}/{SOCKET}", state.as_raw_fd());
        // One of a process that was killed.
        let _left = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).map_err(|error| failed("listen", error))?;
        let look = socket.set_read_timeout(Some(LOOK));
        look.map_err(|error| failed("listen", error))?;
        let spec = serde_json::to_string(&asked.spec)
            .map_err(|error| Error::new(ErrorKind::Source, "run").because(error))?;
        if spec.len() > SPEC {
            return Err(Error::new(ErrorKind::LimitExceeded, "run").because(format!(
                "the command, its arguments and its environment are too long: {} bytes, as the \
                 box is told of them, and {SPEC} at most",
                spec.len()
            )));
        }
        let mut command = Command::new(&asked.program);
        // Nothing of what the caller was told reaches the box but what it is given.
        command.args([WORD, "outer", &spec]).env_clear();
        if asked.keep.is_some() {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|error| failed("start", error))?;
        let keep = asked.keep.unwrap_or_default();
        let stdout = child.stdout.take().map(|pipe| kept(pipe, keep));
        let stderr = child.stderr.take().map(|pipe| kept(pipe, keep));
        let mut watch = Self {
            socket,
            init: None,
            lower: asked.lower,
            fuse: None,
            told: Told::default(),
        };
        let until = (asked.timeout).and_then(|timeout| Instant::now().checked_add(timeout));
        let ended = watch.listen(&mut child, until, left);
        // Process 1 has ended, and with it all others, before the first is done.
        let _reaped = child.wait();
        let _gone = fs::remove_file(&path);
        let mut told = watch.told;
        let out = |thread: Option<JoinHandle<Output>>| {
            thread
                .and_then(|thread| thread.join().ok())
                .unwrap_or_default()
        };
        (told.stdout, told.stderr) = (out(stdout), out(stderr));
        ended.map(|()| told)
    }

    /// Listens until the first process of the box has ended.
    fn listen(
        &mut self,
        child: &mut Child,
        until: Option<Instant>,
        left: &AtomicBool,
    ) -> Result<()> {
        let mut is_killed = false;
        loop {
            self.hear()?;
            let waited = child.try_wait().map_err(|error| failed("wait", error))?;
            if waited.is_some() {
                // What it said last.
                while self.hear()? {}
                return Ok(());
            }
            let is_over = until.is_some_and(|until| Instant::now() >= until);
            if (is_over || left.load(Ordering::Relaxed)) && !is_killed {
                is_killed = true;
                if self.told.exit.is_none() && is_over {
                    self.told.exit = Some(Exit::TimedOut);
                }
                match &self.init {
                    Some(_) => self.kill(),
                    None => {
                        let _ended = child.kill();
                    }
                }
            }
        }
    }

    /// Takes a word of the box; tells whether there was one.
    fn hear(&mut self) -> Result<bool> {
        let mut bytes = [0; WORDS.1];
        let read = match self.socket.recv(&mut bytes) {
            Ok(read) => read,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(false),
                    io::ErrorKind::Interrupted => Ok(true),
                    _ => Err(failed("listen", error)),
                };
            }
        };
        let line = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned();
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let number = rest.parse::<i32>().ok();
        match (word, number) {
            ("pid", Some(pid)) if self.init.is_none() => {
                let pid = Pid::from_raw(pid);
                self.init = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
                self.answer();
            }
            // Either of the two may be heard first.
            ("fuse", Some(number)) => {
                self.fuse = Some(number);
                self.answer();
            }
            // A timeout was first.
            ("exit" | "signal", Some(_)) if self.told.exit.is_some() => {}
            ("exit", Some(code)) => self.told.exit = Some(Exit::Code(code)),
            ("signal", Some(signal)) => self.told.exit = Some(Exit::Signal(signal)),
            ("error", _) => {
                self.told.error.get_or_insert(rest.into());
            }
            _ => {
                // That is all that a probe has to say.
                if line == "can box" {
                    self.kill();
                }
                if self.told.lines.len() < WORDS.0 {
                    self.told.lines.push(line);
                }
            }
        }
        Ok(true)
    }

    /// Answers for the file system that process 1 has mounted, once it is known by what.
    fn answer(&mut self) {
        let (Some(number), Some(init)) = (self.fuse, &self.init) else {
            return;
        };
        self.fuse = None;
        let lower = self.lower.take();
        let answered = pidfd_getfd(init, number, PidfdGetfdFlags::empty())
            .map_err(io::Error::from)
            .and_then(|fuse| match lower {
                Some(lower) => answer(lower, fuse),
                // It is only tried.
                None => Ok(()),
            });
        if let Err(error) = answered {
            let why = format!("answer for the file system: {error}");
            self.told.lines.push(format!("cannot fuse {why}"));
            self.told.error.get_or_insert(why);
            self.kill();
        }
    }

    /// Ends process 1, and with it all others.
    fn kill(&self) {
        if let Some(init) = &self.init {
            // It may have ended by itself.
            let _ended = pidfd_send_signal(init, Signal::KILL);
        }
    }
}

/// Answers for a file system, on threads that end when it is gone.
fn answer(lower: Lower, fuse: OwnedFd) -> io::Result<()> {
    let mut config = fuser::Config::default();
    config.n_threads = Some(THREADS);
    // Who asks is checked by the kernel, by what the mount says.
    let session = Session::from_fd(lower, fuse, SessionACL::All, config)?;
    let answers = thread::Builder::new().name("sandbox-files".into());
    answers.spawn(move || drop(session.run()))?;
    Ok(())
}

/// Keeps the last bytes of an output.
fn kept(mut pipe: impl Read + Send + 'static, keep: usize) -> JoinHandle<Output> {
    thread::spawn(move || {
        let mut last = VecDeque::new();
        let mut left_out = 0u64;
        let mut chunk = [0; 16 << 10];
        while let Ok(read @ 1..) = pipe.read(&mut chunk) {
            last.extend(chunk.get(..read).unwrap_or_default());
            let over = last.len().saturating_sub(keep);
            last.drain(..over);
            left_out += over as u64;
        }
        Output {
            bytes: Bytes::from(Vec::from(last)),
            left_out,
        }
    })
}
