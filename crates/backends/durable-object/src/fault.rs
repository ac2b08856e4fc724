//! What the platform's exceptions mean.

use workspace_core::ErrorKind;
use workspace_sql::error_kind;

/// The result codes of SQLite that an exception of the SQL storage can name in
/// its text, and that mean more than "failed".
const CODES: [(&str, i32); 7] = [
    ("BUSY", 5),
    ("LOCKED", 6),
    ("CORRUPT", 11),
    ("FULL", 13),
    ("TOOBIG", 18),
    ("CONSTRAINT", 19),
    ("NOTADB", 26),
];

/// Returns the kind of error that an exception of the SQL storage stands for, by
/// the code in its text, as in `… constraint failed: copies.name: SQLITE_CONSTRAINT`.
pub fn sql_error_kind(message: &str) -> ErrorKind {
    // The code comes last: the text before it can hold names of any kind.
    let named = message.rsplit("SQLITE_").find_map(|rest| {
        let code = CODES.iter().find(|(name, _)| rest.starts_with(name));
        code.map(|(_, code)| error_kind(*code))
    });
    named.unwrap_or(ErrorKind::Unavailable)
}

#[cfg(target_arch = "wasm32")]
pub(crate) use exception::Exception;

#[cfg(target_arch = "wasm32")]
mod exception {
    use std::error::Error as StdError;
    use std::fmt;

    use wasm_bindgen::JsValue;

    /// The text of a JavaScript exception.
    #[derive(Debug)]
    pub(crate) struct Exception(String);

    impl From<JsValue> for Exception {
        fn from(thrown: JsValue) -> Self {
            let text = match js_sys::Reflect::get(&thrown, &"message".into()) {
                Ok(message) => message.as_string(),
                Err(_) => thrown.as_string(),
            };
            Self(text.unwrap_or_else(|| "an exception without a message".into()))
        }
    }

    impl From<worker::Error> for Exception {
        fn from(failed: worker::Error) -> Self {
            // It keeps what was thrown, where something was.
            Self::from(JsValue::from(failed))
        }
    }

    impl Exception {
        pub(crate) fn text(&self) -> &str {
            &self.0
        }
    }

    impl fmt::Display for Exception {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }

    impl StdError for Exception {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_told_apart_by_their_code() {
        let cases = [
            (
                "UNIQUE constraint failed: copies.name: SQLITE_CONSTRAINT",
                ErrorKind::AlreadyExists,
            ),
            (
                "UNIQUE constraint failed: x: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
                ErrorKind::AlreadyExists,
            ),
            (
                "database or disk is full: SQLITE_FULL",
                ErrorKind::StorageFull,
            ),
            (
                "string or blob too big: SQLITE_TOOBIG",
                ErrorKind::LimitExceeded,
            ),
            ("malformed: SQLITE_CORRUPT", ErrorKind::Corrupt),
            ("no such table: head: SQLITE_ERROR", ErrorKind::Unavailable),
            (
                "no such table: SQLITE_FULL: SQLITE_ERROR",
                ErrorKind::StorageFull,
            ),
            ("Network connection lost.", ErrorKind::Unavailable),
            ("", ErrorKind::Unavailable),
        ];
        for (message, kind) in cases {
            assert_eq!(sql_error_kind(message), kind, "{message}");
        }
    }
}
