//! `exec`: runs a command over the files of a copy, in a box on this machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use workspace_core::store::CopyState;
use workspace_core::{
    At, Author, Authority, CopyId, Error, ErrorKind, Mount, MountedView, OperationId, TreePath,
    Workspace,
};
use workspace_sandbox::{
    Command, Ended, Exit, Native, NativeOptions, Network, Plan, Reconciled, Sandbox, Step, Way,
    What,
};

use crate::args::{CopyOption, tree_path};
use crate::commands::copies;
use crate::exit::{self, Hinted as _, Result, io_error};
use crate::output::{BOLD, RED, YELLOW, count_text};
use crate::run::Run;
use crate::session::Session;
use crate::signals::unless_ended;
use crate::time::parse_duration;

/// Where the sandboxes of a workspace are, in its directory.
const SANDBOXES: &str = "sandboxes";
/// How many bytes of each output are kept with --json.
const KEPT: usize = 1 << 20;
/// How many lines are printed of what stayed in the sandbox.
const LINES: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    copy: CopyOption,
    /// After which time it is ended, with all that it started
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Let it reach the network that this machine reaches, and not itself only
    #[arg(long)]
    network: bool,
    /// Something of this machine that it may read besides /usr; can be repeated
    #[arg(long, value_name = "PATH")]
    show: Vec<PathBuf>,
    /// A variable of its environment; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(OsString, OsString)>,
    /// The directory of the copy that it begins in
    #[arg(long, value_name = "PATH", value_parser = tree_path)]
    directory: Option<TreePath>,
    /// How files are there, instead of the best that this machine allows
    #[arg(long, value_name = "WAY", value_parser = way)]
    way: Option<Way>,
    /// Only list what it changed: nothing goes into the copy
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Forget what is in the sandbox and not in the copy, before the command, if there is one
    #[arg(long)]
    reset: bool,
    /// What it is for, for the copy's log of operations
    #[arg(short = 'm', long = "message", value_name = "TEXT")]
    note: Option<String>,
    /// The command, with its arguments
    #[arg(last = true, required_unless_present = "reset", value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn duration(text: &str) -> workspace_core::Result<Duration> {
    let millis = parse_duration(text)?;
    Ok(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

fn variable(text: &str) -> std::result::Result<(OsString, OsString), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("it is a name, `=` and a value".into()),
    }
}

fn way(text: &str) -> std::result::Result<Way, String> {
    let all = [Way::OverlayOnFuse, Way::OverlayOnFiles, Way::Plain];
    let found = all.into_iter().find(|way| way.name() == text);
    found.ok_or_else(|| {
        format!(
            "it is {}, {} or {}",
            all[0].name(),
            all[1].name(),
            all[2].name()
        )
    })
}

/// Runs a command, and brings what it changed into the copy as one operation, however it ended.
pub(crate) async fn exec(run: &Run, args: &Exec) -> Result<exit::Outcome> {
    let Session::Local(workspace) = run.session()? else {
        return Err(Error::new(ErrorKind::Unsupported, "exec")
            .because("a command is run over a workspace on this machine")
            .into());
    };
    let copy = copies::find(run.session()?, &args.copy.required("exec")?).await?;
    let label = copies::label(&copy);
    let sandboxes = run.directory()?.join(SANDBOXES);
    sweep(workspace, &sandboxes, copy.id);
    let options = NativeOptions::default()
        .way(args.way)
        .read_only(args.show.clone());
    let place = sandboxes.join(copy.id.to_string());
    if args.reset {
        Native::remove(&place)?;
        if args.command.is_empty() {
            return Ok(exit::Outcome::Done);
        }
    }
    let out = format!(
        "`workspace exec --copy {label} --reset` forgets what is in the sandbox and not in the copy"
    );
    let host = Native::open(&place, options).await?;
    let way = host.way();
    let view = view(copy.id)?;
    let mut sandbox = Sandbox::attach(workspace.clone(), host, view).await?;
    let program = args
        .command
        .first()
        .map(|it| it.to_string_lossy().into_owned());
    let note = args.note.clone().or(program);
    let recovered = recover(run, &mut sandbox, args.dry_run).await;
    let recovered = recovered.hinted(|error| is_stuck(error).then(|| out.clone()))?;
    let mut command = Command::new(args.command.clone())
        .timeout(args.timeout)
        .environment(args.env.clone())
        .directory(args.directory.clone());
    if args.network {
        command = command.network(Network::Host);
    }
    if run.out.is_json() {
        command = command.keep(KEPT);
    }
    if args.dry_run {
        sandbox.host().mark_dry()?;
    }
    let ended = unless_ended(async { Ok(sandbox.run(&command).await?) }).await?;
    let captured = capture(run.author(&note), &mut sandbox, args.dry_run).await;
    if (captured.as_ref()).is_err_and(|error| error.kind() == ErrorKind::Conflict) {
        run.out.note(run.out.paint(
            RED,
            "what it changed stays in the sandbox: others changed the same in the copy",
        ));
    }
    let captured = captured.hinted(|error| is_stuck(error).then(|| out.clone()));
    let (plan, reconciled) = captured?;
    let told = Told {
        label: &label,
        way,
        recovered,
        ended: &ended,
        plan: &plan,
        reconciled,
    };
    told.tell(run)?;
    if !args.dry_run && !plan.refused.is_empty() {
        run.out.note(run.out.safe(&out));
    }
    Ok(exit::Outcome::Command(match ended.exit {
        Exit::Code(code) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
        Exit::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        Exit::TimedOut => 124,
    }))
}

