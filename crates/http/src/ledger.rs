//! Bodies under way: how much memory they take together, and for how long a client
//! may keep the server waiting.
//!
//! Both are for who was let in: a request that is refused takes no share.

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
/// For so long a client may keep the server waiting for a body, or for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// As many bytes give a second of it back, of a body with a small share, and of one
/// with a large share, which others wait for.
const SLOW: u64 = 512;
const FAST: u64 = 8 << 10;

/// What lets time pass: this crate has no timer, so the server brings one, and puts it
/// into the extensions of requests, as [`axum::Extension`] does.
///
/// With it, a body that keeps the server waiting is answered with 408: one for which
/// it waited 30 seconds, of which every 512 bytes that come give one back, and every
/// 8 KiB once it is longer than 256 KiB. A request that waits 30 seconds for its turn is answered with 503. Without a timer nothing
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

/// How many bodies are taken at a time, by who sends them: the holder of the root token,
/// or those of grants, who have half of what is theirs for one copy. One that is longer
/// than 256 KiB takes up to 16 MiB on its way into the stores.
///
/// A server that has little memory puts it into the extensions of requests; without it
/// any number is taken.
#[derive(Clone)]
pub struct Bodies {
    root: Arc<Shares>,
    holders: Arc<Shares>,
    copies: Arc<Mutex<HashMap<At, Weak<Shares>>>>,
    copy: [usize; 2],
}

impl Bodies {
    /// Takes how many bodies there may be at a time, of the root token's holder, and as
    /// many of all holders of grants: with up to 256 KiB, and with more.
    pub fn new(small: usize, large: usize) -> Self {
        Self {
            root: Shares::new([small, large]),
            holders: Shares::new([small, large]),
            copies: Arc::default(),
            copy: [small.div_ceil(2), large.div_ceil(2)],
        }
    }

    /// Returns what a sender's bodies are taken from, in the order of taking.
    fn shares(&self, holder: Option<&Holder>) -> Vec<Arc<Shares>> {
        let Some(holder) = holder else {
            return vec![Arc::clone(&self.root)];
        };
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let found = copies.get(&holder.grant.at).and_then(Weak::upgrade);
        let own = found.unwrap_or_else(|| {
            copies.retain(|_, shares| shares.strong_count() > 0);
            let own = Shares::new(self.copy);
            copies.insert(holder.grant.at, Arc::downgrade(&own));
            own
        });
        vec![own, Arc::clone(&self.holders)]
    }
}

impl fmt::Debug for Bodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bodies").finish_non_exhaustive()
    }
}

/// Small shares and large ones. Who waits for a large one has a small one, and who has a
/// large one of all holders waits for nothing more, so nobody waits for ever.
struct Shares {
    small: Queue,
    large: Queue,
}

impl Shares {
    fn new([small, large]: [usize; 2]) -> Arc<Self> {
        Arc::new(Self {
            small: Queue::new(small),
            large: Queue::new(large),
        })
    }
}

/// Shares that are given out in the order of asking: the semaphore alone would give
/// what is free to who comes just then.
struct Queue {
    turn: async_lock::Mutex<()>,
    free: Arc<Semaphore>,
}

impl Queue {
    fn new(count: usize) -> Self {
        Self {
            turn: async_lock::Mutex::new(()),
            free: Arc::new(Semaphore::new(count)),
        }
    }

    async fn take(&self) -> SemaphoreGuardArc {
        let _turn = self.turn.lock().await;
        self.free.acquire_arc().await
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
    shares: Vec<Arc<Shares>>,
    taken: Mutex<Taken>,
}

impl Ledger {
    pub(crate) fn new(
        bodies: Option<&Bodies>,
        timer: Option<Timer>,
        holder: Option<&Holder>,
    ) -> Self {
        let shares = bodies.map(|bodies| bodies.shares(holder));
        Self {
            timer,
            shares: shares.unwrap_or_default(),
            taken: Mutex::default(),
        }
    }

    /// Waits for a small share: before the first [`SMALL`] bytes, and before a body is
    /// moved past the router.
    pub(crate) async fn small(&self) -> Result<Patience, Refused> {
        self.take(|shares| &shares.small).await?;
        Ok(Patience {
            timer: self.timer.clone(),
            left: PATIENCE,
            rate: SLOW,
        })
    }

    /// Waits for a large share: before what comes after those.
    pub(crate) async fn large(&self, patience: &mut Patience) -> Result<(), Refused> {
        patience.rate = FAST;
        self.take(|shares| &shares.large).await
    }

    async fn take(&self, of: impl Fn(&Shares) -> &Queue) -> Result<(), Refused> {
        let taking = async {
            let mut taken = Vec::with_capacity(self.shares.len());
            for shares in &self.shares {
                taken.push(of(shares).take().await);
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
    /// As many bytes give a second back.
    rate: u64,
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
                        // The timer would have been first: the clock was set forward.
                        if waited <= self.left.saturating_add(SLACK) {
                            self.left = self.left.checked_sub(waited).ok_or(Missing::Stalled)?;
                        }
                        chunk
                    }
                    Either::Right(_) => return Err(Missing::Stalled),
                }
            }
        };
        let chunk = chunk.map_err(|_| Missing::Broken)?;
        let came = chunk.as_ref().map_or(0, Bytes::len) as u64;
        let back = Duration::from_millis(came.saturating_mul(1000) / self.rate);
        self.left = self.left.saturating_add(back).min(PATIENCE);
        Ok(chunk)
    }
}

/// By so much a timer may be late.
const SLACK: Duration = Duration::from_secs(2);

/// A clock that goes back says that no time passed.
fn since(began: Timestamp, now: Timestamp) -> Duration {
    let millis = now.as_millis().saturating_sub(began.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
