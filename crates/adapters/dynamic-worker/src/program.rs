//! What is run.

use serde::{Deserialize, Serialize};

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
