//! The change feed.

use axum::http::Method;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_core::ErrorKind;

use super::{OK, page_limit};
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{Count, EventDto, EventPage};

pub(super) fn routes() -> Vec<Route> {
    let summary = "Lists what has changed, oldest first";
    vec![
        Route::new(Method::GET, "/v1/events", "list_events", summary, events)
            .query::<EventsQuery>()
            .answers::<EventPage>(OK, "A page of the events.")
            .fails(&[ErrorKind::Stale]),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// The event after which the page begins; unless said, the newest, so that
    /// the answer only tells where the feed is.
    after: Option<Count>,
    /// How many events it has: 1 to 10,000, and 1,000 unless said.
    limit: Option<Count>,
}

async fn events(call: Call) -> Answer {
    let query: EventsQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let (after, found) = match query.after {
        None => (call.workspace.last_event()?, Vec::new()),
        Some(after) => (after.get(), call.workspace.events(after.get(), limit)?),
    };
    json(
        OK,
        &EventPage {
            next: found.last().map_or(after, |last| last.sequence).into(),
            events: found.iter().map(EventDto::from).collect(),
        },
    )
}
