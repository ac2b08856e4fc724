//! Figures: what was measured, against which limit.

use std::fmt;

use serde::{Serialize, Serializer};

/// One measured number.
#[derive(Debug)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// How much.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: &'static str,
    /// What it is held to; `None` where it is there to be read.
    pub(crate) limit: Option<Limit>,
    /// Whether it keeps to the limit; `None` without one.
    pub(crate) holds: Option<bool>,
}

/// What a figure is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// Less than this.
    Under(f64),
}

impl Limit {
    fn allows(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
            Self::Under(limit) => value < limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::Under(limit) => write!(f, "under {limit}"),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The figures of one group, and how they were measured.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its title.
    pub(crate) title: &'static str,
    /// How it was measured, in Markdown.
    pub(crate) method: String,
    /// In the order in which they are shown.
    pub(crate) figures: Vec<Figure>,
}

impl Section {
    /// Starts a section.
    pub(crate) fn new(title: &'static str, method: impl Into<String>) -> Self {
        Self {
            title,
            method: method.into(),
            figures: Vec::new(),
        }
    }

    /// Adds a figure that is held to a limit.
    pub(crate) fn held(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: Limit,
    ) {
        let holds = Some(limit.allows(value));
        self.push(name.into(), value, unit, Some(limit), holds);
    }

    /// Adds a figure that is there to be read.
    pub(crate) fn shown(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.push(name.into(), value, unit, None, None);
    }

    fn push(
        &mut self,
        name: String,
        value: f64,
        unit: &'static str,
        limit: Option<Limit>,
        holds: Option<bool>,
    ) {
        eprintln!("    {name}: {} {unit}", shown(value));
        self.figures.push(Figure {
            name,
            value,
            unit,
            limit,
            holds,
        });
    }
}

/// Writes a value with three digits that count.
pub(crate) fn shown(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 4,
        _ => 6,
    };
    if digits == 0 {
        grouped(value)
    } else {
        format!("{value:.digits$}")
    }
}

fn grouped(value: f64) -> String {
    let plain = format!("{value:.0}");
    let (sign, number) = plain.split_at(usize::from(plain.starts_with('-')));
    let mut text = String::from(sign);
    for (at, digit) in number.chars().enumerate() {
        if at > 0 && (number.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_show_the_digits_that_count() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_123_4, "0.000123"),
            (0.05, "0.0500"),
            (1.5, "1.50"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(shown(value), text);
        }
    }
}
