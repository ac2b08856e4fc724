//! The threads that programs run on: as many as run at once, so that none waits for another that
//! computes.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Runtime};

/// Runs a program to its end.
pub(super) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The threads. They end with this value, those that run something with that.
pub(super) struct Threads(Arc<Shared>);

struct Shared {
    state: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    ends: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a job; `None` at the end.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.ends {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            let waited = self.changed.wait(queue);
            queue = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Threads {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        // Those that are there end, where another cannot be started.
        let threads = Self(Arc::clone(&shared));
        for _ in 0..count {
            // Each has a clock of its own: nothing of a run is on another thread.
            let runtime = Builder::new_current_thread().enable_time().build()?;
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("workspace-program".into())
                .spawn(move || work(&shared, &runtime))?;
        }
        Ok(threads)
    }

    /// Runs a job as soon as a thread is free.
    pub(super) fn run(&self, job: Job) {
        self.0.lock().jobs.push_back(job);
        self.0.changed.notify_one();
    }
}

fn work(shared: &Shared, runtime: &Runtime) {
    while let Some(job) = shared.next() {
        // Whoever waits for it is told by what it drops; the next one has nothing of it.
        let _panicked = catch_unwind(AssertUnwindSafe(|| runtime.block_on(job)));
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.ends = true;
        queue.jobs.clear();
        drop(queue);
        self.0.changed.notify_all();
    }
}
