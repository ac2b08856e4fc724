//! The blocks of `docs/product-api.md` in Rust, each in a module of its own, and what they do.

#![allow(unreachable_pub, reason = "they read as those of a program")]

use futures::executor::block_on;
use tempfile::TempDir;
use workspace_core::{
    Applied, At, Change, ChangeOptions, CopyId, Entry, ErrorKind, ForkOptions, NextStep, Reason,
    Recorded, RevisionId, TreePath, Workspace,
};

mod open {
    use workspace_core::{Result, Workspace};

    /// Opens the workspace in a directory, and creates it where there is none.
    pub fn opened(directory: &str) -> Result<Workspace> {
        workspace_native::open_or_create(directory)
    }

    /// The same on a thread of its own, for a program of many threads.
    pub async fn names_of_copies(directory: &str) -> Result<Vec<Option<String>>> {
        let handle = workspace_native::spawn(directory)?;
        let copies = handle.run(async |workspace| workspace.copies(true, None, 100));
        Ok(copies.await?.into_iter().map(|copy| copy.name).collect())
    }
}

mod transfer {
    use std::path::Path;

    use workspace_core::{Author, ImportOptions, Imported, Result, TreePath, View};
    use workspace_native::source::{self, SourceOptions};

    /// Makes the files those of a directory, or of a tar or zip archive.
    pub async fn imported(files: &View, from: &Path) -> Result<Imported> {
        let mut source = source::open(from, &SourceOptions::default())?;
        let options = ImportOptions::default()
            .delete_missing(true)
            .author(Author::new("build", "the site of today"));
        files.import(&mut *source, options).await
    }

    /// Counts the bytes of an export: one state, whatever is written meanwhile.
    pub async fn exported(files: &View) -> Result<u64> {
        let mut export = files.export(&TreePath::root())?;
        let mut bytes = 0;
        while let Some(exported) = export.next().await? {
            bytes += exported.entry.size();
        }
        Ok(bytes)
    }
}

mod read {
    use workspace_core::{Entry, Glob, Name, Result, TreePath, View};

    /// The names in a directory, in byte order, in pages.
    pub fn names(files: &View, directory: &TreePath) -> Result<Vec<Name>> {
        let mut names: Vec<Name> = Vec::new();
        loop {
            let page = files.list(directory, names.last(), 1000)?;
            let is_last = page.len() < 1000;
            names.extend(page.into_iter().map(|(name, _)| name));
            if is_last {
                return Ok(names);
            }
        }
    }

