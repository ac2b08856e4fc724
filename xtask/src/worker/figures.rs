//! What operations take inside an object, without HTTP: many in one request,
//! less the time of an empty one.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::workerd::{Client, Workerd};

const SIZES: [u64; 3] = [100, 10_000, 100_000];
const RUNS: u64 = 5;

/// Prints them, the best of a few runs each.
pub(crate) fn run(workerd: &Workerd) -> Result<()> {
    let client = workerd.client();
    for files in SIZES {
        let object = format!("figures-{files}");
        let fill = time(&client, &format!("/{object}/figure/fill/{files}"))?;
        println!("{files} files: filled in {:.2} s", fill.as_secs_f64());
        for (operation, times) in [
            ("fork", 200),
            ("discard", 200),
            ("edit", 200),
            ("snapshot", 200),
            ("apply", 200),
            ("iteration", 200),
            ("durable-iteration", 100),
        ] {
            let mut best = Duration::MAX;
            for run in 0..RUNS {
                if operation == "discard" {
                    client.pass(&format!("/{object}/figure/fork/{times}"))?;
                }
                let empty = time(&client, &format!("/{object}/nothing"))?;
                let from = run * times;
                let path = format!("/{object}/figure/{operation}/{times}/{from}");
                best = best.min(time(&client, &path)?.saturating_sub(empty));
            }
            let each = best.as_secs_f64() / times as f64;
            println!(
                "{files} files: {operation} {:.1} us, {:.0} a second",
                each * 1e6,
                1.0 / each
            );
        }
    }
    Ok(())
}

fn time(client: &Client, path: &str) -> Result<Duration> {
    let start = Instant::now();
    client.pass(path)?;
    Ok(start.elapsed())
}
