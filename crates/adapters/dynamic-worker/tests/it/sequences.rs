//! Generated runs, executed by the test itself. `SEQUENCES=0-99999` runs so many.

use bytes::Bytes;
use workspace_dynamic_worker::{Ended, Execution, Reply};
use workspace_testkit::seeds;

use crate::sequence::{Called, Host, Step, sequence};

/// Makes the calls itself.
struct Directly;

impl Host for Directly {
    fn execute(
        &self,
        steps: &[Step],
        ended: Ended,
        answer: &mut dyn FnMut(Called) -> Reply,
    ) -> Execution {
        for step in steps {
            answer(Called {
                method: step.method.into(),
                arguments: step.arguments.to_string(),
                contents: step.contents.clone().map(Bytes::from),
            });
        }
        Execution {
            ended,
            guessed: false,
            console: Vec::new(),
            left_out: 0,
        }
    }
}

#[test]
fn no_run_leaves_its_grant_or_half_of_itself() {
    for seed in seeds("SEQUENCES", 0..300) {
        sequence(seed, &Directly);
    }
}