    /// The paths that match a glob, such as `src/**/*.rs`, or `*.md` at any depth.
    pub fn found(files: &View, glob: &Glob) -> Result<Vec<TreePath>> {
        let mut found = Vec::new();
        for entry in files.walk(&TreePath::root())? {
            let (path, _) = entry?;
            if glob.matches(&path) {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Where a text is: files, and their lines from 1 on.
    pub async fn lines(files: &View, text: &str) -> Result<Vec<(TreePath, usize)>> {
        let mut found = Vec::new();
        for entry in files.walk(&TreePath::root())? {
            let (path, Entry::File(_)) = entry? else {
                continue;
            };
            let contents = files.read(&path).await?;
            let lines = std::str::from_utf8(&contents).unwrap_or_default().lines();
            let hits = lines.enumerate().filter(|(_, line)| line.contains(text));
            found.extend(hits.map(|(n, _)| (path.clone(), n + 1)));
        }
        Ok(found)
    }
}

mod draft {
    use workspace_core::{At, Error, ForkOptions, Result, TreePath, View, Workspace, WriteOptions};
    use workspace_core::{Author, Change, ChangeOptions, Changed, CopyId, Precondition, Reason};

    /// Forks head, and edits the copy: one write, then a batch.
    pub fn drafted(workspace: &Workspace) -> Result<CopyId> {
        let copy = workspace.fork(ForkOptions::named("draft"))?.id;
        let draft = workspace.files(At::Copy(copy));
        draft.write_now("/index.html", "<h1>New</h1>")?;
        let batch = vec![
            Change::mkdir("/news")?,
            Change::write("/news/one.md", "# One")?,
            Change::rename("/old.html", "/archive.html")?,
            Change::remove("/drafts")?.recursively(),
        ];
        let options = ChangeOptions::default().author(Author::new("agent", "news"));
        draft.change_now(batch, &options)?;
        Ok(copy)
    }

    /// Replaces a text that is in a file once, and only in the file that was read.
    pub async fn edited(files: &View, path: &str, old: &str, new: &str) -> Result<Changed> {
        let path = TreePath::new(path)?;
        let refused = |reason| Err(Error::invalid(reason, "edit").at(&path));
        let opened = files.open(&path, None).await?;
        let contents = files.read(&path).await?;
        let Ok(text) = std::str::from_utf8(&contents) else {
            return refused(Reason::NotUtf8);
        };
        match text.matches(old).count() {
            0 => return refused(Reason::TextAbsent),
            1 => {}
            _ => return refused(Reason::TextNotUnique),
        }
        let how = WriteOptions::default().precondition(Precondition::Content(opened.file.content));
        let write = Change::write(&path, text.replace(old, new))?.with_options(how);
        files.change(vec![write], ChangeOptions::default()).await
    }
}

mod review {
    use workspace_core::store::Site;
    use workspace_core::{At, CopyId, DiffOptions, Difference, Result, TreeId, Workspace};

    /// What a copy changed, whether its parent moved since, and the tree that this is about.
    pub fn reviewed(
        workspace: &Workspace,
        copy: CopyId,
    ) -> Result<(Vec<Difference>, bool, TreeId)> {
        let status = workspace.status(copy)?;
        let (base, now) = (At::Tree(status.copy.base), At::Tree(status.copy.tree));
        let changes = workspace.diff(base, now, &DiffOptions::default())?;
        Ok((changes, status.parent_moved, status.copy.tree))
    }

    /// A token for looking at a copy, which a server has below `/preview/TOKEN/`.
    pub fn shown(workspace: &Workspace, copy: CopyId) -> Result<String> {
        let issued = workspace.issue_preview(At::Copy(copy), Site::default(), None)?;
        Ok(issued.token)
    }
}

mod publish {
    use workspace_core::{Applied, ApplyOptions, CopyId, Result, Together, TreeId, Workspace};

    /// Publishes exactly the tree that was reviewed; `Stale` where the copy has another by now.
    pub fn published(workspace: &Workspace, copy: CopyId, reviewed: TreeId) -> Result<Applied> {
        let options = ApplyOptions::default()
            .message("News")
            .expect_tree(reviewed);
        workspace.apply(copy, options)
    }

    /// Publishes what was changed below `/news`; the rest stays in the copy, which is open.
    pub fn published_in_part(workspace: &Workspace, copy: CopyId) -> Result<Applied> {
        let options = ApplyOptions::default().message("News, the first part");
        workspace.apply(copy, options.only(vec!["news/**".parse()?]))
    }

    /// Publishes copies together, each as a revision of its own, or none of them.
    pub fn published_together(workspace: &Workspace, copies: &[CopyId]) -> Result<Vec<Applied>> {
        let copies: Vec<Together> = copies.iter().copied().map(Together::from).collect();
        workspace.apply_all(&copies, &"Both attempts".into())
    }
}

mod conflicts {
    use workspace_core::{Author, CopyId, Overlap, RebaseOptions, Resolution, Result, Take};
    use workspace_core::{TreePath, Workspace};

    /// Rebases a copy: texts are merged, and elsewhere the copy's side is taken. Returns what
    /// was merged.
    pub async fn resolved(workspace: &Workspace, copy: CopyId) -> Result<Vec<TreePath>> {
        let found = workspace.conflicts(copy)?;
        let paths = found.paths.into_iter().map(|conflict| conflict.path);
        let is_text = |path: &TreePath| path.as_str().ends_with(".md");
        let (texts, others): (Vec<_>, Vec<_>) = paths.partition(is_text);
        let take = |path| Resolution {
            path,
            take: Take::Copy,
        };
        let options = RebaseOptions::default()
            .author(Author::new("editor", "onto what was published"))
            .resolutions(others.into_iter().map(take).collect::<Vec<_>>())
            .expect_generation(found.copy.generation)
            .expect_parent_version(found.parent_version);
        let done = workspace_merge::rebase(workspace, copy, options, &texts).await?;
        Ok(done.merged)
    }

    /// Where copies would conflict with one another, before any of them is applied.
    pub fn met(workspace: &Workspace, copies: &[CopyId]) -> Result<Vec<Overlap>> {
        workspace.overlap(copies)
    }
}

mod nested {
    use workspace_core::{Applied, ApplyOptions, At, CopyId, ForkOptions, Result, Workspace};

    /// Lets `work` change a copy of a draft: all of it becomes one operation of the draft, or
    /// nothing does.
    pub fn attempted(
        workspace: &Workspace,
        draft: CopyId,
        work: impl FnOnce(&Workspace, At) -> Result<()>,
    ) -> Result<Applied> {
        let attempt = workspace.fork(ForkOptions::of_copy(draft))?.id;
        let applied = work(workspace, At::Copy(attempt))
            .and_then(|()| workspace.apply(attempt, ApplyOptions::default().message("attempt")));
        if applied.is_err() {
            workspace.discard(attempt)?;
        }
        applied
    }
}

mod undo {
    use workspace_core::{Author, CopyId, Result, Workspace};

    /// Takes back what an actor did in a copy, from the last operation to the first.
    pub fn took_back(workspace: &Workspace, copy: CopyId, actor: &str) -> Result<usize> {
        let log = workspace.operations(copy, None, 1000)?;
        let theirs = log
            .iter()
            .rev()
            .filter(|operation| operation.actor == actor);
        let mut undone = 0;
        for operation in theirs {
            workspace.undo(copy, operation.id, &Author::new("editor", "not this"))?;
            undone += 1;
        }
        Ok(undone)
    }
}

mod revisions {
    use workspace_core::{KeepRevisions, Recorded, Result, RevisionMessage, Workspace};

    /// Records head as it is, then makes the revision before head again.
    pub fn went_back(workspace: &Workspace) -> Result<Recorded> {
        workspace.snapshot(RevisionMessage::from("before going back").actor("editor"))?;
        let newest = workspace.revisions(None, 2)?;
        match newest.last() {
            Some(before) => workspace.restore(before.id, "back".into()),
            None => Ok(Recorded::Unchanged(None)),
        }
    }

    /// Deletes revisions but the newest ten and those of the last 30 days.
    pub fn pruned(workspace: &Workspace) -> Result<u64> {
        let month = workspace.now().plus_millis(-30 * 24 * 60 * 60 * 1000);
        workspace.prune_revisions(KeepRevisions::default().newest(10).since(month))
    }
}

mod part {
    use workspace_core::{
        At, CopyId, Grant, GrantOptions, Result, Scope, TreePath, View, Workspace,
    };

    /// The text files below `/src`, to be read and written.
    pub fn scope() -> Result<Scope> {
        Ok(Scope {
            root: TreePath::new("/src")?,
            read: vec!["**".parse()?],
            write: vec!["*.txt".parse()?],
            delete: false,
        })
    }

    /// What is handed to code in this process: `/a.txt` of it is `/src/a.txt` of the copy.
    pub fn part(workspace: &Workspace, copy: CopyId) -> Result<View> {
        Ok(workspace.view(At::Copy(copy), Grant::all().attenuate(scope()?)))
    }

    /// What is handed to somebody else: a token, good for an hour.
    pub fn token(workspace: &Workspace, copy: CopyId) -> Result<String> {
        let options = GrantOptions::default()
            .actor("agent")
            .label("wording")
            .expires(workspace.now().plus_millis(60 * 60 * 1000));
        let grant = Grant::all().attenuate(scope()?);
        Ok(workspace.issue_grant(At::Copy(copy), grant, options)?.token)
    }
}

mod follow {
    use workspace_core::{EventKind, Result, RevisionId, Workspace};

    /// Waits until something was published after an event; returns the event and the revision.
    pub async fn next_published(
        workspace: &Workspace,
        seen: u64,
    ) -> Result<(u64, Option<RevisionId>)> {
        let mut seen = seen;
        loop {
            for record in workspace.next_events(seen, 100).await? {
                seen = record.sequence;
                if record.event.kind == EventKind::Applied {
                    return Ok((seen, record.event.revision));
                }
            }
        }
    }
}

mod upkeep {
    use workspace_core::store::StoreUsage;
    use workspace_core::{FsckOptions, FsckReport, NextStep, Result, Upkeep, Workspace};

    /// Takes steps until nothing is due at once; says when to come back.
    pub async fn kept(workspace: &Workspace) -> Result<NextStep> {
        loop {
            let step = workspace.upkeep(&Upkeep::default()).await?;
            if step.next != NextStep::Now {
                return Ok(step.next);
            }
        }
    }

    /// Deletes all that is garbage now, and counts what is left.
    pub async fn collected(workspace: &Workspace) -> Result<StoreUsage> {
        workspace.gc(|_| {}).await?;
        workspace.usage()
    }

    /// Checks all that is stored, contents as well, and repairs what can be.
    pub async fn checked(workspace: &Workspace) -> Result<FsckReport> {
        let options = FsckOptions::default().contents(true).repair(true);
        workspace.fsck(options).await
    }
}

mod errors {
    use workspace_core::{Applied, ApplyOptions, Author, CopyId, ErrorKind, Result, Workspace};

    /// Applies a copy; where its parent moved elsewhere, onto what that is now.
    pub fn applied(workspace: &Workspace, copy: CopyId) -> Result<Applied> {
        match workspace.apply(copy, ApplyOptions::default()) {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                workspace.rebase(copy, &Author::new("editor", "rebase"))?;
                workspace.apply(copy, ApplyOptions::default())
            }
            applied => applied,
        }
    }
}

/// A workspace, and the directory that it is in.
fn workspace() -> (TempDir, Workspace) {
    let place = tempfile::tempdir().unwrap();
    let workspace = workspace_native::open_or_create(place.path().join("site")).unwrap();
    (place, workspace)
}

/// A draft of some files, as the document makes it.
fn drafted(workspace: &Workspace) -> CopyId {
    let head = workspace.files(At::Head);
    for path in ["/index.html", "/old.html", "/drafts/a.md"] {
        head.write_now(path, path).unwrap();
    }
    draft::drafted(workspace).unwrap()
}

fn path(path: &str) -> TreePath {
    TreePath::new(path).unwrap()
}

fn text(workspace: &Workspace, at: At, path: &str) -> String {
    let bytes = workspace.files(at).read_now(path).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn write(workspace: &Workspace, copy: CopyId, path: &str, text: &str) {
    let files = workspace.files(At::Copy(copy));
    files.write_now(path, text.to_owned()).unwrap();
}

/// Each block of the document is one of the modules above, and each module a block.
#[test]
fn the_blocks_of_the_document_are_these() {
    let document = include_str!("../../../../../docs/product-api.md");
    let blocks = document.split("```rust\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
    let source = include_str!("product_api.rs");
    let modules = source.split("\nmod ").skip(1).map(|rest| {
        let module = rest.split("\n}\n").next().unwrap();
        let lines = module.lines().skip(1);
        let line = |line: &str| format!("{}\n", line.strip_prefix("    ").unwrap_or(line));
        lines.map(line).collect::<String>()
    });
    let (blocks, modules): (Vec<_>, Vec<_>) = (blocks.collect(), modules.collect());
    for (block, module) in blocks.iter().zip(&modules) {
        assert_eq!(block, module);
    }
    assert_eq!((blocks.len(), modules.len()), (14, 14));
}

#[test]
fn a_workspace_is_opened_here_and_on_a_thread() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("site");
    let directory = directory.to_str().unwrap();
    let workspace = open::opened(directory).unwrap();
    workspace.fork(ForkOptions::named("draft")).unwrap();
    drop(workspace);
    let names = block_on(open::names_of_copies(directory)).unwrap();
    assert_eq!(names, [Some("draft".to_owned())]);
}

#[test]
fn a_directory_is_imported_and_exported() {
    let (place, workspace) = workspace();
    let from = place.path().join("files");
    std::fs::create_dir_all(from.join("a")).unwrap();
    std::fs::write(from.join("a/b.txt"), "12345").unwrap();
    let head = workspace.files(At::Head);
    head.write_now("/old", "gone").unwrap();
    let imported = block_on(transfer::imported(&head, &from)).unwrap();
    assert_eq!((imported.files, imported.removed), (1, 1));
    assert_eq!(block_on(transfer::exported(&head)).unwrap(), 5 + 5);
}

#[test]
fn names_and_lines_are_found() {
    let (_place, workspace) = workspace();
    let head = workspace.files(At::Head);
    head.write_now("/src/a.rs", "one\nTODO two\n").unwrap();
    head.write_now("/src/b/c.rs", "three").unwrap();
    head.write_now("/readme.md", "TODO").unwrap();
    let names = read::names(&head, &path("/src")).unwrap();
    let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["a.rs", "b"]);
    let found = read::found(&head, &"src/**/*.rs".parse().unwrap()).unwrap();
    assert_eq!(found, [path("/src/a.rs"), path("/src/b/c.rs")]);
    let lines = block_on(read::lines(&head, "TODO")).unwrap();
    assert_eq!(lines, [(path("/readme.md"), 1), (path("/src/a.rs"), 2)]);
}

#[test]
fn a_draft_is_edited() {
    let (_place, workspace) = workspace();
    let copy = drafted(&workspace);
    let draft = workspace.files(At::Copy(copy));
    assert_eq!(text(&workspace, At::Head, "/index.html"), "/index.html");
    assert_eq!(text(&workspace, At::Copy(copy), "/news/one.md"), "# One");
    assert_eq!(draft.stat(&path("/drafts")).unwrap(), None);
    assert_eq!(workspace.operations(copy, None, 10).unwrap().len(), 2);
    let edit = |old| block_on(draft::edited(&draft, "/index.html", old, "News"));
    edit("New").unwrap();
    assert_eq!(
        text(&workspace, At::Copy(copy), "/index.html"),
        "<h1>News</h1>"
    );
    for (old, reason) in [("Old", Reason::TextAbsent), ("h1", Reason::TextNotUnique)] {
        assert_eq!(edit(old).unwrap_err().reason(), Some(reason));
    }
}

#[test]
fn what_was_reviewed_is_published() {
    let (_place, workspace) = workspace();
    let copy = drafted(&workspace);
    let (changes, moved, reviewed) = review::reviewed(&workspace, copy).unwrap();
    let changed: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
    let expected = [
        "/archive.html",
        "/drafts",
        "/drafts/a.md",
        "/index.html",
        "/news",
        "/news/one.md",
    ];
    assert_eq!(changed, expected);
    assert!(!moved);
    let token = review::shown(&workspace, copy).unwrap();
    assert!(workspace.find_preview(&token).unwrap().is_some());
    write(&workspace, copy, "/late", "unseen");
    let stale = publish::published(&workspace, copy, reviewed).unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Stale);
    let part = publish::published_in_part(&workspace, copy).unwrap();
    let revision = RevisionId::new(2);
    let already = false;
    assert_eq!(
        part,
        Applied::Published {
            revision,
            already,
            in_part: true
        }
    );
    assert_eq!(text(&workspace, At::Head, "/news/one.md"), "# One");
    assert_eq!(text(&workspace, At::Head, "/index.html"), "/index.html");
    let other = workspace.fork(ForkOptions::default()).unwrap().id;
    write(&workspace, other, "/other", "other");
    let copies = [copy, other];
    assert!(conflicts::met(&workspace, &copies).unwrap().is_empty());
    let applied = publish::published_together(&workspace, &copies).unwrap();
    assert_eq!(applied.len(), 2);
    assert_eq!(text(&workspace, At::Head, "/late"), "unseen");
}

#[test]
fn conflicts_are_resolved() {
    let (_place, workspace) = workspace();
    let head = workspace.files(At::Head);
    head.write_now("/text.md", "one\ntwo\nthree\n").unwrap();
    head.write_now("/own", "base").unwrap();
    let copy = workspace.fork(ForkOptions::default()).unwrap().id;
    let other = workspace.fork(ForkOptions::default()).unwrap().id;
    for (copy, text) in [(copy, "copy"), (other, "other")] {
        write(&workspace, copy, "/own", text);
    }
    write(&workspace, copy, "/text.md", "ONE\ntwo\nthree\n");
    write(&workspace, other, "/text.md", "one\ntwo\nTHREE\n");
    let met = conflicts::met(&workspace, &[copy, other]).unwrap();
    assert_eq!(met[0].paths.paths, [path("/own"), path("/text.md")]);
    errors::applied(&workspace, other).unwrap();
    let refused = errors::applied(&workspace, copy).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let merged = block_on(conflicts::resolved(&workspace, copy)).unwrap();
    assert_eq!(merged, [path("/text.md")]);
    let at = At::Copy(copy);
    assert_eq!(text(&workspace, at, "/text.md"), "ONE\ntwo\nTHREE\n");
    assert_eq!(text(&workspace, at, "/own"), "copy");
    // Where nothing meets, a rebase is all that it takes.
    head.write_now("/elsewhere", "head").unwrap();
    errors::applied(&workspace, copy).unwrap();
    assert_eq!(text(&workspace, At::Head, "/own"), "copy");
}

#[test]
fn an_attempt_is_one_operation_or_nothing() {
    let (_place, workspace) = workspace();
    let draft = workspace.fork(ForkOptions::default()).unwrap().id;
    let attempt = |last: &str| {
        nested::attempted(&workspace, draft, |workspace, at| {
            let files = workspace.files(at);
            files.write_now("/a", "1")?;
            files.write_now(last, "2")?;
            Ok(())
        })
    };
    let refused = attempt("/a/below").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotADirectory);
    assert!(workspace.operations(draft, None, 10).unwrap().is_empty());
    assert!(matches!(attempt("/b"), Ok(Applied::ToParent { .. })));
    assert_eq!(workspace.operations(draft, None, 10).unwrap().len(), 1);
    assert_eq!(workspace.copies(true, None, 10).unwrap().len(), 1);
}

