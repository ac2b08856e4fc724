//! Conditional requests and ranges (RFC 9110, sections 13 and 14).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use workspace_core::{
    ContentId, Entry, Error, ErrorKind, File, Reason, Result, Timestamp, TreePath,
};

/// Returns the entity tag of a file: its content in quotes; where it has a media type,
/// followed by the first 8 hex digits of that one's SHA-256. The same bytes as another
/// type are another representation, which whoever has the first has to get.
pub(crate) fn etag(file: &File) -> String {
    let content = file.content;
    match &file.media_type {
        None => format!("\"{content}\""),
        Some(kind) => {
            let digest = ContentId::of(kind.as_str().as_bytes()).to_string();
            format!("\"{content}-{}\"", &digest[..8])
        }
    }
}

/// Returns the entity tag that stands for a content, whatever its media type: what
/// `If-Match` takes of who knows no more.
pub(crate) fn content_tag(content: &ContentId) -> String {
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
    let since = seconds(headers.get(name)?.to_str().ok()?)?;
    Some(time.as_millis().div_euclid(1000) > since)
}

/// Reads an HTTP date, in seconds since 1970. `httpdate` knows none before that; the
/// calendar repeats itself after 400 years, days of the week included.
fn seconds(date: &str) -> Option<i64> {
    const CYCLE: i64 = 400 * 31_556_952;
    let after = |date: &str| {
        let time = httpdate::parse_http_date(date).ok()?;
        let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    after(date).or_else(|| {
        let year: u16 = date.get(12..16)?.parse().ok()?;
        let later = format!("{}{:04}{}", date.get(..12)?, year + 400, date.get(16..)?);
        Some(after(&later)? - CYCLE)
    })
}

/// What `If-Match` or `If-None-Match` names.
enum Tags {
    Any,
    Listed(Vec<Tag>),
}

/// An entity tag.
struct Tag {
    weak: bool,
    /// With its quotes.
    opaque: String,
}

impl Tags {
    /// Reads a header: `*`, or entity tags with commas between them (RFC 9110, 8.8.3
    /// and 5.6.1). Between its quotes a tag may have what it likes.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>> {
        let mut values = headers.get_all(name).iter().peekable();
        if values.peek().is_none() {
            return Ok(None);
        }
        let mut listed = Vec::new();
        let mut any = false;
        for value in values {
            // Each byte a character: between quotes there may be any.
            let text: String = value.as_bytes().iter().copied().map(char::from).collect();
            let text = text.as_str();
            let mut rest = text.trim_matches([' ', '\t', ',']);
            if rest == "*" {
                any = true;
                continue;
            }
            while !rest.is_empty() {
                let (tag, after) = split_tag(rest).ok_or_else(|| malformed(name, text))?;
                listed.push(tag);
                let next = after.trim_start_matches([' ', '\t']);
                if !next.is_empty() && !next.starts_with(',') {
                    return Err(malformed(name, text));
                }
                rest = next.trim_start_matches([' ', '\t', ',']);
            }
        }
        match (any, listed.is_empty()) {
            (true, true) => Ok(Some(Self::Any)),
            (true, false) => Err(malformed(name, "* beside entity tags")),
            (false, _) => Ok(Some(Self::Listed(listed))),
        }
    }

    /// Tells whether a file is named by one that is not weak, or by its content.
    fn names(&self, file: &File) -> bool {
        let (whole, content) = (etag(file), content_tag(&file.content));
        self.any(|tag| !tag.weak && (tag.opaque == whole || tag.opaque == content))
    }

    /// Tells whether one of them, weak or not, is that of a file.
    fn have(&self, file: &File) -> bool {
        let whole = etag(file);
        self.any(|tag| tag.opaque == whole)
    }

    /// Tells whether one of them, weak or not, has a file's content.
    fn have_content(&self, file: &File) -> bool {
        let content = content_tag(&file.content);
        self.have(file) || self.any(|tag| tag.opaque == content)
    }

    fn any(&self, is: impl Fn(&Tag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(is),
        }
    }
}

