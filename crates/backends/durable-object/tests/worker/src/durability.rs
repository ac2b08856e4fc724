//! Writers that are killed, and what has to be there afterwards.

use bytes::Bytes;
use workspace_core::{
    ApplyOptions, At, Change, ChangeOptions, Content, ForkOptions, FsckOptions, Result, TreePath,
    Workspace, WriteOptions,
};

/// Every so many writes go through a copy that is applied.
const APPLY_EVERY: u64 = 4;
/// Every so many contents are too large for a row.
const LARGE_EVERY: u64 = 5;

fn path(writer: u64, n: u64) -> Result<TreePath> {
    TreePath::new(&format!("/writer{writer}/{n}"))
}

fn content(writer: u64, n: u64) -> Bytes {
    let size = match n % LARGE_EVERY {
        0 => 100_000,
        _ => 200,
    };
    let word = (writer << 32 | n).to_le_bytes();
    word.into_iter().cycle().take(size).collect()
}

/// Writes file `n` of a writer: to head, or through a copy of its own.
pub(crate) async fn write(workspace: &Workspace, writer: u64, n: u64) -> Result<String> {
    let write = Change::Write {
        path: path(writer, n)?,
        content: Content::Bytes(content(writer, n)),
        options: WriteOptions {
            create_parents: true,
            ..WriteOptions::default()
        },
    };
    if !n.is_multiple_of(APPLY_EVERY) {
        let head = workspace.files(At::Head);
        head.change(vec![write], ChangeOptions::default()).await?;
        return Ok("written".into());
    }
    let copy = workspace.fork(ForkOptions::default())?.id;
    let files = workspace.files(At::Copy(copy));
    files.change(vec![write], ChangeOptions::default()).await?;
    // Head moves meanwhile, in a directory of another writer.
    workspace.rebase(copy, &Default::default())?;
    workspace.apply(copy, ApplyOptions::default())?;
    Ok("applied".into())
}

/// Asserts that the first `acknowledged` files of a writer are there and whole,
/// that nothing else is but perhaps the next one, and that the workspace has no
/// damage. Returns how many files there are.
pub(crate) async fn check(workspace: &Workspace, writer: u64, acknowledged: u64) -> Result<String> {
    let head = workspace.files(At::Head);
    let mut n = 0;
    while head.stat(&path(writer, n)?)?.is_some() {
        let found = head.read(&path(writer, n)?).await?;
        assert!(
            found == content(writer, n),
            "writer {writer}: file {n} is altered"
        );
        n += 1;
    }
    assert!(
        (acknowledged..=acknowledged + 1).contains(&n),
        "writer {writer}: {acknowledged} files were acknowledged, {n} are there"
    );
    let report = workspace.fsck(FsckOptions { contents: true }).await?;
    assert_eq!(report.problems, [], "damage");
    Ok(n.to_string())
}

/// Runs one step of a collection.
pub(crate) async fn collect(workspace: &Workspace) -> Result<String> {
    let step = workspace.collect(Default::default()).await?;
    Ok(format!("{step:?}"))
}
