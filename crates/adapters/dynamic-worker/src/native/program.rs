//! The world `program`: a component with typed files. Each of its calls is the one that
//! JavaScript makes by the same name.

use serde::Serialize;
use serde_json::{Map, Value};
use wasmtime::component::{Accessor, Component, HasSelf, Linker};
use wasmtime::{Engine, Result, Store};

use self::bindings::workspace::guest::files;
use self::bindings::workspace::guest::files::{
    Differences, Failure, Listing, Matches, Page, Paging, Placed, Replacement, Searching, Writing,
};
use super::Call;
use super::answers::{self, Reply};
use super::javascript::bindings::workspace::guest::console;
use super::state::{Ends, State, ask};
use super::verdict::not_begun;
use crate::Ended;
use crate::contract::MAX_ARGUMENTS;

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
    let instance = ready.instantiate_async(&mut *store).await;
    let instance = instance.map_err(|error| not_begun(error, &store.data().memory))?;
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
    arguments: impl Into<String>,
    contents: Option<Vec<u8>>,
    read: impl FnOnce(Reply<'_>) -> std::result::Result<V, serde_json::Error>,
) -> Answer<V> {
    let call = Call {
        method: method.into(),
        arguments: arguments.into(),
        contents: contents.map(Into::into),
    };
    let reply = ask(run, call).await?;
    answers::read(&reply, read).map_err(|error| {
        let cause = format!("the answer to `{method}`: {error}");
        Ends(Ended::Platform { cause }).into()
    })
}

/// The arguments of a call: those that were said.
struct Arguments(Map<String, Value>);

impl Arguments {
    fn new() -> Self {
        Self(Map::new())
    }

    fn of(name: &str, value: impl Into<Value>) -> Self {
        Self::new().with(name, Some(value))
    }

    fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.into(), value.into());
        }
        self
    }

    /// Adds which page is wanted.
    fn paged(self, paging: Paging) -> Self {
        self.with("after", paging.after).with("limit", paging.limit)
    }
}

impl From<Arguments> for String {
    fn from(Arguments(arguments): Arguments) -> Self {
        Value::Object(arguments).to_string()
    }
}

/// As many edits are taken at once.
const MAX_EDITS: usize = 1_000;

/// The arguments of `edit`.
#[derive(Serialize)]
struct Edits<'a> {
    path: &'a str,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    old: &'a str,
    new: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
}

impl<'a> From<&'a Replacement> for Edit<'a> {
    fn from(edit: &'a Replacement) -> Self {
        Self {
            old: &edit.old,
            new: &edit.new,
            all: edit.all,
        }
    }
}

impl files::Host for State {}

impl<T: Send + 'static> files::HostWithStore<T> for HasSelf<State> {
    async fn read_file(run: Caller<'_, T>, path: String) -> Answer<Vec<u8>> {
        let arguments = Arguments::of("path", path);
        call(run, "readFile", arguments, None, |reply| Ok(reply.bytes())).await
    }

    async fn read_text(run: Caller<'_, T>, path: String) -> Answer<String> {
        let arguments = Arguments::of("path", path);
        call(run, "readText", arguments, None, |reply| reply.text()).await
    }

    async fn write_file(
        run: Caller<'_, T>,
        path: String,
        contents: Vec<u8>,
        options: Writing,
    ) -> Answer<()> {
        let arguments = Arguments::of("path", path)
            .with("executable", options.executable)
            .with("mediaType", options.media_type)
            .with("createParents", options.create_parents);
        let contents = Some(contents);
        call(run, "writeFile", arguments, contents, |it| it.nothing()).await
    }

    async fn edit(run: Caller<'_, T>, path: String, edits: Vec<Replacement>) -> Answer<()> {
        // Before anything is made of them.
        let sizes = edits.iter().map(|edit| edit.old.len() + edit.new.len());
        let size = sizes.fold(path.len(), usize::saturating_add);
        if edits.len() > MAX_EDITS || size > MAX_ARGUMENTS {
            return Ok(Err(Failure {
                code: "limit_exceeded".into(),
                message: format!("{} edits of {size} bytes", edits.len()),
                path: None,
                reason: None,
            }));
        }
        let edits = Edits {
            path: &path,
            edits: edits.iter().map(Edit::from).collect(),
        };
        // Texts always encode.
        let arguments = serde_json::to_string(&edits).unwrap_or_default();
        call(run, "edit", arguments, None, |it| it.nothing()).await
    }

    async fn list(run: Caller<'_, T>, path: Option<String>, paging: Paging) -> Answer<Listing> {
        let arguments = Arguments::new().with("path", path).paged(paging);
        call(run, "list", arguments, None, |it| it.listing()).await
    }

    async fn stat(run: Caller<'_, T>, path: String) -> Answer<Placed> {
        let arguments = Arguments::of("path", path);
        call(run, "stat", arguments, None, |it| it.placed()).await
    }

    async fn exists(run: Caller<'_, T>, path: String) -> Answer<bool> {
        let arguments = Arguments::of("path", path);
        call(run, "exists", arguments, None, |it| it.truth()).await
    }

    async fn glob(
        run: Caller<'_, T>,
        pattern: String,
        path: Option<String>,
        paging: Paging,
    ) -> Answer<Page> {
        let arguments = Arguments::of("pattern", pattern)
            .with("path", path)
            .paged(paging);
        call(run, "glob", arguments, None, |it| it.page()).await
    }

    async fn grep(
        run: Caller<'_, T>,
        pattern: String,
        options: Searching,
        paging: Paging,
    ) -> Answer<Matches> {
        let arguments = Arguments::of("pattern", pattern)
            .with("path", options.path)
            .with("glob", options.glob)
            .with("literal", options.literal)
            .with("ignoreCase", options.ignore_case)
            .paged(paging);
        call(run, "grep", arguments, None, |it| it.matches()).await
    }

    async fn mkdir(run: Caller<'_, T>, path: String) -> Answer<()> {
        let arguments = Arguments::of("path", path);
        call(run, "mkdir", arguments, None, |it| it.nothing()).await
    }

    async fn delete(run: Caller<'_, T>, path: String) -> Answer<()> {
        let arguments = Arguments::of("path", path);
        call(run, "delete", arguments, None, |it| it.nothing()).await
    }

    async fn move_(
        run: Caller<'_, T>,
        from: String,
        to: String,
        replace: Option<bool>,
    ) -> Answer<()> {
        let arguments = Arguments::of("from", from)
            .with("to", Some(to))
            .with("replace", replace);
        call(run, "move", arguments, None, |it| it.nothing()).await
    }

    async fn copy(
        run: Caller<'_, T>,
        from: String,
        to: String,
        replace: Option<bool>,
    ) -> Answer<()> {
        let arguments = Arguments::of("from", from)
            .with("to", Some(to))
            .with("replace", replace);
        call(run, "copy", arguments, None, |it| it.nothing()).await
    }

    async fn diff(run: Caller<'_, T>, paging: Paging) -> Answer<Differences> {
        let arguments = Arguments::new().paged(paging);
        call(run, "diff", arguments, None, |it| it.differences()).await
    }
}
