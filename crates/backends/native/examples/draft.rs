//! Drafts a file, publishes it, and says what is there: `cargo run --example draft -- DIRECTORY`.

#![allow(clippy::print_stdout, reason = "it talks to the person who started it")]

use workspace_core::{ApplyOptions, At, ForkOptions, Result};

fn main() -> Result<()> {
    let place = std::env::args_os().nth(1);
    let place = place.unwrap_or_else(|| "a-workspace".into());
    let workspace = workspace_native::open_or_create(place)?;
    let copy = workspace.fork(ForkOptions::named("draft"))?.id;
    workspace
        .files(At::Copy(copy))
        .write_now("/notes/today.md", "# Today")?;
    workspace.apply(copy, ApplyOptions::default().message("First notes"))?;
    let head = workspace.files(At::Head);
    for revision in workspace.revisions(None, 1)? {
        let notes = head.read_now("/notes/today.md")?;
        println!(
            "revision {}: {}",
            revision.id,
            String::from_utf8_lossy(&notes)
        );
    }
    Ok(())
}
