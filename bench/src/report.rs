//! Where figures go: a table on the terminal, JSON, and the Markdown page. What
//! was not measured this time stays there as it was.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::figures::{Figure, Section, shown};
use crate::machine::Machine;

const MACHINE: &str = "Machine";

/// Prints all figures, and says which do not hold.
pub(crate) fn print(sections: &[Section]) {
    let figures = || sections.iter().flat_map(|section| &section.figures);
    let width = figures().map(|figure| figure.name.chars().count()).max();
    let width = width.unwrap_or(0);
    for section in sections {
        println!("\n{}", section.title);
        for figure in &section.figures {
            let Figure { name, unit, .. } = figure;
            let value = shown(figure.value);
            let limit = limit(figure);
            let line = format!(
                "  {name:width$} {value:>12} {unit:<12} {limit:<18} {}",
                holds(figure)
            );
            println!("{}", line.trim_end());
        }
    }
    let held = figures().filter(|figure| figure.holds.is_some()).count();
    let broken: Vec<&Figure> = figures()
        .filter(|figure| figure.holds == Some(false))
        .collect();
    println!("\n{} of {held} limits hold", held - broken.len());
    for figure in broken {
        println!("  does not hold: {} ({})", figure.name, limit(figure));
    }
}

/// Puts the figures into a JSON list of `{section, name, value, unit, limit, holds}`.
pub(crate) fn write_json(sections: &[Section], path: &Path) -> Result<()> {
    let mut pieces: Pieces<Vec<Value>> = Pieces::default();
    if let Ok(text) = fs::read_to_string(path) {
        let figures: Vec<Value> = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a list", path.display()))?;
        for figure in figures {
            let section = figure["section"].as_str().unwrap_or_default();
            pieces.entry(section).push(figure);
        }
    }
    for section in sections {
        let figures = section.figures.iter().map(|figure| {
            json!({
                "section": section.title,
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "limit": figure.limit,
                "holds": figure.holds,
            })
        });
        *pieces.entry(section.title) = figures.collect();
    }
    let figures: Vec<Value> = pieces.0.into_iter().flat_map(|(_, piece)| piece).collect();
    write(path, &serde_json::to_string_pretty(&figures)?)
}

/// Puts the sections into the page, and this machine.
pub(crate) fn write_markdown(sections: &[Section], machine: &Machine, path: &Path) -> Result<()> {
    let page = fs::read_to_string(path).unwrap_or_default();
    write(path, &merged(&page, sections, machine)?)
}

fn merged(page: &str, sections: &[Section], machine: &Machine) -> Result<String> {
    let mut pieces: Pieces<String> = Pieces::default();
    let mut title = None;
    for line in page.lines() {
        title = line.strip_prefix("## ").or(title);
        if let Some(title) = title {
            let piece = pieces.entry(title);
            piece.push_str(line);
            piece.push('\n');
        }
    }
    *pieces.entry(MACHINE) = machine_piece(machine)?;
    for section in sections {
        *pieces.entry(section.title) = section_piece(section)?;
    }
    let mut page = String::from(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`; change the bench crate, not this page. Times come from a\n\
         machine that does other things as well, so what counts are the ratios: both sides of each\n\
         were measured in turn within one run, on the same file system, and medians compared. A run\n\
         of a part (`--only`) replaces its own sections.\n",
    );
    for (_, piece) in pieces.0 {
        page.push('\n');
        page.push_str(piece.trim_end());
        page.push('\n');
    }
    Ok(page)
}

fn machine_piece(machine: &Machine) -> Result<String> {
    let mut piece = format!("## {MACHINE}\n\n| | |\n|---|---|\n");
    for (what, value) in machine.facts() {
        writeln!(piece, "| {what} | {value} |")?;
    }
    Ok(piece)
}

fn section_piece(section: &Section) -> Result<String> {
    let mut piece = format!(
        "## {}\n\n{}\n\n| figure | value | limit | holds |\n|---|---:|---|---|\n",
        section.title, section.method
    );
    for figure in &section.figures {
        writeln!(
            piece,
            "| {} | {} {} | {} | {} |",
            figure.name,
            shown(figure.value),
            figure.unit,
            limit(figure),
            holds(figure)
        )?;
    }
    Ok(piece)
}

/// Pieces by the title of their section, in the order in which they came.
#[derive(Default)]
struct Pieces<T>(Vec<(String, T)>);

impl<T: Default> Pieces<T> {
    fn entry(&mut self, title: &str) -> &mut T {
        let found = self.0.iter().position(|(known, _)| known == title);
        let at = found.unwrap_or_else(|| {
            self.0.push((title.into(), T::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

fn limit(figure: &Figure) -> String {
    figure
        .limit
        .map(|limit| limit.to_string())
        .unwrap_or_default()
}

fn holds(figure: &Figure) -> &'static str {
    match figure.holds {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Limit;

    fn section(title: &'static str, value: f64) -> Section {
        let mut section = Section::new(title, "As it was.");
        section.held("figure", value, "times", Limit::AtMost(1.5));
        section
    }

    #[test]
    fn a_section_replaces_itself_and_leaves_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let (page, list) = (directory.path().join("page"), directory.path().join("list"));
        let machine = Machine::look(directory.path());
        for measured in [
            vec![section("First", 1.0), section("Second", 2.0)],
            vec![section("Second", 1.25), section("Third", 3.0)],
        ] {
            write_markdown(&measured, &machine, &page).unwrap();
            write_json(&measured, &list).unwrap();
        }
        let page = fs::read_to_string(page).unwrap();
        let titles: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(
            titles,
            [
                "# Benchmarks",
                "## Machine",
                "## First",
                "## Second",
                "## Third"
            ]
        );
        assert!(page.contains("| figure | 1.25 times | at most 1.5 | yes |"));
        assert!(!page.contains("2.00"));
        let figures: Vec<Value> = serde_json::from_str(&fs::read_to_string(list).unwrap()).unwrap();
        let values: Vec<_> = figures
            .iter()
            .map(|figure| figure["value"].as_f64())
            .collect();
        assert_eq!(values, [Some(1.0), Some(1.25), Some(3.0)]);
        assert_eq!(figures[1]["limit"], "at most 1.5");
    }
}
