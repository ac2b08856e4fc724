//! What is run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use workspace_core::{Error, ErrorKind, Reason, Result, TreePath};

use crate::limits::Limits;
use crate::load::OURS;
use crate::outcome::Ended;

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
    /// Its text: JavaScript, TypeScript without what is not erased (`.ts`), or JSON.
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

impl Program {
    /// Says in which of the program's modules, and where, something was thrown, of what its
    /// stack tells.
    pub(crate) fn located(&self, ended: Ended) -> Ended {
        let Ended::Threw(mut thrown) = ended else {
            return ended;
        };
        if let Some((module, line)) = self.place_in(&thrown.stack) {
            (thrown.module, thrown.line) = (Some(module.into()), Some(line));
        }
        Ended::Threw(thrown)
    }

    /// Returns the first place in one of the program's modules that a stack names, as
    /// `(main.js:3:9)` or `at main.js:3:9`, whatever the engine.
    fn place_in(&self, stack: &str) -> Option<(&str, u32)> {
        stack.lines().find_map(|frame| {
            let place = frame.trim().trim_end_matches(')');
            let place = place.rsplit(['(', ' ']).next().unwrap_or(place);
            self.modules.iter().find_map(|module| {
                let rest = place.strip_prefix(&*module.name)?.strip_prefix(':')?;
                let line = rest.split(':').next()?.parse().ok()?;
                Some((&*module.name, line))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_the_stacks_of_both_engines() {
        let program = Program {
            modules: ["main.js", "lib/a b.js"]
                .map(|name| Module {
                    name: name.into(),
                    source: String::new(),
                })
                .into(),
        };
        let place = |stack| program.place_in(stack);
        let v8 =
            "RangeError: x\n    at default (main.js:2:8)\n    at run (_workspace/prelude.js:1:2)";
        assert_eq!(place(v8), Some(("main.js", 2)));
        assert_eq!(
            place("Error: top\n    at main.js:1:7"),
            Some(("main.js", 1))
        );
        let quickjs = "    at <anonymous> (main.js:12:34)\n    at run (_workspace/prelude.js:3)\n";
        assert_eq!(place(quickjs), Some(("main.js", 12)));
        assert_eq!(place("    at f (other.js:1:1)"), None);
        assert_eq!(place("    at f (main.js:x:1)"), None);
        assert_eq!(place(""), None);
    }
}