/// Brings into the copy what a command left whose `exec` was killed, and shows the copy as it is.
async fn recover(
    run: &Run,
    sandbox: &mut Sandbox<Native>,
    dry_run: bool,
) -> workspace_core::Result<Option<OperationId>> {
    if sandbox.host().is_dry()? {
        sandbox.reset().await?;
        return Ok(None);
    }
    let mut recovered = None;
    // Who only looks changes no copy: what is left is refused.
    if !dry_run {
        // What was reconciled already stays where something was refused; it may have been
        // undone since, and is not made again.
        if sandbox.behind()? > 0 && !sandbox.plan().await?.refused.is_empty() {
            sandbox.refresh().await?;
        }
        let left = "left by an earlier command".to_owned();
        let (_, made) = sandbox.reconcile(run.author(&Some(left))).await?;
        recovered = made.operation;
    }
    sandbox.refresh().await?;
    Ok(recovered)
}

/// Tells whether an error stays with what is in the sandbox.
fn is_stuck(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Closed | ErrorKind::NotFound)
}

/// Brings what was changed into the copy, or only looks at it and forgets it.
async fn capture(
    author: Author,
    sandbox: &mut Sandbox<Native>,
    dry_run: bool,
) -> workspace_core::Result<(Plan, Option<Reconciled>)> {
    if dry_run {
        let plan = sandbox.plan().await?;
        sandbox.reset().await?;
        return Ok((plan, None));
    }
    let (plan, reconciled) = sandbox.reconcile(author).await?;
    // What no copy can have stays, and with it all that is there.
    if plan.refused.is_empty() {
        sandbox.refresh().await?;
    }
    Ok((plan, Some(reconciled)))
}

/// Returns what the command sees: the copy, and in it what is not the copy's.
fn view(copy: CopyId) -> Result<MountedView> {
    let files = Authority::Files(At::Copy(copy));
    let mut mounts = vec![Mount::new(TreePath::root(), files).writable()];
    let git = Authority::Rejected("git's own is no part of a copy".into());
    mounts.push(Mount::new(TreePath::new("/.git")?, git).shadowing());
    Ok(MountedView::new(mounts)?)
}

/// Removes the sandboxes of copies that are closed. Another process may have one, and then it
/// stays.
fn sweep(workspace: &Workspace, sandboxes: &Path, but: CopyId) {
    let Ok(found) = fs::read_dir(sandboxes) else {
        return;
    };
    for entry in found.flatten() {
        let name = entry.file_name();
        let Some(copy) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let is_open = match workspace.copy(copy) {
            Ok(record) => record.state == CopyState::Open,
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        if copy != but && !is_open {
            let _stays = Native::remove(&entry.path());
        }
    }
}

/// What is told of a command.
struct Told<'a> {
    label: &'a str,
    way: Way,
    recovered: Option<OperationId>,
    ended: &'a Ended,
    plan: &'a Plan,
    reconciled: Option<Reconciled>,
}

#[derive(Serialize)]
struct Shape<'a> {
    copy: &'a str,
    way: &'static str,
    exit: Value,
    stdout: String,
    stdout_left_out: u64,
    stderr: String,
    stderr_left_out: u64,
    /// What an earlier command had left.
    recovered: Option<u64>,
    operation: Option<u64>,
    changes: Vec<Value>,
    ignored: Vec<Value>,
    refused: Vec<Value>,
}

fn change(step: &Step) -> Value {
    let mut change = json!({ "what": step.what.word(), "path": step.path.as_str() });
    if let What::Renamed { from, .. } = &step.what {
        change["from"] = json!(from.as_str());
    }
    change
}

