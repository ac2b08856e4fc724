//! Bodies under way: how much memory they take together, and for how long a client
//! may keep the server waiting.
//!
//! Both limits are for who was let in: a request that is refused takes nothing, and
//! its body is not read.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_lock::{Semaphore, SemaphoreGuardArc};
use axum::body::BodyDataStream;
use bytes::Bytes;
use futures::future::{self, BoxFuture, Either, FutureExt as _};
use futures::stream::TryStreamExt as _;
use send_wrapper::SendWrapper;
use workspace_core::{At, Error, ErrorKind, Timestamp, Workspace};

use crate::access::Holder;
use crate::problem::Problem;

/// As many bytes of a body are taken at once, or by a server that moves it past the
/// router, in a share that is small.
pub(crate) const SMALL: u64 = 256 << 10;
/// How many small shares there are for the root token's holder, for all holders of
/// grants, and of those for the holders of grants to one copy.
const SMALLS: Shares = Shares::of(32, 32, 16);
/// And large ones, for up to 16 MiB on their way into the stores.
const LARGES: Shares = Shares::of(2, 2, 1);

/// For so long a client may keep the server waiting for a body, or for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// As many bytes give a second of it back.
const RATE: u64 = 512;

/// What lets time pass: this crate has no timer, so the server brings one, and puts it
/// into the extensions of requests, as [`axum::Extension`] does.
///
/// With it, a body that keeps the server waiting is answered with 408: one for which
/// it waited 30 seconds, of which every 512 bytes that come give one back. A request
/// that waits 30 seconds for its turn is answered with 503. Without a timer nothing
/// ends either.
///
/// ```
/// use futures::{FutureExt, future};
/// use workspace_http::Timer;
///
/// // In a real server: that of its runtime.
/// let timer = Timer::new(|_duration| future::pending().boxed());
/// let service: axum::Router = axum::Router::new().layer(axum::Extension(timer));
/// # drop(service);
/// ```
#[derive(Clone)]
pub struct Timer(Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>);

impl Timer {
    /// Takes what resolves after a time.
    pub fn new(sleep: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(sleep))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}

/// How many shares there are for whom.
struct Shares {
    root: usize,
    holders: usize,
    copy: usize,
}

impl Shares {
    const fn of(root: usize, holders: usize, copy: usize) -> Self {
        Self {
            root,
            holders,
            copy,
        }
    }
}

/// The memory that bodies share, by who sends them: nobody can take what is meant for
/// others.
#[derive(Clone)]
pub(crate) struct Memory {
    root: Arc<Pools>,
    holders: Arc<Pools>,
    copies: Arc<Mutex<HashMap<At, Weak<Pools>>>>,
}

/// Shares, given out in the order of asking. Whoever has a large one waits for nothing
/// more, so nobody waits for ever.
struct Pools {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Pools {
    fn new(small: usize, large: usize) -> Arc<Self> {
        Arc::new(Self {
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(large)),
        })
    }
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            root: Pools::new(SMALLS.root, LARGES.root),
            holders: Pools::new(SMALLS.holders, LARGES.holders),
            copies: Arc::default(),
        }
    }

    /// Returns what a sender's bodies are taken from, in the order of taking.
    fn pools(&self, holder: Option<&Holder>) -> Vec<Arc<Pools>> {
        let Some(holder) = holder else {
            return vec![Arc::clone(&self.root)];
        };
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let found = copies.get(&holder.grant.at).and_then(Weak::upgrade);
        let own = found.unwrap_or_else(|| {
            copies.retain(|_, pools| pools.strong_count() > 0);
            let own = Pools::new(SMALLS.copy, LARGES.copy);
            copies.insert(holder.grant.at, Arc::downgrade(&own));
            own
        });
        vec![own, Arc::clone(&self.holders)]
    }
}

/// What becomes of a body, and so of its request.
#[derive(Clone, Copy)]
enum Verdict {
    /// Its turn did not come.
    Busy,
    /// It did not come.
    Stalled,
}

/// What a body has, and what becomes of it.
#[derive(Default)]
struct Taken {
    shares: Vec<SemaphoreGuardArc>,
    verdict: Option<Verdict>,
}

