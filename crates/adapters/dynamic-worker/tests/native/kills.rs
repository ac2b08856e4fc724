//! A host that is killed during a run, over files: repeated by its id, the run is there once, and
//! as if nobody had been killed. `KILLS=2000` kills so often; `cargo xtask runs --native` does.

use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use workspace_core::{At, ChangeOptions, CopyId, Entry, ForkOptions, TreePath, Workspace};
use workspace_corpus::{Came, Program};
use workspace_dynamic_worker::{Begun, Call, Code, Native, Order, Runs};

use crate::corpus::changes;
use crate::support::host;

/// What the process that is to be killed is told.
const TOLD: &str = "WORKSPACE_KILLED";
/// As many programs are killed, of those that write something; and in the gate so many.
const PROGRAMS: usize = 50;
const FEW: usize = 3;

/// Paths, and what is there but for its times.
type Files = Vec<(String, Value)>;

struct Parent {
    native: Native,
    runtime: Runtime,
    directory: tempfile::TempDir,
}

#[test]
fn a_run_whose_host_is_killed_is_there_once() {
    let kills: Option<usize> = env::var("KILLS").ok().map(|kills| kills.parse().unwrap());
    let parent = Parent {
        native: host(),
        runtime: Builder::new_current_thread().enable_time().build().unwrap(),
        directory: tempfile::tempdir().unwrap(),
    };
    let all = workspace_corpus::programs().unwrap().into_iter();
    let mut programs: Vec<Program> = all.filter(Program::writes).take(PROGRAMS).collect();
    // In the gate those that have little to do: at each of their calls.
    if kills.is_none() {
        programs.retain(|program| program.name.starts_with("plain/write-"));
        programs.truncate(FEW);
    }
    let sound: Vec<(usize, Files)> = programs.iter().map(|it| parent.sound(it)).collect();
    // Before each call, after it, before the end, and after that.
    let points = |which: usize| 2 * sound[which].0 + 2;
    let most = (0..programs.len()).map(points).max().unwrap();
    let round = || (0..most).flat_map(|at| (0..programs.len()).map(move |which| (which, at)));
    let round: Vec<_> = round().filter(|(which, at)| *at < points(*which)).collect();
    let kills = kills.unwrap_or(round.len());
    for (n, (which, at)) in round.into_iter().cycle().take(kills).enumerate() {
        let program = &programs[which];
        let copy = format!("killed-{n}");
        parent.kill(program, &copy, at);
        parent.again(program, &copy, &sound[which].1);
    }
    println!(
        "{kills} kills of {} programs: each run is there once",
        programs.len()
    );
}

impl Parent {
    /// Returns the workspace of a program.
    fn open(&self, program: &Program) -> Workspace {
        open(&self.directory.path().join(program.name.replace('/', "-")))
    }

    /// Runs it without a kill; returns how many calls it makes, and what is there then.
    fn sound(&self, program: &Program) -> (usize, Files) {
        let workspace = self.open(program);
        let head = workspace.files(At::Head);
        let made = head.change(changes(), ChangeOptions::default());
        self.runtime.block_on(made).unwrap();
        let copy = workspace.fork(ForkOptions::named("sound")).unwrap().id;
        let runs = Runs::new(workspace.clone(), "kills");
        let run = runs.run(&self.native, order(program, "sound"));
        let outcome = self.runtime.block_on(run).unwrap();
        (outcome.cost.calls as usize, files(&workspace, copy))
    }

    /// Has it run by a process that is killed at a moment.
    fn kill(&self, program: &Program, copy: &str, at: usize) {
        let workspace = self.open(program);
        workspace.fork(ForkOptions::named(copy)).unwrap();
        drop(workspace);
        let place = self.directory.path().join(program.name.replace('/', "-"));
        let told = json!({ "at": at, "place": place, "copy": copy, "program": program.name });
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kills::is_killed", "--ignored", "--nocapture"])
            .env(TOLD, told.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr).into_owned();
        assert_eq!(child.status.signal(), Some(9), "{told}: {said}");
    }

    /// Runs it twice more, by the same id.
    fn again(&self, program: &Program, copy: &str, sound: &Files) {
        let workspace = self.open(program);
        let runs = Runs::new(workspace.clone(), "kills");
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            let run = runs.run(&self.native, order(program, copy));
            let outcome = self.runtime.block_on(run).unwrap();
            outcomes.push(serde_json::to_value(outcome).unwrap());
        }
        assert_eq!(outcomes[0], outcomes[1], "{copy}: two outcomes");
        program.check(&Came::Of(outcomes.remove(0))).unwrap();
        let id = workspace.find_copy(copy).unwrap().id;
        let operations = workspace.operations(id, None, 10).unwrap();
        assert_eq!(operations.len(), 1, "{copy}: {operations:?}");
        assert_eq!(files(&workspace, id), *sound, "{copy}: {}", program.name);
        // Nothing is left of what was cut off.
        let open = workspace.copies(true, None, 10_000).unwrap();
        let left = open.iter().filter(|copy| copy.parent.is_some());
        assert_eq!(left.count(), 0, "{copy}: {open:?}");
    }
}

/// What is killed: runs a program, and ends itself at the moment that it is told.
#[test]
#[ignore = "it is a process of its own, which kills itself"]
fn is_killed() {
    let told: Value = serde_json::from_str(&env::var(TOLD).unwrap()).unwrap();
    let name = told["program"].as_str().unwrap();
    let mut programs = workspace_corpus::programs().unwrap().into_iter();
    let program = programs.find(|program| program.name == name).unwrap();
    let workspace = open(Path::new(told["place"].as_str().unwrap()));
    let native = host();
    let moment = std::cell::Cell::new(told["at"].as_u64().unwrap());
    let pass = || match moment.get() {
        0 => kill_process(getpid(), Signal::KILL).unwrap(),
        left => moment.set(left - 1),
    };
    let run = async {
        let runs = Runs::new(workspace, "kills");
        let order = order(&program, told["copy"].as_str().unwrap());
        let Begun::Fresh(run) = runs.begin(order).await.unwrap() else {
            panic!("it was run before");
        };
        let order = run.order();
        let (input, limits) = (order.input.to_string(), order.limits);
        let calls = async |call: Call| {
            pass();
            let Call {
                method,
                arguments,
                contents,
            } = call;
            let reply = runs.call(&run, &method, &arguments, contents).await;
            pass();
            Ok(reply)
        };
        let code = Code::Modules(order.program.clone());
        let execution = native.run(code, &input, &limits, calls).await;
        pass();
        runs.end(&run, execution).unwrap();
        pass();
    };
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(run);
}

fn open(place: &Path) -> Workspace {
    workspace_native::open_or_create(place).unwrap()
}

fn order(program: &Program, copy: &str) -> Order {
    Order::read(&program.order(copy, copy).to_string()).unwrap()
}

fn files(workspace: &Workspace, copy: CopyId) -> Files {
    let view = workspace.files(At::Copy(copy));
    let walk = view.walk(&TreePath::root()).unwrap();
    let files = walk.map(|found| {
        let (path, entry) = found.unwrap();
        let told = match entry {
            Entry::File(file) => json!([
                file.content.to_string(),
                file.executable,
                file.media_type.map(|it| it.to_string())
            ]),
            Entry::Symlink(symlink) => json!(symlink.target.to_string()),
            Entry::Directory(_) => json!("directory"),
        };
        (path.to_string(), told)
    });
    files.collect()
}
