//! Runs of delegated code, as JavaScript executes them: `ts/run.ts`.

use std::rc::Rc;

use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use workspace_core::{Error, ErrorKind, Result};
use workspace_dynamic_worker::{Begun, Execution, Order, Reply, Run, Runs};

use crate::object::{Object, WorkspaceObject, done, refused, told};

/// A run that goes on.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Running {
    runs: Rc<Runs>,
    run: Rc<Run>,
}

impl Running {
    pub(crate) fn new(runs: Rc<Runs>, run: Rc<Run>) -> Self {
        Self { runs, run }
    }
}

#[wasm_bindgen]
impl Running {
    /// Returns what a Worker Loader is given, as JSON.
    ///
    /// # Errors
    /// None: what is there always encodes.
    pub fn load(&self) -> std::result::Result<String, JsError> {
        Ok(serde_json::to_string(&self.run.load())?)
    }

    /// Tells whether it has come to a limit of calls or bytes: it need not go on.
    #[wasm_bindgen(getter)]
    pub fn limited(&self) -> bool {
        self.run.limit().is_some()
    }

    /// Calls a method of the run's files. `contents` are nothing, text or bytes. Resolves to
    /// the reply, as JSON, and bytes where it has some.
    pub async fn call(&self, method: String, arguments: String, contents: JsValue) -> Array {
        let (runs, run) = (Rc::clone(&self.runs), Rc::clone(&self.run));
        let contents = match contents.as_string() {
            Some(text) => Some(Bytes::from(text)),
            None => {
                let bytes = contents.dyn_ref::<Uint8Array>();
                bytes.map(|bytes| Bytes::from(bytes.to_vec()))
            }
        };
        let Reply { json, contents } = runs.call(&run, &method, &arguments, contents).await;
        let bytes = contents.map(|bytes| Uint8Array::from(&*bytes));
        Array::of2(&json.into(), &bytes.map(JsValue::from).unwrap_or_default())
    }

    /// Ends the run, of which this came, as JSON; returns its outcome, as JSON.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn end(&self, execution: &str) -> std::result::Result<String, JsError> {
        let outcome = self.runs.end(&self.run, Execution::read(execution));
        let outcome = outcome.map_err(|error| told(&error))?;
        Ok(String::from_utf8_lossy(&outcome).into_owned())
    }
}

#[wasm_bindgen]
impl WorkspaceObject {
    /// Begins a run of delegated code, of an order as JSON. Resolves to status and outcome as
    /// JSON, where a run of the same id has ended or the order is refused; or to status,
    /// nothing, and the run, which is to be executed and ended.
    ///
    /// # Errors
    /// Only what no answer can be made of.
    pub async fn run(&self, order: String) -> std::result::Result<Array, JsError> {
        let object = Rc::clone(&self.0);
        Ok(match begin(&object, &order).await {
            Ok((_, Begun::Again(outcome))) => done(&outcome, None),
            Ok((runs, Begun::Fresh(run))) => {
                let running = Running::new(runs, run);
                Array::of3(&200.into(), &JsValue::UNDEFINED, &running.into())
            }
            Err(error) => refused(error.into()),
        })
    }
}

async fn begin(object: &Object, order: &str) -> Result<(Rc<Runs>, Begun)> {
    let order = Order::read(order)?;
    let open = object.open(true)?;
    let open = open.ok_or_else(|| Error::new(ErrorKind::Unavailable, "open"))?;
    let begun = open.runs.begin(order).await?;
    Ok((Rc::clone(&open.runs), begun))
}
