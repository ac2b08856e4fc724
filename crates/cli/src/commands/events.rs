//! The change feed: `events` as it is, `watch` as it comes.

use serde::Serialize;
use workspace_http::wire::{EventDto, EventKindDto};

use crate::exit::{Outcome, Result};
use crate::follow::{self, Changes, LOOKS};
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
    /// Then tell of more as they come: `workspace watch`
    #[arg(short, long, hide = true)]
    follow: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// Begin with all after the event with this number [default: with the next one]
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

impl Events {
    /// Tells whether it waits for more.
    pub(crate) fn follows(&self) -> bool {
        self.follow
    }
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
        return tell(run, Some(after)).await;
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

/// Tells of changes as they come, until a signal, or the server, ends it.
pub(crate) async fn watch(run: &Run, args: &Watch) -> Result<Outcome> {
    tell(run, args.after).await
}

/// Tells of the events after the one with this number, or from now on.
async fn tell(run: &Run, after: Option<u64>) -> Result<Outcome> {
    if run.global.remote.is_some() {
        let session = run.session()?;
        let after = match after {
            Some(after) => after,
            None => session.last_event().await?,
        };
        let mut events = session.follow(after).await?;
        while let Some(event) = events.next().await? {
            tell_one(run, &event)?;
        }
        return Ok(Outcome::Done);
    }
    let mut changes = Changes::of(run).await?;
    let mut after = match after {
        Some(after) => after,
        None => follow::connect(run, false).await?.last_event().await?,
    };
    let mut looks = 0;
    loop {
        changes.begin();
        let session = follow::connect(run, true).await?;
        let page = session.events(after, PAGE).await?;
        // While nobody waits for it here, others may have it.
        drop(session);
        let Some(last) = page.last() else {
            looks += 1;
            if changes.is_same() || looks > LOOKS {
                looks = 0;
                changes.begin();
                changes.next(run).await?;
            }
            continue;
        };
        after = last.sequence.get();
        for event in &page {
            tell_one(run, event)?;
        }
    }
}

fn tell_one(run: &Run, event: &EventDto) -> Result<()> {
    // One document a line: a list would never end.
    match run.out.is_json() {
        true => run.out.json(&EventShape::new(event))?,
        false => print(&run.out, event)?,
    }
    // Whoever reads this waits for it.
    run.out.flush()
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
