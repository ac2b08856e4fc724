//! What an operation takes besides what its path names.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use workspace_core::{Error, Reason, Result};

use crate::route::Route;

/// A JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A JSON body that may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaybeJson<T>(pub T);

/// A query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query<T>(pub T);

/// How input goes over the wire: nothing, `()`, a [`Query`], or a body, [`Json`] or
/// [`MaybeJson`].
pub trait Input {
    /// Returns the query; empty for none.
    ///
    /// # Errors
    /// `Invalid` for what no query can say.
    fn query(&self) -> Result<String> {
        Ok(String::new())
    }

    /// Returns the JSON body, if it has one.
    ///
    /// # Errors
    /// `Invalid` for what no body can say.
    fn body(&self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// How it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Query,
    Json,
    MaybeJson,
}

/// What came, not read yet.
pub(crate) enum Raw {
    Query(String),
    Body(Bytes),
    /// Those of a call by name, as the query or body that says so: it has one reader.
    Arguments(String),
}

/// How a server reads it.
pub(crate) trait Take: Input + Sized {
    /// How it comes.
    const TAKES: Takes;

    /// Reads it.
    ///
    /// # Errors
    /// `Invalid`, saying what is unknown, missing or wrong in it.
    fn read(raw: Raw) -> Result<Self>;

    /// Says in the document what it is.
    fn described(route: Route) -> Route;
}

impl Input for () {}

impl Take for () {
    const TAKES: Takes = Takes::Nothing;

    fn read(_: Raw) -> Result<Self> {
        Ok(())
    }

    fn described(route: Route) -> Route {
        route
    }
}

impl<T: Serialize> Input for Query<T> {
    fn query(&self) -> Result<String> {
        serde_urlencoded::to_string(&self.0)
            .map_err(|error| Error::invalid(Reason::MalformedQuery, "write request").because(error))
    }
}

impl<T: Serialize + DeserializeOwned + IntoParams> Take for Query<T> {
    const TAKES: Takes = Takes::Query;

    fn read(raw: Raw) -> Result<Self> {
        let found = serde_urlencoded::from_str(raw.text());
        found.map(Self).map_err(|error| raw.wrong(&error))
    }

    fn described(route: Route) -> Route {
        route.query::<T>()
    }
}

impl<T: Serialize> Input for Json<T> {
    fn body(&self) -> Result<Option<Vec<u8>>> {
        written(&self.0).map(Some)
    }
}

impl<T: Serialize + DeserializeOwned + ToSchema> Take for Json<T> {
    const TAKES: Takes = Takes::Json;

    fn read(raw: Raw) -> Result<Self> {
        let found = serde_json::from_slice(raw.bytes());
        found.map(Self).map_err(|error| raw.wrong(&error))
    }

    fn described(route: Route) -> Route {
        route.json::<T>()
    }
}

impl<T: Serialize> Input for MaybeJson<T> {
    fn body(&self) -> Result<Option<Vec<u8>>> {
        written(&self.0).map(Some)
    }
}

impl<T: Serialize + DeserializeOwned + Default + ToSchema> Take for MaybeJson<T> {
    const TAKES: Takes = Takes::MaybeJson;

    fn read(raw: Raw) -> Result<Self> {
        if raw.bytes().is_empty() {
            return Ok(Self::default());
        }
        let found = serde_json::from_slice(raw.bytes());
        found.map(Self).map_err(|error| raw.wrong(&error))
    }

    fn described(route: Route) -> Route {
        route.optional_json::<T>()
    }
}

impl Raw {
    fn text(&self) -> &str {
        match self {
            Self::Query(text) | Self::Arguments(text) => text,
            Self::Body(_) => "",
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Body(bytes) => bytes,
            Self::Query(text) | Self::Arguments(text) => text.as_bytes(),
        }
    }

