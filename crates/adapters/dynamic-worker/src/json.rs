//! Values as JSON that are read through, and not taken apart.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// As deep may a value be.
const DEEP: usize = 100;

/// A value as JSON: a text that was read through. What is made of a text of JSON may take fifty
/// times its size, and code that nobody reviewed says the text.
///
/// Invariants: it is one value, of up to 100 levels; each text in it is of whole characters,
/// and each number one that a double can be.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

/// Why a text is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoJson {
    /// It has more levels than a value may have.
    Deep,
    /// It is no JSON, for this.
    Malformed(String),
}

impl fmt::Display for NoJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deep => write!(f, "a run returns what is up to {DEEP} levels deep"),
            Self::Malformed(why) => write!(f, "the value is no JSON: {why}"),
        }
    }
}

impl Json {
    /// Reads a value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, NoJson> {
        let mut all = serde_json::Deserializer::from_str(text);
        let read = Through(DEEP).deserialize(&mut all).and_then(|()| all.end());
        let found = read.and_then(|()| RawValue::from_string(text.trim().to_owned()));
        found.map(Self).map_err(|error| match error.is_data() {
            true => NoJson::Deep,
            false => NoJson::Malformed(error.to_string()),
        })
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl From<Value> for Json {
    /// Takes a value of the host's own, as deep as it is.
    fn from(value: Value) -> Self {
        let raw = serde_json::value::to_raw_value(&value);
        Self(raw.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({self})")
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    /// Reads a value of what the host wrote itself.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

/// Reads through a value that may have so many levels.
#[derive(Clone, Copy)]
struct Through(usize);

impl Through {
    fn below<E: de::Error>(self) -> Result<Self, E> {
        match self.0.checked_sub(1) {
            Some(left) => Ok(Self(left)),
            None => Err(E::custom("too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Through {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Through {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while all.next_element_seed(below)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while all.next_key_seed(below)?.is_some() {
            all.next_value_seed(below)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_the_other_reader_takes_and_100_levels() {
        let nested = |deep: usize| format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
        for text in [
            "null",
            " [1, -2, 1.5e3, true, \"\\ud83d\\ude00\"] ",
            r#"{"a":{"b":[]},"":"\u0000"}"#,
            &nested(100),
        ] {
            assert_eq!(Json::read(text).unwrap().as_str(), text.trim());
            assert!(serde_json::from_str::<Value>(text).is_ok());
        }
        for deep in [101, 127, 128, 100_000] {
            assert_eq!(Json::read(&nested(deep)), Err(NoJson::Deep), "{deep}");
            let named = format!("{}1{}", r#"{"a":"#.repeat(deep), "}".repeat(deep));
            assert_eq!(Json::read(&named), Err(NoJson::Deep), "{deep}");
        }
        for text in [
            "",
            "1 2",
            "[1,]",
            "{\"a\"}",
            "{1:2}",
            "1e999",
            "\"\\ud83d\"",
            "{\"\\ud83d\":1}",
            "nul",
            "\"\n\"",
            "[",
        ] {
            assert!(
                matches!(Json::read(text), Err(NoJson::Malformed(_))),
                "{text}"
            );
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
    }
}
