//! Mutants of constants. Nothing can be switched in what the compiler computes, but it can
//! be where the constant is used: there the constant becomes one of two.

use std::collections::BTreeMap;

use anyhow::Result;
use syn::visit::{self, Visit};
use syn::{Expr, ItemConst, Visibility};

use super::guard::{Lines, range_of};
use super::list::{Genre, Mutant};

/// A constant, and what mutants make of it.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    pub(super) name: String,
    /// Tells whether it is used in its own file only.
    pub(super) private: bool,
    /// The numbers of mutants, and expressions of the values that they make.
    pub(super) alternatives: Vec<(usize, String)>,
}

/// Finds the constants of a file that mutants change.
///
/// # Errors
/// For a file that does not parse.
pub(super) fn constants(source: &str, mutants: &[&Mutant]) -> Result<Vec<Constant>> {
    let file = syn::parse_file(source)?;
    let lines = Lines::of(source);
    let mut finder = Finder {
        source,
        mutants: mutants
            .iter()
            .filter(|mutant| matches!(mutant.genre, Genre::BinaryOperator | Genre::UnaryOperator))
            .map(|mutant| (lines.offset(mutant.start), *mutant))
            .collect(),
        lines: &lines,
        found: Vec::new(),
    };
    finder.visit_file(&file);
    Ok(finder.found)
}

struct Finder<'s> {
    source: &'s str,
    /// By where they begin.
    mutants: Vec<(usize, &'s Mutant)>,
    lines: &'s Lines<'s>,
    found: Vec<Constant>,
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        let range = range_of(&*item.expr);
        let of = &self.source[range_of(&*item.ty)];
        let private = matches!(item.vis, Visibility::Inherited);
        // Where it is used, the names in it may mean something else.
        if !private && names(&item.expr) {
            return;
        }
        let within = self.mutants.iter().filter(|(at, _)| range.contains(at));
        let alternatives = within.map(|(at, mutant)| {
            let before = &self.source[range.start..*at];
            let after = &self.source[self.lines.offset(mutant.end)..range.end];
            let value = format!("{before}{}{after}", mutant.replacement);
            let text = format!("{{ const MUTANT: {of} = {value}; MUTANT }}");
            (mutant.number, text)
        });
        let alternatives: Vec<(usize, String)> = alternatives.collect();
        if !alternatives.is_empty() {
            self.found.push(Constant {
                name: item.ident.to_string(),
                private,
                alternatives,
            });
        }
    }
}

/// Tells whether an expression names anything.
fn names(expr: &Expr) -> bool {
    struct Names(bool);
    impl<'ast> Visit<'ast> for Names {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            self.0 = true;
            visit::visit_path(self, path);
        }
    }
    let mut names = Names(false);
    names.visit_expr(expr);
    names.0
}

/// Returns those of a package's constants, by file, that are seen in a file under a name
/// that no other of them has.
pub(super) fn seen_in<'c>(
    file: &str,
    constants: &'c BTreeMap<String, Vec<Constant>>,
) -> Vec<&'c Constant> {
    let all = constants
        .iter()
        .flat_map(|(of, found)| found.iter().map(move |it| (of, it)));
    let seen = all.filter(|(of, constant)| !constant.private || *of == file);
    let seen: Vec<&Constant> = seen.map(|(_, constant)| constant).collect();
    let alone = |constant: &&&Constant| {
        let mut others = seen.iter().filter(|other| other.name == constant.name);
        others.nth(1).is_none()
    };
    seen.iter().filter(alone).copied().collect()
}
