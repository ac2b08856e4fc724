//! Where figures go: a table on the terminal, JSON, and the Markdown page.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::figures::{Figure, Section, shown};
use crate::machine::Machine;

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

/// Writes the figures as a JSON list of `{name, value, unit, limit, holds}`.
pub(crate) fn write_json(sections: &[Section], path: &Path) -> Result<()> {
    let figures: Vec<&Figure> = sections
        .iter()
        .flat_map(|section| &section.figures)
        .collect();
    write(path, &serde_json::to_string_pretty(&figures)?)
}

/// Writes the page.
pub(crate) fn write_markdown(sections: &[Section], machine: &Machine, path: &Path) -> Result<()> {
    let mut page = String::from(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`; change the bench crate, not this page. Times come from a\n\
         machine that does other things as well, so what counts are the ratios: both sides of each\n\
         were measured in turn within one run, on the same file system, and medians compared.\n\n\
         ## Machine\n\n| | |\n|---|---|\n",
    );
    for (what, value) in machine.facts() {
        writeln!(page, "| {what} | {value} |")?;
    }
    for section in sections {
        writeln!(
            page,
            "\n## {}\n\n{}\n\n| figure | value | limit | holds |\n|---|---:|---|---|",
            section.title, section.method
        )?;
        for figure in &section.figures {
            writeln!(
                page,
                "| {} | {} {} | {} | {} |",
                figure.name,
                shown(figure.value),
                figure.unit,
                limit(figure),
                holds(figure)
            )?;
        }
    }
    write(path, &page)
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
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