    /// Says what is wrong with it.
    fn wrong(&self, error: &dyn std::fmt::Display) -> Error {
        let told = error.to_string();
        match self {
            Self::Query(_) => {
                Error::invalid(Reason::MalformedQuery, "read query").because(told.escape_debug())
            }
            Self::Body(_) => {
                Error::invalid(Reason::MalformedBody, "read body").because(told.escape_debug())
            }
            // Where in that text it is says nothing to who never saw it.
            Self::Arguments(_) => {
                wrong_arguments(told.split(" at line ").next().unwrap_or_default())
            }
        }
    }
}

/// Reads what is no list and no object: of those nothing is made, which may be fifty times as
/// large as their text.
fn scalar(json: &str) -> Option<Value> {
    let is_more = json.trim_start().starts_with(['[', '{']);
    (!is_more).then(|| serde_json::from_str(json).ok())?
}

/// Arguments by their names in snake_case, each as JSON.
pub(crate) struct Fields(pub(crate) BTreeMap<String, String>);

impl Fields {
    /// Returns an argument that names something: text, or the number of a revision.
    ///
    /// # Errors
    /// `Invalid` for anything else: also for null, which is not to mean nothing.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(json) = self.0.get(name) else {
            return Ok(None);
        };
        match scalar(json) {
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) if name == "revision" => Ok(Some(number.to_string())),
            _ if name == "revision" => Err(wrong_arguments("`revision` is a number")),
            _ => Err(wrong_arguments(format!("`{name}` is text"))),
        }
    }

    /// Reads them as what an operation takes: as the body that says so, which has one reader.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let raw = Raw::Arguments(self.body());
        serde_json::from_slice(raw.bytes()).map_err(|error| raw.wrong(&error))
    }

    fn body(&self) -> String {
        let length = self
            .0
            .iter()
            .map(|(name, json)| name.len() + json.len() + 4);
        let mut body = String::with_capacity(length.sum::<usize>() + 2);
        for (name, json) in &self.0 {
            body.push_str(if body.is_empty() { "{" } else { "," });
            // With what is to be escaped in it.
            body.push_str(&Value::from(name.as_str()).to_string());
            body.push(':');
            body.push_str(json);
        }
        body.push_str(if body.is_empty() { "{}" } else { "}" });
        body
    }

    /// Returns them as a query; what is null is not there.
    fn query(&self) -> Result<String> {
        let fields = self.0.iter().filter_map(|(name, json)| {
            let text = match scalar(json) {
                Some(Value::Null) => return None,
                Some(Value::String(text)) => text,
                Some(Value::Bool(_) | Value::Number(_)) => json.clone(),
                _ => {
                    let why = format!("`{name}` is text, a number, or yes or no");
                    return Some(Err(wrong_arguments(why)));
                }
            };
            Some(Ok((name, text)))
        });
        let fields = fields.collect::<Result<Vec<_>>>()?;
        serde_urlencoded::to_string(fields).map_err(wrong_arguments)
    }
}

impl Takes {
    /// Returns arguments as what an operation takes that takes it so.
    ///
    /// # Errors
    /// `Invalid` for arguments that cannot be that.
    pub(crate) fn arguments(self, fields: &Fields) -> Result<Raw> {
        let text = match self {
            Self::Nothing => match fields.0.keys().next() {
                None => String::new(),
                Some(name) => {
                    let why = format!("unknown field `{name}`, there are none");
                    return Err(wrong_arguments(why));
                }
            },
            Self::Query => fields.query()?,
            Self::Json | Self::MaybeJson => fields.body(),
        };
        Ok(Raw::Arguments(text))
    }
}

fn written(body: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(body)
        .map_err(|error| Error::invalid(Reason::MalformedBody, "write request").because(error))
}

/// Says what is wrong with arguments.
pub(crate) fn wrong_arguments(why: impl std::fmt::Display) -> Error {
    Error::invalid(Reason::MalformedArgument, "read arguments").because(why)
}
