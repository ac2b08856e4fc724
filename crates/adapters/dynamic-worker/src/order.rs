//! What is asked for.

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use workspace_core::{CopyId, Error, MemoKey, Reason, RequestHash};
use workspace_http::wire::ScopeDto;

use crate::limits::Limits;
use crate::load::{HARNESS, PRELUDE};
use crate::outcome::{Ended, Limit};
use crate::program::Program;

/// The longest id of a run, in bytes.
const MAX_ID: usize = 100;
/// The most bytes of an input.
const MAX_INPUT: usize = 1 << 20;

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// Its id, of 1 to 100 visible characters of ASCII: a repeated one has the same outcome,
    /// and nothing is run. Without one nothing is kept of it.
    #[serde(default)]
    pub id: Option<String>,
    /// The open copy that it is over, by name or id.
    pub copy: String,
    /// What is run.
    pub program: Program,
    /// What the code is called with besides its files: JSON, of up to 1 MiB.
    #[serde(default, deserialize_with = "input")]
    pub input: serde_json::Value,
    /// What it may do with the files.
    pub scope: ScopeDto,
    /// The name under which its changes are logged; that of the run unless said.
    #[serde(default)]
    pub actor: String,
    /// What for.
    #[serde(default)]
    pub note: String,
    /// What it may take.
    #[serde(default)]
    pub limits: Limits,
}

/// Reads an input: one that is too long is refused before anything is made of it.
fn input<'de, D: Deserializer<'de>>(deserializer: D) -> Result<serde_json::Value, D::Error> {
    let given = Box::<RawValue>::deserialize(deserializer)?;
    if given.get().len() > MAX_INPUT {
        let why = format!("`input`: {} bytes, of up to {MAX_INPUT}", given.get().len());
        return Err(de::Error::custom(why));
    }
    serde_json::from_str(given.get()).map_err(de::Error::custom)
}

impl Order {
    /// Reads an order from JSON.
    ///
    /// # Errors
    /// `Invalid`, saying what is unknown, missing or wrong in it.
    pub fn read(json: &str) -> workspace_core::Result<Self> {
        serde_json::from_str(json).map_err(|error| {
            let told = error.to_string();
            // Where in that text it is says nothing to who never saw it.
            let why = told
                .split(" at line ")
                .next()
                .unwrap_or_default()
                .to_owned();
            Error::invalid(Reason::MalformedArgument, "run").because(why)
        })
    }

    /// Checks what can be known to be wrong before anything is done.
    ///
    /// # Errors
    /// `Invalid`, `LimitExceeded`.
    pub(crate) fn check(&self) -> workspace_core::Result<()> {
        let id = self.id.as_deref().unwrap_or("none");
        let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
        if id.is_empty() || id.len() > MAX_ID || !visible {
            return Err(Error::invalid(Reason::MalformedArgument, "run")
                .at(id.chars().take(MAX_ID).collect::<String>().escape_debug())
                .because(format!(
                    "an id is 1 to {MAX_ID} visible characters of ASCII"
                )));
        }
        if self.input.to_string().len() > MAX_INPUT {
            return Err(Error::invalid(Reason::OutOfRange, "run")
                .at("input")
                .because(format!("more than {MAX_INPUT} bytes")));
        }
        for (name, text, most) in [("actor", &self.actor, 200), ("note", &self.note, 8 << 10)] {
            if text.len() > most || text.contains('\0') {
                return Err(Error::invalid(Reason::MalformedText, "run")
                    .at(name)
                    .because(format!("a NUL, or more than {most} bytes")));
            }
        }
        self.limits.check()?;
        self.program.check(&self.limits)
    }

    /// Returns the name under which its changes are logged.
    pub(crate) fn actor(&self) -> String {
        match (&*self.actor, &self.id) {
            ("", Some(id)) => format!("run {id}"),
            ("", None) => "run".into(),
            (actor, _) => actor.into(),
        }
    }

    /// Returns what its outcome is kept under, and what says that it is the same order;
    /// nothing, where it has no id.
    ///
    /// # Errors
    /// `Invalid` for an id that is none.
    pub(crate) fn memo(&self) -> workspace_core::Result<Option<(MemoKey, RequestHash)>> {
        let Some(id) = &self.id else { return Ok(None) };
        let key = MemoKey::new(&format!("run:{id}"))?;
        // What has no JSON was refused when it was read.
        let order = serde_json::to_vec(self).unwrap_or_default();
        Ok(Some((key, RequestHash::of([&*order]))))
    }

    /// Returns what tells this run's code and authority from those of others: what is loaded
    /// as the same may be run by what ran it before.
    pub(crate) fn loaded_as(&self, workspace: &str, copy: CopyId) -> String {
        let scope = serde_json::to_vec(&self.scope).unwrap_or_default();
        let program = serde_json::to_vec(&self.program).unwrap_or_default();
        let millis = self.limits.millis.to_le_bytes();
        let parts = [
            PRELUDE.as_bytes(),
            HARNESS.as_bytes(),
            &millis,
            workspace.as_bytes(),
            copy.as_bytes(),
            &scope,
            &program,
        ];
        hex(RequestHash::of(parts).as_bytes())
    }

    /// Returns the limit that a value is beyond.
    pub(crate) fn too_long(&self, ended: &Ended) -> Option<Limit> {
        match ended {
            Ended::Returned { value } if value.as_str().len() > self.limits.value as usize => {
                Some(Limit::Value)
            }
            _ => None,
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
