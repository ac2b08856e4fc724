//! A Worker that runs tests inside a Durable Object, where `DoSql` and
//! `R2Blobs` live. `cargo xtask test` builds it, starts it in workerd and calls
//! its cases; see `worker.mjs`.

#![cfg(target_arch = "wasm32")]

mod figures;
mod github;
mod platform;
mod storage;

use std::cell::OnceCell;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::{Arc, Once};

use wasm_bindgen::prelude::*;
use worker::worker_sys::DurableObjectState;
use workspace_core::store::{BlobStore, MetaStore};
use workspace_core::{Error, ErrorKind, Options, Result, Workspace};
use workspace_durable_object::{DoSql, Prefix, R2Blobs, context};
use workspace_sql::SqlMeta;
use workspace_testkit::conformance;
use workspace_testkit::model::{Run, Scenario, crash, run};

use storage::ObjectStorage;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// The Rust half of an object.
#[wasm_bindgen]
#[derive(Debug)]
pub struct TestObject(Rc<Object>);

#[derive(Debug)]
struct Object {
    storage: worker::Storage,
    bucket: worker::Bucket,
    id: String,
    workspace: OnceCell<Workspace>,
}

#[wasm_bindgen]
impl TestObject {
    /// Takes what the platform makes an object with.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: worker::Env) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            std::panic::set_hook(Box::new(|panic| console_error(&panic.to_string())));
        });
        let state = worker::State::from(state);
        Self(Rc::new(Object {
            storage: state.storage(),
            bucket: env.bucket("BUCKET").expect("the bucket is bound"),
            id: state.id().to_string(),
            workspace: OnceCell::new(),
        }))
    }

    /// Runs a case by its name and returns what it has to say. A failed
    /// assertion is a panic.
    pub async fn run(
        &self,
        name: String,
        args: Vec<String>,
    ) -> std::result::Result<String, JsError> {
        let object = Rc::clone(&self.0);
        let outcome = object.case(&name, &Arguments(args)).await;
        outcome.map_err(|error| JsError::new(&described(&error)))
    }
}

impl Object {
    async fn case(&self, name: &str, args: &Arguments) -> Result<String> {
        match name {
            "nothing" => Ok(String::new()),
            "meta" => {
                conformance::meta::all(&SqlMeta::open(self.sql()?)?);
                Ok("the store keeps its promises".into())
            }
            "blobs" => {
                conformance::blobs::all(&self.blobs()?).await;
                Ok("the store keeps its promises".into())
            }
            "model" => {
                let sql = self.sql()?;
                let tally = run(
                    &|| Box::new(ObjectStorage::empty(&sql)),
                    &Run {
                        seed: args.get(0)?,
                        sessions: args.get(1)?,
                        operations: args.get(2)?,
                        faults: args.get(3)?,
                    },
                );
                Ok(format!("{tally:?}"))
            }
            "crash" => {
                let sql = self.sql()?;
                let make = || -> Box<dyn workspace_testkit::Storage> {
                    Box::new(ObjectStorage::empty(&sql))
                };
                // A collection would take as long as all of these.
                let scenarios = [
                    Scenario::Import,
                    Scenario::Write,
                    Scenario::Apply,
                    Scenario::Rebase,
                    Scenario::Restore,
                    Scenario::ForkOfCopy,
                    Scenario::ApplyToParent,
                    Scenario::RebaseOntoParent,
                    Scenario::ApplyWithNested,
                    Scenario::DiscardWithNested,
                ];
                let crashes = scenarios.map(|scenario| crash(&make, scenario, 6));
                Ok(format!("crashes by scenario: {crashes:?}"))
            }
            "sql" => platform::sql(&self.sql()?),
            "large" => platform::large(&self.workspace()?, &self.blobs()?).await,
            "in-flight" => platform::in_flight().await,
            "github" => github::there_and_back(&self.workspace()?, &args.0).await,
            "panic" => panic!("asked for"),
            "panic-later" => platform::panic_later().await,
            "panic-in-transaction" => platform::panic_in_transaction(&self.sql()?),
            "rows" => platform::rows(&self.sql()?),
            "billed" => platform::billed(self.sql()?, self.blobs()?).await,
            "figure" => figures::run(&self.workspace()?, self.storage.as_raw(), &args.0).await,
            _ => Err(Error::new(ErrorKind::NotFound, "run case").at(name)),
        }
    }

    fn sql(&self) -> Result<DoSql> {
        DoSql::new(&self.storage)
    }

    fn blobs(&self) -> Result<R2Blobs> {
        Ok(R2Blobs::new(self.bucket.clone(), Prefix::new(&self.id)?))
    }

    /// Returns the object's workspace, created where it is missing.
    fn workspace(&self) -> Result<Workspace> {
        if let Some(workspace) = self.workspace.get() {
            return Ok(workspace.clone());
        }
        let meta = || -> Result<Box<dyn MetaStore>> { Ok(Box::new(SqlMeta::open(self.sql()?)?)) };
        let blobs: Arc<dyn BlobStore> = Arc::new(self.blobs()?);
        let options = Options::default();
        let opened = match Workspace::open(meta()?, Arc::clone(&blobs), context(), options) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Workspace::create(meta()?, blobs, context(), options)?
            }
            opened => opened?,
        };
        Ok(self.workspace.get_or_init(|| opened).clone())
    }
}

/// What stands in the URL after the case.
struct Arguments(Vec<String>);

impl Arguments {
    fn get<T: FromStr>(&self, at: usize) -> Result<T> {
        let text = self.0.get(at).map_or("", String::as_str);
        let invalid = || Error::new(ErrorKind::Invalid, "parse argument").at(text);
        text.parse().map_err(|_| invalid())
    }
}

fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
