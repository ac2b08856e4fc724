//! A large file through the Worker, beside one that only pipes.

use std::io::{self, Read};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use ureq::{Agent, SendBody};
use workspace_workerd::Workerd;

use super::served::Served;
use super::{BUCKET, PLAIN, PRODUCTION, start, start_apart};
use crate::Bench;
use crate::data;
use crate::figures::{Limit, Section};
use crate::measure::{Rounds, timed};
use crate::process::{peak_memory, reset_peak};

const SPEED: f64 = 0.7;
const GROWTH: f64 = 64.0;
const MIB: f64 = (1 << 20) as f64;
const BLOCK: usize = 1 << 20;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (size, rounds): (u64, _) = match bench.quick {
        true => (128 << 20, 3),
        false => (1 << 30, 3),
    };
    let mut section = Section::new(
        "In workerd: streaming",
        format!(
            "One file of {} MiB in by PUT with its length and out by GET, through the Worker as it is \
             deployed, and through a Worker that does nothing but pipe to and from R2; both over \
             miniflare's simulator of R2, which is a process of its own, as R2 is; {rounds} rounds \
             in turn. Growth is the peak of the Worker's process (`VmHWM`, reset before) less what was \
             resident before the transfer, after one transfer to warm up; the largest of all rounds.",
            size >> 20
        ),
    );
    let bucket = start(bench, BUCKET)?;
    let ours = start_apart(bench, PRODUCTION, &bucket)?;
    let plain = start_apart(bench, PLAIN, &bucket)?;
    let served = Served::new(bench, &ours, "streams")?;
    let sides = [
        Side::new(ours, &served.path("/v1/head/files/large"), served.token()),
        Side::new(plain, "/large", ""),
    ];
    for side in &sides {
        side.put(32 << 20)?;
        side.get(32 << 20)?;
    }
    for (way, call) in [
        ("in", Side::put as fn(&Side, u64) -> Result<(f64, f64)>),
        ("out", Side::get),
    ] {
        let mut largest = [0.0_f64; 2];
        let taken = Rounds::<2>::take(rounds, |which| {
            let (seconds, growth) = call(&sides[which], size)?;
            largest[which] = largest[which].max(growth);
            Ok(seconds)
        })?;
        section.held(
            format!("growth, {way}"),
            largest[0],
            "MiB",
            Limit::Under(GROWTH),
        );
        section.shown(
            format!("growth of the piping one, {way}"),
            largest[1],
            "MiB",
        );
        section.held(
            format!("speed over that of piping, {way}"),
            taken.ratio(1, 0),
            "times",
            Limit::AtLeast(SPEED),
        );
        let speed = size as f64 / MIB / taken.median(0);
        section.shown(format!("speed, {way}"), speed, "MiB/s");
    }
    Ok(section)
}

/// A Worker that takes and gives a file.
struct Side {
    workerd: Workerd,
    agent: Agent,
    url: String,
    authorization: String,
    block: Bytes,
}

impl Side {
    fn new(workerd: Workerd, path: &str, token: &str) -> Self {
        let url = format!("http://{}{path}", workerd.address());
        Self {
            workerd,
            // A connection for each: what is kept is closed while the other side's turn is.
            agent: Agent::config_builder()
                .max_idle_connections(0)
                .build()
                .new_agent(),
            url,
            authorization: format!("Bearer {token}"),
            block: data::text(1, BLOCK),
        }
    }

    /// Sends the file; returns seconds, and MiB of growth.
    fn put(&self, size: u64) -> Result<(f64, f64)> {
        self.watched(|| {
            let body = Blocks {
                block: self.block.clone(),
                left: size,
            };
            let request = self.agent.put(&self.url);
            request
                .header("authorization", &self.authorization)
                .header("content-length", size.to_string())
                .header("content-type", "application/octet-stream")
                .send(SendBody::from_owned_reader(body))?;
            Ok(())
        })
    }

    /// Fetches the file, and compares it.
    fn get(&self, size: u64) -> Result<(f64, f64)> {
        self.watched(|| {
            let request = self.agent.get(&self.url);
            let response = request
                .header("authorization", &self.authorization)
                .call()?;
            let mut body = response.into_body().into_reader();
            let mut buffer = vec![0; BLOCK];
            for _ in 0..size / BLOCK as u64 {
                body.read_exact(&mut buffer)?;
                ensure!(buffer == self.block, "what comes out is not what went in");
            }
            ensure!(body.read(&mut buffer)? == 0, "more comes out than went in");
            Ok(())
        })
    }

    fn watched(&self, transfer: impl FnOnce() -> Result<()>) -> Result<(f64, f64)> {
        let process = self.workerd.process();
        let before = reset_peak(process)?;
        let (took, ()) = timed(transfer)?;
        let peak = peak_memory(process).context("workerd is gone")?;
        let growth = peak.saturating_sub(before) as f64 / MIB;
        Ok((took.as_secs_f64(), growth))
    }
}

/// The same block until there are enough bytes.
struct Blocks {
    block: Bytes,
    left: u64,
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.left as usize % BLOCK;
        // Sizes are whole blocks, so what is left tells where in one this is.
        let rest = &self.block[if at == 0 { 0 } else { BLOCK - at }..];
        let take = rest.len().min(buffer.len()).min(self.left as usize);
        buffer[..take].copy_from_slice(&rest[..take]);
        self.left -= take as u64;
        Ok(take)
    }
}
