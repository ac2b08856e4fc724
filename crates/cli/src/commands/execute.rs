//! `run`: runs code that nobody reviewed, over a copy.

use std::fs;
use std::path::{Path, PathBuf};

use anstyle::Style;
use serde_json::{Value, json};
use workspace_core::{Error, ErrorKind, Reason};
use workspace_dynamic_worker::{
    Ended, Fate, Level, Limits, Native, NativeOptions, Order, Outcome, Runs,
};
use workspace_http::wire::ScopeDto;

use crate::args::CopyOption;
use crate::commands::copies;
use crate::commands::grants::FilesArgs;
use crate::exit::{self, Result, io_error};
use crate::output::{BOLD, Output, RED, YELLOW, count_text, escaped};
use crate::run::Run;
use crate::session::Session;
use crate::time::parse_duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Execute {
    /// The module to run, in JavaScript or, by a name in .ts, TypeScript: its default export is
    /// called with its files and the input. Or a component, in .wasm
    file: PathBuf,
    /// Further modules that it imports, below its directory
    modules: Vec<PathBuf>,
    #[command(flatten)]
    copy: CopyOption,
    #[command(flatten)]
    files: FilesArgs,
    /// What it is called with besides its files
    #[arg(long, value_name = "JSON", default_value = "null")]
    input: String,
    /// An id of its own: a run of the same id has the same outcome, and nothing is run
    #[arg(long)]
    id: Option<String>,
    /// For how long it may go on
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: u32,
    /// What it is for, for the copy's log of operations
    #[arg(short = 'm', long = "message", value_name = "TEXT", default_value = "")]
    note: String,
}

/// Reads a duration as milliseconds.
fn duration(text: &str) -> workspace_core::Result<u32> {
    let millis = parse_duration(text)?;
    u32::try_from(millis).map_err(|_| {
        Error::invalid(Reason::OutOfRange, "read duration").because("more than five minutes")
    })
}

/// Runs code over a copy, and tells what came of it: the value goes to standard output, what it
/// says to standard error.
pub(crate) async fn run(run: &Run, args: &Execute) -> Result<exit::Outcome> {
    let Session::Local(workspace) = run.session()? else {
        return Err(Error::new(ErrorKind::Unsupported, "run")
            .because("code is run over a workspace on this machine; a Worker has `runCode`")
            .into());
    };
    let Some(copy) = args.copy.chosen() else {
        return Err(Error::invalid(Reason::MalformedArgument, "run")
            .because("code is run over a copy: name one with --copy")
            .into());
    };
    let copy = copies::find(run.session()?, &copy).await?;
    let component = match is_component(&args.file) {
        true => Some(read(&args.file)?),
        false => None,
    };
    let order = order(args, &copy.id.to_string(), component.as_deref())?;
    let mut options = NativeOptions::default();
    options.directory = cache();
    let native = Native::new(&options)?;
    let runs = Runs::new(workspace.clone(), "here");
    let outcome = match component {
        Some(wasm) => {
            let component = native.compile(&wasm)?;
            runs.run_component(&native, component, order).await?
        }
        None => runs.run(&native, order).await?,
    };
    if run.out.is_json() {
        run.out.json(&outcome)?;
    } else {
        tell(&run.out, &outcome)?;
    }
    code(outcome)
}

/// Puts together what is asked for.
fn order(args: &Execute, copy: &str, component: Option<&[u8]>) -> Result<Order> {
    let directory = args.file.parent().unwrap_or(Path::new(""));
    let mut modules = Vec::new();
    if let Some(wasm) = component {
        // What is run is what this says.
        let source = format!("component {}", sha256(wasm));
        modules.push(json!({ "name": "main.txt", "source": source }));
    }
    let file = component.is_none().then_some(&args.file);
    for path in file.into_iter().chain(&args.modules) {
        if component.is_some() || is_component(path) {
            return Err(Error::invalid(Reason::MalformedArgument, "run")
                .at(escaped(&path.to_string_lossy()))
                .because("a component is run by itself, and imports no module")
                .into());
        }
        let name = path.strip_prefix(directory).map_err(|_| {
            Error::invalid(Reason::MalformedPath, "run")
                .at(escaped(&path.to_string_lossy()))
                .because(format!("it is not below {}", directory.display()))
        })?;
        let source = String::from_utf8(read(path)?).map_err(|_| {
            Error::invalid(Reason::NotUtf8, "run").at(escaped(&path.to_string_lossy()))
        })?;
        let name = name.to_string_lossy();
        modules.push(json!({ "name": name, "source": source }));
    }
    let input: Value = serde_json::from_str(&args.input).map_err(|error| {
        Error::invalid(Reason::MalformedArgument, "run")
            .at("--input")
            .because(format!("not JSON: {error}"))
    })?;
    let mut limits = Limits::default();
    limits.millis = args.timeout;
    if component.is_some() {
        limits.source = Limits::MOST.source;
    }
    let order = json!({
        "id": args.id,
        "copy": copy,
        "program": { "modules": modules },
        "input": input,
        "scope": ScopeDto::from(&args.files.scope()),
        "note": args.note,
        "limits": limits,
    });
    Ok(Order::read(&order.to_string())?)
}

