//! A run, on a thread of the host's.

use std::sync::Arc;

use futures::channel::{mpsc, oneshot};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use wasmtime::{Store, UpdateDeadline};

use super::state::{Asked, Ends, MAX_ARGUMENTS, State};
use super::{Code, Host, javascript, stripper, verdict};
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
        let is_typed = match &code {
            Code::Modules(program) => program.modules.iter().any(crate::Module::is_typed),
            Code::Component(_) => false,
        };
        // Once in the life of a host this takes a while, which is no run's.
        let stripper = is_typed.then(|| host.stripper.ready());
        let mut store = Store::new(&host.engine, State::new(&limits, base, asks));
        let deadline = Instant::now() + limits.duration();
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(at_once(&limits));
        interrupt(&mut store, deadline);
        let ended = match code {
            Code::Modules(program) => {
                let run = async {
                    let stripped = match stripper {
                        None => None,
                        Some(Err(cause)) => {
                            let cause = cause.to_owned();
                            return Ok(Err(Ended::Platform { cause }));
                        }
                        Some(Ok(ready)) => {
                            let set = |store: &mut Store<_>| interrupt(store, deadline);
                            match stripper::strip(ready, &program, set).await? {
                                Ok(stripped) => Some(stripped),
                                Err(typed) => return Ok(Err(typed.ended())),
                            }
                        }
                    };
                    let modules = stripped.as_ref().unwrap_or(&program).modules.iter();
                    let modules = modules.map(javascript::Module::from).collect();
                    javascript::run(&host.javascript, &mut store, modules, input)
                        .await
                        .map(Ok)
                };
                let ended = match timeout_at(deadline, run).await {
                    Ok(Ok(Ok(told))) => verdict::of_told(&told, &store.data().memory, &limits),
                    Ok(Ok(Err(ended))) => ended,
                    Ok(Err(error)) => verdict::of_failed(&error, &store.data().memory),
                    Err(_) => late(),
                };
                program.located(ended)
            }
            Code::Component(compiled) => {
                let run = super::program::run(&compiled.ready, &mut store, input);
                match timeout_at(deadline, run).await {
                    Ok(Ok(result)) => verdict::of_result(result, &limits),
                    Ok(Err(error)) => verdict::of_failed(&error, &store.data().memory),
                    Err(_) => late(),
                }
            }
        };
        let console = std::mem::take(&mut store.data_mut().console);
        // Whoever wanted it may be gone. What comes after this is to free the instance, in which
        // nothing is waited for.
        let _ = ends.send(Execution {
            ended,
            guessed: false,
            console: console.lines,
            left_out: console.left_out,
        });
    }
}

/// Returns how many bytes an instance may hand over in one call, as the host has them: of a list
/// that is more than of what it is made. What is more than that it may not write.
fn at_once(limits: &Limits) -> usize {
    let most = limits.bytes.saturating_add(MAX_ARGUMENTS);
    most.clamp(64 << 20, 128 << 20) as usize
}

fn late() -> Ended {
    Ended::Limit { limit: Limit::Time }
}

/// Has what runs in a store interrupted, so that others have their turn, and ended in time.
fn interrupt<T: 'static>(store: &mut Store<T>, deadline: Instant) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| match Instant::now() < deadline {
        true => Ok(UpdateDeadline::Yield(1)),
        false => Err(Ends(late()).into()),
    });
}
