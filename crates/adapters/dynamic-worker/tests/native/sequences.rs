//! Generated runs, executed by programs here: one in JavaScript, which gets the calls as data.
//! `SEQUENCES=0-49999` runs so many.

use std::cell::RefCell;

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use workspace_dynamic_worker::{Call, Ended, Execution, Limits, Native, Reply};
use workspace_testkit::seeds;

use crate::sequence::{Called, Host, Step, sequence};
use crate::support::{host, program};

/// Makes each call, and tells what came of it.
const INTERPRETER: &str = "export default async ({ WORKSPACE: files }, { steps, throws }) => {
    const replies = [];
    for (const [method, given] of steps) replies.push(await files[method](...given));
    if (throws) throw new Error('as it was to');
    return replies;
}";

/// The host in wasmtime.
struct Here {
    native: Native,
    runtime: Runtime,
}

impl Host for Here {
    fn execute(
        &self,
        steps: &[Step],
        ended: Ended,
        answer: &mut dyn FnMut(Called) -> Reply,
    ) -> Execution {
        let all = steps.iter().map(|step| json!([step.method, step.given]));
        let throws = matches!(ended, Ended::Threw(_));
        let input = json!({ "steps": all.collect::<Vec<_>>(), "throws": throws }).to_string();
        let replies = RefCell::new((answer, Vec::new()));
        let calls = async |call: Call| {
            let Call {
                method,
                arguments,
                contents,
            } = call;
            let (answer, told) = &mut *replies.borrow_mut();
            let reply = answer(Called {
                method,
                arguments,
                contents,
            });
            told.push(serde_json::from_str::<Value>(&reply.json).unwrap());
            Ok(reply)
        };
        let code = program(&[("main.js", INTERPRETER)]);
        let limits = Limits::default();
        let run = self.native.run(code, &input, &limits, calls);
        let mut execution = self.runtime.block_on(run);
        let (_, told) = replies.into_inner();
        match (&execution.ended, &ended) {
            (Ended::Returned { value }, Ended::Threw(_)) => panic!("{value}"),
            // What the program was told is what it was answered.
            (Ended::Returned { value }, _) => {
                let value: Value = serde_json::from_str(value.as_str()).unwrap();
                assert_eq!(value, Value::Array(told));
            }
            (Ended::Threw(thrown), Ended::Threw(expected)) => {
                assert_eq!(thrown.message, expected.message);
            }
            (other, _) => panic!("{other:?}"),
        }
        // Whoever asked for it may have no use for it at its very end.
        if ended == Ended::Cancelled {
            execution.ended = ended;
        }
        execution
    }
}

#[test]
fn no_program_leaves_its_grant_or_half_of_itself() {
    let here = Here {
        native: host(),
        runtime: Builder::new_current_thread().enable_time().build().unwrap(),
    };
    for seed in seeds("SEQUENCES", 0..100) {
        sequence(seed, &here);
    }
}