fn is_component(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "wasm")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path).map_err(|error| io_error("run", path, error))?)
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns where the engine is kept as it was compiled: what is there is run, so it is a
/// directory of this user's own. None where there is no such place.
fn cache() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))?;
    base.is_absolute().then(|| base.join("workspace"))
}

/// Tells what came of a run. Notes are escaped as they are told, and so is a line on a terminal.
fn tell(out: &Output, outcome: &Outcome) -> Result<()> {
    for line in &outcome.console {
        let style = match line.level {
            Level::Error => RED,
            Level::Warn => YELLOW,
            _ => Style::new(),
        };
        out.note_as(style, &line.text);
    }
    if outcome.left_out > 0 {
        out.note(count_text(outcome.left_out, "line more", "lines more"));
    }
    match &outcome.ended {
        Ended::Returned { value } => match serde_json::from_str::<Value>(value.as_str()) {
            Ok(value) => out.line(format!("{value:#}"))?,
            Err(_) => out.line(value)?,
        },
        Ended::Threw(thrown) => {
            let place = match (&thrown.module, thrown.line) {
                (Some(module), Some(line)) => format!(" ({module}:{line})"),
                _ => String::new(),
            };
            let name = if thrown.name.is_empty() {
                "thrown"
            } else {
                &thrown.name
            };
            out.note_as(RED, format!("{name}: {}{place}", thrown.message));
        }
        Ended::Limit { limit } => out.note_as(RED, format!("it came to a limit: {limit:?}")),
        Ended::Cancelled => out.note("it was cancelled"),
        Ended::Platform { cause } => out.note_as(RED, cause),
        _ => {}
    }
    for denied in &outcome.denied {
        let path = denied.path.as_deref().unwrap_or_default();
        out.note_as(YELLOW, format!("denied: {} {path}", denied.method));
    }
    match &outcome.files {
        Fate::Applied { operation } => {
            let count = (outcome.written.paths.len() as u64).saturating_add(outcome.written.more);
            let written = count_text(count, "path", "paths");
            out.note_as(BOLD, format!("operation {operation}: {written} written"));
        }
        Fate::Conflict { paths } => {
            out.note_as(RED, "nothing is kept: the copy changed meanwhile at");
            for path in paths {
                out.note(format!("  {path}"));
            }
        }
        Fate::Refused { code } => {
            out.note_as(
                RED,
                format!("nothing is kept: the copy cannot take it, {code}"),
            );
        }
        Fate::Discarded => out.note("nothing is kept"),
        _ => {}
    }
    Ok(())
}

/// Returns how the command ends.
fn code(outcome: Outcome) -> Result<exit::Outcome> {
    let failed = |kind: ErrorKind, why: String| Err(Error::new(kind, "run").because(why).into());
    match (&outcome.ended, &outcome.files) {
        (Ended::Returned { .. }, Fate::Conflict { .. }) => {
            failed(ErrorKind::Conflict, "what it wrote was not kept".into())
        }
        (Ended::Returned { .. }, Fate::Refused { code }) => {
            let kind = ErrorKind::ALL.into_iter().find(|kind| kind.code() == code);
            failed(
                kind.unwrap_or(ErrorKind::Invalid),
                "what it wrote was not kept".into(),
            )
        }
        (Ended::Returned { .. }, Fate::Discarded) => {
            failed(ErrorKind::Closed, "the copy was closed meanwhile".into())
        }
        (Ended::Returned { .. }, _) => Ok(exit::Outcome::Done),
        (Ended::Threw(_), _) => Ok(exit::Outcome::Negative),
        (Ended::Limit { limit }, _) => failed(ErrorKind::LimitExceeded, format!("{limit:?}")),
        _ => failed(ErrorKind::Unavailable, "it was not run to its end".into()),
    }
}
