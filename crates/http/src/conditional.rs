//! Conditional requests and ranges (RFC 9110, sections 13 and 14).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use workspace_core::{
    ContentId, Entry, Error, ErrorKind, File, Precondition, Result, Timestamp, TreePath,
};

/// Returns the ETag of a content.
pub(crate) fn etag(content: &ContentId) -> String {
    format!("\"{content}\"")
}

/// Returns a time as an HTTP date; `None` where it has none.
pub(crate) fn http_date(time: Timestamp) -> Option<String> {
    /// 10000-01-01, before which HTTP dates end.
    const END: u64 = 253_402_300_800;
    let seconds = u64::try_from(time.as_millis()).ok()? / 1000;
    (seconds < END)
        .then(|| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
}

/// Tells whether a time in whole seconds, as HTTP has it, is later than a header
/// says; `None` where the header is not there or no date.
fn later_than(headers: &HeaderMap, name: &HeaderName, time: Timestamp) -> Option<bool> {
    let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Some(time.as_millis().div_euclid(1000) > i64::try_from(since).ok()?)
}

/// A list of entity tags.
enum Tags {
    Any,
    Listed(Vec<String>),
}

impl Tags {
    /// Reads a header; weak tags are left out where `strong`.
    fn read(headers: &HeaderMap, name: &HeaderName, strong: bool) -> Option<Self> {
        let mut listed = Vec::new();
        let mut found = false;
        for value in headers.get_all(name) {
            found = true;
            for tag in value.to_str().unwrap_or_default().split(',') {
                match (tag.trim(), tag.trim().strip_prefix("W/")) {
                    ("*", _) => return Some(Self::Any),
                    (_, Some(weak)) if !strong => listed.push(weak.to_string()),
                    (_, Some(_)) => {}
                    (tag, None) => listed.push(tag.to_string()),
                }
            }
        }
        found.then_some(Self::Listed(listed))
    }

    fn matches(&self, content: &ContentId) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.contains(&etag(content)),
        }
    }
}

/// What to answer to a conditional read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The file.
    Whole,
    /// That it has not changed.
    NotModified,
    /// That the condition does not hold.
    Failed,
}

/// Evaluates the conditions of a read.
pub(crate) fn read(headers: &HeaderMap, file: &File) -> Read {
    let failed = match Tags::read(headers, &IF_MATCH, true) {
        Some(tags) => !tags.matches(&file.content),
        None => later_than(headers, &IF_UNMODIFIED_SINCE, file.modified) == Some(true),
    };
    let same = match Tags::read(headers, &IF_NONE_MATCH, false) {
        Some(tags) => tags.matches(&file.content),
        None => later_than(headers, &IF_MODIFIED_SINCE, file.modified) == Some(false),
    };
    match (failed, same) {
        (true, _) => Read::Failed,
        (_, true) => Read::NotModified,
        _ => Read::Whole,
    }
}

/// What a range header asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole file.
    Whole,
    /// These bytes, of which there is at least one.
    Bytes(Range<u64>),
    /// Bytes that the file does not have.
    Beyond,
}

/// Evaluates the range header of a read: one range of bytes. What is none, and
/// several ranges, are answered with the whole file, as the RFC allows.
pub(crate) fn part(headers: &HeaderMap, file: &File) -> Part {
    let Some(text) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Part::Whole;
    };
    if let Some(value) = headers.get(IF_RANGE) {
        let tag = value.as_bytes() == etag(&file.content).as_bytes();
        let date =
            || http_date(file.modified).is_some_and(|date| date.as_bytes() == value.as_bytes());
        if !tag && !date() {
            return Part::Whole;
        }
    }
    parse_range(text, file.size).unwrap_or(Part::Whole)
}