#[test]
fn what_an_actor_did_is_taken_back() {
    let (_place, workspace) = workspace();
    let copy = drafted(&workspace);
    assert_eq!(undo::took_back(&workspace, copy, "agent").unwrap(), 1);
    let at = At::Copy(copy);
    assert_eq!(text(&workspace, at, "/drafts/a.md"), "/drafts/a.md");
    assert_eq!(text(&workspace, at, "/index.html"), "<h1>New</h1>");
}

#[test]
fn head_goes_back_to_the_revision_before() {
    let (_place, workspace) = workspace();
    let none = revisions::went_back(&workspace).unwrap();
    assert_eq!(none, Recorded::Unchanged(Some(RevisionId::new(1))));
    for text in ["one", "two"] {
        let head = workspace.files(At::Head);
        head.write_now("/a", text).unwrap();
        workspace.snapshot(text.into()).unwrap();
    }
    revisions::went_back(&workspace).unwrap();
    assert_eq!(text(&workspace, At::Head, "/a"), "one");
    assert_eq!(revisions::pruned(&workspace).unwrap(), 0);
}

#[test]
fn a_part_is_handed_out() {
    let (_place, workspace) = workspace();
    workspace
        .files(At::Head)
        .write_now("/src/a.txt", "a")
        .unwrap();
    let copy = workspace.fork(ForkOptions::default()).unwrap().id;
    let part = part::part(&workspace, copy).unwrap();
    part.write_now("/a.txt", "b").unwrap();
    assert_eq!(text(&workspace, At::Copy(copy), "/src/a.txt"), "b");
    let write = |path| part.write_now(path, "x").unwrap_err().kind();
    assert_eq!(write("/b.rs"), ErrorKind::Denied);
    let removal = vec![Change::remove("/a.txt").unwrap()];
    let refused = part.change_now(removal, &ChangeOptions::default());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
    let token = part::token(&workspace, copy).unwrap();
    let grant = workspace.find_grant(&token).unwrap().unwrap();
    let held = workspace.view_of(&grant).unwrap();
    assert!(matches!(
        held.stat(&path("/a.txt")),
        Ok(Some(Entry::File(_)))
    ));
}

#[test]
fn a_publication_is_waited_for() {
    let (_place, workspace) = workspace();
    let copy = drafted(&workspace);
    let before = workspace.last_event().unwrap();
    let reviewed = workspace.copy(copy).unwrap().tree;
    publish::published(&workspace, copy, reviewed).unwrap();
    let (seen, revision) = block_on(follow::next_published(&workspace, before)).unwrap();
    assert_eq!(revision, Some(RevisionId::new(2)));
    assert_eq!(seen, workspace.last_event().unwrap());
}

#[test]
fn a_workspace_is_looked_after() {
    let (_place, workspace) = workspace();
    let copy = drafted(&workspace);
    assert!(matches!(
        block_on(upkeep::kept(&workspace)),
        Ok(NextStep::At(_))
    ));
    workspace.discard(copy).unwrap();
    let before = workspace.usage().unwrap();
    let after = block_on(upkeep::collected(&workspace)).unwrap();
    assert!(after.inline_contents < before.inline_contents);
    let report = block_on(upkeep::checked(&workspace)).unwrap();
    assert_eq!((report.problem_count, report.repaired), (0, 0));
}
