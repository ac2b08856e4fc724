//! What has to hold before a change lands.

use anyhow::{Context, Result, bail};

use crate::command::Program;
use crate::repository::Repository;
use crate::steps::Steps;
use crate::{claims, engine, licences, packages, tools, worker};

/// The bench crate builds the peers that it measures against, xtask-bindgen all of
/// wasm-bindgen, xtask-engine what snapshots are made by; only those who run them pay for that.
const ALL: [&str; 9] = [
    "--workspace",
    "--exclude",
    "workspace-bench",
    "--exclude",
    "workspace-bench-agentfs",
    "--exclude",
    "xtask-bindgen",
    "--exclude",
    "xtask-engine",
];
/// The crates that run inside a Worker as they are.
const PORTABLE: [&str; 5] = [
    "workspace-core",
    "workspace-archive",
    "workspace-sql",
    "workspace-http",
    "workspace-tools",
];
/// The crates of which most exists inside a Worker only.
const WORKER: [&str; 5] = [
    "workspace-durable-object",
    "workspace-durable-object-tests",
    "workspace-github",
    "workspace-worker",
    "guestbook",
];
/// What must never be among the core's dependencies.
const FORBIDDEN: [&str; 3] = ["tokio", "worker", "libc"];

/// Runs the whole gate.
pub(crate) fn test(repository: &Repository) -> Result<()> {
    let mut steps = Steps::default();
    fast(&mut steps, repository)?;
    steps.step("tests", || tests(repository))?;
    steps.step("workerd", || worker::test(repository))?;
    steps.step("typescript", || {
        worker::typescript(repository, &worker::TypeScript::default())
    })?;
    steps.step("packages", || {
        packages::run(repository, &packages::Options::default())
    })?;
    steps.step("doctests", || {
        Program::cargo().args(["test", "--doc"]).args(ALL).run()
    })?;
    steps.step("documentation", || {
        Program::cargo()
            .args(["doc", "--no-deps"])
            .args(ALL)
            .env("RUSTDOCFLAGS", "-D warnings")
            .run()
    })?;
    steps.finish();
    Ok(())
}

/// Runs the part of the gate that runs no test.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    let mut steps = Steps::default();
    fast(&mut steps, repository)?;
    steps.finish();
    Ok(())
}

fn fast(steps: &mut Steps, repository: &Repository) -> Result<()> {
    let runner = match tools::has_nextest() {
        true => "cargo-nextest",
        false => "cargo test",
    };
    println!("tests are run by {runner}");
    steps.step("formatting", || {
        Program::cargo().args(["fmt", "--all", "--check"]).run()
    })?;
    steps.step("dependency policy", || licences::check(repository))?;
    steps.step("claims of security", || claims::check(repository))?;
    steps.step("core is pure", core_is_pure)?;
    steps.step("engine", || engine::check(&repository.root))?;
    steps.step("lints", || {
        Program::cargo()
            .args(["clippy", "--all-targets"])
            .args(ALL)
            .args(["--", "-D", "warnings"])
            .run()
    })?;
    steps.step("wasm32", || {
        let packages = PORTABLE.iter().flat_map(|package| ["-p", package]);
        Program::cargo()
            .args(["build", "--target", tools::WASM])
            .args(packages)
            .run()?;
        let packages = WORKER.iter().flat_map(|package| ["-p", package]);
        Program::cargo()
            .args(["clippy", "--target", tools::WASM])
            .args(packages)
            .args(["--", "-D", "warnings"])
            .run()
    })
}

/// Unit and integration tests. The runner's closing lines stay as they are.
fn tests(repository: &Repository) -> Result<()> {
    let cargo = Program::cargo();
    if tools::has_nextest() {
        cargo.args(["nextest", "run"]).args(ALL).run()?;
        let listed = Program::cargo()
            .args(["nextest", "list", "--message-format", "json"])
            .args(ALL)
            .read()?;
        claims::are_run(repository, &listed)
    } else {
        cargo.args(["test", "--all-targets"]).args(ALL).run()
    }
}

/// Proves that the core depends on no runtime, natively and on wasm32.
fn core_is_pure() -> Result<()> {
    let host = Program::new("rustc").args(["-vV"]).read()?;
    let host = host
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc names no host")?;
    for target in [host, tools::WASM] {
        let tree = Program::cargo()
            .args(["tree", "-p", "workspace-core", "-e", "normal"])
            .args(["--target", target, "--prefix", "none"])
            .read()?;
        let mut names: Vec<&str> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        names.sort_unstable();
        names.dedup();
        if let Some(name) = names.iter().find(|name| FORBIDDEN.contains(name)) {
            bail!("workspace-core depends on `{name}` on {target}: see `cargo tree -i {name}`");
        }
        println!(
            "{target}: {} packages, none of {}",
            names.len(),
            FORBIDDEN.join(", ")
        );
    }
    Ok(())
}