/// Takes the entity tag that a list begins with.
fn split_tag(list: &str) -> Option<(Tag, &str)> {
    let strong = list.strip_prefix("W/");
    let opaque = strong.unwrap_or(list);
    let end = opaque.strip_prefix('"')?.find('"')? + 2;
    let tag = Tag {
        weak: strong.is_some(),
        opaque: opaque[..end].into(),
    };
    Some((tag, &opaque[end..]))
}

fn malformed(name: &HeaderName, text: &str) -> Error {
    let shown: String = text.chars().take(120).collect();
    Error::invalid(Reason::MalformedHeader, "read header")
        .at(name)
        .because(format!(
            "expected `*` or entity tags in quotes, found {}",
            shown.escape_debug()
        ))
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

/// Evaluates the conditions of a read, in the order of RFC 9110, 13.2.2.
///
/// # Errors
/// `Invalid` for a header that is no list of entity tags.
pub(crate) fn read(headers: &HeaderMap, file: &File) -> Result<Read> {
    let failed = match Tags::read(headers, &IF_MATCH)? {
        Some(tags) => !tags.names(file),
        None => later_than(headers, &IF_UNMODIFIED_SINCE, file.modified) == Some(true),
    };
    let same = match Tags::read(headers, &IF_NONE_MATCH)? {
        Some(tags) => tags.have(file),
        None => later_than(headers, &IF_MODIFIED_SINCE, file.modified) == Some(false),
    };
    Ok(match (failed, same) {
        (true, _) => Read::Failed,
        (_, true) => Read::NotModified,
        _ => Read::Whole,
    })
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

/// Evaluates the range header of a GET: one range of bytes. What is none, and
/// several ranges, are answered with the whole file, as the RFC allows.
pub(crate) fn part(headers: &HeaderMap, file: &File) -> Part {
    let Some(text) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Part::Whole;
    };
    // A date will not do: it is the writer's to choose, and of a second.
    if let Some(value) = headers.get(IF_RANGE)
        && value.as_bytes() != etag(file).as_bytes()
    {
        return Part::Whole;
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

/// Tells whether a write has conditions.
pub(crate) fn is_conditional(headers: &HeaderMap) -> bool {
    [IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// Evaluates the conditions of a write against what is there now, in the order of
/// RFC 9110, 13.2.2: what must be there first, then what must not.
///
/// # Errors
/// `Stale`, and `AlreadyExists` for `If-None-Match: *`; `Invalid` for a header that is
/// no list of entity tags.
pub(crate) fn write(headers: &HeaderMap, path: &TreePath, found: Option<&Entry>) -> Result<()> {
    let stale = |why: String| Error::new(ErrorKind::Stale, "write").at(path).because(why);
    let file = found.and_then(Entry::as_file);
    let (expected, refused) = (
        Tags::read(headers, &IF_MATCH)?,
        Tags::read(headers, &IF_NONE_MATCH)?,
    );
    match (&expected, file) {
        (None, _) => {
            let modified = found.and_then(Entry::modified);
            let later = modified.and_then(|time| later_than(headers, &IF_UNMODIFIED_SINCE, time));
            if later == Some(true) {
                return Err(stale("it was modified since".into()));
            }
        }
        (Some(Tags::Any), _) if found.is_some() => {}
        (Some(Tags::Any), _) => return Err(stale("nothing is there".into())),
        (Some(tags), Some(file)) if tags.names(file) => {}
        (Some(Tags::Listed(listed)), _) => {
            let expected = match listed.as_slice() {
                [one] => one.opaque.trim_matches('"'),
                _ => "another",
            };
            let found = file.map_or("no file".into(), |file| file.content.to_string());
            return Err(stale(format!("expected content {expected}, found {found}")));
        }
    }
    match (&refused, found, file) {
        (Some(Tags::Any), Some(_), _) => {
            Err(Error::new(ErrorKind::AlreadyExists, "write").at(path))
        }
        (Some(tags), _, Some(file)) if tags.have_content(file) => {
            Err(stale(format!("its content is {}", file.content)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

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
        let (tag, date) = (etag(&file(10)), "Thu, 01 Jan 1970 00:16:40 GMT");
        for (condition, expected) in [
            (&*tag, Part::Bytes(1..2)),
            (date, Part::Whole),
            ("\"other\"", Part::Whole),
            ("Thu, 01 Jan 1970 00:16:41 GMT", Part::Whole),
        ] {
            let headers = headers(&[(RANGE, "bytes=1-1"), (IF_RANGE, condition)]);
            assert_eq!(part(&headers, &file(10)), expected, "{condition}");
        }
    }

    #[test]
    fn reads_follow_their_conditions() {
        let tag = etag(&file(1));
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
            (IF_NONE_MATCH, "\"a,*,b\", W/\"a, *\"", Read::Whole),
            (IF_NONE_MATCH, "", Read::Whole),
            (IF_MATCH, &tag, Read::Whole),
            (IF_MATCH, &weak, Read::Failed),
            (IF_MATCH, "*", Read::Whole),
            (IF_MODIFIED_SINCE, before, Read::Whole),
            (IF_MODIFIED_SINCE, same, Read::NotModified),
            (IF_MODIFIED_SINCE, "yesterday", Read::Whole),
            (IF_UNMODIFIED_SINCE, before, Read::Failed),
            (IF_UNMODIFIED_SINCE, same, Read::Whole),
            (
                IF_UNMODIFIED_SINCE,
                "Sun, 06 Nov 1960 08:49:37 GMT",
                Read::Failed,
            ),
            (
                IF_UNMODIFIED_SINCE,
                "Mon, 06 Nov 1960 08:49:37 GMT",
                Read::Whole,
            ),
        ] {
            assert_eq!(
                read(&headers(&[(name.clone(), value)]), &file(1)).unwrap(),
                expected,
                "{name} {value}"
            );
        }
    }

    #[test]
    fn a_list_of_tags_is_read_by_its_grammar() {
        let tag = etag(&file(1));
        let read = |value: &str| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            read(&HeaderMap::from_iter([(IF_NONE_MATCH, value)]), &file(1))
        };
        for same in [
            format!(", {tag}"),
            format!("\"\" ,\t,W/\"a,b\",{tag},"),
            format!("W/{tag}"),
            format!("\"\u{e9}\", {tag}"),
        ] {
            assert_eq!(read(&same).unwrap(), Read::NotModified, "{same}");
        }
        let bare = tag.trim_matches('"');
        for bad in [
            bare,
            "**",
            "*, \"a\"",
            "\"a",
            "\"a\"b\"",
            "\"a\" \"b\"",
            "w/\"a\"",
            "W/ \"a\"",
        ] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}: {error}");
        }
    }

    #[test]
    fn a_tag_is_of_the_bytes_and_their_type() {
        let (plain, typed) = (
            file(1),
            File {
                media_type: Some(workspace_core::Text::new("text/html").unwrap()),
                ..file(1)
            },
        );
        assert_ne!(etag(&plain), etag(&typed));
        let reads = |name, tag: &str, file| read(&headers(&[(name, tag)]), file).unwrap();
        let content = content_tag(&typed.content);
        assert_eq!(reads(IF_NONE_MATCH, &content, &typed), Read::Whole);
        assert_eq!(
            reads(IF_NONE_MATCH, &etag(&typed), &typed),
            Read::NotModified
        );
        assert_eq!(reads(IF_MATCH, &content, &typed), Read::Whole);
        assert_eq!(reads(IF_MATCH, &etag(&typed), &typed), Read::Whole);
        assert_eq!(reads(IF_MATCH, &etag(&typed), &plain), Read::Failed);
    }

    #[test]
    fn dates_before_1970_are_dates() {
        for (date, expected) in [
            ("Thu, 01 Jan 1970 00:00:01 GMT", Some(1)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
            ("Sat, 01 Jan 1600 00:00:00 GMT", Some(-11_676_096_000)),
            ("Thu, 31 Dec 1969 23:59:59 GMT", None),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("31 Dec 1969", None),
            ("", None),
        ] {
            assert_eq!(seconds(date), expected, "{date}");
        }
    }

    #[test]
    fn times_out_of_range_have_no_date() {
        assert!(http_date(Timestamp::from_millis(-1)).is_none());
        assert!(http_date(Timestamp::from_millis(i64::MAX)).is_none());
        assert!(http_date(Timestamp::from_millis(253_402_300_799_999)).is_some());
    }
}
