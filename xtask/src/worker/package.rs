//! The npm package as others get it: packed, and installed where nothing else is.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use super::build;
use crate::command::Program;
use crate::repository::Repository;

const TESTS_AT: &str = "crates/worker/tests";
const EXAMPLE_AT: &str = "examples/publish";
/// Documents of which each block in TypeScript is a program.
const DOCUMENTS: [&str; 4] = [
    "README.md",
    "crates/worker/README.md",
    "docs/delegated-code.md",
    "docs/product-api.md",
];
/// What nobody could do without.
const NEEDED: [&str; 9] = [
    "dist/bindings_bg.wasm",
    "dist/contract.d.ts",
    "dist/index.d.ts",
    "dist/index.js",
    "dist/stripper.bin",
    "dist/worker.js",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "README.md",
];
/// What else belongs in a package; the rest are sources, or left over from builds.
const KINDS: [&str; 6] = [".js", ".mjs", ".d.ts", ".wasm", ".bin", "package.json"];

/// Packs the built package, installs it in an empty project, puts the tests, the example
/// and the programs of documents beside it, and checks all their types. Returns the project.
pub(crate) fn consume(repository: &Repository) -> Result<PathBuf> {
    let directory = repository.target.join("worker/consumer");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let modules = directory.join("node_modules");
    let types = "node_modules/@cloudflare/workers-types";
    fs::create_dir_all(modules.join("@cloudflare"))?;
    std::os::unix::fs::symlink(repository.root.join(types), directory.join(types))?;
    unpack(
        &pack(repository, &directory)?,
        &modules.join("workspace-worker"),
    )?;
    let example = repository.root.join(EXAMPLE_AT);
    let tests = repository.root.join(TESTS_AT);
    for (from, to) in [(example.join("src"), "src"), (tests, "src/tests")] {
        let to = directory.join(to);
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "ts") {
                build::copy(&path, &to)?;
            }
        }
    }
    documented(repository, &directory.join("src/documents"))?;
    build::copy(&example.join("tsconfig.json"), &directory)?;
    Program::new("node_modules/.bin/tsc")
        .args([Path::new("--project"), &directory])
        .run()?;
    Ok(directory)
}

/// Puts what documents have in TypeScript into files: `docs-product-api-52.ts` is what begins
/// at line 52 of `docs/product-api.md`, and errors have the lines of that.
fn documented(repository: &Repository, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for document in DOCUMENTS {
        let programs = programs(&fs::read_to_string(repository.root.join(document))?);
        ensure!(!programs.is_empty(), "{document} has nothing in TypeScript");
        let name = document.trim_end_matches(".md").replace('/', "-");
        for (line, program) in programs {
            fs::write(to.join(format!("{name}-{line}.ts")), program)?;
        }
    }
    Ok(())
}

/// Returns the blocks in TypeScript of a document, each as a module with as many lines before
/// it as it has there, and the number of its first line.
fn programs(document: &str) -> Vec<(usize, String)> {
    let mut programs = Vec::new();
    let mut lines = document.lines().enumerate();
    while let Some((before, line)) = lines.next() {
        if line != "```ts" {
            continue;
        }
        let mut program = "\n".repeat(before + 1);
        for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            program.push_str(line);
            program.push('\n');
        }
        // What imports nothing would be part of all the others.
        program.push_str("export {};\n");
        programs.push((before + 2, program));
    }
    programs
}

/// Makes the tarball.
fn pack(repository: &Repository, directory: &Path) -> Result<PathBuf> {
    let said = Program::new("npm")
        .args(["pack", "--silent", "--ignore-scripts"])
        .args([
            "--pack-destination".as_ref(),
            directory.as_os_str(),
            repository.root.join(build::WORKER_AT).as_os_str(),
        ])
        .read()?;
    let name = said.lines().last().context("npm pack names no file")?;
    Ok(directory.join(name))
}

/// Unpacks it, as npm does, and looks at what is in it.
fn unpack(tarball: &Path, to: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(tarball)?));
    let mut found = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path.strip_prefix("package").context("outside `package`")?;
        let name = path.display().to_string();
        ensure!(
            NEEDED.contains(&&*name) || KINDS.iter().any(|kind| name.ends_with(kind)),
            "{name} does not belong in the npm package"
        );
        let file = to.join(path);
        fs::create_dir_all(file.parent().context("a file has a directory")?)?;
        entry.unpack(file)?;
        found.push(name);
    }
    for name in NEEDED {
        ensure!(
            found.iter().any(|found| found == name),
            "{name} is missing in the npm package"
        );
    }
    println!(
        "npm package: {} files, {} KiB",
        found.len(),
        fs::metadata(tarball)?.len() >> 10
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_a_document_keep_their_lines() {
        let document = "a\n```ts\none;\n\ntwo;\n```\n```rust\nno\n```\n```ts\nthree;\n```\n";
        let found = programs(document);
        let expected = [
            (3, "\n\none;\n\ntwo;\nexport {};\n".to_owned()),
            (11, format!("{}three;\nexport {{}};\n", "\n".repeat(10))),
        ];
        assert_eq!(found, expected);
        assert_eq!(programs("```tsx\n```\n"), []);
    }
}
