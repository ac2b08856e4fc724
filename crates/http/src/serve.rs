//! A file as the answer to a GET or HEAD: conditions, ranges, headers.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, LAST_MODIFIED,
};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use workspace_core::{Error, ErrorKind, File, Result, TreePath, Workspace, media_type};

use crate::call::{Answer, Call};
use crate::calls::Contents;
use crate::conditional::{self, Part, Read, etag, http_date};
use crate::passage::Passed;
use crate::problem::Problem;

/// The media type of a file about which nobody said anything.
pub(crate) const BYTES: &str = "application/octet-stream";
/// The content of a file, in answers: what its `ETag` begins with.
pub(crate) const CONTENT: HeaderName = HeaderName::from_static("workspace-content");
/// Whether a file may be executed, in answers.
pub(crate) const EXECUTABLE: HeaderName = HeaderName::from_static("workspace-executable");

/// Answers with a file that a view let the caller see at `path`, or with a range of
/// it.
pub(crate) async fn serve(call: &Call, path: &TreePath, file: &File) -> Answer {
    match conditional::read(&call.headers, file)? {
        Read::Failed => {
            let why = format!("its content is {}", file.content);
            return Err(Error::new(ErrorKind::Stale, "read")
                .at(path)
                .because(why)
                .into());
        }
        Read::NotModified => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            let headers = response.headers_mut();
            describe(file, headers);
            // That of the file, as a HEAD has it, not that of this answer.
            headers.insert(CONTENT_LENGTH, file.size.into());
            return Ok(response);
        }
        Read::Whole => {}
    }
    // Of a HEAD there is no part (RFC 9110, 14.2).
    let part = match call.method == Method::GET {
        true => conditional::part(&call.headers, file),
        false => Part::Whole,
    };
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, 0..file.size),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Beyond => return Err(Problem::range_not_satisfiable(file.size)),
    };
    let workspace = &call.on.workspace;
    let (body, passed) = match call.method == Method::GET {
        false => (Body::empty(), None),
        true => match contents(workspace, file, range.clone(), call.passage.is_some()).await? {
            Contents::Body(body) => (body, None),
            Contents::Passed(passed) => (Body::empty(), Some(passed)),
        },
    };
    let mut response = Response::new(body);
    if let Some(passed) = passed {
        response.extensions_mut().insert(passed);
    }
    *response.status_mut() = status;
    let headers = response.headers_mut();
    describe(file, headers);
    headers.insert(CONTENT_TYPE, content_type(file));
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, file.size);
        headers.extend(HeaderValue::try_from(text).map(|value| (CONTENT_RANGE, value)));
    }
    Ok(response)
}

/// Returns a range of a file's contents: where they may pass this code by, and are in an
/// object, whose they are.
pub(crate) async fn contents(
    workspace: &Workspace,
    file: &File,
    range: Range<u64>,
    passes: bool,
) -> Result<Contents> {
    // What is no larger is in a row.
    let large = file.size > workspace.options().inline_limit as u64;
    if passes
        && large
        && !range.is_empty()
        && let Some(object) = workspace.object_of(file)?
    {
        return Ok(Contents::Passed(Passed { object, range }));
    }
    let body = workspace.open_entry(file, range).await?;
    Ok(Contents::Body(Body::from_stream(body)))
}

/// Says what a file is, apart from its bytes.
fn describe(file: &File, headers: &mut HeaderMap) {
    let date = http_date(file.modified).and_then(|date| date.try_into().ok());
    headers.extend(date.map(|date| (LAST_MODIFIED, date)));
    let tag = HeaderValue::try_from(etag(file));
    headers.extend(tag.map(|tag| (ETAG, tag)));
    let content = HeaderValue::try_from(file.content.to_string());
    headers.extend(content.map(|content| (CONTENT, content)));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let executable = if file.executable { "true" } else { "false" };
    headers.insert(EXECUTABLE, HeaderValue::from_static(executable));
}

fn content_type(file: &File) -> HeaderValue {
    // What was kept before types were checked may be none.
    let said = file.media_type.as_ref().map(|kind| kind.as_str());
    let said = said.filter(|kind| media_type(kind).is_ok());
    said.and_then(|kind| kind.try_into().ok())
        .unwrap_or(HeaderValue::from_static(BYTES))
}

#[cfg(test)]
mod tests {
    use workspace_core::{ContentId, Text, Timestamp};

    use super::*;

    /// A type that was written before types were checked may be none.
    #[test]
    fn what_was_kept_before_is_in_no_header() {
        let file = |said: Option<&str>| File {
            content: ContentId::of(b"x"),
            size: 1,
            executable: false,
            modified: Timestamp::default(),
            media_type: said.map(|said| Text::new(said).unwrap()),
            provenance: None,
        };
        for (said, sent) in [
            (None, BYTES),
            (Some("text/html"), "text/html"),
            (Some("text"), BYTES),
            (Some("text/*"), BYTES),
            (Some("text/html\r\nset-cookie: x"), BYTES),
            (Some("text/html, text/css"), BYTES),
            (Some("text/html; charset=ü"), BYTES),
        ] {
            assert_eq!(content_type(&file(said)), sent, "{said:?}");
            let mut headers = HeaderMap::new();
            describe(&file(said), &mut headers);
            let sent = |name: &str| {
                headers
                    .get(name)
                    .is_some_and(|found| found.to_str().is_ok())
            };
            assert!(sent("etag") && sent("workspace-content"), "{said:?}");
        }
    }
}
