//! The caller's side of a run.

use std::future::poll_fn;
use std::task::Poll;

use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::stream::{FuturesUnordered, StreamExt};

use super::Call;
use super::state::Asked;
use crate::{Ended, Execution, Reply};

/// Answers what a run asks, until it has ended.
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
        loop {
            if let Poll::Ready(execution) = ended.poll_unpin(cx) {
                return Poll::Ready(execution);
            }
            let mut is_idle = true;
            while let Poll::Ready(Some(asked)) = asked.poll_next_unpin(cx) {
                answers.push(answer_one(&calls, asked));
                is_idle = false;
            }
            while let Poll::Ready(Some(())) = answers.poll_next_unpin(cx) {
                is_idle = false;
            }
            if is_idle {
                return Poll::Pending;
            }
        }
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
