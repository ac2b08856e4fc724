//! Times that can be compared on a machine that does other things as well.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Times one call.
pub(crate) fn timed<T>(call: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let start = Instant::now();
    let value = call()?;
    Ok((start.elapsed(), value))
}

/// The samples of several things that were measured in turn, each round all of
/// them, so that what the machine does besides meets them alike.
#[derive(Debug)]
pub(crate) struct Rounds<const N: usize>(Vec<[f64; N]>);

impl<const N: usize> Rounds<N> {
    /// Measures `rounds` times, in an order that turns each time. `measure` gets
    /// the index of what to measure, and returns seconds.
    pub(crate) fn take(
        rounds: usize,
        mut measure: impl FnMut(usize) -> Result<f64>,
    ) -> Result<Self> {
        let mut samples = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let mut sample = [0.0; N];
            for turn in 0..N {
                let which = (round + turn) % N;
                sample[which] = measure(which)?;
            }
            samples.push(sample);
        }
        Ok(Self(samples))
    }

    /// Returns the median of one of them, in seconds.
    pub(crate) fn median(&self, which: usize) -> f64 {
        median(self.0.iter().map(|sample| sample[which]))
    }

    /// Returns how many times as long `a` took as `b`: the ratio of the medians.
    pub(crate) fn ratio(&self, a: usize, b: usize) -> f64 {
        self.median(a) / self.median(b)
    }
}

/// Returns the median; of an even number, the mean of the two in the middle.
pub(crate) fn median(samples: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = samples.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_measures_all_and_the_order_turns() {
        let mut order = Vec::new();
        let rounds = Rounds::<2>::take(3, |which| {
            order.push(which);
            Ok(if which == 0 { 3.0 } else { 2.0 })
        })
        .unwrap();
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
        assert!((rounds.ratio(0, 1) - 1.5).abs() < 1e-9);
        assert!((median([1.0, 9.0, 2.0, 4.0]) - 3.0).abs() < 1e-9);
    }
}
