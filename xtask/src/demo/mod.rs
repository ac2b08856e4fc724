//! The demo: the whole loop of the `workspace` command on real trees.

mod shell;
mod sources;
mod story;

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::command::Program;
use crate::repository::Repository;
use shell::Shell;

/// Builds the command, plays the loop twice, and leaves both workspaces in
/// `target/demo`.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    Program::cargo()
        .args(["build", "--release", "-p", "workspace-cli"])
        .run()?;
    let program = repository.target.join("release/workspace");
    let demo = repository.target.join("demo");
    if demo.exists() {
        fs::remove_dir_all(&demo).with_context(|| format!("cannot empty {}", demo.display()))?;
    }
    let start = Instant::now();

    println!("\n=== This repository");
    let small = demo.join("repository");
    fs::create_dir_all(&small)?;
    let mut shell = Shell::new(&program, &small);
    story::play(&mut shell, &repository.root)?;
    println!("\n{}", shell.summary());

    println!("\n=== A larger tree: sources that cargo has downloaded");
    let large = demo.join("sources");
    let tree = large.join("tree");
    let amount = sources::copy(repository, &tree)?;
    println!("{amount}");
    let mut shell = Shell::new(&program, &large);
    story::play(&mut shell, &tree)?;
    println!("\n{}", shell.summary());

    println!(
        "\n=== All of it worked, in {:.1} s. To go on:\n",
        start.elapsed().as_secs_f64()
    );
    println!(
        "  export PATH=\"{}:$PATH\"",
        repository.target.join("release").display()
    );
    for (directory, what) in [(&small, "this repository"), (&large, "the larger tree")] {
        println!("  cd {}   # {what}", directory.display());
    }
    println!("  workspace log");
    println!("  workspace fork mine && echo hello | workspace put hello.txt --copy mine");
    println!("  workspace diff --copy mine && workspace apply mine");
    println!("  workspace --help");
    Ok(())
}
