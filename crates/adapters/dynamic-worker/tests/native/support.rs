//! A host, and files in memory that answer its calls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use workspace_dynamic_worker::{
    Call, Code, Compiled, Ended, Execution, Limit, Limits, Module, Native,
    NativeOptions as Options, Program, Reply, Thrown,
};

/// Returns a host that runs so many programs at once.
pub(crate) fn host_of(at_once: usize) -> Native {
    let mut options = Options::default();
    options.directory = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("engine"));
    options.at_once = at_once;
    Native::new(&options).unwrap()
}

/// Returns a host.
pub(crate) fn host() -> Native {
    host_of(4)
}

/// Files in memory.
#[derive(Default)]
pub(crate) struct Files {
    /// Their contents.
    pub(crate) all: RefCell<BTreeMap<String, Bytes>>,
    /// The calls so far.
    pub(crate) calls: RefCell<Vec<Call>>,
}

/// An answer with a value.
pub(crate) fn ok(value: &Value) -> Reply {
    Reply {
        json: json!({ "status": "ok", "value": value }).to_string(),
        contents: None,
    }
}

/// An answer that fails.
pub(crate) fn fails(code: &str, path: &str) -> Reply {
    let error = json!({ "code": code, "message": "it failed", "path": path });
    Reply {
        json: json!({ "status": "error", "error": error }).to_string(),
        contents: None,
    }
}

impl Files {
    /// Answers a call; slowly with `after` milliseconds in its arguments.
    pub(crate) async fn answer(&self, call: Call) -> Result<Reply, Ended> {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        let path = arguments["path"].as_str().unwrap_or_default().to_owned();
        self.calls.borrow_mut().push(call.clone());
        if let Some(millis) = arguments["after"].as_u64() {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        let found = self.all.borrow().get(&path).cloned();
        let reply = match (&*call.method, found) {
            ("writeFile", _) => {
                let contents = call.contents.unwrap_or_default();
                self.all.borrow_mut().insert(path.clone(), contents);
                ok(&json!({ "path": path }))
            }
            ("readFile", Some(contents)) => Reply {
                contents: Some(contents),
                ..ok(&Value::Null)
            },
            ("readText", Some(contents)) => ok(&String::from_utf8_lossy(&contents).into()),
            ("exists", found) => ok(&found.is_some().into()),
            ("end", _) => {
                return Err(Ended::Limit {
                    limit: Limit::Calls,
                });
            }
            _ => fails("not_found", &path),
        };
        Ok(reply)
    }
}

/// Returns the modules of a program.
pub(crate) fn program(modules: &[(&str, &str)]) -> Code {
    let modules = modules.iter().map(|(name, source)| Module {
        name: (*name).into(),
        source: (*source).into(),
    });
    Code::Modules(Program {
        modules: modules.collect(),
    })
}

/// Returns the program of `tests/component`.
pub(crate) fn component(host: &Native) -> Compiled {
    host.compile(include_bytes!("../component.wasm")).unwrap()
}

/// Runs code over no files.
pub(crate) async fn run_with(code: Code, input: &str, limits: &Limits) -> Execution {
    let files = Files::default();
    host()
        .run(code, input, limits, async |call| files.answer(call).await)
        .await
}

/// Runs a module whose function has this body, with `env` and `input`.
pub(crate) async fn run(body: &str) -> Execution {
    let source = format!("export default async function main(env, input) {{ {body} }}");
    run_with(program(&[("main.js", &source)]), "null", &Limits::default()).await
}

/// Returns what a function with this body returns.
pub(crate) async fn value(body: &str) -> Value {
    value_of(&run(body).await)
}

/// Returns what was returned.
pub(crate) fn value_of(execution: &Execution) -> Value {
    match &execution.ended {
        Ended::Returned { value } => serde_json::from_str(value.as_str()).unwrap(),
        other => panic!("{other:?}, having said {:?}", execution.console),
    }
}

/// Returns what was thrown.
pub(crate) fn thrown_of(execution: Execution) -> Thrown {
    match execution.ended {
        Ended::Threw(thrown) => thrown,
        other => panic!("{other:?}"),
    }
}

/// Returns the limit that was come to.
pub(crate) fn limit_of(execution: &Execution) -> Limit {
    match &execution.ended {
        Ended::Limit { limit } => *limit,
        other => panic!("{other:?}, having said {:?}", execution.console),
    }
}

/// Compares with the clock, where that is asked for.
pub(crate) fn is_in_time(begun: Instant, limits: &Limits) {
    let took = begun.elapsed();
    let most = limits.duration().mul_f64(1.1) + Duration::from_millis(20);
    if std::env::var_os("TIMED").is_some() {
        println!("{took:?} of {:?}", limits.duration());
        assert!(took <= most, "{took:?}");
    }
}

/// Returns the limits by default, but for those that are set.
pub(crate) fn limits_with(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}
