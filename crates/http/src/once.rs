//! Calls that are made once, by the key that their caller chose: `Idempotency-Key` over HTTP
//! (draft-ietf-httpapi-idempotency-key-header-07), `idempotencyKey` over RPC.

use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use serde::Serialize;
use workspace_core::{Error, MemoKey, Once, Reason, Repeat, RequestHash, Result};

use crate::call::{On, Part, encoded};
use crate::operation::Named;

/// The header that has the key of a request.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The argument that has the key of a call.
pub(crate) const ARGUMENT: &str = "idempotency_key";

/// What the document says of the header.
pub(crate) const ABOUT: &str = "A key that the caller chose for this request: 1 to 255 visible \
    ASCII characters, in quotes or without. Repeated with the same key, the request is told \
    what it was told first, and does nothing; the key with another request is 422. Kept for \
    7 days, unless the server says otherwise. Not kept where the request failed.";

/// Returns the key of a request: a String of structured fields (RFC 9651), or its characters
/// without quotes, as many clients send them.
///
/// # Errors
/// `Invalid` for what is none, and for two of them.
pub(crate) fn key_of(headers: &HeaderMap) -> Result<Option<MemoKey>> {
    let invalid = |why: &str| {
        Error::invalid(Reason::MalformedHeader, "read header")
            .at(IDEMPOTENCY_KEY)
            .because(why)
    };
    let mut found = headers.get_all(IDEMPOTENCY_KEY).iter();
    let value = match (found.next(), found.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok(),
        (Some(_), Some(_)) => return Err(invalid("more than one")),
    };
    let value = value.ok_or_else(|| invalid("expected visible ASCII characters"))?;
    let text = match value.strip_prefix('"') {
        Some(rest) => unquoted(rest).ok_or_else(|| invalid("a text whose quotes do not end it"))?,
        None => value.into(),
    };
    MemoKey::new(&text).map(Some)
}

/// Returns a key as a String of structured fields.
pub(crate) fn quoted(key: &MemoKey) -> String {
    let escaped = key.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Returns the String of which this is the rest after the first quote.
fn unquoted(rest: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = rest.chars();
    loop {
        match rest.next()? {
            '"' => return rest.next().is_none().then_some(text),
            '\\' => match rest.next()? {
                escaped @ ('"' | '\\') => text.push(escaped),
                _ => return None,
            },
            plain => text.push(plain),
        }
    }
}

/// A key, and what is asked for under it.
pub(crate) struct Asked {
    key: MemoKey,
    request: RequestHash,
    of_a_part: bool,
}

impl Asked {
    /// Describes a call of the operation `name`, about what is named, that takes `input`.
    /// What is asked for is told by what it means: spaces and the order of fields do not
    /// matter. Whoever has a part of the files has keys of its own.
    pub(crate) fn new(
        on: &On,
        key: MemoKey,
        name: &str,
        subject: &[String],
        input: &[u8],
    ) -> Result<Self> {
        let subject = subject.iter().map(String::as_bytes);
        let key = match &on.part {
            None => key,
            Some(part) => {
                let whose = part_of(part);
                let whose = whose.iter().map(Vec::as_slice).chain(subject.clone());
                let own = RequestHash::of(whose.chain([key.as_str().as_bytes()]));
                MemoKey::new(&format!("part:{own}"))?
            }
        };
        let parts = [name.as_bytes()].into_iter().chain(subject).chain([input]);
        let request = RequestHash::of(parts);
        Ok(Self {
            key,
            request,
            of_a_part: on.part.is_some(),
        })
    }

    /// Returns what was answered before.
    ///
    /// # Errors
    /// `Invalid` where something else was asked for under the key.
    pub(crate) fn before(&self, on: &On, operation: &'static str) -> Result<Option<Bytes>> {
        let holder = on.holder.as_ref().map(|holder| &holder.grant.id);
        let memo = on.workspace.memo(holder, &self.key)?;
        memo.map(|memo| memo.answer_to(operation, self.request))
            .transpose()
    }

    /// Says how the call is made once, with what its answer becomes.
    pub(crate) fn once<'a, T>(&'a self, answer: &'a dyn Fn(&T) -> Result<Bytes>) -> Once<'a, T> {
        Once {
            key: &self.key,
            request: self.request,
            of_a_part: self.of_a_part,
            answer,
        }
    }
}

/// Returns what tells a part of the files from others.
fn part_of(part: &Part) -> Vec<Vec<u8>> {
    let mut whose = vec![part.actor.clone().into_bytes()];
    if let Some(scope) = &part.scope {
        whose.push(scope.root.as_str().into());
        whose.push(vec![u8::from(scope.delete)]);
        // Which of the globs that follow are which.
        whose.push(scope.read.len().to_string().into());
        let globs = scope.read.iter().chain(&scope.write);
        whose.extend(globs.map(|glob| glob.as_str().into()));
    }
    whose
}

/// Returns what a path or arguments name, in their order.
pub(crate) fn named_by(names: &[&'static str], named: Named<'_>) -> Result<Vec<String>> {
    let found = names
        .iter()
        .map(|name| Ok(named(name)?.unwrap_or_default()));
    found.collect()
}

/// Makes a call, once where it has a key, and returns what it tells.
///
/// # Errors
/// Those of the call.
pub(crate) fn made<T, O: Serialize>(
    asked: Option<&Asked>,
    told: impl Fn(&T) -> O,
    call: impl FnOnce(Option<&Once<'_, T>>) -> Result<Repeat<T>>,
) -> Result<Repeat<O>> {
    let answer = |made: &T| encoded(&told(made)).map(Bytes::from);
    let once = asked.map(|asked| asked.once(&answer));
    Ok(match call(once.as_ref())? {
        Repeat::First(made) => Repeat::First(told(&made)),
        Repeat::Again(answer) => Repeat::Again(answer),
    })
}

#[cfg(test)]
mod tests {
    use workspace_core::{Scope, TreePath};

    use super::*;

    #[test]
    fn parts_that_differ_in_what_may_be_written_only_have_keys_of_their_own() {
        let globs = |count: usize| vec!["/a/*".parse().unwrap(); count];
        let whose = |read: usize, write: usize| {
            part_of(&Part {
                scope: Some(Scope {
                    root: TreePath::root(),
                    read: globs(read),
                    write: globs(write),
                    delete: false,
                }),
                actor: "an agent".into(),
            })
        };
        for all in [2, 255, 256, 257, 600] {
            for read in 0..all {
                let (one, other) = (whose(read, all - read), whose(read + 1, all - read - 1));
                assert_ne!(one, other, "{read} of {all}");
            }
        }
    }

    #[test]
    fn keys_are_read_with_quotes_and_without() {
        let key = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
            }
            key_of(&headers).map(|key| key.map(|key| key.to_string()))
        };
        assert_eq!(key(&[]).unwrap(), None);
        for (sent, meant) in [
            ("8e03978e-40d5", "8e03978e-40d5"),
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#"a"b\c"#, r#"a"b\c"#),
        ] {
            assert_eq!(key(&[sent]).unwrap().as_deref(), Some(meant), "{sent}");
            let again = quoted(&MemoKey::new(meant).unwrap());
            assert_eq!(key(&[&again]).unwrap().as_deref(), Some(meant), "{again}");
        }
        let long = format!("\"{}\"", "x".repeat(256));
        for bad in [
            "", "\"", "\"\"", "\"a", "\"a\";b", "a b", "\"a b\"", r#""\a""#, &long,
        ] {
            assert!(key(&[bad]).is_err(), "{bad}");
        }
        assert!(key(&["a", "a"]).is_err());
    }
}