fn parse_range(text: &str, size: u64) -> Option<Part> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too long is beyond any file.
        true if !text.is_empty() => Some(text.parse().unwrap_or(u64::MAX)),
        _ => None,
    };
    let range = match (first, last) {
        ("", last) => size.saturating_sub(number(last)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(match range.is_empty() {
        true => Part::Beyond,
        false => Part::Bytes(range),
    })
}

/// Evaluates the conditions of a write against what is there now.
///
/// The precondition holds that state fast until the write commits.
///
/// # Errors
/// `Stale`, and `AlreadyExists` for `If-None-Match: *`.
pub(crate) fn write(
    headers: &HeaderMap,
    path: &TreePath,
    found: Option<&Entry>,
) -> Result<Precondition> {
    let stale = |why: String| Error::new(ErrorKind::Stale, "write").at(path).because(why);
    let content = found.and_then(Entry::as_file).map(|file| file.content);
    if let Some(tags) = Tags::read(headers, &IF_NONE_MATCH, false) {
        return match (tags, found) {
            (_, None) => Ok(Precondition::Absent),
            (Tags::Any, Some(_)) => Err(Error::new(ErrorKind::AlreadyExists, "write").at(path)),
            (tags, Some(_)) => match content {
                Some(content) if tags.matches(&content) => {
                    Err(stale(format!("its content is {content}")))
                }
                Some(content) => Ok(Precondition::Content(content)),
                None => Ok(Precondition::None),
            },
        };
    }
    let Some(tags) = Tags::read(headers, &IF_MATCH, true) else {
        let modified = found.and_then(Entry::modified);
        return match modified.and_then(|time| later_than(headers, &IF_UNMODIFIED_SINCE, time)) {
            Some(true) => Err(stale("it was modified since".into())),
            _ => Ok(Precondition::None),
        };
    };
    match (&tags, content) {
        (_, Some(content)) if tags.matches(&content) => Ok(Precondition::Content(content)),
        (Tags::Any, None) if found.is_some() => Ok(Precondition::None),
        (Tags::Listed(listed), content) => {
            let expected = match listed.as_slice() {
                [one] => one.trim_matches('"'),
                _ => "another",
            };
            let found = content.map_or("no file".into(), |content| content.to_string());
            Err(stale(format!("expected content {expected}, found {found}")))
        }
        (Tags::Any, _) => Err(stale("nothing is there".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> File {
        File {
            content: ContentId::of(b"x"),
            size,
            executable: false,
            modified: Timestamp::from_millis(1_000_500),
            media_type: None,
            provenance: None,
        }
    }

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn one_range_of_bytes_is_understood() {
        for (text, size, expected) in [
            ("bytes=0-0", 10, Part::Bytes(0..1)),
            ("bytes=2-", 10, Part::Bytes(2..10)),
            ("bytes=-3", 10, Part::Bytes(7..10)),
            ("bytes=-30", 10, Part::Bytes(0..10)),
            ("Bytes=2-99999999999999999999", 10, Part::Bytes(2..10)),
            ("bytes=10-", 10, Part::Beyond),
            ("bytes=99999999999999999999-", 10, Part::Beyond),
            ("bytes=-0", 10, Part::Beyond),
            ("bytes=0-", 0, Part::Beyond),
            ("bytes=3-2", 10, Part::Whole),
            ("bytes=0-1,3-4", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("bytes=+1-2", 10, Part::Whole),
            ("bytes=a-b", 10, Part::Whole),
            ("lines=1-2", 10, Part::Whole),
            ("0-1", 10, Part::Whole),
        ] {
            assert_eq!(
                part(&headers(&[(RANGE, text)]), &file(size)),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_range_of_another_content_is_the_whole() {
        let (tag, date) = (etag(&ContentId::of(b"x")), "Thu, 01 Jan 1970 00:16:40 GMT");
        for (condition, expected) in [
            (&*tag, Part::Bytes(1..2)),
            (date, Part::Bytes(1..2)),
            ("\"other\"", Part::Whole),
            ("Thu, 01 Jan 1970 00:16:41 GMT", Part::Whole),
        ] {
            let headers = headers(&[(RANGE, "bytes=1-1"), (IF_RANGE, condition)]);
            assert_eq!(part(&headers, &file(10)), expected, "{condition}");
        }
    }

    #[test]
    fn reads_follow_their_conditions() {
        let tag = etag(&ContentId::of(b"x"));
        let weak = format!("\"a\", W/{tag}");
        let (before, same) = (
            "Thu, 01 Jan 1970 00:16:39 GMT",
            "Thu, 01 Jan 1970 00:16:40 GMT",
        );
        for (name, value, expected) in [
            (IF_NONE_MATCH, &*tag, Read::NotModified),
            (IF_NONE_MATCH, &weak, Read::NotModified),
            (IF_NONE_MATCH, "*", Read::NotModified),
            (IF_NONE_MATCH, "\"a\"", Read::Whole),
            (IF_MATCH, &tag, Read::Whole),
            (IF_MATCH, &weak, Read::Failed),
            (IF_MATCH, "*", Read::Whole),
            (IF_MODIFIED_SINCE, before, Read::Whole),
            (IF_MODIFIED_SINCE, same, Read::NotModified),
            (IF_MODIFIED_SINCE, "yesterday", Read::Whole),
            (IF_UNMODIFIED_SINCE, before, Read::Failed),
            (IF_UNMODIFIED_SINCE, same, Read::Whole),
        ] {
            assert_eq!(
                read(&headers(&[(name.clone(), value)]), &file(1)),
                expected,
                "{name} {value}"
            );
        }
    }

    #[test]
    fn times_out_of_range_have_no_date() {
        assert!(http_date(Timestamp::from_millis(-1)).is_none());
        assert!(http_date(Timestamp::from_millis(i64::MAX)).is_none());
        assert!(http_date(Timestamp::from_millis(253_402_300_799_999)).is_some());
    }
}
