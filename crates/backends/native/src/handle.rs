//! A workspace on a thread of its own, for programs of many threads.

use std::fmt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;
use futures::future::{Either, FutureExt as _, LocalBoxFuture, Shared, select};
use futures::lock::Mutex;
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::{SinkExt as _, select_biased};
use workspace_core::{Error, ErrorKind, Result, Workspace};

use crate::directory::open_or_create;

/// How many pieces of work wait for the thread; who sends more waits itself.
const WAITING: usize = 64;
/// How many pieces of work are under way at once, interleaved at their awaits.
const UNDER_WAY: usize = 64;

/// A piece of work, as it goes to the thread.
type Job = Box<dyn FnOnce(Workspace) -> LocalBoxFuture<'static, ()> + Send>;

/// A workspace on a thread of its own: `Send`, and cheap to clone.
///
/// [`Workspace`] belongs to one thread. A handle sends work there and waits for
/// what comes of it, on whatever executor it is polled by. Works of several handles
/// are interleaved where they await, 64 at a time; 64 more wait, and who sends yet
/// more waits before it is taken.
///
/// The thread ends once the last handle is dropped and the work that was sent is
/// done; then the directory is free for others. [`close`](Self::close) waits for that.
///
/// ```
/// use workspace_core::{At, ForkOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let place = tempfile::tempdir()?;
/// # let path = place.path().join("site");
/// let handle = workspace_native::spawn(path)?;
/// # futures::executor::block_on(async {
/// let copies = handle.run(async |workspace| {
///     workspace.fork(ForkOptions::named("draft"))?;
///     workspace.copies(true, None, 10)
/// });
/// assert_eq!(copies.await?.len(), 1);
/// # Ok::<(), workspace_core::Error>(())
/// # })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    /// One sender for all handles: each would have a place in the queue by itself.
    jobs: Arc<Mutex<mpsc::Sender<Job>>>,
    ended: Shared<oneshot::Receiver<()>>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Opens the workspace in `directory` on a thread of its own, and creates it where
/// there is none. Waits until it is open.
///
/// # Errors
/// Those of [`open_or_create`]; `Unavailable` where the system starts no thread.
pub fn spawn(directory: impl AsRef<Path>) -> Result<Handle> {
    let directory = directory.as_ref().to_owned();
    spawn_with(move || open_or_create(directory))
}

/// Opens a workspace by `open`, on a thread of its own. Waits until it is open.
///
/// # Errors
/// Those of `open`; `Unavailable` where the system starts no thread.
pub fn spawn_with(open: impl FnOnce() -> Result<Workspace> + Send + 'static) -> Result<Handle> {
    // The sender has a place in the queue besides.
    let (jobs, received) = mpsc::channel::<Job>(WAITING - 1);
    let (opened, is_open) = std::sync::mpsc::channel();
    let (end, ended) = oneshot::channel();
    let body = move || {
        match open() {
            Ok(workspace) => {
                if opened.send(Ok(())).is_ok() {
                    block_on(serve(workspace, received));
                }
            }
            // Whoever asked waits below.
            Err(error) => drop(opened.send(Err(error))),
        }
        // Not before the workspace is closed, which `serve` has owned.
        drop(end);
    };
    let thread = thread::Builder::new().name("workspace".into()).spawn(body);
    thread.map_err(|cause| {
        Error::new(ErrorKind::Unavailable, "start workspace thread").with_source(cause)
    })?;
    // Not `block_on`, which panics within another one.
    is_open.recv().map_err(|_| gone())??;
    Ok(Handle {
        jobs: Arc::new(Mutex::new(jobs)),
        ended: ended.shared(),
    })
}

impl Handle {
    /// Runs `work` on the workspace's thread and returns what it returns. Where the
    /// future is dropped, the work is not begun, or is dropped at its next await.
    ///
    /// A work must not wait for another one of the same workspace: where 64 do that at
    /// once, none of those that they wait for is begun.
    ///
    /// # Errors
    /// Those of `work`; `Unavailable` where the thread has ended, since some work
    /// panicked: whether this one took effect is not known then.
    pub async fn run<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: AsyncFnOnce(Workspace) -> Result<T> + Send + 'static,
    {
        let (mut reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |workspace| {
            async move {
                if reply.is_canceled() {
                    return;
                }
                let out = match select(pin!(work(workspace)), reply.cancellation()).await {
                    Either::Left((out, _)) => out,
                    Either::Right(_) => return,
                };
                // Whoever asked may be gone.
                let _gone = reply.send(out);
            }
            .boxed_local()
        });
        let sent = self.jobs.lock().await.send(job).await;
        sent.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Drops the handle, and waits until the thread has ended and the directory is
    /// free: until all other handles are dropped too.
    pub async fn close(self) {
        let Self { jobs, ended } = self;
        drop(jobs);
        // The sender is dropped, never used.
        let _ended = ended.await;
    }
}

/// Does what comes, until nobody is left who could send, and all of it is done.
async fn serve(workspace: Workspace, received: mpsc::Receiver<Job>) {
    let mut received = received.fuse();
    let mut under_way = FuturesUnordered::new();
    loop {
        if under_way.len() >= UNDER_WAY {
            under_way.next().await;
            continue;
        }
        select_biased! {
            () = under_way.select_next_some() => {}
            job = received.next() => match job {
                Some(job) => under_way.push(job(workspace.clone())),
                None => break,
            }
        }
    }
    while under_way.next().await.is_some() {}
}

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "ask workspace thread").because("the thread has ended")
}
