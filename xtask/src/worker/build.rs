//! From Rust to a Worker: cargo, wasm-bindgen, and the JavaScript written by hand.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::{page, typegen};
use crate::command::Program;
use crate::repository::Repository;
use crate::tools;

/// The crate of the tests, and where it is.
const TESTS: &str = "workspace-durable-object-tests";
const TESTS_AT: &str = "crates/backends/durable-object/tests/worker";
/// The Worker as it is deployed: its crate, and the npm package around it.
const WORKER: &str = "workspace-worker";
pub(crate) const WORKER_AT: &str = "crates/worker";
/// The Worker in Rust that is an example.
const GUESTBOOK: &str = "guestbook";
/// The guard against panics, and the module that it guards.
const GUARD: [&str; 2] = ["crates/worker/ts/guard.mjs", "crates/worker/ts/rust.mjs"];
/// What is loaded beside an application, and what strips types.
const GUEST: &str = "crates/adapters/dynamic-worker/guest";
/// The WebAssembly that does.
const STRIPPER: &str = "crates/adapters/dynamic-worker/stripper.wasm";
/// What the types of the contract are made of.
pub(super) const CONTRACT: &str = "crates/http/openapi.json";
/// What the npm package has of the repository's root.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
/// What workerd runs R2 buckets by.
const SIMULATOR: &str = "node_modules/miniflare/dist/src/workers";
const SIMULATOR_FILES: [&str; 4] = [
    "r2/bucket.worker.js",
    "shared/object-entry.worker.js",
    "shared/index.worker.js",
    "shared/zod.worker.js",
];

/// Builds the Worker of the tests; returns the directory that it is in.
pub(crate) fn tests(repository: &Repository) -> Result<PathBuf> {
    let output = repository.target.join("worker/tests");
    let modules = output.join("modules");
    fs::create_dir_all(&modules).with_context(|| format!("making {}", modules.display()))?;
    let wasm = compile(repository, TESTS, &[])?;
    bind(&wasm, &modules)?;
    let tests = repository.root.join(TESTS_AT);
    copy(&tests.join("config.capnp"), &output)?;
    copy(&tests.join("worker.mjs"), &modules)?;
    for name in GUARD {
        copy(&repository.root.join(name), &modules)?;
    }
    bundle(&modules.join("worker.mjs"), &output)?;
    simulator(repository, &output)?;
    Ok(output)
}

/// Builds the Worker into the `dist` of its npm package; returns that directory.
pub(crate) fn package(repository: &Repository) -> Result<PathBuf> {
    let output = repository.root.join(WORKER_AT).join("dist");
    fs::create_dir_all(&output).with_context(|| format!("making {}", output.display()))?;
    let wasm = compile(repository, WORKER, &[])?;
    bind(&wasm, &output)?;
    typegen::types(repository, &output)?;
    surround(repository, &output)?;
    page::build(&repository.root.join(WORKER_AT).join("page"), &output)?;
    Program::new("node_modules/.bin/tsc")
        .args(["--project", WORKER_AT])
        .run()?;
    for name in LICENCES {
        copy(
            &repository.root.join(name),
            &repository.root.join(WORKER_AT),
        )?;
    }
    Ok(output)
}

