//! Import: a whole tree, made durable, by us and by the peers.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::data::{self, Amount};
use crate::figures::{Limit, Section};
use crate::measure::Rounds;
use crate::process::sync;
use crate::{Bench, peers};

const OVER_GIT: f64 = 3.0;
const OVER_AGENTFS: f64 = 4.0;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (rounds, real_bytes) = match bench.quick {
        true => (3, 16 << 20),
        false => (5, 100 << 20),
    };
    let directory = bench.directory.join("imports");
    let (generated, real) = (directory.join("generated"), directory.join("real"));
    data::TEN_THOUSAND.write(&generated)?;
    let amount = data::copy_real_tree(&real, real_bytes)?;
    let Amount { files, bytes } = amount;
    let mut section = Section::new(
        "Import",
        format!(
            "Whole processes, from a source tree that is in memory to everything on disk, {rounds} rounds \
             in turn. Ours: `workspace init` and `workspace import`. Git: `git init`, `git add -A`, \
             `git commit`, then `sync -f` of its file system, which takes less time than \
             `core.fsync=all` does. AgentFS: its Rust SDK, by inode, one write a file, then its own \
             `fsync` and one of its files. The generated tree is 10,000 files of 1 KiB in 100 \
             directories; the real one is {files} files of {:.0} MB: the sources of packages that cargo \
             downloaded, in order of their names, without those of over 8 MiB.",
            bytes as f64 / 1e6
        ),
    );
    for (name, tree) in [
        ("10,000 files of 1 KiB", &generated),
        ("the real tree", &real),
    ] {
        compare(bench, &directory, name, tree, rounds, &mut section)?;
    }
    Ok(section)
}

fn compare(
    bench: &Bench,
    directory: &Path,
    name: &str,
    tree: &Path,
    rounds: usize,
    section: &mut Section,
) -> Result<()> {
    let mut run = 0;
    let taken = Rounds::<3>::take(rounds, |which| {
        run += 1;
        let to = directory.join(format!("{run}-of-{}", name.replace([' ', ','], "-")));
        fs::create_dir_all(&to)?;
        // What others left to be written would be paid for by the next to sync.
        sync(directory)?;
        let seconds = match which {
            0 => bench.command.import(tree, &to.join("workspace"))?,
            1 => peers::git(tree, &to.join("repository"))?,
            _ => peers::agentfs(tree, &to.join("agentfs.db"))?,
        };
        eprintln!(
            "    {name}, {}: {seconds:.2} s",
            ["ours", "git", "AgentFS"][which]
        );
        Ok(seconds)
    })?;
    section.held(
        format!("{name}: git over ours"),
        taken.ratio(1, 0),
        "times",
        Limit::AtLeast(OVER_GIT),
    );
    section.held(
        format!("{name}: AgentFS over ours"),
        taken.ratio(2, 0),
        "times",
        Limit::AtLeast(OVER_AGENTFS),
    );
    for (which, who) in [(0, "ours"), (1, "git"), (2, "AgentFS")] {
        section.shown(format!("{name}: {who}"), taken.median(which), "s");
    }
    Ok(())
}
