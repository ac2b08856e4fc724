//! `cargo xtask fuzz`: schemathesis against the served OpenAPI document, from
//! `workspace serve` and from the Worker in workerd.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::command::Program;
use crate::repository::Repository;
use crate::worker::raw::Target;
use crate::worker::serve;

/// The release that is installed, from PyPI.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const HOOKS: &str = include_str!("schemathesis_hooks.py");
/// What every answer is held to. Negative data may be accepted: a name that the
/// document calls a string can be any string.
const CHECKS: &str = "not_a_server_error,status_code_conformance,\
    content_type_conformance,response_headers_conformance,response_schema_conformance";

/// Which server to send to.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Server {
    /// `workspace serve`.
    Native,
    /// The Worker, in workerd.
    Worker,
}

/// How much to try.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this server, not both.
    #[arg(long)]
    only: Option<Server>,
    /// As many requests as this at least, to each server.
    #[arg(long, default_value_t = 10_000)]
    cases: u64,
    /// The seed of what is generated.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Sends generated requests to both servers; fails where an answer is a 5xx or is
/// not in the document.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    let directory = repository.target.join("fuzz");
    let program = install(&directory)?;
    if options.only != Some(Server::Worker) {
        let native = Native::start(repository, &directory)?;
        let found = fuzz(&program, &directory, &native.target, options);
        let found = found.context("workspace serve")?;
        println!("workspace serve: {found} requests, all answers as documented");
    }
    if options.only == Some(Server::Native) {
        return Ok(());
    }
    let (_workerd, target) = serve(repository, &directory.join("worker"), "workerd.capnp")?;
    let target = target.at("/workspaces/fuzz");
    let found = fuzz(&program, &directory, &target, options).context("the Worker")?;
    println!("the Worker in workerd: {found} requests, all answers as documented");
    Ok(())
}

/// Installs schemathesis into an environment of its own, once.
fn install(directory: &Path) -> Result<PathBuf> {
    let environment = directory.join(SCHEMATHESIS);
    let program = environment.join("bin/schemathesis");
    if !program.exists() {
        if !Program::new("python3").args(["--version"]).works() {
            bail!("`python3` is missing: schemathesis needs it");
        }
        fs::create_dir_all(directory)?;
        Program::new("python3")
            .args(["-m".as_ref(), "venv".as_ref(), environment.as_os_str()])
            .run()?;
        Program::new(environment.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                SCHEMATHESIS,
            ])
            .run()?;
    }
    fs::write(directory.join("schemathesis_hooks.py"), HOOKS)?;
    Ok(program)
}

/// Runs schemathesis until as many cases passed as are asked for; returns their
/// number.
fn fuzz(program: &Path, directory: &Path, target: &Target, options: &Options) -> Result<u64> {
    fill(target)?;
    let base = format!("http://{}{}", target.address, target.prefix);
    let document = target.call("GET", "/v1/openapi.json").send()?.expect(200)?;
    let file = directory.join("openapi.json");
    fs::write(&file, &document.body)?;
    let operations = count(&document.json()?);
    // Each operation gets at most so many; some have no more than a few cases.
    let mut each = options.cases.div_ceil(operations);
    for _ in 0..6 {
        let report = directory.join("report.json");
        let passed = Program::new(program)
            .args(["run".as_ref(), file.as_os_str()])
            .args(["--url", &base, "--checks", CHECKS, "--no-color"])
            .args([
                "--header",
                &format!("Authorization: Bearer {}", target.token),
            ])
            .args(["--max-examples", &each.to_string(), "--continue-on-failure"])
            .args(["--seed", &options.seed.to_string(), "--warnings", "off"])
            .args(["--phases", "coverage,fuzzing", "--request-timeout", "60"])
            .args(["--report", "json"])
            .args(["--report-json-path".as_ref(), report.as_os_str()])
            .directory(directory)
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .env("PYTHONPATH", directory)
            .run();
        let found = cases(&report)?;
        passed?;
        if found >= options.cases {
            return Ok(found);
        }
        each *= 1 + options.cases / found.max(1);
    }
    bail!("schemathesis makes no {} requests", options.cases)
}

fn cases(report: &Path) -> Result<u64> {
    let text = fs::read(report).context("reading the report of schemathesis")?;
    let report: Value = serde_json::from_slice(&text)?;
    let found = report["test_cases"]["generated"].as_u64();
    found.context("the report of schemathesis counts no cases")
}

fn count(document: &Value) -> u64 {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.map(|(_, path)| path.as_object().map_or(0, |path| path.len()));
    operations.sum::<usize>().max(1) as u64
}

/// Makes things that generated requests can find: they like short names.
fn fill(target: &Target) -> Result<()> {
    for path in ["0", "a", "b/c"] {
        let path = format!("/v1/head/files/{path}?create_parents=true");
        target.call("PUT", &path).body("some text").send()?;
    }
    target.call("POST", "/v1/revisions").send()?.expect(200)?;
    for name in ["0", "a", "false", "null"] {
        let fork = target
            .call("POST", "/v1/copies")
            .json(&json!({ "name": name }));
        let status = fork.send()?.status;
        ensure!([201, 409].contains(&status), "a fork: {status}");
    }
    Ok(())
}

/// A `workspace serve`. It is killed when this is dropped.
struct Native {
    child: Child,
    target: Target,
}

impl Native {
    fn start(repository: &Repository, directory: &Path) -> Result<Self> {
        Program::cargo()
            .args(["build", "-p", "workspace-cli"])
            .run()?;
        let command = repository.target.join("debug/workspace");
        let place = directory.join("native");
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir_all(&place)?;
        let workspace = || {
            let mut workspace = Command::new(&command);
            workspace.current_dir(&place);
            workspace
        };
        ensure!(
            workspace().arg("init").status()?.success(),
            "workspace init failed"
        );
        let mut child = workspace()
            .args(["--json", "--quiet", "serve"])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting workspace serve")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("stdout is piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).context("what workspace serve says first")?;
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_string();
        let address = text("url").trim_start_matches("http://").to_string();
        let target = Target {
            address,
            prefix: String::new(),
            token: text("token"),
        };
        Ok(Self { child, target })
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
