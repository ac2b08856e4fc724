//! The change feed.

use axum::http::header::ACCEPT;
use futures::StreamExt;
use workspace_core::Result;

use super::answer;
use super::copies::page;
use super::lines::Lines;
use super::read::{in_order, unreadable};
use super::{Client, Transport};
use crate::wire::{EventDto, EventPage};

impl<T: Transport> Client<T> {
    /// Returns the number of the newest event; 0 before the first.
    pub async fn last_event(&self) -> Result<u64> {
        let page: EventPage = self.get("/v1/events", &[]).read().await?;
        Ok(page.next.get())
    }

    /// Returns up to `limit` events, and at most 10,000, after the number `after`,
    /// oldest first.
    ///
    /// # Errors
    /// `Stale` where they are no longer kept, or not there yet. See
    /// [`Workspace::events`](workspace_core::Workspace::events).
    pub async fn events(&self, after: u64, limit: usize) -> Result<Vec<EventDto>> {
        let limited = page(limit).unwrap_or_default().get();
        let query = [("limit", limited.to_string()), ("after", after.to_string())];
        let mut page: EventPage = self.get("/v1/events", &query).read().await?;
        page.events.truncate(limit);
        in_order(page.events, Some(after), |event| event.sequence.get())
    }

    /// Follows the events after the number `after`: those that are there, and then
    /// each as it comes.
    ///
    /// # Errors
    /// As for [`events`](Self::events).
    pub async fn follow(&self, after: u64) -> Result<RemoteEvents> {
        let query = [("after", after.to_string())];
        let request = self.get("/v1/events", &query);
        let response = request.header(ACCEPT, "text/event-stream").send().await?;
        Ok(RemoteEvents {
            lines: Lines::new(answer::stream(response.into_body()).boxed()),
        })
    }
}

/// Events as they come. See [`Client::follow`].
#[derive(Debug)]
pub struct RemoteEvents {
    lines: Lines,
}

impl RemoteEvents {
    /// Waits for the next event; `None` where the server has ended the stream.
    /// Following again, after the last event that was seen, misses nothing.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn next(&mut self) -> Result<Option<EventDto>> {
        // All that is in the data goes before: only the data matters.
        while let Some(line) = self.lines.next().await? {
            if let Some(data) = line.strip_prefix(b"data: ") {
                return serde_json::from_slice(data).map_err(unreadable).map(Some);
            }
        }
        Ok(None)
    }
}
