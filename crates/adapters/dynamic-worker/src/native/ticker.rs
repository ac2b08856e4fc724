//! The clock that interrupts wasm.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// How often a run is interrupted, so that others have their turn and time has its limit.
const TICK: Duration = Duration::from_millis(10);

/// A thread that increments the epoch, as long as something runs.
pub(super) struct Ticker(Arc<Shared>);

struct Shared {
    state: Mutex<Counted>,
    changed: Condvar,
}

#[derive(Default)]
struct Counted {
    runs: usize,
    ends: bool,
}

/// Something runs as long as this is there.
pub(super) struct Ticking(Arc<Shared>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticker {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let ticks = Arc::clone(&shared);
        thread::Builder::new()
            .name("workspace-ticker".into())
            .spawn(move || {
                loop {
                    let counted = ticks.lock();
                    let idle = |counted: &mut Counted| counted.runs == 0 && !counted.ends;
                    let waited = ticks.changed.wait_while(counted, idle);
                    if waited.unwrap_or_else(PoisonError::into_inner).ends {
                        return;
                    }
                    thread::sleep(TICK);
                    engine.increment_epoch();
                }
            })?;
        Ok(Self(shared))
    }

    pub(super) fn run(&self) -> Ticking {
        self.0.lock().runs += 1;
        self.0.changed.notify_one();
        Ticking(Arc::clone(&self.0))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.lock().ends = true;
        self.0.changed.notify_one();
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        let mut counted = self.0.lock();
        counted.runs = counted.runs.saturating_sub(1);
    }
}
