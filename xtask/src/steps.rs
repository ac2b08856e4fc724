//! A task as a list of named steps, of which the first that fails ends it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps so far, and how long each took.
#[derive(Default)]
pub(crate) struct Steps(Vec<(&'static str, Duration)>);

impl Steps {
    /// Runs one step under its name.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        body: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        println!("\n=== {name}");
        let start = Instant::now();
        body().with_context(|| format!("step \"{name}\" failed"))?;
        self.0.push((name, start.elapsed()));
        Ok(())
    }

    /// Prints the table of steps.
    pub(crate) fn finish(self) {
        println!("\n=== All {} steps passed", self.0.len());
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut total = Duration::ZERO;
        for (name, time) in self.0 {
            println!("{name:width$} {:>8.1} s", time.as_secs_f64());
            total += time;
        }
        println!("{:width$} {:>8.1} s", "total", total.as_secs_f64());
    }
}
