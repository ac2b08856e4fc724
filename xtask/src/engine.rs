//! The engine that runs delegated JavaScript in wasmtime, what strips the types of TypeScript
//! on every host, and the component that tests run: built from their sources, and kept in the
//! repository beside a hash of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::command::Program;
use crate::repository::Repository;
use crate::tools;

/// A module or component that is kept.
struct Kept {
    /// The directory of its crate.
    sources: &'static str,
    /// What else it is made of.
    beside: &'static [&'static str],
    /// What cargo calls what it builds.
    built: &'static str,
    /// Where it is kept, without an ending.
    kept: &'static str,
    /// As what it is kept.
    form: Form,
}

/// As what something is kept.
#[derive(PartialEq, Eq)]
enum Form {
    /// A module, as it was built.
    Module,
    /// A component of it.
    Component,
    /// A component of what it is after its `init`.
    Snapshot,
}

/// Where all of it is.
const CRATE: &str = "crates/adapters/dynamic-worker";

const KEPT: [Kept; 3] = [
    Kept {
        sources: "engine",
        beside: &["guest/prelude.js", "wit"],
        built: "workspace_engine.wasm",
        kept: "engine",
        form: Form::Snapshot,
    },
    Kept {
        sources: "tests/component",
        beside: &["wit"],
        built: "component.wasm",
        kept: "tests/component",
        form: Form::Component,
    },
    Kept {
        sources: "stripper",
        beside: &[],
        built: "workspace_stripper.wasm",
        kept: "stripper",
        form: Form::Module,
    },
];

/// What C is compiled by: one that has wasm among its targets.
const COMPILERS: [&str; 2] = ["clang-19", "clang"];

/// Builds all, and keeps them.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let compiler = COMPILERS
        .into_iter()
        .find(|name| Program::new(name).args(["--version"]).read().is_ok())
        .context("QuickJS is C: install clang, such as Debian's `clang-19`")?;
    for kept in &KEPT {
        kept.build(repository, compiler)?;
    }
    Ok(())
}

/// Tells whether what is kept was built from the sources that are there.
pub(crate) fn check(root: &Path) -> Result<()> {
    for kept in &KEPT {
        let path = root.join(CRATE).join(kept.kept);
        let said = fs::read_to_string(path.with_extension("sha256"))
            .with_context(|| format!("reading the hash of {}", kept.kept))?;
        if said != kept.hashes(root)? {
            bail!(
                "{}.wasm is not of its sources: `cargo xtask engine`",
                kept.kept
            );
        }
    }
    Ok(())
}

impl Kept {
    fn build(&self, repository: &Repository, compiler: &str) -> Result<()> {
        let target = repository.target.join("engine");
        Program::cargo()
            .args(["build", "--release", "--locked", "--target", tools::WASM])
            .directory(&repository.root.join(CRATE).join(self.sources))
            .env("CARGO_TARGET_DIR", &target)
            .env("CC_wasm32_unknown_unknown", compiler)
            .run()?;
        let built = target.join(tools::WASM).join("release").join(self.built);
        let path = repository.root.join(CRATE).join(self.kept);
        let wasm = path.with_extension("wasm");
        if self.form == Form::Module {
            let module =
                fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
            fs::write(&wasm, module)?;
        } else {
            let snapshot = (self.form == Form::Snapshot).then_some("--snapshot");
            Program::cargo()
                .args(["run", "--quiet", "-p", "xtask-engine", "--"])
                .args([&built, &wasm])
                .args(snapshot)
                .run()?;
        }
        println!(
            "{}: {} KiB",
            wasm.display(),
            fs::metadata(&wasm)?.len() >> 10
        );
        fs::write(
            path.with_extension("sha256"),
            self.hashes(&repository.root)?,
        )?;
        Ok(())
    }

    /// Returns the hash of its sources, and that of what is kept.
    fn hashes(&self, root: &Path) -> Result<String> {
        let directory = root.join(CRATE);
        let mut paths = Vec::new();
        files(&directory.join(self.sources), &mut paths)?;
        for beside in self.beside {
            files(&directory.join(beside), &mut paths)?;
        }
        paths.sort();
        let mut hasher = Sha256::new();
        for path in paths {
            let contents = fs::read(&path)?;
            let name = path
                .strip_prefix(&directory)?
                .to_string_lossy()
                .into_owned();
            hasher.update(format!("{name}\0{}\0", contents.len()));
            hasher.update(contents);
        }
        let wasm = fs::read(directory.join(self.kept).with_extension("wasm"))?;
        Ok(format!(
            "sources {}\nwasm {}\n",
            hex(&hasher.finalize()),
            hex(&Sha256::digest(wasm))
        ))
    }
}

/// Lists the files at a path, without what cargo builds.
fn files(path: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        into.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("listing {}", path.display()))? {
        let entry = entry?;
        if entry.file_name() != "target" {
            files(&entry.path(), into)?;
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_of_its_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap();
    }
}
