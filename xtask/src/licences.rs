//! The dependency policy of `deny.toml`, checked from what cargo knows: which
//! licences, and which sources. It reads the same lists as cargo-deny, whose
//! build takes longer than everything else in the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};

use crate::repository::Repository;

/// Fails where a dependency's licence is not on the allow-list, or where it does
/// not come from crates.io.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    let policy = Policy::read(&repository.root.join("deny.toml"))?;
    let packages = repository.metadata["packages"]
        .as_array()
        .context("cargo's metadata lists no packages")?;
    let mut seen = BTreeSet::new();
    let mut refused = Vec::new();
    for package in packages {
        let name = format!("{}@{}", text(package, "name"), text(package, "version"));
        let licence = match policy.clarified.get(&name) {
            Some(licence) => licence,
            None => text(package, "license"),
        };
        match permits(licence, &policy.allowed) {
            Ok(true) => {
                seen.insert(licence);
            }
            Ok(false) => refused.push(format!("{name}: licence {licence:?} is not allowed")),
            Err(error) => refused.push(format!("{name}: licence {licence:?}: {error}")),
        }
        let source = &package["source"];
        if !source.is_null() && !is_crates_io(source) {
            refused.push(format!("{name}: comes from {source}, not from crates.io"));
        }
    }
    if !refused.is_empty() {
        bail!("deny.toml does not allow\n  {}", refused.join("\n  "));
    }
    println!(
        "{} packages under {} licence expressions: all permissive, all from crates.io",
        packages.len(),
        seen.len()
    );
    Ok(())
}

/// What `deny.toml` says of licences.
struct Policy {
    allowed: Vec<Licensee>,
    /// Licences that a package does not state itself, by `name@version`.
    clarified: BTreeMap<String, String>,
}

impl Policy {
    fn read(path: &Path) -> Result<Self> {
        let file: toml::Table = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .parse()
            .context("deny.toml")?;
        let licences = file.get("licenses").context("deny.toml: no licenses")?;
        let allowed = list(licences, "allow")
            .map(|name| {
                let name = name.as_str().context("licenses.allow holds a non-string")?;
                Licensee::parse(name).with_context(|| format!("licenses.allow: {name:?}"))
            })
            .collect::<Result<_>>()?;
        let clarified = list(licences, "clarify")
            .map(|entry| {
                let field = |name| entry.get(name)?.as_str().map(str::to_string);
                field("crate")
                    .zip(field("expression"))
                    .context("licenses.clarify needs `crate` and `expression`")
            })
            .collect::<Result<_>>()?;
        Ok(Self { allowed, clarified })
    }
}

fn list<'a>(table: &'a toml::Value, name: &str) -> impl Iterator<Item = &'a toml::Value> {
    let list = table.get(name).and_then(toml::Value::as_array);
    list.into_iter().flatten()
}

/// Tells whether a choice of the expression can be met from the allowed
/// licences. Older crates write `MIT/Apache-2.0`, which the lax mode reads as OR.
fn permits(licence: &str, allowed: &[Licensee]) -> Result<bool> {
    let expression = Expression::parse_mode(licence, ParseMode::LAX)?;
    Ok(expression.evaluate(|requirement| {
        allowed
            .iter()
            .any(|licensee| licensee.satisfies(requirement))
    }))
}

fn is_crates_io(source: &Value) -> bool {
    source.as_str().is_some_and(|source| {
        source.starts_with("registry+") && source.ends_with("/crates.io-index")
    })
}

fn text<'a>(package: &'a Value, field: &str) -> &'a str {
    package[field].as_str().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_holds_where_one_choice_is_allowed() {
        let allowed =
            ["MIT", "Apache-2.0", "Unicode-3.0"].map(|name| Licensee::parse(name).unwrap());
        for (licence, expected) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("MIT AND GPL-3.0-only", false),
            ("LGPL-2.1-or-later", false),
        ] {
            assert_eq!(permits(licence, &allowed).unwrap(), expected, "{licence}");
        }
        assert!(permits("", &allowed).is_err());
    }
}
