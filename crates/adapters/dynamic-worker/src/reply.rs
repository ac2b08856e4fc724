//! What a call of the files answers.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use workspace_core::Error;
use workspace_http::Failed;

/// The reply to a call of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `{"status":"ok","value":…}` or `{"status":"error","error":{…}}`.
    pub json: String,
    /// Bytes, where the method answers with some: the value, in place of the one in the JSON.
    pub contents: Option<Bytes>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl Failure {
    pub(crate) fn of(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            path: None,
            reason: None,
        }
    }

    pub(crate) fn malformed(message: String) -> Self {
        Self {
            reason: Some("malformed_argument".into()),
            ..Self::of("invalid", message)
        }
    }

    pub(crate) fn of_error(error: Error) -> Self {
        Self::of_problem(&Failed::from(error).json)
    }

    /// Reads a problem in JSON with names in camelCase, which are the same for what is read.
    pub(crate) fn of_problem(json: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(json) {
            Ok(found) => {
                let text = |name: &str| found.get(name).and_then(Value::as_str).map(str::to_owned);
                let parts = [text("title"), text("path"), text("detail")];
                Self {
                    code: text("code").unwrap_or_else(|| "unavailable".into()),
                    message: parts.into_iter().flatten().collect::<Vec<_>>().join(": "),
                    path: text("path"),
                    reason: text("reason"),
                }
            }
            Err(_) => Self::of("unavailable", "the answer cannot be read"),
        }
    }

    /// Says what it is about, where that is not said.
    pub(crate) fn about(mut self, path: Option<&str>) -> Self {
        if self.path.is_none() {
            self.path = path.map(str::to_owned);
        }
        self
    }
}

impl Reply {
    pub(crate) fn of(answered: Result<(Value, Option<Bytes>), Failure>) -> Self {
        match answered {
            Ok((value, contents)) => Self {
                json: json!({ "status": "ok", "value": value }).to_string(),
                contents,
            },
            Err(error) => Self {
                json: json!({ "status": "error", "error": error }).to_string(),
                contents: None,
            },
        }
    }
}
