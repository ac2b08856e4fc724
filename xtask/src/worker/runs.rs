//! Delegated code in workerd: the corpus, and what hangs or takes too much.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use workspace_corpus::Came;
use workspace_workerd::{Client, Workerd};

use super::{build, npm, package, typescript};
use crate::repository::Repository;

/// What is left to a run beyond its limit and a tenth of it, for the fork, the kill and the next
/// process: looked at where `TIMED` is set, on a machine that does nothing else.
const GRACE: Duration = Duration::from_millis(500);

/// Runs all programs of the corpus.
pub(super) fn run(repository: &Repository, consumer: &Path) -> Result<()> {
    let entry = consumer.join("src/tests/corpus.ts");
    let (workerd, _) = typescript::start(repository, "corpus", &entry)?;
    let client = workerd.client();
    let tree = workspace_corpus::tree()?;
    let began = Instant::now();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for program in workspace_corpus::programs()? {
        let began = Instant::now();
        let asked = Asked {
            tree: &tree,
            copy: format!("run-{count}"),
            program: &program.modules,
            options: &program.options,
        };
        let came = ask(&client, &asked)?.came;
        let limit = program
            .options
            .get("limits")
            .and_then(|it| it["millis"].as_u64());
        let limit = Duration::from_millis(limit.unwrap_or(10_000));
        let timed = std::env::var_os("TIMED").is_some();
        if timed && began.elapsed() > limit + limit / 10 + GRACE {
            wrong.push(format!("{}: took {:?}", program.name, began.elapsed()));
        }
        if let Err(error) = program.check(&came) {
            wrong.push(error.to_string());
        }
        count += 1;
    }
    ensure!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    println!(
        "{count} programs: as they should be ({:.1} s)",
        began.elapsed().as_secs_f64()
    );
    goes_on(&workerd, &client, &tree)
}

/// What is asked of `corpus.ts`.
struct Asked<'a> {
    tree: &'a [Value],
    copy: String,
    program: &'a [(String, String)],
    options: &'a Map<String, Value>,
}

/// What came of it.
struct Answer {
    came: Came,
    /// How many operations the copy has.
    operations: u64,
    /// Its files, without their times.
    files: Value,
}

/// Runs one over a copy of the tree.
fn ask(client: &Client, asked: &Asked<'_>) -> Result<Answer> {
    let body = json!({
        "workspace": "corpus", "tree": asked.tree, "copy": asked.copy,
        "program": asked.program, "options": asked.options,
    });
    let (status, body) = client.send("POST", "/", None, body.to_string().as_bytes())?;
    let text = String::from_utf8_lossy(&body);
    ensure!(status == 200, "{status}: {text}");
    let mut told: Value = serde_json::from_str(&text)?;
    let outcome = told["outcome"].take();
    let came = match outcome["status"] == "ok" {
        true => Came::Of(outcome["value"].clone()),
        false => {
            let code = outcome["error"]["code"].as_str();
            Came::Refused(code.context("an error has a code")?.into())
        }
    };
    Ok(Answer {
        came,
        operations: told["operations"]
            .as_u64()
            .context("a number of operations")?,
        files: told["files"].take(),
    })
}

/// Kills workerd, or what runs code for it, at some moment of a run, and runs it again by its
/// id: it is there once, and as if nobody had been killed.
pub(crate) fn kill(repository: &Repository, kills: u32) -> Result<()> {
    npm::install(repository)?;
    build::package(repository)?;
    let consumer = package::consume(repository)?;
    let entry = consumer.join("src/tests/corpus.ts");
    let (mut workerd, _) = typescript::start(repository, "killed", &entry)?;
    let tree = workspace_corpus::tree()?;
    let programs = workspace_corpus::programs()?.into_iter();
    let programs: Vec<_> = programs
        .filter(|program| program.writes())
        .take(50)
        .collect();
    let asked = |program: &'_ workspace_corpus::Program, copy: &str| {
        let mut options = program.options.clone();
        options.insert("id".into(), copy.into());
        options
    };
    let mut expected = Vec::new();
    for (n, program) in programs.iter().enumerate() {
        let copy = format!("sound-{n}");
        let options = asked(program, &copy);
        let sound = ask(
            &workerd.client(),
            &Asked {
                tree: &tree,
                copy,
                program: &program.modules,
                options: &options,
            },
        )?;
        expected.push(sound.files);
    }
    let mut random = 1_u64;
    let mut cut = 0;
    for n in 0..kills as usize {
        let which = n % programs.len();
        let program = &programs[which];
        let copy = format!("killed-{n}");
        let options = asked(program, &copy);
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_micros((random >> 33) % 40_000);
        let client = workerd.client();
        let mine = Asked {
            tree: &tree,
            copy: copy.clone(),
            program: &program.modules,
            options: &options,
        };
        let first = thread::scope(|scope| -> Result<bool> {
            let run = scope.spawn(|| ask(&client, &mine));
            thread::sleep(after);
            match n % 2 {
                0 => workerd.restart()?,
                _ => workerd.kill_sandbox(),
            }
            Ok(run.join().is_ok_and(|answer| answer.is_ok()))
        })?;
        cut += u32::from(!first);
        let client = workerd.client();
        let (again, more) = (ask(&client, &mine)?, ask(&client, &mine)?);
        program.check(&again.came)?;
        ensure!(
            format!("{:?}", again.came) == format!("{:?}", more.came),
            "{copy}: two outcomes"
        );
        ensure!(
            more.operations == 1,
            "{copy}: {} operations",
            more.operations
        );
        ensure!(
            more.files == expected[which],
            "{copy}: other files than without a kill"
        );
    }
    println!("{kills} kills: each run is there once ({cut} were cut off)");
    Ok(())
}

/// After a process that was killed for what ran in it, the next run answers.
fn goes_on(workerd: &Workerd, client: &Client, tree: &[Value]) -> Result<()> {
    let one = |source: &str, limits: Value| -> Result<(Value, Duration)> {
        let program = [("main.js".to_owned(), source.to_owned())];
        let options = Map::from_iter([("limits".to_owned(), limits)]);
        let began = Instant::now();
        let asked = Asked {
            tree,
            copy: "goes-on".into(),
            program: &program,
            options: &options,
        };
        match ask(client, &asked)?.came {
            Came::Of(outcome) => Ok((outcome, began.elapsed())),
            Came::Refused(code) => anyhow::bail!("refused: {code}"),
        }
    };
    let process = workerd
        .sandbox()
        .context("code is run in a process of its own")?;
    let limits = json!({ "millis": 200 });
    let (outcome, took) = one("export default () => { for (;;); };", limits)?;
    ensure!(outcome["limit"] == "time", "{outcome}");
    ensure!(workerd.sandbox() != Some(process), "it was not killed");
    let (outcome, next) = one("export default () => 1;", json!({}))?;
    ensure!(outcome["value"] == 1, "{outcome}");
    println!("a loop ended after {took:?}, and the run after it took {next:?}");
    let bomb = "export default () => { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); };";
    let (outcome, took) = one(bomb, json!({}))?;
    ensure!(outcome["limit"] == "memory", "{outcome}");
    let (outcome, next) = one("export default () => 2;", json!({}))?;
    ensure!(outcome["value"] == 2, "{outcome}");
    println!("a memory bomb ended after {took:?}, and the run after it took {next:?}");
    Ok(())
}
