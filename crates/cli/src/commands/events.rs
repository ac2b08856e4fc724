//! `events`: the change feed.

use serde::Serialize;
use workspace_http::wire::{EventDto, EventKindDto};

use crate::exit::{Outcome, Result};
use crate::output::{Output, YELLOW};
use crate::run::Run;
use crate::time::{local_text, machine_text};

/// How many events are read at once.
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// All after the event with this number [default: the newest 50]
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Then wait for more, until the server ends; for workspaces behind a URL
    #[arg(short, long)]
    follow: bool,
}

/// Lists what has changed, oldest first.
pub(crate) async fn events(run: &Run, args: &Events) -> Result<Outcome> {
    /// As many are shown where nobody says after which.
    const NEWEST: u64 = 50;
    let session = run.session()?;
    let out = &run.out;
    let mut after = match args.after {
        Some(after) => after,
        None => session.last_event().await?.saturating_sub(NEWEST),
    };
    if args.follow {
        let mut events = session.follow(after).await?;
        while let Some(event) = events.next().await? {
            // One document a line: a list would never end.
            match out.is_json() {
                true => out.json(&EventShape::new(&event))?,
                false => print(out, &event)?,
            }
            // Whoever reads this waits for it.
            out.flush()?;
        }
        return Ok(Outcome::Done);
    }
    let mut list = match out.is_json() {
        true => Some(out.begin_list("events")?),
        false => None,
    };
    loop {
        let page = session.events(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.sequence.get();
        for event in &page {
            match &mut list {
                Some(list) => list.item(&EventShape::new(event))?,
                None => print(out, event)?,
            }
        }
    }
    if let Some(list) = list {
        list.end()?;
    }
    Ok(Outcome::Done)
}

fn print(out: &Output, event: &EventDto) -> Result<()> {
    let about = match (&event.copy, event.revision, event.version) {
        (Some(copy), Some(revision), _) => format!("{copy} as revision {}", revision.get()),
        (Some(copy), None, _) => copy.clone(),
        (None, Some(revision), _) => format!("revision {}", revision.get()),
        (None, None, Some(version)) => format!("version {}", version.get()),
        (None, None, None) => String::new(),
    };
    let line = format!(
        "{}  {}  {:10}  {about}  {}",
        out.paint(YELLOW, format!("{:>4}", event.sequence.get())),
        local_text(event.at.into()),
        word(event.kind),
        out.safe(&event.actor),
    );
    out.line(line.trim_end())
}

/// Returns the word for what happened.
fn word(kind: EventKindDto) -> &'static str {
    match kind {
        EventKindDto::HeadMoved => "head moved",
        EventKindDto::Forked => "forked",
        EventKindDto::Renamed => "renamed",
        EventKindDto::Changed => "changed",
        EventKindDto::Rebased => "rebased",
        EventKindDto::Undone => "undone",
        EventKindDto::Applied => "applied",
        EventKindDto::AppliedInPart => "applied in part",
        EventKindDto::AppliedToParent => "applied to its parent",
        EventKindDto::Reparented => "has another parent",
        EventKindDto::Discarded => "discarded",
        EventKindDto::Expired => "expired",
        EventKindDto::Recorded => "recorded",
        EventKindDto::Restored => "restored",
        EventKindDto::Pruned => "pruned",
    }
}

/// An event as `--json` shows it.
#[derive(Serialize)]
struct EventShape<'a> {
    sequence: u64,
    kind: EventKindDto,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    actor: &'a str,
    at: String,
}

impl<'a> EventShape<'a> {
    fn new(event: &'a EventDto) -> Self {
        Self {
            sequence: event.sequence.get(),
            kind: event.kind,
            copy: event.copy.as_deref(),
            generation: event.generation.map(|number| number.get()),
            version: event.version.map(|number| number.get()),
            tree: event.tree.as_deref(),
            revision: event.revision.map(|number| number.get()),
            actor: &event.actor,
            at: machine_text(event.at.into()),
        }
    }
}
