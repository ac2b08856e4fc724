//! What a run has in the host: its console, and the way to who answers its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::channel::{mpsc, oneshot};
use wasmtime::component::{Accessor, HasSelf};

use super::Call;
use super::memory::Memory;
use crate::{Ended, Level, Limit, Limits, Line, Reply};

/// A call, and where its answer goes.
pub(super) struct Asked {
    pub(super) call: Call,
    pub(super) answer: oneshot::Sender<Result<Reply, Ended>>,
}

/// What a run has in the host.
pub(super) struct State {
    pub(super) console: Console,
    pub(super) memory: Memory,
    asks: mpsc::UnboundedSender<Asked>,
    open: Arc<Open>,
    most_open: (u64, u64),
}

/// What a run said.
#[derive(Default)]
pub(super) struct Console {
    pub(super) lines: Vec<Line>,
    pub(super) left_out: u64,
    most_lines: usize,
    bytes: usize,
}

/// The calls that have no answer yet, and what they take: of that the host has a copy.
#[derive(Default)]
struct Open {
    calls: AtomicU64,
    bytes: AtomicU64,
}

/// A call without an answer.
struct OneOpen {
    open: Arc<Open>,
    bytes: u64,
}

/// The end of a run, as an error of wasmtime's.
#[derive(Debug)]
pub(super) struct Ends(pub(super) Ended);

impl std::fmt::Display for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the run is to end")
    }
}

impl std::error::Error for Ends {}

/// What calls without an answer take beside the bytes that a run may write: arguments.
pub(super) const MAX_ARGUMENTS: u64 = 16 << 20;

impl State {
    /// Begins with nothing; `base` is what the code has of memory before it does anything.
    pub(super) fn new(limits: &Limits, base: u64, asks: mpsc::UnboundedSender<Asked>) -> Self {
        let calls = u64::from(limits.calls).saturating_add(1);
        Self {
            console: Console {
                most_lines: limits.lines as usize,
                bytes: limits.console as usize,
                ..Console::default()
            },
            memory: Memory::new(base.saturating_add(limits.memory.into())),
            asks,
            open: Arc::default(),
            most_open: (calls, limits.bytes.saturating_add(MAX_ARGUMENTS)),
        }
    }

    /// Counts one more.
    fn one_open(&self, bytes: usize) -> Result<OneOpen, Ends> {
        let one = OneOpen {
            open: Arc::clone(&self.open),
            bytes: bytes as u64,
        };
        let calls = self.open.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let all = self.open.bytes.fetch_add(one.bytes, Ordering::Relaxed) + one.bytes;
        let limit = match () {
            () if calls > self.most_open.0 => Limit::Calls,
            () if all > self.most_open.1 => Limit::Bytes,
            () => return Ok(one),
        };
        Err(Ends(Ended::Limit { limit }))
    }
}

impl Drop for OneOpen {
    fn drop(&mut self) {
        self.open.calls.fetch_sub(1, Ordering::Relaxed);
        self.open.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Console {
    /// Says a line. The first for which there is no room is left out, and so are all that
    /// follow it.
    pub(super) fn say(&mut self, level: Level, text: String) {
        let is_full = self.lines.len() >= self.most_lines || text.len() > self.bytes;
        if self.left_out > 0 || is_full {
            self.left_out += 1;
            return;
        }
        self.bytes -= text.len();
        self.lines.push(Line { level, text });
    }
}

/// Asks who answers calls.
pub(super) async fn ask<T: Send + 'static>(
    run: &Accessor<T, HasSelf<State>>,
    call: Call,
) -> wasmtime::Result<Reply> {
    let (answer, answered) = oneshot::channel();
    let size = call.arguments.len() + call.contents.as_ref().map_or(0, bytes::Bytes::len);
    let open = run.with(|mut access| {
        let state = access.get();
        let open = state.one_open(size)?;
        // Where nobody listens any more, nobody answers either: see below.
        let _ = state.asks.unbounded_send(Asked { call, answer });
        Ok::<_, Ends>(open)
    })?;
    let reply = answered.await;
    drop(open);
    match reply {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(ended)) => Err(Ends(ended).into()),
        Err(oneshot::Canceled) => Err(Ends(Ended::Cancelled).into()),
    }
}

/// Waits, of the host's time.
pub(super) async fn sleep<T: Send + 'static>(
    run: &Accessor<T, HasSelf<State>>,
    millis: u32,
) -> wasmtime::Result<()> {
    let _open = run.with(|mut access| access.get().one_open(0))?;
    tokio::time::sleep(std::time::Duration::from_millis(millis.into())).await;
    Ok(())
}
