//! What delegated code takes in workerd: an application from its first byte on, many runs that
//! wait, many programs one after the other. Figures, on a machine that does nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use workspace_workerd::{Workerd, resident};

use super::{build, npm, package, serve, typescript};
use crate::repository::Repository;

/// As many modules and static files has the application.
const MODULES: usize = 50;
const ASSETS: usize = 50;
/// As often it is changed, and asked again where it is not.
const TREES: usize = 20;
const WARM: usize = 20;
/// So many runs are asked for at once.
const WAITING: usize = 200;
/// So many programs are run one after the other.
const PROGRAMS: usize = 2_000;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Measures all of it.
pub(super) fn measure(repository: &Repository) -> Result<()> {
    application(repository)?;
    let consumer = package::consume(repository)?;
    let entry = consumer.join("src/tests/corpus.ts");
    let (workerd, _) = typescript::start(repository, "measured-runs", &entry)?;
    waiting(&workerd)?;
    programs(&workerd)
}

/// An application of modules and static files in a copy: the first byte of a new tree, and of
/// one that was served before.
fn application(repository: &Repository) -> Result<()> {
    npm::install(repository)?;
    build::package(repository)?;
    let directory = repository.target.join("worker/application");
    let (_workerd, target) = serve(repository, &directory, "workerd.capnp")?;
    let target = target.at("/workspaces/measured");
    let mut changes = Vec::new();
    let mut write = |path: String, text: String| {
        let content = json!({ "text": text });
        changes.push(json!({
            "op": "write", "path": path, "content": content, "create_parents": true,
        }));
    };
    let numbers = || 0..MODULES - 1;
    let imports =
        numbers().map(|n| format!("import {{ told as told{n} }} from './lib/m{n}.js';\n"));
    let called: Vec<String> = numbers().map(|n| format!("told{n}()")).collect();
    let main = format!(
        "{}export default {{ fetch: () => new Response([{}].join('')) }};\n",
        imports.collect::<String>(),
        called.join(", ")
    );
    write("/app/index.js".into(), main);
    for n in numbers() {
        let filler = "// What a module has besides.\n".repeat(100);
        let text = format!("{filler}export const told = () => 'module {n}. ';\n");
        write(format!("/app/lib/m{n}.js"), text);
    }
    for n in 0..ASSETS {
        let text = "p { color: teal }\n".repeat(200);
        write(format!("/app/public/style-{n}.css"), text);
    }
    let changed = target.call("POST", "/v1/head/changes");
    changed
        .json(&json!({ "changes": changes }))
        .send()?
        .expect(200)?;
    let fork = target.call("POST", "/v1/copies").json(&json!({})).send()?;
    let copy = fork.expect(201)?.json()?;
    let copy = copy["id"].as_str().context("a copy has an id")?;
    let of = json!({ "at": format!("copy:{copy}"), "root": "/app", "app": true });
    let preview = target.call("POST", "/v1/previews").json(&of).send()?;
    let preview = preview.expect(201)?.json()?;
    let token = preview["token"].as_str().context("a preview has a token")?;
    let host = format!("Host: {token}-measured.localhost");
    let server = target.at("");
    let look = |path: &str, shows: &str| -> Result<Duration> {
        let began = Instant::now();
        let answer = server.hosted("GET", path, &host).send()?;
        let took = began.elapsed();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status == 200 && text.contains(shows), "{answer:?}");
        Ok(took)
    };
    let (mut new, mut again, mut asset) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..TREES {
        let shows = format!("changed {n}. ");
        let text = format!("export const told = () => '{shows}';\n");
        let path = format!("/v1/copies/{copy}/files/app/lib/m7.js");
        target.call("PUT", &path).body(text).send()?.expect(200)?;
        new.push(look("/", &shows)?);
        for _ in 0..WARM {
            again.push(look("/", &shows)?);
            asset.push(look("/style-3.css", "teal")?);
        }
    }
    println!("an application of {MODULES} modules and {ASSETS} static files:");
    tell("  answer of a new tree", &mut new);
    tell("  answer after that", &mut again);
    tell("  a static file", &mut asset);
    Ok(())
}

fn tell(what: &str, took: &mut [Duration]) {
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1_000.0;
    println!(
        "{what}: p50 {:.1} ms, p95 {:.1} ms, at most {:.1} ms",
        at(50),
        at(95),
        at(100)
    );
}

/// Asks for many runs at once.
fn waiting(workerd: &Workerd) -> Result<()> {
    let client = workerd.client();
    let ask = |count: usize| -> Result<Value> {
        let body = json!({ "waiting": count }).to_string();
        let (status, body) = client.send("POST", "/waiting", None, body.as_bytes())?;
        let text = String::from_utf8_lossy(&body);
        ensure!(status == 200, "{status}: {text}");
        Ok(serde_json::from_str(&text)?)
    };
    // What is there once is there.
    ask(20)?;
    let before = resident(workerd.process());
    let began = Instant::now();
    let (found, most) = watched(|| workerd.process(), || ask(WAITING));
    let found = found?;
    let expected: Value = (0..WAITING).collect();
    ensure!(found == expected, "not in order: {found}");
    let each = most.saturating_sub(before) / WAITING as u64;
    println!(
        "{WAITING} runs asked for at once: all answered in order, after {:.1} s; {} KiB each while \
         they wait ({} MiB before, {} MiB at most)",
        began.elapsed().as_secs_f64(),
        each >> 10,
        before >> 20,
        most >> 20,
    );
    Ok(())
}

/// Runs many programs, one after the other.
fn programs(workerd: &Workerd) -> Result<()> {
    let client = workerd.client();
    let began = Instant::now();
    let (ran, most) = watched(
        || workerd.sandbox().unwrap_or_default(),
        || -> Result<()> {
            for n in 0..PROGRAMS {
                let source =
                    format!("const kept = 'x'.repeat(1e5) + {n}; export default () => {n};");
                let body = json!({
                    "workspace": "programs", "tree": [], "copy": "programs",
                    "program": [["main.js", source]], "options": {},
                });
                let (status, body) = client.send("POST", "/", None, body.to_string().as_bytes())?;
                let text = String::from_utf8_lossy(&body);
                ensure!(status == 200, "{status}: {text}");
                let told: Value = serde_json::from_str(&text)?;
                ensure!(told["outcome"]["value"]["value"] == n, "{text}");
            }
            Ok(())
        },
    );
    ran?;
    println!(
        "{PROGRAMS} programs: {:.1} s, the process that runs them at most {} MiB",
        began.elapsed().as_secs_f64(),
        most >> 20
    );
    Ok(())
}

/// Does something; returns the most bytes that a process has in memory meanwhile.
fn watched<T>(process: impl Fn() -> u32 + Sync, body: impl FnOnce() -> T) -> (T, u64) {
    let (over, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let done = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(resident(process()), Ordering::Relaxed);
                thread::sleep(LOOK);
            }
        });
        let done = body();
        over.store(true, Ordering::Relaxed);
        done
    });
    (done, most.into_inner())
}
