//! Times and durations as people write and read them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use workspace_core::{Error, Reason, Result, Timestamp};

/// Returns the present time.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// Renders a time as RFC 3339 in UTC, with milliseconds.
pub(crate) fn machine_text(time: Timestamp) -> String {
    format!("{:.3}", calendar(time))
}

/// Renders a time in the local time zone, to the second.
pub(crate) fn local_text(time: Timestamp) -> String {
    let local = calendar(time).to_zoned(TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The calendar ends sooner than what a timestamp can hold.
fn calendar(time: Timestamp) -> jiff::Timestamp {
    let end = match time.as_millis() < 0 {
        true => jiff::Timestamp::MIN,
        false => jiff::Timestamp::MAX,
    };
    jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or(end)
}

/// Reads a duration such as `2h`, `30 min`, `7 days` or `P1D`, in milliseconds.
///
/// # Errors
/// `Invalid` for anything else, and for one that is not above zero.
pub(crate) fn parse_duration(text: &str) -> Result<i64> {
    let invalid = |why: &str| {
        Error::invalid(Reason::MalformedArgument, "parse duration")
            .at(text.escape_debug())
            .because(why)
    };
    let span: Span = text
        .parse()
        .map_err(|_| invalid("expected a duration such as 2h, 30min or 7d"))?;
    // Days of 24 hours; longer units have no length of their own.
    let duration: SignedDuration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| invalid("expected weeks, days, hours, minutes or seconds"))?;
    match i64::try_from(duration.as_millis()) {
        Ok(millis) if millis > 0 => Ok(millis),
        _ => Err(invalid("expected more than nothing")),
    }
}

/// Reads a point in time: a duration, for that long ago, or a date or time.
///
/// # Errors
/// `Invalid` for anything else.
pub(crate) fn parse_past(text: &str) -> Result<Timestamp> {
    if let Ok(millis) = parse_duration(text) {
        return Ok(now().plus_millis(-millis));
    }
    let zoned = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        civil
            .to_zoned(TimeZone::system())
            .map(|zoned| zoned.timestamp())
    });
    match zoned {
        Ok(time) => Ok(Timestamp::from_millis(time.as_millisecond())),
        Err(_) => Err(Error::invalid(Reason::MalformedArgument, "parse time")
            .at(text.escape_debug())
            .because("expected a duration such as 7d, or a date such as 2026-01-31")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_friendly_or_iso() {
        for (text, millis) in [
            ("2h", 7_200_000),
            ("30 min", 1_800_000),
            ("1 week", 7 * 86_400_000),
            ("7d", 7 * 86_400_000),
            ("1d 12h", 36 * 3_600_000),
            ("PT90S", 90_000),
        ] {
            assert_eq!(parse_duration(text).unwrap(), millis, "{text}");
        }
        for bad in ["", "2", "-2h", "0s", "soon", "1 month"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_timestamp_can_be_shown() {
        for millis in [0, 1, -1, i64::MAX, i64::MIN] {
            let time = Timestamp::from_millis(millis);
            assert!(!machine_text(time).is_empty() && !local_text(time).is_empty());
        }
        assert_eq!(
            machine_text(Timestamp::from_millis(1)),
            "1970-01-01T00:00:00.001Z"
        );
        let day = parse_past("2026-01-31T00:00:00Z").unwrap();
        assert_eq!(machine_text(day), "2026-01-31T00:00:00.000Z");
        assert!(parse_past("2026-01-31").is_ok());
        assert!(parse_past("7d").unwrap() < now());
        assert!(parse_past("yesterday-ish").is_err());
    }
}