impl Told<'_> {
    fn tell(&self, run: &Run) -> Result<()> {
        let out = &run.out;
        let operation = self.reconciled.and_then(|made| made.operation);
        if out.is_json() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let exit = match self.ended.exit {
                Exit::Code(code) => json!({ "code": code }),
                Exit::Signal(signal) => json!({ "signal": signal }),
                Exit::TimedOut => json!({ "timed_out": true }),
            };
            out.json(&Shape {
                copy: self.label,
                way: self.way.name(),
                exit,
                stdout: text(&self.ended.stdout.bytes),
                stdout_left_out: self.ended.stdout.left_out,
                stderr: text(&self.ended.stderr.bytes),
                stderr_left_out: self.ended.stderr.left_out,
                recovered: self.recovered.map(|operation| operation.get()),
                operation: operation.map(|operation| operation.get()),
                changes: self.plan.steps.iter().map(change).collect(),
                ignored: (self.plan.ignored.iter())
                    .map(|it| json!({ "path": it.path.as_str(), "why": it.why }))
                    .collect(),
                refused: (self.plan.refused.iter())
                    .map(|it| json!({ "path": it.path, "why": it.why }))
                    .collect(),
            })?;
            return Ok(());
        }
        if let Some(recovered) = self.recovered {
            out.note(format!("operation {recovered}: left by an earlier command"));
        }
        match self.ended.exit {
            Exit::Code(0) => {}
            Exit::Code(code) => out.note(format!("it ended with {code}")),
            Exit::Signal(signal) => out.note(format!("it was ended by signal {signal}")),
            Exit::TimedOut => out.note(out.paint(RED, "its time was up")),
        }
        if self.reconciled.is_none() {
            for step in &self.plan.steps {
                let line = match &step.what {
                    What::Renamed { from, .. } => format!("{from} to {}", step.path),
                    _ => step.path.to_string(),
                };
                out.line(format!("{:<8} {}", step.what.word(), out.safe(&line)))?;
            }
        }
        let ignored = self
            .plan
            .ignored
            .iter()
            .map(|it| (it.path.as_str(), it.why));
        let refused = self.plan.refused.iter().map(|it| (&*it.path, &*it.why));
        for (path, why) in refused.clone().chain(ignored.clone()).take(LINES) {
            let stays = match self.reconciled {
                Some(_) => "stays in the sandbox",
                None => "would not go into the copy",
            };
            let line = format!("{stays}: {path}: {why}");
            out.note(out.paint(YELLOW, out.safe(&line)));
        }
        let more = (refused.count() + ignored.count()).saturating_sub(LINES);
        if more > 0 {
            out.note(count_text(more as u64, "path more", "paths more"));
        }
        if let Some(operation) = operation {
            let [created, modified, deleted, renamed] = self.plan.counts();
            let line = format!(
                "operation {operation} of {}: {created} created, {modified} modified, \
                 {deleted} deleted, {renamed} renamed; not published",
                out.safe(self.label)
            );
            out.note(out.paint(BOLD, line));
        }
        Ok(())
    }
}

/// Returns what the machine allows, as lines, for who asks why.
pub(crate) async fn probe(run: &Run) -> Result<exit::Outcome> {
    let place = tempfile::tempdir_in(run.directory()?)
        .map_err(|error| io_error("probe", &run.directory().unwrap_or_default(), error))?;
    let probed = Native::probe(place.path(), &NativeOptions::default()).await?;
    let told = |it: &std::result::Result<(), String>| match it {
        Ok(()) => "yes".to_owned(),
        Err(why) => format!("no: {why}"),
    };
    let yes = |is: bool| {
        if is {
            "yes".to_owned()
        } else {
            "no".to_owned()
        }
    };
    let lines = [
        ("box", told(&probed.boxes)),
        ("overlay", told(&probed.overlay)),
        ("fuse", told(&probed.fuse)),
        ("landlock", yes(probed.landlock)),
        ("control_groups", yes(probed.groups)),
        ("way", probed.way().map_or("none", Way::name).to_owned()),
    ];
    if run.out.is_json() {
        let shape: serde_json::Map<_, _> = (lines.into_iter())
            .map(|(name, told)| (name.to_owned(), Value::from(told)))
            .collect();
        run.out.json(&shape)?;
    } else {
        for (name, told) in lines {
            run.out
                .line(format!("{name:<14} {}", run.out.safe(&told)))?;
        }
    }
    Ok(exit::Outcome::Done)
}
