//! The caller's side of a run.

use std::future::poll_fn;
use std::task::Poll;

use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::stream::{FuturesUnordered, StreamExt};

use super::Call;
use super::state::Asked;
use crate::{Ended, Execution, Reply};

/// As many calls of a run are answered at a time; the others wait.
const AT_ONCE: usize = 8;

/// Answers what a run asks, until it has ended. After each answer others have their turn, and
/// that it has ended is known before the next.
pub(super) async fn answer<C>(
    mut asked: mpsc::UnboundedReceiver<Asked>,
    mut ended: oneshot::Receiver<Execution>,
    calls: C,
) -> Execution
where
    C: AsyncFn(Call) -> Result<Reply, Ended>,
{
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
