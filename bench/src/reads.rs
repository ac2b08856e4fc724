//! Reading: calls that wait for no disk, by Criterion.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use criterion::Criterion;
use serde_json::Value;
use workspace_core::{At, DiffOptions, ForkOptions, TreePath};

use crate::Bench;
use crate::data;
use crate::figures::{Section, shown};
use crate::ours::Ours;

type Call<'a> = &'a dyn Fn() -> Result<()>;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let shape = data::FOUR_DEEP;
    let mut section = Section::new(
        "Reading",
        format!(
            "Calls on a workspace of {} files four deep, with its nodes in the cache, by Criterion: the \
             median of its samples.",
            shown(shape.files() as f64)
        ),
    );
    let ours = Ours::create(&bench.directory.join("reads"))?;
    ours.import(shape)?;
    let copy = At::Copy(ours.workspace.fork(ForkOptions::default())?.id);
    let mut files = Vec::new();
    for part in 0..10 {
        let file = part * shape.files() / 10;
        files.push((
            shape.path(file)?,
            data::text(shape.files() + part, shape.file_bytes),
        ));
    }
    ours.write(copy, files)?;

    let view = ours.workspace.files(At::Head);
    let path = shape.path(shape.files() / 2)?;
    let parent = path.parent().context("a file has a parent")?;
    let options = DiffOptions::default();
    let root = TreePath::root();
    let calls: [(&str, &str, Call<'_>); 5] = [
        ("stat", "stat of a file", &|| done(view.stat(&path)?)),
        ("read", "read of a file of 1 KiB", &|| {
            done(ours.read(&path)?)
        }),
        ("list", "list of 10 entries", &|| {
            done(view.list(&parent, None, 100)?)
        }),
        ("diff", "diff of 10 changed files", &|| {
            done(ours.workspace.diff(At::Head, copy, &options)?)
        }),
        ("walk", "walk of all", &|| {
            for entry in view.walk(&root)? {
                done(entry?)?;
            }
            Ok(())
        }),
    ];
    let results = bench.directory.join("criterion");
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&results)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(if bench.quick { 1 } else { 4 }));
    for (id, name, call) in calls {
        // Once outside, where an error can be told.
        call()?;
        criterion.bench_function(id, |bencher| {
            bencher.iter(|| call().expect("it worked before, and nothing changed"));
        });
        section.shown(name, median(&results.join(id))? / 1e3, "µs");
    }
    Ok(section)
}

/// Lets no part of a call be left out because nobody looks at its result.
fn done<T>(result: T) -> Result<()> {
    black_box(result);
    Ok(())
}

/// Returns the median that Criterion found, in nanoseconds.
fn median(results: &Path) -> Result<f64> {
    let path = results.join("new/estimates.json");
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates["median"]["point_estimate"]
        .as_f64()
        .context("Criterion wrote no median")
}
