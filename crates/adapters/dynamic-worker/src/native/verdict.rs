//! What a run came to that did not tell of it by itself.

use wasmtime::{Error, Trap};

use super::memory::Memory;
use super::state::Ends;
use crate::json::{Json, NoJson};
use crate::{Ended, Limit, Limits, Thrown};

/// What an end has at most beside a value: the prelude cuts its texts.
const MAX_TEXTS: usize = 1 << 20;

/// How JavaScript ended that told of it, after a mark of the engine's. A program can make its
/// prelude say what it likes, but not what it came to: that it was at the end of its stack the
/// engine says, and that it wanted more memory the host knows.
pub(super) fn of_told(told: &str, memory: &Memory, limits: &Limits) -> Ended {
    let (is_deep, told) = match told.strip_prefix('!') {
        Some(told) => (true, told),
        None => (false, told.strip_prefix('+').unwrap_or(told)),
    };
    let most = limits.value as usize;
    let limit = |limit| Ended::Limit { limit };
    if told.len() > most.saturating_add(MAX_TEXTS) {
        return limit(Limit::Value);
    }
    let ended = Ended::read(told);
    match &ended {
        Ended::Returned { value } if value.as_str().len() > most => limit(Limit::Value),
        Ended::Threw(thrown) if is_deep && thrown.is_of_the_stack() => limit(Limit::Stack),
        Ended::Threw(thrown) if memory.refused && thrown.is_of_memory() => limit(Limit::Memory),
        _ => ended,
    }
}

/// How an instance ended that had begun, and failed. What the host came to it said as `Ends`;
/// whatever else it is, the program made it so: a trap, of the engine as well; a pointer, a
/// text or a case that is none; more than is handed over at once.
pub(super) fn of_failed(error: &Error, memory: &Memory) -> Ended {
    if let Some(Ends(ended)) = error.downcast_ref() {
        return ended.clone();
    }
    let limit = |limit| Ended::Limit { limit };
    match error.downcast_ref() {
        Some(Trap::StackOverflow) => return limit(Limit::Stack),
        Some(Trap::Interrupt) => return limit(Limit::Time),
        Some(Trap::AsyncDeadlock | Trap::NoAsyncResult) => {
            let why = "the program waits for what cannot happen";
            return threw("Error", why.into());
        }
        _ => {}
    }
    // Whoever gets no memory gives up in one way or another.
    if memory.refused {
        return limit(Limit::Memory);
    }
    let why = error.root_cause().to_string();
    match why.starts_with(TOO_MUCH) {
        true => limit(Limit::Bytes),
        false => threw("RuntimeError", why),
    }
}

/// What wasmtime says, by an error without a name, of what is too much to be handed over.
const TOO_MUCH: &str = "too much data is being copied between the host and the guest";

/// What an instance came to that did not begin: what it needs it did not get of the host,
/// unless the program itself is at fault.
pub(super) fn not_begun(error: Error, memory: &Memory) -> Error {
    let is_own = error.is::<Trap>() || error.is::<Ends>() || memory.refused;
    match is_own {
        true => error,
        false => Ends(Ended::Platform {
            cause: format!("{error:#}"),
        })
        .into(),
    }
}

/// How a component ended that returned: a value as JSON, or what it threw.
pub(super) fn of_result(result: Result<String, String>, limits: &Limits) -> Ended {
    let value = match result {
        Err(message) => return threw("Error", message),
        Ok(value) => value,
    };
    if value.len() > limits.value as usize {
        return Ended::Limit {
            limit: Limit::Value,
        };
    }
    match Json::read(&value) {
        Ok(value) => Ended::Returned { value },
        Err(deep @ NoJson::Deep) => threw("RangeError", deep.to_string()),
        Err(malformed) => threw("SyntaxError", malformed.to_string()),
    }
}

/// More is not told of a message.
const MAX_TEXT: usize = 16 << 10;

fn threw(name: &str, mut message: String) -> Ended {
    if message.len() > MAX_TEXT {
        message.truncate(message.floor_char_boundary(MAX_TEXT));
        message.push('…');
    }
    Ended::Threw(Thrown {
        name: name.into(),
        message,
        ..Thrown::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memory of which more was wanted than there is, or not.
    fn memory(refused: bool) -> Memory {
        let mut memory = Memory::new(1);
        memory.refused = refused;
        memory
    }

    fn of(told: &str, refused: bool) -> Ended {
        let limits = Limits {
            value: 10,
            ..Limits::default()
        };
        of_told(told, &memory(refused), &limits)
    }

    fn limit(told: &str, refused: bool) -> Option<Limit> {
        match of(told, refused) {
            Ended::Limit { limit } => Some(limit),
            _ => None,
        }
    }

    #[test]
    fn a_value_is_read_as_it_is() {
        match of(r#"+{"ended":"returned","value":{"a": 1}}"#, false) {
            Ended::Returned { value } => assert_eq!(value.as_str(), r#"{"a": 1}"#),
            other => panic!("{other:?}"),
        }
        let long = r#"+{"ended":"returned","value":"123456789"}"#;
        assert_eq!(limit(long, false), Some(Limit::Value));
        assert_eq!(limit(&" ".repeat(2 << 20), false), Some(Limit::Value));
    }

    #[test]
    fn what_a_program_came_to_it_does_not_say_itself() {
        let threw = |mark: &str, name: &str, message: &str| {
            format!(r#"{mark}{{"ended":"threw","name":"{name}","message":"{message}","stack":""}}"#)
        };
        let recursion = "Maximum call stack size exceeded";
        let regexp = "out of memory in regexp execution";
        let cases = [
            ("!", "RangeError", recursion, false, Some(Limit::Stack)),
            ("+", "RangeError", recursion, true, None),
            ("!", "RangeError", "toFixed() digits argument", false, None),
            (
                "+",
                "InternalError",
                "out of memory",
                true,
                Some(Limit::Memory),
            ),
            ("+", "InternalError", regexp, true, Some(Limit::Memory)),
            ("!", "InternalError", "out of memory", false, None),
            ("+", "", "null", true, Some(Limit::Memory)),
            ("+", "", "null", false, None),
        ];
        for (mark, name, message, refused, expected) in cases {
            let told = threw(mark, name, message);
            assert_eq!(limit(&told, refused), expected, "{told}");
        }
        let says = r#"{"ended":"limit","limit":"memory"}"#;
        assert_eq!(limit(&format!("+{says}"), false), None);
        assert_eq!(limit(&format!("+{says}"), true), Some(Limit::Memory));
        assert_eq!(limit(&format!("!{says}"), false), Some(Limit::Stack));
    }

    #[test]
    fn nothing_that_is_told_panics() {
        assert_eq!(limit("!", false), Some(Limit::Stack));
        for told in [
            "",
            "+",
            "null",
            "+[]",
            r#"+{"ended":1}"#,
            r#"+{"ended":"cancelled"}"#,
        ] {
            assert!(matches!(of(told, false), Ended::Threw(_)), "{told}");
        }
    }
}
