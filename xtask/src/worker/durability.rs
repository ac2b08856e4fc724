//! SIGKILL under writers: what was acknowledged is there afterwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::workerd::{Client, Workerd};

const WRITERS: usize = 4;
/// How long writers write before each kill, in milliseconds, give or take.
const MILLIS: u64 = 250;

/// Kills workerd `kills` times under writers and a collector.
pub(crate) fn run(workerd: &mut Workerd, kills: u32) -> Result<()> {
    let written: [AtomicU64; WRITERS] = Default::default();
    for round in 0..kills {
        thread::scope(|scope| {
            let client = workerd.client();
            for (writer, acknowledged) in written.iter().enumerate() {
                let client = client.clone();
                scope.spawn(move || write(&client, writer, acknowledged));
            }
            scope.spawn(move || while client.pass("/durable/collect").is_ok() {});
            // Not always at the same point of anything.
            thread::sleep(Duration::from_millis(MILLIS + u64::from(round * 37 % 100)));
            workerd.kill();
        });
        workerd.restart()?;
        let client = workerd.client();
        for (writer, acknowledged) in written.iter().enumerate() {
            let count = acknowledged.load(Ordering::Relaxed);
            let found = client
                .pass(&format!("/durable/check/{writer}/{count}"))
                .with_context(|| format!("after kill {}", round + 1))?;
            acknowledged.store(found.parse()?, Ordering::Relaxed);
        }
    }
    let written: u64 = written
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .sum();
    ensure!(
        kills == 0 || written > u64::from(kills),
        "only {written} writes in {kills} rounds"
    );
    println!("durability: {written} acknowledged writes, all there after {kills} kills");
    Ok(())
}

/// Writes file after file until the server is gone.
fn write(client: &Client, writer: usize, acknowledged: &AtomicU64) {
    loop {
        let n = acknowledged.load(Ordering::Relaxed);
        match client.call(&format!("/durable/write/{writer}/{n}")) {
            Ok((200, _)) => acknowledged.store(n + 1, Ordering::Relaxed),
            Ok((status, text)) => {
                eprintln!("writer {writer}: {status}: {text}");
                return;
            }
            Err(_) => return,
        }
    }
}
