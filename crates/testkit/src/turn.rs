//! Giving up one's turn without knowing the executor.

use std::future::poll_fn;
use std::task::Poll;

/// Lets every other task run once before it returns.
pub async fn pass() {
    let mut passed = false;
    poll_fn(|context| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
