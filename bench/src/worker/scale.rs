//! Scale-free in the object too, and over HTTP.

use std::cell::Cell;

use anyhow::Result;

use super::served::{Served, archive};
use super::{Inside, PRODUCTION, TESTS, start};
use crate::Bench;
use crate::data;
use crate::figures::{Limit, Section, shown};
use crate::measure::Rounds;

const RATIO: f64 = 1.5;
const FEW: u64 = 100;
/// Calls in one request.
const TIMES: u64 = 100;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (many, rounds, requests) = match bench.quick {
        true => (10_000, 5, 20),
        false => (100_000, 30, 100),
    };
    let [few_shown, many_shown] = [FEW, many].map(|files| shown(files as f64));
    let mut section = Section::new(
        "In workerd: scale-free",
        format!(
            "Two objects, of {few_shown} files and of {many_shown}, in directories of a hundred. Inside: \
             {TIMES} calls in one request, less an empty request, {rounds} rounds in each of which both \
             objects do the same. Copies are forked and changed before, by other requests; the write before a \
             snapshot is subtracted, measured in the same round. Such calls become durable together, \
             when the request ends. Over HTTP: {requests} rounds of one request each to the Worker as \
             it is deployed, and a request is answered when it is durable; fork and write are requests \
             of their own there, and not counted."
        ),
    );
    inside(bench, many, rounds, &mut section)?;
    over_http(bench, many, requests, &mut section)?;
    Ok(section)
}

fn inside(bench: &Bench, many: u64, rounds: usize, section: &mut Section) -> Result<()> {
    let workerd = start(bench, TESTS)?;
    let client = workerd.client();
    let sides = [
        Inside::filled(&client, FEW)?,
        Inside::filled(&client, many)?,
    ];
    let run = |side: usize, operation: &str| sides[side].run(operation, TIMES, 0);
    let seconds = |side: usize, operation: &str| sides[side].seconds(operation, TIMES, 0);
    // What the copies of one measure are, the next must not find.
    let calls: [Call<'_>; 4] = [
        ("fork", &|side| {
            let fork = seconds(side, "fork")?;
            run(side, "discard")?;
            Ok(fork)
        }),
        ("apply of one change", &|side| {
            run(side, "draft")?;
            seconds(side, "apply")
        }),
        ("discard", &|side| {
            run(side, "draft")?;
            seconds(side, "discard")
        }),
        ("snapshot", &|side| {
            let turn = seconds(side, "turn")?;
            Ok(seconds(side, "snapshot")? - turn)
        }),
    ];
    for (name, call) in calls {
        compared(section, "inside", name, many, rounds, 1e6, "µs", call)?;
    }
    Ok(())
}

/// What is compared: its name, and what times it on a side, in seconds.
type Call<'c> = (&'c str, &'c dyn Fn(usize) -> Result<f64>);

fn over_http(bench: &Bench, many: u64, rounds: usize, section: &mut Section) -> Result<()> {
    let workerd = start(bench, PRODUCTION)?;
    let mut sides = Vec::new();
    for files in [FEW, many] {
        let served = Served::new(bench, &workerd, &format!("files-{files}"))?;
        served.call("POST", "/v1/head/import", &archive(files, 32)?)?;
        sides.push(served);
    }
    let seed = Cell::new(0);
    let write = |side: usize, root: &str| {
        seed.set(seed.get() + 1);
        let content = data::text(many + seed.get(), 32);
        sides[side].call("PUT", &format!("{root}/files/d0/f0"), &content)
    };
    let draft = |side: usize| {
        let (_, copy) = sides[side].fork()?;
        let root = format!("/v1/copies/{copy}");
        write(side, &root)?;
        anyhow::Ok(root)
    };
    let calls: [Call<'_>; 4] = [
        ("fork", &|side| Ok(sides[side].fork()?.0)),
        ("apply of one change", &|side| {
            let apply = format!("{}/apply", draft(side)?);
            Ok(sides[side].call("POST", &apply, b"{}")?.0)
        }),
        ("discard", &|side| {
            let discard = format!("{}/discard", draft(side)?);
            Ok(sides[side].call("POST", &discard, b"")?.0)
        }),
        ("snapshot", &|side| {
            write(side, "/v1/head")?;
            Ok(sides[side].call("POST", "/v1/revisions", b"{}")?.0)
        }),
    ];
    for (name, call) in calls {
        compared(section, "over HTTP", name, many, rounds, 1e3, "ms", call)?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one line of a table")]
fn compared(
    section: &mut Section,
    place: &str,
    name: &str,
    many: u64,
    rounds: usize,
    scale: f64,
    unit: &'static str,
    call: &dyn Fn(usize) -> Result<f64>,
) -> Result<()> {
    let many = shown(many as f64);
    let taken = Rounds::<2>::take(rounds, call)?;
    section.held(
        format!("{name}, {place}, {many} files over {FEW}"),
        taken.ratio(1, 0),
        "times",
        Limit::AtMost(RATIO),
    );
    let median = taken.median(1) * scale;
    section.shown(format!("{name}, {place}, {many} files"), median, unit);
    Ok(())
}
