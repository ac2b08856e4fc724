//! The world `program`: a component with typed files. Each of its calls is the one that
//! JavaScript makes by the same name.

use serde_json::{Value, json};
use wasmtime::component::{Accessor, Component, HasSelf, Linker};
use wasmtime::{Engine, Result, Store};

use self::bindings::workspace::guest::files;
use self::bindings::workspace::guest::files::{
    Differences, Failure, Matches, Page, Paging, Placed, Replacement,
};
use super::javascript::bindings::workspace::guest::console;
use super::state::{Ends, State, ask};
use super::{Call, answers};
use crate::Ended;

pub(super) use self::bindings::ProgramPre;

/// What wasmtime makes of the world.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "program",
        imports: { default: trappable },
        with: { "workspace:guest/console": crate::native::javascript::bindings::workspace::guest::console },
    });
}

/// Links a component.
pub(super) fn ready(engine: &Engine, component: &Component) -> Result<ProgramPre<State>> {
    let mut linker = Linker::new(engine);
    files::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    console::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    ProgramPre::new(linker.instantiate_pre(component)?)
}

/// Runs a component in an instance of its own.
pub(super) async fn run(
    ready: &ProgramPre<State>,
    store: &mut Store<State>,
    input: String,
) -> Result<std::result::Result<String, String>> {
    let instance = ready.instantiate_async(&mut *store).await?;
    let run = async |run: &Accessor<State>| instance.call_run(run, input).await;
    store.run_concurrent(run).await?
}

/// What a call comes to: a value, or a failure that is told to the program.
type Answer<T> = Result<std::result::Result<T, Failure>>;
type Caller<'a, T> = &'a Accessor<T, HasSelf<State>>;

/// Calls a method, and reads its answer. What cannot be read is the host's fault.
async fn call<T: Send + 'static, V>(
    run: Caller<'_, T>,
    method: &str,
    arguments: Value,
    contents: Option<Vec<u8>>,
    read: impl FnOnce(answers::Reply) -> std::result::Result<V, serde_json::Error>,
) -> Answer<V> {
    let call = Call {
        method: method.into(),
        arguments: arguments.to_string(),
        contents: contents.map(Into::into),
    };
    let reply = ask(run, call).await?;
    answers::read(&reply, read).map_err(|error| {
        let cause = format!("the answer to `{method}`: {error}");
        Ends(Ended::Platform { cause }).into()
    })
}

/// Adds which page is wanted.
fn paged(mut arguments: Value, paging: Paging) -> Value {
    if let Some(after) = paging.after {
        arguments["after"] = after.into();
    }
    if let Some(limit) = paging.limit {
        arguments["limit"] = limit.into();
    }
    arguments
}

impl files::Host for State {}

impl<T: Send + 'static> files::HostWithStore<T> for HasSelf<State> {
    async fn read_file(run: Caller<'_, T>, path: String) -> Answer<Vec<u8>> {
        call(run, "readFile", json!({ "path": path }), None, |reply| {
            Ok(reply.bytes())
        })
        .await
    }

    async fn read_text(run: Caller<'_, T>, path: String) -> Answer<String> {
        call(run, "readText", json!({ "path": path }), None, |reply| {
            reply.text()
        })
        .await
    }

    async fn write_file(run: Caller<'_, T>, path: String, contents: Vec<u8>) -> Answer<()> {
        let arguments = json!({ "path": path });
        call(run, "writeFile", arguments, Some(contents), |reply| {
            reply.nothing()
        })
        .await
    }

    async fn edit(run: Caller<'_, T>, path: String, edits: Vec<Replacement>) -> Answer<()> {
        let edits = edits.into_iter();
        let edits: Vec<Value> = edits
            .map(|edit| json!({ "old": edit.old, "new": edit.new, "all": edit.all }))
            .collect();
        let arguments = json!({ "path": path, "edits": edits });
        call(run, "edit", arguments, None, |reply| reply.nothing()).await
    }

    async fn list(run: Caller<'_, T>, path: String, paging: Paging) -> Answer<Page> {
        let arguments = paged(json!({ "path": path }), paging);
        call(run, "list", arguments, None, |reply| reply.page()).await
    }

    async fn stat(run: Caller<'_, T>, path: String) -> Answer<Placed> {
        call(run, "stat", json!({ "path": path }), None, |reply| {
            reply.placed()
        })
        .await
    }

    async fn exists(run: Caller<'_, T>, path: String) -> Answer<bool> {
        call(run, "exists", json!({ "path": path }), None, |reply| {
            reply.truth()
        })
        .await
    }

    async fn glob(run: Caller<'_, T>, pattern: String, paging: Paging) -> Answer<Page> {
        let arguments = paged(json!({ "pattern": pattern }), paging);
        call(run, "glob", arguments, None, |reply| reply.page()).await
    }

    async fn grep(
        run: Caller<'_, T>,
        pattern: String,
        glob: Option<String>,
        paging: Paging,
    ) -> Answer<Matches> {
        let mut arguments = paged(json!({ "pattern": pattern }), paging);
        if let Some(glob) = glob {
            arguments["glob"] = glob.into();
        }
        call(run, "grep", arguments, None, |reply| reply.matches()).await
    }

    async fn mkdir(run: Caller<'_, T>, path: String) -> Answer<()> {
        call(run, "mkdir", json!({ "path": path }), None, |reply| {
            reply.nothing()
        })
        .await
    }

    async fn delete(run: Caller<'_, T>, path: String) -> Answer<()> {
        call(run, "delete", json!({ "path": path }), None, |reply| {
            reply.nothing()
        })
        .await
    }

    async fn move_(run: Caller<'_, T>, from: String, to: String) -> Answer<()> {
        let arguments = json!({ "from": from, "to": to });
        call(run, "move", arguments, None, |reply| reply.nothing()).await
    }

    async fn copy(run: Caller<'_, T>, from: String, to: String) -> Answer<()> {
        let arguments = json!({ "from": from, "to": to });
        call(run, "copy", arguments, None, |reply| reply.nothing()).await
    }

    async fn diff(run: Caller<'_, T>, paging: Paging) -> Answer<Differences> {
        call(run, "diff", paged(json!({}), paging), None, |reply| {
            reply.differences()
        })
        .await
    }
}
