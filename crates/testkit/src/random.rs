//! Random numbers that a seed repeats.

/// A small deterministic generator: SplitMix64 (Steele, Lea and Flood, 2014).
///
/// Good enough to choose test cases, and for nothing else.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        match end {
            0 => 0,
            _ => (self.bits() % end as u64) as usize,
        }
    }

    /// Returns `true` with a probability of `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        ((self.bits() >> 11) as f64) < p * (1u64 << 53) as f64
    }

    /// Returns one of `choices`; `None` where there is none.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }

    /// Returns 16 bytes, such as an id source gives.
    pub fn bytes16(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.bits().to_be_bytes());
        bytes[8..].copy_from_slice(&self.bits().to_be_bytes());
        bytes
    }
}

/// Returns the seeds that an environment variable asks for, `7` or `0-99`; these where
/// it is not set.
///
/// # Panics
/// Where it is neither.
pub fn seeds(variable: &str, these: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var(variable) else {
        return these;
    };
    let number = |text: &str| match text.parse::<u64>() {
        Ok(number) => number,
        Err(_) => panic!("{variable} is a number, or two: 0-99"),
    };
    match asked.split_once('-') {
        Some((first, last)) => number(first)..number(last) + 1,
        None => number(&asked)..number(&asked) + 1,
    }
}
