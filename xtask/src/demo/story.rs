//! The loop: import, fork, edit in parallel, preview, apply or discard, restore.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::shell::Shell;

/// The exit code of a conflict.
const CONFLICT: i32 = 10;

/// Plays it on a tree, in the shell's directory.
pub(super) fn play(shell: &mut Shell, tree: &Path) -> Result<()> {
    let tree = tree.to_str().context("the tree's path is not UTF-8")?;
    shell.say("A workspace, and the tree in it.");
    shell.workspace(&["init"])?;
    shell.workspace(&["import", tree, "--ignore", "--message", "Import"])?;
    shell.workspace(&["ls", "-l"])?;
    shell.workspace(&["tree", "--depth", "2"])?;
    shell.workspace(&["usage"])?;
    let files = shell.workspace(&["find", "*.rs", "--kind", "file"])?;
    let parts = Parts::choose(&files)?;

    shell.say("Three copies, as three workers would have; nothing is copied.");
    for copy in ["fix", "move", "clash"] {
        shell.workspace(&["fork", copy])?;
    }
    shell.say("Each is edited by itself.");
    let Parts {
        edited,
        removed,
        directory,
    } = &parts;
    shell.workspace_reading("// fixed\n", &["put", edited, "--copy", "fix"])?;
    shell.workspace(&["rm", removed, "--copy", "fix"])?;
    shell.workspace(&["mv", directory, "/moved", "--copy", "move"])?;
    shell.workspace_reading("# notes\n", &["put", "/moved/NOTES.md", "--copy", "move"])?;
    shell.workspace_reading("// also fixed\n", &["put", edited, "--copy", "clash"])?;
    shell.workspace(&["copies"])?;

    shell.say("What would change, before anything does.");
    shell.workspace(&["status", "--copy", "fix"])?;
    shell.workspace(&["diff", "--copy", "fix", "--stat"])?;
    shell.workspace(&["diff", "--copy", "move", "--name-status"])?;
    shell.workspace(&["operations", "--copy", "fix"])?;
    shell.workspace(&["undo", "2", "--copy", "fix"])?;
    shell.workspace(&["diff", "--copy", "fix"])?;

    shell.say("The patch is one that git takes, and it leads to the same files.");
    shell.workspace(&["export", "before"])?;
    shell.workspace(&["export", "after", "--copy", "move"])?;
    shell.workspace(&["export", "move.patch", "--copy", "move"])?;
    shell.other(
        "git",
        &[
            "-C",
            "before",
            "apply",
            "--whitespace=nowarn",
            "../move.patch",
        ],
    )?;
    // Git knows no empty directories, and a move may leave one.
    shell.other("git", &["diff", "--no-index", "--stat", "before", "after"])?;

    shell.say("One is applied: head moves, and the others no longer fit it as they are.");
    shell.workspace(&["apply", "fix", "--message", "Fix a file"])?;
    shell.workspace_refuses(CONFLICT, &["apply", "move"])?;
    shell.say("What is disjoint can be rebased; what is not is told, and changes nothing.");
    shell.workspace(&["rebase", "move"])?;
    shell.workspace(&["apply", "move", "--message", "Move a directory"])?;
    shell.workspace_refuses(CONFLICT, &["rebase", "clash"])?;
    shell.workspace(&["discard", "clash"])?;
    shell.workspace(&["log"])?;
    shell.workspace(&["show", "3"])?;

    shell.say("Back to the first revision, as a new one.");
    let at_first = shell.workspace(&["cat", edited, "--at", "1"])?;
    shell.workspace(&["restore", "1", "--message", "Back to the import"])?;
    let restored = shell.workspace(&["cat", edited])?;
    ensure!(at_first == restored, "{edited} was not restored");
    shell.workspace(&["log"])?;

    shell.say("Reclaim what nothing refers to, and check what is left.");
    shell.workspace(&["collect"])?;
    shell.workspace(&["fsck"])?;
    shell.workspace(&["usage"])?;
    Ok(())
}

/// What is edited, removed and moved.
#[derive(Debug, PartialEq)]
struct Parts {
    edited: String,
    removed: String,
    directory: String,
}

impl Parts {
    /// Chooses from a list of files: the first to edit, the last to remove, and a
    /// directory from the middle that holds neither.
    fn choose(files: &str) -> Result<Self> {
        let files: Vec<&str> = files.lines().collect();
        let (edited, removed) = files
            .first()
            .zip(files.last())
            .filter(|(first, last)| first != last)
            .context("the tree has fewer than two Rust files")?;
        let (_, later) = files.split_at(files.len() / 2);
        let directory = later
            .iter()
            .filter_map(|file| file.rsplit_once('/'))
            .map(|(directory, _)| directory)
            .find(|directory| {
                let holds = |file: &str| file.starts_with(&format!("{directory}/"));
                !directory.is_empty() && !holds(edited) && !holds(removed)
            })
            .context("the tree has no directory to move")?;
        Ok(Self {
            edited: edited.to_string(),
            removed: removed.to_string(),
            directory: directory.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_do_not_overlap() {
        let files = "/a/x.rs\n/a/y.rs\n/b/src/m.rs\n/b/src/n.rs\n/c/z.rs\n";
        let parts = Parts::choose(files).unwrap();
        assert_eq!(
            (&*parts.edited, &*parts.removed, &*parts.directory),
            ("/a/x.rs", "/c/z.rs", "/b/src")
        );
        assert!(Parts::choose("/a.rs\n").is_err());
        assert!(Parts::choose("/a.rs\n/b.rs\n").is_err());
    }
}
