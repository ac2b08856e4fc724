//! The change feed: in pages, or as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use axum::body::Body;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Response};
use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use send_wrapper::SendWrapper;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::{Error, ErrorKind, EventRecord, Reason, Result, Workspace};

use super::{OK, page_limit};
use crate::call::{Answer, Call, On, json};
use crate::operation::{Table, Told};
use crate::pulse::Pulse;
use crate::route::Route;
use crate::wire::{Count, EventDto, EventPage};

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells a proxy to pass on what comes when it comes.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How many events a stream takes from the workspace at a time.
const CHUNK: usize = 100;

pub(super) fn all(table: &mut Table) {
    let about =
        "Lists what has changed, oldest first; follows it where text/event-stream is accepted";
    let route = Route::new(Method::GET, "/v1/events", "events", about, events)
        .query::<EventsQuery>()
        .header(
            "Last-Event-ID",
            "The last event that was seen; goes before `after` where events are followed.",
        )
        .answers::<EventPage>(OK, "A page of the events, or each as it comes.")
        .answers_bytes(
            OK,
            "A page of the events, or each as it comes.",
            EVENT_STREAM,
        )
        .fails(&[ErrorKind::Stale])
        .of("events", &[]);
    table.routes.push(route);
    table.call("events", false, async |on, arguments| {
        Told::json(&page(&on, &arguments.read()?)?)
    });
}

/// Which events are listed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// The event after which the page begins; unless said, the newest, so that
    /// the answer only tells where the feed is.
    pub after: Option<Count>,
    /// How many events a page has: 1 to 10,000, and 1,000 unless said.
    pub limit: Option<Count>,
}

async fn events(call: Call) -> Answer {
    let query: EventsQuery = call.query()?;
    if accepts_stream(&call.headers) {
        page_limit(query.limit)?;
        let after = last_event_id(&call.headers)?.or(query.after);
        return follow(call.on.workspace, after, Pulse::ticks(call.pulse.as_ref()));
    }
    json(OK, &page(&call.on, &query)?)
}

fn page(on: &On, query: &EventsQuery) -> Result<EventPage> {
    let limit = page_limit(query.limit)?;
    let (after, found) = read(&on.workspace, query.after, limit)?;
    Ok(EventPage {
        next: found.last().map_or(after, |last| last.sequence).into(),
        events: found.iter().map(EventDto::from).collect(),
    })
}

/// Returns where to begin, and a page of what follows.
fn read(
    workspace: &Workspace,
    after: Option<Count>,
    limit: usize,
) -> Result<(u64, Vec<EventRecord>)> {
    match after {
        None => Ok((workspace.last_event()?, Vec::new())),
        Some(after) => Ok((after.get(), workspace.events(after.get(), limit)?)),
    }
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let mut kinds = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    kinds.any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case(EVENT_STREAM)
    })
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Count>> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let number: u64 = number.ok_or_else(|| {
        Error::invalid(Reason::MalformedHeader, "read Last-Event-ID")
            .because("not the number of an event")
    })?;
    Ok(Some(number.into()))
}

/// Answers with the events as they come.
fn follow(workspace: Workspace, after: Option<Count>, ticks: BoxStream<'static, ()>) -> Answer {
    // What cannot be followed is said while there is a status to say it with.
    let (after, _) = read(&workspace, after, 1)?;
    let body = SendWrapper::new(event_stream(workspace, after, ticks));
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    Ok(response)
}

/// Returns what is sent of the events after `after`, for as long as it ticks.
/// Between chunks it holds nothing of the workspace but the handle.
fn event_stream(
    workspace: Workspace,
    after: u64,
    ticks: BoxStream<'static, ()>,
) -> impl Stream<Item = Result<Bytes>> {
    // An id without data is no event, and is what the client comes back with.
    let start = stream::iter([Ok(Bytes::from(format!("id: {after}\n\n")))]);
    let events = stream::try_unfold((workspace, after), |(workspace, after)| async move {
        let found = workspace.next_events(after, CHUNK).await?;
        let last = found.last().map_or(after, |last| last.sequence);
        Ok(Some((encode(&found)?, (workspace, last))))
    });
    let silence = Bytes::from_static(b":\n\n");
    let ticks = ticks
        .map(move |()| Some(Ok(silence.clone())))
        .chain(stream::iter([None]));
    let all = stream::select(start.chain(events).map(Some), ticks);
    all.take_while(|next| std::future::ready(next.is_some()))
        .filter_map(std::future::ready)
}

fn encode(events: &[EventRecord]) -> Result<Bytes> {
    let mut text = String::new();
    for found in events {
        let (sequence, kind) = (found.sequence, found.event.kind.code());
        let data = serde_json::to_string(&EventDto::from(found)).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "write answer").with_source(error)
        })?;
        // JSON in one line has no line break to escape.
        text.extend([
            &format!("id: {sequence}\nevent: {kind}\n"),
            "data: ",
            &data,
            "\n\n",
        ]);
    }
    Ok(text.into())
}
