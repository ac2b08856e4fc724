//! An executor that a seed directs: whose turn it is, is chosen at random.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::LocalBoxFuture;

use crate::random::Random;

/// How many turns a run may take before it is said to have no end.
const MAX_TURNS: u64 = 1_000_000;

/// Tasks on one thread, polled in an order that a seed repeats. Only a task that was
/// woken is polled, so a wake-up that is missing is noticed.
pub(super) struct Executor<'a> {
    random: Random,
    /// How likely the task that had the last turn has the next one as well.
    stays: f64,
    tasks: Vec<Task<'a>>,
}

struct Task<'a> {
    future: LocalBoxFuture<'a, ()>,
    woken: Arc<Woken>,
    /// Whether it may be left waiting at the end.
    attends: bool,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<'a> Executor<'a> {
    pub(super) fn new(mut random: Random) -> Self {
        let stays = [0.0, 0.5, 0.9][random.below(3)];
        Self {
            random,
            stays,
            tasks: Vec::new(),
        }
    }

    /// Adds a task that comes to its end.
    pub(super) fn spawn(&mut self, future: LocalBoxFuture<'a, ()>) {
        self.add(future, false);
    }

    /// Adds a task that waits for what the others do; it is dropped when they are
    /// through and it waits.
    pub(super) fn attend(&mut self, future: LocalBoxFuture<'a, ()>) {
        self.add(future, true);
    }

    fn add(&mut self, future: LocalBoxFuture<'a, ()>, attends: bool) {
        self.tasks.push(Task {
            future,
            woken: Arc::new(Woken(AtomicBool::new(true))),
            attends,
        });
    }

    /// Runs all tasks to their ends; returns how many turns that took.
    ///
    /// # Panics
    /// Where a task waits and nobody is left to wake it, and where there is no end.
    pub(super) fn run(mut self) -> u64 {
        let mut last = 0;
        for turns in 0..MAX_TURNS {
            let Some(at) = self.next(last) else {
                let stuck = self.tasks.iter().filter(|task| !task.attends).count();
                assert_eq!(stuck, 0, "tasks wait, and nobody will wake them");
                return turns;
            };
            last = at;
            let task = &mut self.tasks[at];
            task.woken.0.store(false, Ordering::Relaxed);
            let waker = Waker::from(Arc::clone(&task.woken));
            let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                self.tasks.swap_remove(at);
            }
        }
        panic!("no end after {MAX_TURNS} turns");
    }

    /// Chooses among the tasks that were woken.
    fn next(&mut self, last: usize) -> Option<usize> {
        let woken = |at: &usize| self.tasks[*at].woken.0.load(Ordering::Relaxed);
        let ready: Vec<usize> = (0..self.tasks.len()).filter(woken).collect();
        if ready.contains(&last) && self.random.chance(self.stays) {
            return Some(last);
        }
        self.random.choose(&ready).copied()
    }
}

/// Runs `future` until it has been pending `polls` times, and drops it then, as where
/// a client hangs up.
pub(super) async fn abandon<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::FutureExt;

    use super::*;
    use crate::turn;

    #[test]
    fn a_seed_repeats_the_order_and_another_has_another() {
        let order = |seed| {
            let order = RefCell::new(Vec::new());
            let mut executor = Executor::new(Random::new(seed));
            for task in 0..4 {
                let order = &order;
                executor.spawn(
                    async move {
                        for _ in 0..4 {
                            order.borrow_mut().push(task);
                            turn::pass().await;
                        }
                    }
                    .boxed_local(),
                );
            }
            executor.run();
            order.into_inner()
        };
        assert_eq!(order(1), order(1));
        let different: std::collections::HashSet<_> = (0..20).map(order).collect();
        assert!(different.len() > 15);
    }

    #[test]
    #[should_panic(expected = "nobody will wake them")]
    fn a_task_that_nobody_wakes_is_noticed() {
        let mut executor = Executor::new(Random::new(1));
        executor.spawn(futures::future::pending().boxed_local());
        executor.run();
    }

    #[test]
    fn one_that_attends_may_wait_for_ever() {
        let mut executor = Executor::new(Random::new(1));
        executor.attend(futures::future::pending().boxed_local());
        executor.spawn(turn::pass().boxed_local());
        assert_eq!(executor.run(), 3);
    }

    #[test]
    fn an_abandoned_future_stops_where_it_was_pending() {
        let reached = RefCell::new(0);
        let future = async {
            for _ in 0..5 {
                *reached.borrow_mut() += 1;
                turn::pass().await;
            }
        };
        assert_eq!(futures::executor::block_on(abandon(2, future)), None);
        assert_eq!(*reached.borrow(), 3);
    }
}
