//! What is asked for.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use workspace_core::{CopyId, Error, Reason, Result};
use workspace_http::wire::ScopeDto;

use crate::limits::Limits;
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
    /// and nothing is run.
    pub id: String,
    /// The open copy that it is over, by name or id.
    pub copy: String,
    /// What is run.
    pub program: Program,
    /// What the code is called with besides its files: JSON.
    #[serde(default)]
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

impl Order {
    /// Reads an order from JSON.
    ///
    /// # Errors
    /// `Invalid`, saying what is unknown, missing or wrong in it.
    pub fn read(json: &str) -> Result<Self> {
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
    pub(crate) fn check(&self) -> Result<()> {
        let visible = self.id.bytes().all(|byte| byte.is_ascii_graphic());
        if self.id.is_empty() || self.id.len() > MAX_ID || !visible {
            return Err(Error::invalid(Reason::MalformedArgument, "run")
                .at(self
                    .id
                    .chars()
                    .take(MAX_ID)
                    .collect::<String>()
                    .escape_debug())
                .because(format!(
                    "an id is 1 to {MAX_ID} visible characters of ASCII"
                )));
        }
        if self.input.to_string().len() > MAX_INPUT {
            return Err(Error::invalid(Reason::OutOfRange, "run")
                .at("input")
                .because(format!("more than {MAX_INPUT} bytes")));
        }
        self.limits.check()?;
        self.program.check(&self.limits)
    }

    /// Returns the name under which its changes are logged.
    pub(crate) fn actor(&self) -> String {
        match self.actor.is_empty() {
            true => format!("run {}", self.id),
            false => self.actor.clone(),
        }
    }

    /// Returns what tells this run's code and authority from those of others: what has the
    /// same key may be run by what ran it before.
    pub(crate) fn key(&self, workspace: &str, copy: CopyId) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        add(workspace.as_bytes());
        add(copy.to_string().as_bytes());
        for part in [
            serde_json::to_vec(&self.scope),
            serde_json::to_vec(&self.program),
        ] {
            add(&part.unwrap_or_default());
        }
        hex(&hash.finalize())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
