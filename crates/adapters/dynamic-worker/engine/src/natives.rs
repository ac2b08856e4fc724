//! What `surroundings.js` is made of, and what the prelude is handed.

use rquickjs::function::{Opt, Rest};
use rquickjs::{Array, Ctx, Exception, Function, Object, Result, TypedArray, Value};

use crate::world::workspace::guest::console::{self, Level};
use crate::{clock, events, random};

/// Returns an object of them.
pub(crate) fn all<'js>(cx: &Ctx<'js>) -> Result<Object<'js>> {
    let natives = Object::new(cx.clone())?;
    natives.set("line", Function::new(cx.clone(), line)?)?;
    natives.set("call", Function::new(cx.clone(), call)?)?;
    natives.set("now", Function::new(cx.clone(), clock::now)?)?;
    natives.set("random", Function::new(cx.clone(), random::number)?)?;
    natives.set("randomBytes", Function::new(cx.clone(), random_bytes)?)?;
    natives.set("encode", Function::new(cx.clone(), encode)?)?;
    natives.set("decode", Function::new(cx.clone(), decode)?)?;
    natives.set("setTimer", Function::new(cx.clone(), set_timer)?)?;
    natives.set("clearTimer", Function::new(cx.clone(), events::clear)?)?;
    Ok(natives)
}

fn line(level: String, text: String) {
    let level = match &*level {
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Log,
    };
    console::line(level, &text);
}

/// Returns a copy of the bytes of an array; a detached one has none.
fn bytes_of(array: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: no JavaScript runs before they are copied.
    let bytes = unsafe { array.as_bytes() };
    bytes.unwrap_or_default().to_vec()
}

fn call<'js>(
    cx: Ctx<'js>,
    method: String,
    arguments: String,
    contents: Opt<Value<'js>>,
) -> Result<Value<'js>> {
    let contents = contents.0.filter(|contents| !contents.is_undefined());
    let contents = contents.map(|contents| match contents.as_string() {
        Some(text) => text.to_string().map(String::into_bytes),
        None => contents
            .get::<TypedArray<'js, u8>>()
            .map(|array| bytes_of(&array)),
    });
    events::call(&cx, method, arguments, contents.transpose()?)
}

/// As many are made at once; `surroundings.js` asks for no more.
const MAX_RANDOM: u32 = 65_536;

fn random_bytes(cx: Ctx<'_>, count: u32) -> Result<TypedArray<'_, u8>> {
    if count > MAX_RANDOM {
        return Err(Exception::throw_range(&cx, "too many random bytes at a time"));
    }
    TypedArray::new(cx, random::bytes(count as usize))
}

fn encode(cx: Ctx<'_>, text: String) -> Result<TypedArray<'_, u8>> {
    TypedArray::new(cx, text)
}

/// Decodes UTF-8. Returns the text, and how many bytes at the end may be the beginning of
/// something where more is to come.
fn decode<'js>(
    cx: Ctx<'js>,
    array: TypedArray<'js, u8>,
    fatal: bool,
    more: bool,
) -> Result<Array<'js>> {
    let bytes = bytes_of(&array);
    let mut text = String::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    let mut kept = 0;
    while !rest.is_empty() {
        let error = match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                break;
            }
            Err(error) => error,
        };
        let (valid, after) = rest.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(valid));
        if more && error.error_len().is_none() {
            kept = after.len();
            break;
        }
        if fatal {
            return Err(Exception::throw_type(&cx, "the bytes are not UTF-8"));
        }
        text.push(char::REPLACEMENT_CHARACTER);
        rest = &after[error.error_len().unwrap_or(after.len())..];
    }
    let answer = Array::new(cx)?;
    answer.set(0, text)?;
    answer.set(1, kept as u32)?;
    Ok(answer)
}

fn set_timer<'js>(
    cx: Ctx<'js>,
    call: Function<'js>,
    delay: f64,
    repeats: bool,
    arguments: Rest<Value<'js>>,
) -> u32 {
    events::set(&cx, call, delay, repeats, arguments.0)
}
