//! The caller's side of a run.

use std::future::poll_fn;
use std::task::Poll;

use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinHandle;

use super::Call;
use super::state::Asked;
use crate::{Ended, Execution, Reply};

/// Ends the task when it is dropped, unless it has told its end.
struct Task(Option<JoinHandle<()>>);

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// As many calls of a run are answered at a time; the others wait.
const AT_ONCE: usize = 8;

/// Answers what a run asks, until it has ended. After each answer others have their turn, and
/// that it has ended is known before the next.
pub(super) async fn answer<C>(
    task: JoinHandle<()>,
    mut asked: mpsc::UnboundedReceiver<Asked>,
    mut ended: oneshot::Receiver<Execution>,
    calls: C,
) -> Execution
where
    C: AsyncFn(Call) -> Result<Reply, Ended>,
{
    let mut task = Task(Some(task));
    let mut answers = FuturesUnordered::new();
    let execution = poll_fn(|cx| {
        if let Poll::Ready(execution) = ended.poll_unpin(cx) {
            return Poll::Ready(execution);
        }
        while answers.len() < AT_ONCE
            && let Poll::Ready(Some(asked)) = asked.poll_next_unpin(cx)
        {
            answers.push(answer_one(&calls, asked));
        }
        if let Poll::Ready(Some(())) = answers.poll_next_unpin(cx) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    });
    let execution = execution.await;
    if execution.is_ok() {
        // What comes after the end is to free its instance, and is not interrupted: it goes on
        // by itself.
        task.0 = None;
    }
    execution.unwrap_or_else(|oneshot::Canceled| {
        Execution::silent(Ended::Platform {
            cause: "the host failed".into(),
        })
    })
}

async fn answer_one<C>(calls: &C, asked: Asked)
where
    C: AsyncFn(Call) -> Result<Reply, Ended>,
{
    let reply = calls(asked.call).await;
    // The run may have ended since.
    let _ = asked.answer.send(reply);
}
