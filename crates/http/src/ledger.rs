//! Bodies under way: how much memory they take together, and for how long a client
//! may keep the server waiting.
//!
//! Both are for who was let in: a request that is refused takes no share.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::BodyDataStream;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{self, BoxFuture, Either, FutureExt as _};
use futures::stream::TryStreamExt as _;
use send_wrapper::SendWrapper;
use workspace_core::{At, Error, ErrorKind, Timestamp, Workspace};

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
/// or those of grants. Of what is for those, who send to one copy take a further share
/// only while they have fewer than are free, so half of them at most, and leave some to
/// others. A body that is longer than 256 KiB takes up to 16 MiB on its way into the
/// stores.
///
/// A server that has little memory puts it into the extensions of requests; without it
/// any number is taken.
#[derive(Clone)]
pub struct Bodies {
    root: Arc<Shares>,
    holders: Arc<Shares>,
}

impl Bodies {
    /// Takes how many bodies there may be at a time, of the root token's holder, and as
    /// many of all holders of grants: with up to 256 KiB, and with more.
    pub fn new(small: usize, large: usize) -> Self {
        Self {
            root: Shares::new([small, large]),
            holders: Shares::new([small, large]),
        }
    }

    /// Returns what a sender's bodies are taken from.
    fn shares(&self, part_of: Option<At>) -> (Arc<Shares>, Option<At>) {
        match part_of {
            None => (Arc::clone(&self.root), None),
            Some(at) => (Arc::clone(&self.holders), Some(at)),
        }
    }
}

impl fmt::Debug for Bodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bodies").finish_non_exhaustive()
    }
}

/// Small shares and large ones. Who waits for a large one has a small one, and who has a
/// large one waits for nothing more, so nobody waits for ever.
struct Shares {
    small: Arc<Pool>,
    large: Arc<Pool>,
}

impl Shares {
    fn new([small, large]: [usize; 2]) -> Arc<Self> {
        Arc::new(Self {
            small: Pool::new(small),
            large: Pool::new(large),
        })
    }
}

/// Shares that are given out in the order of asking, but to who has the fewest first.
struct Pool(Mutex<Pooled>);

struct Pooled {
    free: usize,
    /// Who has some: what they send to, and how many.
    held: HashMap<At, usize>,
    waiting: VecDeque<Waiting>,
}

/// Somebody whose turn has not come.
struct Waiting {
    to: Option<At>,
    tell: oneshot::Sender<Share>,
}

/// A share that somebody has; given back when it is dropped.
struct Share {
    /// None once it was taken back.
    of: Option<Arc<Pool>>,
    to: Option<At>,
}

impl Pool {
    fn new(free: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Pooled {
            free,
            held: HashMap::new(),
            waiting: VecDeque::new(),
        })))
    }

    /// Waits for a share for what is sent to `to`; of the root token's holder, who
    /// shares with nobody, for what is sent to anything.
    async fn take(self: &Arc<Self>, to: Option<At>) -> Option<Share> {
        let told = {
            let mut pool = self.pooled();
            // Whoever could have one before has it already.
            if pool.may_take(to) {
                return Some(pool.take(self, to));
            }
            let (tell, told) = oneshot::channel();
            pool.waiting.push_back(Waiting { to, tell });
            told
        };
        told.await.ok()
    }

    fn give_back(self: &Arc<Self>, to: Option<At>) {
        let mut pool = self.pooled();
        pool.returned(to);
        while let Some(Waiting { to, tell }) = pool.next() {
            let share = pool.take(self, to);
            // Whoever waits no more leaves it to the next.
            if let Err(mut share) = tell.send(share) {
                share.of = None;
                pool.returned(to);
            }
        }
    }

    fn pooled(&self) -> MutexGuard<'_, Pooled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pooled {
    /// Returns how many there are for what is sent to `to`.
    fn held(&self, to: Option<At>) -> usize {
        to.and_then(|to| self.held.get(&to).copied())
            .unwrap_or_default()
    }

    fn may_take(&self, to: Option<At>) -> bool {
        let held = self.held(to);
        self.free > 0 && (held == 0 || held < self.free)
    }

    fn take(&mut self, of: &Arc<Pool>, to: Option<At>) -> Share {
        self.free -= 1;
        if let Some(to) = to {
            *self.held.entry(to).or_default() += 1;
        }
        Share {
            of: Some(Arc::clone(of)),
            to,
        }
    }

    fn returned(&mut self, to: Option<At>) {
        self.free += 1;
        if let Some(to) = to
            && let Some(held) = self.held.get_mut(&to)
        {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&to);
            }
        }
    }

    /// Takes out who is next: of those who may take one, who has the fewest, and waits
    /// the longest.
    fn next(&mut self) -> Option<Waiting> {
        self.waiting.retain(|waiting| !waiting.tell.is_canceled());
        let may_take = |waiting: &&Waiting| self.may_take(waiting.to);
        let next = self.waiting.iter().filter(may_take);
        let least = next.map(|waiting| self.held(waiting.to)).min()?;
        let is_next =
            |waiting: &Waiting| self.may_take(waiting.to) && self.held(waiting.to) == least;
        let at = self.waiting.iter().position(is_next)?;
        self.waiting.remove(at)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(pool) = self.of.take() {
            pool.give_back(self.to);
        }
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
    shares: Vec<Share>,
    verdict: Option<Verdict>,
}

