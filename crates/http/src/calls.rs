//! The operations by name, without a request: for a caller in the same process who holds
//! the workspace, such as another Worker over JS RPC. Arguments and answers are JSON with
//! names in camelCase.

mod names;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use workspace_core::{At, Error, ImportLimits, Result, Workspace};

use crate::call::{On, Part};
use crate::ledger::{Bodies, Ledger, Timer};
use crate::operation::{Arguments, ByName, Fields, wrong_arguments};
use crate::passage::Passed;
use crate::problem::Problem;
use crate::routes;
use crate::wire::ScopeDto;

/// The operations of a workspace, by name.
pub struct Calls {
    workspace: Workspace,
    limits: ImportLimits,
    bodies: Option<Bodies>,
    timer: Option<Timer>,
    methods: HashMap<&'static str, ByName>,
}

/// Contents on their way in.
pub struct Incoming {
    /// Its bytes.
    pub body: Body,
    /// How many they are, where that is known.
    pub size: Option<u64>,
}

/// What a call answers.
pub struct Called {
    /// What came of it, as JSON.
    pub json: Vec<u8>,
    /// The contents that go with it.
    pub contents: Option<Contents>,
}

/// Contents on their way out.
pub enum Contents {
    /// Bytes, as they come.
    Body(Body),
    /// A range of an object, for who can pass it on.
    Passed(Passed),
}

/// A call that failed: its problem as JSON, and the status that it would have over HTTP.
pub struct Failed {
    /// A [`ProblemDto`](crate::ProblemDto).
    pub json: Vec<u8>,
    /// As for an answer over HTTP.
    pub status: u16,
}

/// Which part of the files a caller has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartDto {
    #[serde(default)]
    scope: Option<ScopeDto>,
    #[serde(default)]
    actor: String,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        let mut document = problem.into_document();
        if document.reason.is_some() && document.operation.as_deref() == Some(READING) {
            document.detail = document.detail.as_deref().map(names::told);
        }
        Self {
            status: document.status,
            // Strings and numbers always encode.
            json: names::camel(serde_json::to_vec(&document).unwrap_or_default()),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Calls {
    /// Returns the operations of a workspace; `limits` bound what an import may bring, and
    /// `bodies` how many contents are taken at a time; `timer` ends those that do not come of
    /// who has a part of the files only.
    pub fn new(
        workspace: Workspace,
        limits: ImportLimits,
        bodies: Option<Bodies>,
        timer: Option<Timer>,
    ) -> Self {
        let methods = routes::all().calls.into_iter();
        Self {
            workspace,
            limits,
            bodies,
            timer,
            methods: methods.map(|method| (method.name, method)).collect(),
        }
    }

    /// Tells whether a call may change something: what is unknown does not.
    pub fn changes(&self, name: &str) -> bool {
        self.methods.get(name).is_some_and(|method| method.changes)
    }

    /// Calls an operation by its name in snake_case. `arguments` is a JSON object. With a
    /// `part`, of a scope and an actor, the call is that of who has this part of the files
    /// only. Where contents may `pass`, they come as a range of an object where they are one.
    ///
    /// # Errors
    /// Those of the operation; `Invalid` for arguments that it has not.
    pub async fn call(
        &self,
        name: &str,
        arguments: &str,
        part: Option<&str>,
        contents: Option<Incoming>,
        passes: bool,
    ) -> Result<Called, Failed> {
        let found = self.answer(name, arguments, part, contents, passes).await;
        found.map_err(Failed::from)
    }

    async fn answer(
        &self,
        name: &str,
        arguments: &str,
        part: Option<&str>,
        contents: Option<Incoming>,
        passes: bool,
    ) -> Result<Called, Problem> {
        let method = self.methods.get(name).ok_or_else(Problem::no_such_route)?;
        let part = part.map(|part| -> Result<Part> {
            let part: PartDto = read_as(part)?;
            Ok(Part {
                scope: part.scope.map(ScopeDto::into_core).transpose()?,
                actor: part.actor,
            })
        });
        let part = part.transpose()?;
        let is_part = part.is_some();
        let fields = read(arguments)?;
        // Whoever has a part takes of what is for holders, and not for ever.
        let part_of = is_part.then(|| {
            let copy = fields.text("copy").ok().flatten();
            let copy = copy.and_then(|copy| copy.parse().ok());
            copy.map_or(At::Head, At::Copy)
        });
        let timer = self.timer.clone().filter(|_| is_part);
        let ledger = Arc::new(Ledger::new(self.bodies.as_ref(), timer, part_of));
        let on = On {
            workspace: self.workspace.clone(),
            holder: None,
            part,
            limits: self.limits,
            ledger: Arc::clone(&ledger),
        };
        let arguments = Arguments {
            fields,
            contents,
            passes,
        };
        let told = (method.handler)(on, arguments).await;
        let told = told.map_err(|problem| {
            let problem = ledger.verdict().unwrap_or(problem);
            match is_part {
                true => problem.told_to_a_part(),
                false => problem,
            }
        })?;
        Ok(Called {
            json: names::camel(told.json),
            contents: told.contents,
        })
    }
}

/// Reads a JSON object with names in camelCase.
pub(crate) fn read_as<T: DeserializeOwned>(text: &str) -> Result<T> {
    read(text)?.read()
}

/// Returns a value as calls answer it: as JSON with names in camelCase.
pub fn camel_case(value: &impl Serialize) -> serde_json::Value {
    // What goes over the wire always encodes.
    let json = serde_json::to_vec(value).unwrap_or_default();
    serde_json::from_slice(&names::camel(json)).unwrap_or_default()
}

/// What reading arguments is called in errors.
const READING: &str = "read arguments";

/// Reads arguments, with their names in snake_case. What they have is not taken apart: a batch
/// may be long, and is read once, as what it is.
fn read(arguments: &str) -> Result<Fields> {
    let fields: HashMap<String, &RawValue> =
        serde_json::from_str(arguments).map_err(wrong_arguments)?;
    let renamed = fields.into_iter().map(|(name, value)| {
        let value = names::snake(&name, value.get())?;
        Ok((names::snake_name(&name)?, value))
    });
    renamed.collect::<Result<_>>().map(Fields)
}
