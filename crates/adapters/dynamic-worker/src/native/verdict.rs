//! What a run came to that did not tell of it by itself.

use wasmtime::{Error, Trap};

use super::memory::Memory;
use super::state::Ends;
use crate::{Ended, Limit, Limits, Thrown};

/// How JavaScript ended that told of it. Where QuickJS has no memory for an error, it throws
/// `null`.
pub(super) fn of_told(ended: Ended, memory: &Memory) -> Ended {
    match &ended {
        Ended::Threw(thrown)
            if memory.refused && thrown.name.is_empty() && thrown.message == "null" =>
        {
            Ended::Limit {
                limit: Limit::Memory,
            }
        }
        _ => ended,
    }
}

/// How JavaScript ended, of which the engine failed.
pub(super) fn of_engine(error: Error, memory: &Memory) -> Ended {
    of_both(&error, memory).unwrap_or_else(|| Ended::Platform {
        cause: format!("{error:#}"),
    })
}

/// How a component ended that failed; a trap is its own.
pub(super) fn of_program(error: Error, memory: &Memory) -> Ended {
    let ended = of_both(&error, memory);
    ended.unwrap_or_else(|| match error.downcast_ref::<Trap>() {
        Some(trap) => threw("RuntimeError", trap.to_string()),
        None => Ended::Platform {
            cause: format!("{error:#}"),
        },
    })
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
    match serde_json::from_str(&value) {
        Ok(value) => Ended::Returned { value },
        Err(error) => threw("SyntaxError", format!("the value is no JSON: {error}")),
    }
}

fn of_both(error: &Error, memory: &Memory) -> Option<Ended> {
    if let Some(Ends(ended)) = error.downcast_ref() {
        return Some(ended.clone());
    }
    let limit = match error.downcast_ref() {
        Some(Trap::StackOverflow) => Limit::Stack,
        Some(Trap::Interrupt) => Limit::Time,
        Some(Trap::AsyncDeadlock | Trap::NoAsyncResult) => {
            let why = "the program waits for what cannot happen";
            return Some(threw("Error", why.into()));
        }
        // Whoever gets no memory gives up in one way or another.
        _ if memory.refused => Limit::Memory,
        _ => return None,
    };
    Some(Ended::Limit { limit })
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
