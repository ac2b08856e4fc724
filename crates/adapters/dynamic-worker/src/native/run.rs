//! A run, on a thread of the host's.

use std::sync::Arc;

use futures::channel::{mpsc, oneshot};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use wasmtime::{Store, UpdateDeadline};

use super::state::{Asked, Ends, State};
use super::{Code, Host, javascript, verdict};
use crate::{Ended, Execution, Limit, Limits};

/// What a run takes with it.
pub(super) struct Run {
    pub(super) host: Arc<Host>,
    pub(super) code: Code,
    pub(super) input: String,
    pub(super) limits: Limits,
    pub(super) asks: mpsc::UnboundedSender<Asked>,
    pub(super) place: OwnedSemaphorePermit,
}

impl Run {
    /// Runs, and tells how it ended. The place is free when the instance is.
    pub(super) async fn run_through(self, ends: oneshot::Sender<Execution>) {
        let Self {
            host,
            code,
            input,
            limits,
            asks,
            place: _place,
        } = self;
        let _ticking = host.ticker.run();
        let base = match code {
            Code::Modules(_) => host.base,
            Code::Component(_) => 0,
        };
        let mut store = Store::new(&host.engine, State::new(&limits, base, asks));
        let deadline = Instant::now() + limits.duration();
        set_limits(&mut store, deadline);
        let ended = match code {
            Code::Modules(program) => {
                let modules = program.modules.iter().map(javascript::Module::from);
                let run = javascript::run(&host.javascript, &mut store, modules.collect(), input);
                match timeout_at(deadline, run).await {
                    Ok(Ok(told)) => {
                        let ended = Ended::told(&told, &program, &limits);
                        verdict::of_told(ended, &store.data().memory)
                    }
                    Ok(Err(error)) => verdict::of_engine(error, &store.data().memory),
                    Err(_) => late(),
                }
            }
            Code::Component(compiled) => {
                let run = super::program::run(&compiled.ready, &mut store, input);
                match timeout_at(deadline, run).await {
                    Ok(Ok(result)) => verdict::of_result(result, &limits),
                    Ok(Err(error)) => verdict::of_program(error, &store.data().memory),
                    Err(_) => late(),
                }
            }
        };
        let console = std::mem::take(&mut store.data_mut().console);
        // Whoever wanted it may be gone.
        let _ = ends.send(Execution {
            ended,
            guessed: false,
            console: console.lines,
            left_out: console.left_out,
        });
    }
}

fn late() -> Ended {
    Ended::Limit { limit: Limit::Time }
}

fn set_limits(store: &mut Store<State>, deadline: Instant) {
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| match Instant::now() < deadline {
        true => Ok(UpdateDeadline::Yield(1)),
        false => Err(Ends(late()).into()),
    });
}