/// What one request's body takes; given back when the request is answered.
pub(crate) struct Ledger {
    timer: Option<Timer>,
    pools: Vec<Arc<Pools>>,
    taken: Mutex<Taken>,
}

impl Ledger {
    pub(crate) fn new(memory: &Memory, timer: Option<Timer>, holder: Option<&Holder>) -> Self {
        Self {
            timer,
            pools: memory.pools(holder),
            taken: Mutex::default(),
        }
    }

    /// Waits for a small share: before the first [`SMALL`] bytes, and before a body is
    /// moved past the router.
    pub(crate) async fn small(&self) -> Result<Patience, Refused> {
        self.take(|pools| &pools.small).await?;
        Ok(Patience {
            timer: self.timer.clone(),
            left: PATIENCE,
        })
    }

    /// Waits for a large share: before what comes after those.
    pub(crate) async fn large(&self) -> Result<(), Refused> {
        self.take(|pools| &pools.large).await
    }

    async fn take(&self, of: impl Fn(&Pools) -> &Arc<Semaphore>) -> Result<(), Refused> {
        let taking = async {
            let mut taken = Vec::with_capacity(self.pools.len());
            for pools in &self.pools {
                taken.push(of(pools).acquire_arc().await);
            }
            taken
        };
        let taken = match &self.timer {
            None => Some(taking.await),
            Some(timer) => match future::select(Box::pin(taking), (timer.0)(PATIENCE)).await {
                Either::Left((taken, _)) => Some(taken),
                Either::Right(_) => None,
            },
        };
        let mut held = self.held();
        match taken {
            Some(taken) => {
                held.shares.extend(taken);
                Ok(())
            }
            None => {
                held.verdict = Some(Verdict::Busy);
                Err(Refused)
            }
        }
    }

    /// Notes that the body did not come, and returns what the request fails with.
    pub(crate) fn stalled(&self) -> Error {
        self.held().verdict = Some(Verdict::Stalled);
        Error::new(ErrorKind::Source, "read body").because("it did not come in time")
    }

    /// Returns what to answer instead, whatever the request failed with.
    pub(crate) fn verdict(&self) -> Option<Problem> {
        self.held().verdict.map(|verdict| match verdict {
            Verdict::Busy => Problem::busy(),
            Verdict::Stalled => Problem::request_timeout(PATIENCE),
        })
    }

    fn held(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body is not taken: the [`Ledger`] knows why.
#[derive(Debug)]
pub(crate) struct Refused;

impl From<Refused> for Error {
    fn from(Refused: Refused) -> Self {
        Self::new(ErrorKind::Source, "read body").because("its turn did not come")
    }
}

/// How a body failed to come.
pub(crate) enum Missing {
    /// The connection broke.
    Broken,
    /// It took too long.
    Stalled,
}

/// How long a body may still keep the server waiting.
pub(crate) struct Patience {
    timer: Option<Timer>,
    left: Duration,
}

impl Patience {
    /// Returns the next bytes of a body, waited for by the clock of `workspace`.
    pub(crate) async fn next(
        &mut self,
        body: &mut BodyDataStream,
        workspace: &SendWrapper<Workspace>,
    ) -> Result<Option<Bytes>, Missing> {
        let mut next = body.try_next();
        let chunk = match (&self.timer, (&mut next).now_or_never()) {
            (_, Some(chunk)) => chunk,
            (None, None) => next.await,
            (Some(timer), None) => {
                let began = workspace.now();
                match future::select(next, (timer.0)(self.left)).await {
                    Either::Left((chunk, _)) => {
                        let waited = since(began, workspace.now());
                        self.left = self.left.checked_sub(waited).ok_or(Missing::Stalled)?;
                        chunk
                    }
                    Either::Right(_) => return Err(Missing::Stalled),
                }
            }
        };
        let chunk = chunk.map_err(|_| Missing::Broken)?;
        let came = chunk.as_ref().map_or(0, Bytes::len) as u64;
        let back = Duration::from_millis(came.saturating_mul(1000) / RATE);
        self.left = self.left.saturating_add(back).min(PATIENCE);
        Ok(chunk)
    }
}

/// A clock that goes back says that no time passed.
fn since(began: Timestamp, now: Timestamp) -> Duration {
    let millis = now.as_millis().saturating_sub(began.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
