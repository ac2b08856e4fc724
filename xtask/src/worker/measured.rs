//! The Workers that the bench crate measures, put where it looks for them.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use super::durability::{self, Survived};
use super::{build, dev, npm};
use crate::repository::Repository;

/// What the peers and the plain Worker are made of.
const SOURCES: &str = "bench/worker";
/// A token like any other: nobody else reaches these Workers.
const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Builds all of them.
pub(crate) fn build_measured(repository: &Repository) -> Result<()> {
    npm::install(repository)?;
    let sources = repository.root.join(SOURCES);
    npm::install_in(&sources)?;
    build::tests(repository)?;
    let package = build::package(repository)?;
    let output = |name: &str| {
        let output = repository.target.join("bench/worker").join(name);
        fs::create_dir_all(&output).with_context(|| format!("making {}", output.display()))?;
        anyhow::Ok(output)
    };
    let worker = package.join("worker.js");
    dev::configure(repository, &worker, &output("production")?, TOKEN)?;
    let (plain, peers) = (output("plain")?, output("peers")?);
    for (files, to) in [
        (
            [
                "plain.capnp",
                "bucket.capnp",
                "simulator.capnp",
                "plain.mjs",
            ]
            .as_slice(),
            &plain,
        ),
        (&["peers.capnp", "simulator.capnp"], &peers),
    ] {
        for file in files {
            build::copy(&sources.join(file), to)?;
        }
        build::simulator(repository, to)?;
    }
    build::bundle(&sources.join("peers.mjs"), &peers)
}

/// Kills the Worker as it is deployed under writers, and leaves what came of it for
/// the bench crate.
pub(crate) fn kill(repository: &Repository, kills: u32) -> Result<()> {
    let Survived {
        writes,
        applies,
        imports,
        steps,
    } = durability::run(repository, kills)?;
    let survived = json!({
        "kills": kills,
        "writes": writes,
        "applies": applies,
        "imports": imports,
        "steps": steps,
    });
    let file = repository.target.join("bench/worker/kills.json");
    fs::write(file, survived.to_string()).context("writing what survived")
}
