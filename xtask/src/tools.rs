//! What the tasks need beyond cargo: installed where rustup or apt-get can, and otherwise
//! named.

use anyhow::{Result, bail};

use crate::command::Program;

/// The target that the core has to compile for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Something that a task needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// A component of the toolchain, by the command of cargo's that it is.
    Component(&'static str, &'static str),
    /// A target of the compiler's.
    Target(&'static str),
    /// A program that is not ours to install, why it is needed, and where it is from.
    Program(&'static str, &'static str, &'static str),
    /// A program, the package of Debian's that it is in, and why it is needed.
    Package(&'static str, &'static str, &'static str),
}

const RUSTFMT: Tool = Tool::Component("fmt", "rustfmt");
const CLIPPY: Tool = Tool::Component("clippy", "clippy");
const COMPILER: Tool = Tool::Program(
    "cc",
    "SQLite is built from its C sources",
    "install a C compiler, such as Debian's `build-essential`",
);
const GIT: Tool = Tool::Program(
    "git",
    "the tests apply patches and ask for ignored files with it",
    "install git",
);
const NPM: Tool = Tool::Program(
    "npm",
    "workerd comes from it",
    "install Node.js 20 or newer",
);
/// Readers and writers of archives, which the sources are compared with.
const TAR: Tool = Tool::Package("tar", "tar", ARCHIVES);
const BSDTAR: Tool = Tool::Package("bsdtar", "libarchive-tools", ARCHIVES);
const ZIP: Tool = Tool::Package("zip", "zip", ARCHIVES);
const UNZIP: Tool = Tool::Package("unzip", "unzip", ARCHIVES);
const PYTHON: Tool = Tool::Package("python3", "python3", ARCHIVES);
const ARCHIVES: &str = "archives are to be read as it reads them";

/// What builds the command and the tests of the crates.
pub(crate) const NATIVE: &[Tool] = &[COMPILER];
/// What builds the Worker and runs it.
pub(crate) const WORKER: &[Tool] = &[Tool::Target(WASM), NPM];
/// What builds the engine for delegated JavaScript; the task looks for clang itself, which has
/// several names.
pub(crate) const ENGINE: &[Tool] = &[COMPILER, Tool::Target(WASM)];
/// What the demo needs.
pub(crate) const DEMO: &[Tool] = &[COMPILER, GIT];
/// What builds and runs both servers, and measures them.
pub(crate) const BOTH: &[Tool] = &[COMPILER, Tool::Target(WASM), NPM];
/// What the gate's quick part needs.
pub(crate) const CHECK: &[Tool] = &[RUSTFMT, CLIPPY, COMPILER, Tool::Target(WASM)];
/// What the gate needs.
pub(crate) const TEST: &[Tool] = &[
    RUSTFMT,
    CLIPPY,
    COMPILER,
    GIT,
    Tool::Target(WASM),
    NPM,
    TAR,
    BSDTAR,
    ZIP,
    UNZIP,
    PYTHON,
];

/// Installs what is missing, or names it.
///
/// # Errors
/// The first that is missing and cannot be installed from here.
pub(crate) fn prepare(tools: &[Tool]) -> Result<()> {
    for tool in tools {
        match *tool {
            Tool::Component(command, component) => {
                if !Program::cargo().args([command, "--version"]).works() {
                    rustup(&["component", "add", component])?;
                }
            }
            Tool::Target(target) => {
                if !has_target(target) {
                    rustup(&["target", "add", target])?;
                }
            }
            Tool::Program(name, why, how) => {
                if !Program::new(name).args(["--version"]).works() {
                    bail!("`{name}` is missing: {why}; {how}, and repeat");
                }
            }
            Tool::Package(name, package, why) => {
                if !is_there(name) && !apt_get(package) {
                    bail!("`{name}` is missing: {why}; install Debian's `{package}`, and repeat");
                }
            }
        }
    }
    Ok(())
}

/// Tells whether a program answers. Info-ZIP's unzip knows `-v` only.
fn is_there(name: &str) -> bool {
    let answers = |argument| Program::new(name).args([argument]).works();
    answers("--version") || answers("-v")
}

/// Installs a package, where this is Debian and its owner's shell.
fn apt_get(package: &str) -> bool {
    let apt_get = |arguments: &[&str]| Program::new("apt-get").args(arguments).works();
    let install = ["install", "--yes", "--no-install-recommends", package];
    // A fresh machine has no list of packages yet.
    apt_get(&install) || (apt_get(&["update"]) && apt_get(&install))
}

fn rustup(args: &[&str]) -> Result<()> {
    if !Program::new("rustup").args(["--version"]).works() {
        bail!(
            "`rustup` is missing, for `rustup {}`: install it from https://rustup.rs, or give \
             your toolchain the same in its own way, and repeat",
            args.join(" ")
        );
    }
    Program::new("rustup").args(args).run()
}

/// Tells whether cargo-nextest can run the tests.
pub(crate) fn has_nextest() -> bool {
    Program::cargo().args(["nextest", "--version"]).works()
}

fn has_target(target: &str) -> bool {
    let directory = Program::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .read();
    directory.is_ok_and(|directory| std::path::Path::new(directory.trim()).is_dir())
}
