//! The crates as others get them: packaged, and used by a program outside the repository.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::command::Program;
use crate::repository::Repository;

/// What a package says of itself.
const SAID: [&str; 3] = ["description", "license", "readme"];
const LISTED: [&str; 2] = ["keywords", "categories"];
/// The program outside, and the crates that it depends on.
const PROGRAM: &str = "crates/backends/native/examples/draft.rs";
const USED: [&str; 2] = ["workspace-core", "workspace-native"];
/// What it says at its end.
const PUBLISHED: &str = "revision 1: # Today";

/// What to do with the packages.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Also builds each crate from its package, as `cargo publish` does.
    #[arg(long)]
    verify: bool,
}

/// Packages what can be published, and builds and runs a program of the packages alone.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    let (published, kept): (Vec<&Value>, Vec<&Value>) =
        members(repository).partition(|package| package["publish"].is_null());
    for package in &published {
        describes_itself(package)?;
    }
    let excluded = kept.iter().flat_map(|package| ["--exclude", name(package)]);
    // To verify them is to build all of them anew, for minutes; the program below builds
    // those that it is made of.
    let verified = (!options.verify).then_some("--no-verify");
    Program::cargo()
        .args(["package", "--workspace", "--allow-dirty", "--quiet"])
        .args(verified)
        .args(excluded)
        .run()?;
    let directory = repository.target.join("outside");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    for package in &published {
        unpack(repository, package, &directory)?;
    }
    println!("{} crates are packaged", published.len());
    outside(repository, &published, &directory)
}

fn members(repository: &Repository) -> impl Iterator<Item = &Value> {
    let list = |field: &str| repository.metadata[field].as_array().into_iter().flatten();
    let packages = list("packages");
    packages.filter(move |package| list("workspace_members").any(|id| *id == package["id"]))
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or_default()
}

/// Fails where somebody who finds it would not know what it is.
fn describes_itself(package: &Value) -> Result<()> {
    let name = name(package);
    for field in SAID {
        ensure!(!package[field].is_null(), "{name} has no {field}");
    }
    for field in LISTED {
        let listed = package[field].as_array().map_or(0, Vec::len);
        ensure!((1..=5).contains(&listed), "{name} has {listed} {field}");
    }
    Ok(())
}

/// Unpacks a package, as cargo does, into a directory of its name.
fn unpack(repository: &Repository, package: &Value, to: &Path) -> Result<()> {
    let named = format!(
        "{}-{}",
        name(package),
        package["version"].as_str().unwrap_or_default()
    );
    let packed = repository
        .target
        .join("package")
        .join(format!("{named}.crate"));
    let opened = File::open(&packed).with_context(|| format!("reading {}", packed.display()))?;
    let mut archive = tar::Archive::new(GzDecoder::new(opened));
    // Packages have one time for ever, by which cargo would take them for what it built before.
    archive.set_preserve_mtime(false);
    archive.unpack(to)?;
    fs::rename(to.join(named), to.join(name(package)))?;
    Ok(())
}

/// Builds a program that has nothing of the repository but the packages, and runs it.
fn outside(repository: &Repository, published: &[&Value], directory: &Path) -> Result<()> {
    let program = directory.join("program");
    fs::create_dir_all(program.join("src"))?;
    fs::copy(repository.root.join(PROGRAM), program.join("src/main.rs"))?;
    // The versions that everything else is tested with.
    fs::copy(
        repository.root.join("Cargo.lock"),
        program.join("Cargo.lock"),
    )?;
    fs::write(program.join("Cargo.toml"), manifest(published))?;
    let place = directory.join("workspace");
    let said = Program::cargo()
        .args(["run", "--quiet", "--manifest-path"])
        .args([program.join("Cargo.toml")])
        .args(["--".as_ref(), place.as_os_str()])
        .env("CARGO_TARGET_DIR", &repository.target)
        .read()?;
    ensure!(
        said.trim() == PUBLISHED,
        "the program outside said {said:?}"
    );
    println!(
        "a program of {} outside the repository: {PUBLISHED}",
        USED.join(" and ")
    );
    Ok(())
}

/// The manifest of a program that takes these crates from where they are unpacked.
fn manifest(published: &[&Value]) -> String {
    let mut text = String::from(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n",
    );
    let version = |package: &Value| package["version"].as_str().unwrap_or_default().to_owned();
    for package in published
        .iter()
        .filter(|package| USED.contains(&name(package)))
    {
        text.push_str(&format!("{} = \"{}\"\n", name(package), version(package)));
    }
    text.push_str("\n[patch.crates-io]\n");
    for package in needed(published) {
        let name = name(package);
        text.push_str(&format!("{name} = {{ path = \"../{name}\" }}\n"));
    }
    text
}

/// Returns the crates that are used, and those that they are built of.
fn needed<'a>(published: &[&'a Value]) -> Vec<&'a Value> {
    let mut names: BTreeSet<&str> = USED.into();
    let dependencies = |package: &'a Value| package["dependencies"].as_array();
    loop {
        let found = published
            .iter()
            .filter(|package| names.contains(name(package)));
        let found: Vec<&str> = found
            .flat_map(|package| dependencies(package).into_iter().flatten())
            .filter(|dependency| dependency["kind"].is_null())
            .map(name)
            .collect();
        let before = names.len();
        names.extend(found);
        if names.len() == before {
            break;
        }
    }
    let needed = published
        .iter()
        .filter(|package| names.contains(name(package)));
    needed.copied().collect()
}
