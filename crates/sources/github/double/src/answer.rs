//! Answers, whole or not.

use std::io;

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::fault::What;

pub(crate) type Answer = Response<Body>;

pub(crate) fn status(status: StatusCode, body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer
}

/// JSON, with what GitHub says of the rate limit.
pub(crate) fn json_of(code: StatusCode, value: &Value) -> Answer {
    let mut answer = status(code, value.to_string());
    let headers = answer.headers_mut();
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "4999"),
        ("x-ratelimit-reset", "4102444800"),
        ("x-ratelimit-resource", "core"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    answer
}

pub(crate) fn message(code: StatusCode, text: &str) -> Answer {
    json_of(
        code,
        &json!({
            "message": text,
            "documentation_url": "https://docs.github.com/rest",
            "status": code.as_str(),
        }),
    )
}

pub(crate) fn missing() -> Answer {
    message(StatusCode::NOT_FOUND, "Not Found")
}

pub(crate) fn redirect(code: StatusCode, to: &str) -> Answer {
    let mut answer = message(code, "Moved");
    if let Ok(to) = to.parse() {
        answer.headers_mut().insert("location", to);
    }
    answer
}

/// Returns the answer in place of which a fault stands; `None` for those that change one.
pub(crate) fn instead(what: &What, now: u64, itself: &str) -> Option<Answer> {
    let with = |mut answer: Answer, headers: &[(&'static str, String)]| {
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                answer.headers_mut().insert(*name, value);
            }
        }
        answer
    };
    let retry = |after: &Option<u64>| -> Vec<(&'static str, String)> {
        after
            .iter()
            .map(|after| ("retry-after", after.to_string()))
            .collect()
    };
    const SECONDARY: &str = "You have exceeded a secondary rate limit. Please wait a few minutes \
                             before you try again.";
    Some(match what {
        What::UsedUp(seconds) => with(
            message(
                StatusCode::FORBIDDEN,
                "API rate limit exceeded for user ID 1.",
            ),
            &[
                ("x-ratelimit-remaining", "0".into()),
                ("x-ratelimit-reset", (now + seconds).to_string()),
            ],
        ),
        What::TooFast(after) => with(message(StatusCode::FORBIDDEN, SECONDARY), &retry(after)),
        What::TooMany(after) => with(
            message(StatusCode::TOO_MANY_REQUESTS, SECONDARY),
            &retry(after),
        ),
        What::Status(code) => status(
            StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            "<html><body>Unicorn!</body></html>",
        ),
        What::Busy(after) => with(
            status(StatusCode::SERVICE_UNAVAILABLE, "<html>busy</html>"),
            &retry(&Some(*after)),
        ),
        What::RedirectLoop => redirect(StatusCode::TEMPORARY_REDIRECT, itself),
        What::RedirectAway(to) => redirect(StatusCode::FOUND, to),
        What::Expired => message(StatusCode::UNAUTHORIZED, "Bad credentials"),
        What::Missing => missing(),
        What::Page => status(StatusCode::OK, "<!DOCTYPE html><title>Sign in</title>"),
        _ => return None,
    })
}

/// Makes the body of an answer go wrong.
pub(crate) async fn spoiled(answer: Answer, what: &What) -> io::Result<Answer> {
    let (mut parts, body) = answer.into_parts();
    let mut whole = body
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes()
        .to_vec();
    let half = whole.len() / 2;
    let body = match what {
        What::CutBody => {
            // As many as it said, so that even an empty half is missed.
            let cut = Bytes::from(whole[..half].to_vec());
            parts.headers.remove("content-length");
            let broken = stream::iter([Ok(cut), Err(io::Error::other("cut"))]);
            Body::from_stream(broken.then(|piece| async {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                piece
            }))
        }
        What::ShortBody => {
            whole.truncate(half);
            whole.into()
        }
        What::AlteredBody => {
            // What has check sums in the middle and in what ends it; other texts, which would
            // say something else, at their beginning.
            let packed = whole.starts_with(b"\x1f\x8b") || whole.windows(4).any(|b| b == b"PACK");
            let places = match packed {
                true => [half, whole.len().saturating_sub(9)],
                false => [0, 1],
            };
            for at in places {
                if let Some(byte) = whole.get_mut(at) {
                    *byte ^= 0x55;
                }
            }
            whole.into()
        }
        _ => whole.into(),
    };
    Ok(Response::from_parts(parts, body))
}