/// What one request's body takes; given back when the request is answered.
pub(crate) struct Ledger {
    timer: Option<Timer>,
    /// What it takes of, and what it is sent to.
    shares: Option<(Arc<Shares>, Option<At>)>,
    taken: Mutex<Taken>,
}

impl Ledger {
    /// Begins an account; `part_of` are the files of a sender who has a part of them only.
    pub(crate) fn new(bodies: Option<&Bodies>, timer: Option<Timer>, part_of: Option<At>) -> Self {
        Self {
            timer,
            shares: bodies.map(|bodies| bodies.shares(part_of)),
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

    async fn take(&self, of: impl Fn(&Shares) -> &Arc<Pool>) -> Result<(), Refused> {
        let Some((shares, to)) = &self.shares else {
            return Ok(());
        };
        let taking = of(shares).take(*to);
        let taken = match &self.timer {
            None => taking.await,
            Some(timer) => match future::select(Box::pin(taking), (timer.0)(PATIENCE)).await {
                Either::Left((taken, _)) => taken,
                Either::Right(_) => None,
            },
        };
        let mut held = self.held();
        match taken {
            Some(share) => {
                held.shares.push(share);
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

#[cfg(test)]
mod tests {
    use workspace_core::CopyId;

    use super::*;

    fn copy(n: u8) -> Option<At> {
        Some(At::Copy(CopyId::from_bytes([n; 16])))
    }

    fn now(pool: &Arc<Pool>, to: Option<At>) -> Option<Share> {
        pool.take(to).now_or_never().flatten()
    }

    /// Holders of grants to two copies, or to more, leave shares to the others: each
    /// copy that comes is let in while there are as many as copies before it.
    #[test]
    fn who_sends_to_many_copies_leaves_shares_to_others() {
        let pool = Pool::new(32);
        let mut held = Vec::new();
        let counts = [1, 2, 3, 4, 5].map(|n| {
            let before = held.len();
            held.extend(std::iter::from_fn(|| now(&pool, copy(n))));
            held.len() - before
        });
        assert_eq!(counts, [16, 8, 4, 2, 1]);
        assert!(now(&pool, copy(6)).is_some(), "and one is left");
        // Root's own are for whatever it sends to.
        let pool = Pool::new(3);
        let all: Vec<_> = std::iter::from_fn(|| now(&pool, None)).collect();
        assert_eq!(all.len(), 3);
    }

    /// A share that is given back goes to who has the fewest, and of those to who asked
    /// first; who waits no more is passed over.
    #[test]
    fn a_share_goes_to_who_has_the_fewest() {
        let pool = Pool::new(4);
        let mut first: Vec<_> = std::iter::from_fn(|| now(&pool, copy(1))).collect();
        let second = [now(&pool, copy(2)), now(&pool, copy(3))];
        assert_eq!((first.len(), second.iter().flatten().count()), (2, 2));
        let mut asked =
            [copy(1), copy(4), copy(4), copy(5)].map(|to| Some(Box::pin(pool.take(to))));
        let ready = |asked: &mut Option<_>| -> Option<Share> {
            let asked: &mut std::pin::Pin<Box<_>> = asked.as_mut()?;
            future::FutureExt::now_or_never(asked).flatten()
        };
        for asked in &mut asked {
            assert!(ready(asked).is_none());
        }
        asked[1] = None;
        drop(first.pop());
        assert!(ready(&mut asked[0]).is_none(), "it has one");
        let third = ready(&mut asked[2]);
        assert!(third.is_some());
        drop(second);
        let fourth = ready(&mut asked[3]);
        assert!(fourth.is_some());
        drop((third, fourth, first));
        assert!(ready(&mut asked[0]).is_some());
        assert_eq!(pool.pooled().free, 4);
        assert!(pool.pooled().held.is_empty() && pool.pooled().waiting.is_empty());
    }
}
