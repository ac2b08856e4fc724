//! Runs of delegated code, as JavaScript executes them: `ts/run.ts`.

use std::rc::Rc;

use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use workspace_dynamic_worker::{Execution, Reply, Run, Runs};

use crate::object::told;

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
