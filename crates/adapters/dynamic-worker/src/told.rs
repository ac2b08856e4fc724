//! What the prelude tells of how a run ended.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Ended, Limit, Limits, Program, Thrown};

/// What the prelude's `run` resolves to.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    ended: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    limit: Option<Limit>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    stack: String,
}

/// What an outcome without a value has at most: the prelude cuts its texts.
const MAX_TEXTS: usize = 1 << 20;

/// What QuickJS says of memory, and of a text that is larger than any; it goes on where that was.
const MEMORY: (&str, [&str; 2]) = ("InternalError", ["out of memory", "string too long"]);

impl Ended {
    /// Reads how the prelude says that a program ended; what it threw gets its place, and an
    /// error of the engine's own at a limit is that limit.
    #[must_use]
    pub(crate) fn told(told: &str, program: &Program, limits: &Limits) -> Self {
        let most = limits.value as usize;
        if told.len() > most.saturating_add(MAX_TEXTS) {
            return Self::Limit {
                limit: Limit::Value,
            };
        }
        let Ok(told) = serde_json::from_str::<Told<'_>>(told) else {
            return Self::untold();
        };
        match (&*told.ended, told.value, told.limit) {
            ("returned", Some(value), _) if value.get().len() > most => Self::Limit {
                limit: Limit::Value,
            },
            ("returned", Some(value), _) => match serde_json::from_str(value.get()) {
                Ok(value) => Self::Returned { value },
                Err(_) => Self::untold(),
            },
            // JSON's null is no raw value.
            ("returned", None, _) => Self::Returned {
                value: serde_json::Value::Null,
            },
            ("threw", ..) => Self::thrown(told.name, told.message, told.stack, program),
            ("limit", _, Some(limit)) => Self::Limit { limit },
            _ => Self::untold(),
        }
    }

    fn thrown(name: String, message: String, stack: String, program: &Program) -> Self {
        if name == MEMORY.0 && MEMORY.1.iter().any(|says| message.starts_with(says)) {
            return Self::Limit {
                limit: Limit::Memory,
            };
        }
        program.located(Self::Threw(Thrown {
            name,
            message,
            stack,
            ..Thrown::default()
        }))
    }

    /// A program can only do so to itself.
    fn untold() -> Self {
        Self::Threw(Thrown {
            name: "Error".into(),
            message: "the program changed what tells how it ended".into(),
            ..Thrown::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(told: &str) -> Ended {
        let limits = Limits {
            value: 10,
            ..Limits::default()
        };
        Ended::told(told, &Program::of(""), &limits)
    }

    fn limit(told: &str) -> Option<Limit> {
        match read(told) {
            Ended::Limit { limit } => Some(limit),
            _ => None,
        }
    }

    #[test]
    fn a_value_is_read_as_it_is() {
        match read(r#"{"ended":"returned","value":{"a": 1}}"#) {
            Ended::Returned { value } => assert_eq!(value["a"], 1),
            other => panic!("{other:?}"),
        }
        let long = r#"{"ended":"returned","value":"123456789"}"#;
        assert_eq!(limit(long), Some(Limit::Value));
        assert_eq!(limit(&" ".repeat(2 << 20)), Some(Limit::Value));
    }

    #[test]
    fn what_was_thrown_has_its_place_or_is_a_limit() {
        let told = r#"{"ended":"threw","name":"TypeError","message":"m","stack":"    at f (main.js:3:5)\n"}"#;
        let Ended::Threw(thrown) = read(told) else {
            panic!("{told}");
        };
        assert_eq!(thrown.module.as_deref(), Some("main.js"));
        assert_eq!(thrown.line, Some(3));
        for (name, message, expected) in [
            (
                "RangeError",
                "Maximum call stack size exceeded",
                Some(Limit::Stack),
            ),
            ("RangeError", "toFixed() digits argument", None),
            ("InternalError", "out of memory", Some(Limit::Memory)),
            (
                "InternalError",
                "out of memory in regexp execution",
                Some(Limit::Memory),
            ),
        ] {
            let told =
                format!(r#"{{"ended":"threw","name":"{name}","message":"{message}","stack":""}}"#);
            assert_eq!(limit(&told), expected, "{message}");
        }
    }

    #[test]
    fn nothing_that_is_told_panics() {
        for told in [
            "",
            "null",
            "[]",
            r#"{"ended":1}"#,
            r#"{"ended":"limit","limit":"x"}"#,
            r#"{"ended":"cancelled"}"#,
        ] {
            assert!(matches!(read(told), Ended::Threw(_)), "{told}");
        }
        assert_eq!(
            limit(r#"{"ended":"limit","limit":"memory"}"#),
            Some(Limit::Memory)
        );
    }
}
