//! Runs of a workspace, executed here.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use workspace_core::{Error, ErrorKind, Result};

use super::{Call, Code, Compiled, Native};
use crate::native;
use crate::order::Order;
use crate::outcome::{Ended, Execution, Outcome};
use crate::runs::{Begun, Run, Runs};

impl Runs {
    /// Runs an order here. Dropping the future cancels it: nothing of it is kept.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin) and [`end`](Self::end).
    pub async fn run(&self, native: &Native, order: Order) -> Result<Outcome> {
        let code = Code::Modules(order.program.clone());
        self.executed(native, code, order).await
    }

    /// Runs a component in place of the order's program, which says what it is: its hash, so
    /// that another one under the same id is another order.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub async fn run_component(
        &self,
        native: &Native,
        component: Compiled,
        order: Order,
    ) -> Result<Outcome> {
        self.executed(native, Code::Component(component), order)
            .await
    }

    async fn executed(&self, native: &Native, code: Code, order: Order) -> Result<Outcome> {
        order.check()?;
        if let Some(size) = native::too_large(&code, &order.limits) {
            return Err(Error::new(ErrorKind::LimitExceeded, "run").because(format!(
                "{size} bytes, and there may be {}",
                order.limits.source
            )));
        }
        // Who waits for the end of another run takes no place for that.
        self.waited(&order).await;
        if let Some(outcome) = self.again(&order)? {
            return read(&outcome);
        }
        // Until it is its turn nothing of it is begun: it reads what is there then, and its time
        // is its own.
        let place = native.place().await;
        let outcome = match self.begin(order).await? {
            Begun::Again(outcome) => outcome,
            Begun::Fresh(run) => {
                let going = Going {
                    runs: self,
                    run: Rc::clone(&run),
                    ended: Cell::new(false),
                };
                let order = run.order();
                let (input, limits) = (order.input.to_string(), order.limits);
                let calls = async |call: Call| {
                    let Call {
                        method,
                        arguments,
                        contents,
                    } = call;
                    let reply = self.call(&run, &method, &arguments, contents).await;
                    match run.limit() {
                        None => Ok(reply),
                        // It need not go on.
                        Some(limit) => Err(Ended::Limit { limit }),
                    }
                };
                let execution = native.run_in(place, code, &input, &limits, calls).await;
                going.ended.set(true);
                self.end(&run, execution)?
            }
        };
        read(&outcome)
    }
}

fn read(outcome: &Bytes) -> Result<Outcome> {
    serde_json::from_slice(outcome)
        .map_err(|error| Error::new(ErrorKind::Corrupt, "run").with_source(error))
}

/// A run that is thrown away unless it came to its end.
struct Going<'a> {
    runs: &'a Runs,
    run: Rc<Run>,
    ended: Cell<bool>,
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        if !self.ended.get() {
            // Where that fails, its copy expires.
            let _expires = self
                .runs
                .end(&self.run, Execution::silent(Ended::Cancelled));
        }
    }
}