/// Writes `guest.js`, which has what is loaded beside an application and what strips types, and
/// its declaration; and `stripper.bin`, which is handed to a loader as bytes.
fn surround(repository: &Repository, output: &Path) -> Result<()> {
    let text = |name: &str| -> Result<String> {
        let source = repository.root.join(GUEST).join(name);
        let text = fs::read_to_string(&source);
        let text = text.with_context(|| format!("reading {}", source.display()))?;
        Ok(serde_json::to_string(&text)?)
    };
    let stripper = repository.root.join(STRIPPER);
    let wasm = fs::read(&stripper).with_context(|| format!("reading {}", stripper.display()))?;
    let hash: String = Sha256::digest(&wasm)[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    fs::write(output.join("stripper.bin"), wasm)?;
    let (app, strip) = (text("app.js")?, text("strip.js")?);
    fs::write(
        output.join("guest.js"),
        format!(
            "export const app = {app};\nexport const strip = {strip};\n\
             export const stripper = \"{hash}\";\n"
        ),
    )?;
    fs::write(
        output.join("guest.d.ts"),
        "export declare const app: string;\nexport declare const strip: string;\n\
         export declare const stripper: string;\n",
    )?;
    Ok(())
}

/// Builds the example in Rust into a directory; returns how large its wasm is, gzipped. It
/// has the Worker and what calls it, so its rules are built to be small rather than fast.
pub(crate) fn guestbook(repository: &Repository, output: &Path) -> Result<usize> {
    fs::create_dir_all(output).with_context(|| format!("making {}", output.display()))?;
    let small = r#"profile.worker.package.workspace-core.opt-level="s""#;
    let wasm = compile(repository, GUESTBOOK, &["--config", small])?;
    bind(&wasm, output)?;
    gzipped(&fs::read(output.join("bindings_bg.wasm"))?)
}

/// Makes one module of a Worker in TypeScript or JavaScript: `worker.js` in
/// `output`, with the wasm beside it.
pub(crate) fn bundle(entry: &Path, output: &Path) -> Result<()> {
    bundle_as(entry, &output.join("worker.js"))
}

/// Makes one module of the Worker that runs delegated code: `sandbox.js` in `output`.
pub(crate) fn sandbox(repository: &Repository, output: &Path) -> Result<()> {
    let entry = repository
        .root
        .join(WORKER_AT)
        .join("dist/sandbox-worker.js");
    bundle_as(&entry, &output.join("sandbox.js"))
}

fn bundle_as(entry: &Path, output: &Path) -> Result<()> {
    Program::new("node_modules/.bin/esbuild")
        .args([entry.display().to_string()])
        .args(["--bundle", "--format=esm", "--target=es2023"])
        .args(["--external:cloudflare:*", "--external:node:*"])
        .args([
            "--loader:.wasm=copy",
            "--loader:.bin=copy",
            "--asset-names=[name]",
            "--log-level=warning",
        ])
        .args([format!("--outfile={}", output.display())])
        .run()
}

/// Copies what R2 is simulated by.
pub(crate) fn simulator(repository: &Repository, output: &Path) -> Result<()> {
    for name in SIMULATOR_FILES {
        copy(&repository.root.join(SIMULATOR).join(name), output)?;
    }
    Ok(())
}

/// Compiles a package to wasm, as these options of cargo's say; returns the module.
fn compile(repository: &Repository, package: &str, options: &[&str]) -> Result<PathBuf> {
    // A crate that is a library as well would be linked without its optimization.
    Program::cargo()
        .args(["rustc", "--profile", "worker", "--target", tools::WASM])
        .args(["-p", package, "--lib", "--crate-type", "cdylib"])
        .args(options)
        .env("WASM_BINDGEN_USE_JS_SYS", "1")
        .run()?;
    let name = format!("{}.wasm", package.replace('-', "_"));
    let built = repository
        .target
        .join(tools::WASM)
        .join("worker")
        .join(name);
    Ok(built)
}

/// Makes the JavaScript half, unless it is there for this very module.
fn bind(wasm: &Path, output: &Path) -> Result<()> {
    let module = fs::read(wasm).with_context(|| format!("reading {}", wasm.display()))?;
    let bindings = output.join("bindings.js");
    let bound = wasm.with_extension("bound.wasm");
    if bindings.exists() && fs::read(&bound).is_ok_and(|last| last == module) {
        return Ok(());
    }
    Program::cargo()
        .args(["run", "--quiet", "-p", "xtask-bindgen", "--"])
        .args([wasm, output])
        .run()?;
    let text = fs::read_to_string(&bindings).context("reading what wasm-bindgen wrote")?;
    // workerd hands out modules for plain imports; it has no source phase ones.
    let text = text.replace("import source ", "import ");
    fs::write(&bindings, text)?;
    shrink(&output.join("bindings_bg.wasm"))?;
    let bytes = fs::read(output.join("bindings_bg.wasm"))?;
    println!(
        "wasm: {} KiB, {} KiB gzipped",
        bytes.len() >> 10,
        gzipped(&bytes)? >> 10
    );
    fs::write(bound, module).context("remembering the module")
}

/// What rustc lets a module of wasm32-unknown-unknown have, and wasm-bindgen.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-exception-handling",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Makes a module smaller, by a tenth.
fn shrink(wasm: &Path) -> Result<()> {
    Program::new("node_modules/.bin/wasm-opt")
        .args(["-Os"])
        .args(FEATURES)
        .args([wasm, Path::new("-o"), wasm])
        .run()
}

fn gzipped(bytes: &[u8]) -> Result<usize> {
    let mut gzipped = GzEncoder::new(Vec::new(), Compression::best());
    gzipped.write_all(bytes)?;
    Ok(gzipped.finish()?.len())
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let name = from.file_name().context("a file has a name")?;
    fs::copy(from, to.join(name)).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}
