//! What is run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use workspace_core::{Error, ErrorKind, Reason, Result, TreePath};

use crate::limits::Limits;
use crate::load::OURS;
use crate::outcome::Ended;
#[cfg(feature = "wasmtime")]
use crate::outcome::Thrown;
use crate::place::place;

/// A program: modules, of which the first is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The modules, by their names in the program.
    pub modules: Vec<Module>,
}

/// A module of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its name, a path such as `main.js`, `lib/a.js` or `data.json`; imports are resolved
    /// against it, and to nothing but modules of the same program.
    pub name: String,
    /// Its text: JavaScript, TypeScript of which the types can be stripped (`.ts`, `.mts`),
    /// JSON, or text.
    pub source: String,
}

impl Program {
    /// Returns a program of one module.
    pub fn of(source: impl Into<String>) -> Self {
        Self {
            modules: vec![Module {
                name: "main.js".into(),
                source: source.into(),
            }],
        }
    }
}

impl Program {
    /// Checks its modules.
    ///
    /// # Errors
    /// `Invalid` where there is none, for a name that is no path of a program, and for one
    /// name twice; `LimitExceeded` for more than there may be.
    pub(crate) fn check(&self, limits: &Limits) -> Result<()> {
        let wrong = |name: &str, why: &str| {
            let name: String = name.chars().take(100).collect();
            Error::invalid(Reason::MalformedArgument, "run")
                .at(format!("module {}", name.escape_debug()))
                .because(why)
        };
        let size: usize = self.modules.iter().map(|module| module.source.len()).sum();
        if self.modules.len() > limits.modules as usize || size > limits.source as usize {
            return Err(Error::new(ErrorKind::LimitExceeded, "run").because(format!(
                "{} modules of {size} bytes, and there may be {} of {}",
                self.modules.len(),
                limits.modules,
                limits.source
            )));
        }
        let mut names = BTreeSet::new();
        for Module { name, .. } in &self.modules {
            let whole = format!("/{name}");
            if TreePath::new(&whole).is_err() || name.starts_with('/') {
                return Err(wrong(name, "no path such as `main.js` or `lib/a.js`"));
            }
            if name.starts_with(OURS) {
                return Err(wrong(name, "what begins so surrounds the program"));
            }
            let known = [".js", ".mjs", ".ts", ".mts", ".json", ".txt"];
            if !known.iter().any(|end| name.ends_with(end)) {
                return Err(wrong(
                    name,
                    "expected a name in .js, .mjs, .ts, .mts, .json or .txt",
                ));
            }
            if !names.insert(name) {
                return Err(wrong(name, "it is there twice"));
            }
        }
        match self.modules.is_empty() {
            true => Err(wrong("", "there is none")),
            false => Ok(()),
        }
    }
}

#[cfg(feature = "wasmtime")]
impl Module {
    /// Tells whether it is TypeScript: its types are stripped before it is run.
    pub(crate) fn is_typed(&self) -> bool {
        [".ts", ".mts"].iter().any(|end| self.name.ends_with(end))
    }
}

/// Types that cannot be stripped: where, and why.
#[cfg(feature = "wasmtime")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Typed {
    module: String,
    /// Line and column, with a colon between.
    place: String,
    why: String,
}

#[cfg(feature = "wasmtime")]
impl Typed {
    /// Reads what the stripper says: a line, a column, and what is wrong there.
    pub(crate) fn read(module: &str, told: &str) -> Self {
        let mut parts = told.splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default();
        Self {
            module: module.into(),
            place: format!("{}:{}", next(), next()),
            why: next().into(),
        }
    }

    /// Says that a module is more than can be read.
    pub(crate) fn too_much(module: &str) -> Self {
        Self {
            module: module.into(),
            place: "1:1".into(),
            why: "the module is too large, or nested too deep, to strip its types".into(),
        }
    }

    /// Returns how a program of it ends: as one with any other error of syntax.
    pub(crate) fn ended(self) -> Ended {
        Ended::Threw(Thrown {
            name: "SyntaxError".into(),
            message: self.why,
            stack: format!("    at {}:{}", self.module, self.place),
            ..Thrown::default()
        })
    }
}

impl Program {
    /// Says in which of the program's modules, and where, something was thrown, of what its
    /// stack tells.
    pub(crate) fn located(&self, ended: Ended) -> Ended {
        let Ended::Threw(mut thrown) = ended else {
            return ended;
        };
        let heading = format!("{}: {}", thrown.name, thrown.message);
        let names = self.modules.iter().map(|module| &*module.name);
        if let Some((module, line)) = place(&thrown.stack, &heading, names) {
            (thrown.module, thrown.line) = (Some(module.into()), Some(line));
        }
        Ended::Threw(thrown)
    }
}
