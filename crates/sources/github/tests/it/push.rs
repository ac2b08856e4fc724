//! Changes out again: what git would have written, and nothing lost beside it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use workspace_github::git::{ObjectId, ObjectKind, Person, When, object_id};
use workspace_github::{Change, FileMode, Kind, Moved, NewPull, Push, Pushed, Result};
use workspace_github_double::{Repo, Route};

use crate::support::{Commit, Numbers, Place, listed, seeds, written};

pub(crate) fn change(path: &str, bytes: &str) -> Change {
    Change::Put {
        path: path.into(),
        mode: FileMode::File,
        bytes: bytes.to_owned().into(),
    }
}

fn delete(path: &str) -> Change {
    Change::Delete { path: path.into() }
}

pub(crate) const WHEN: When = When {
    seconds: 1_700_000_000,
    offset: 60,
};

pub(crate) async fn pushed(
    place: &Place,
    repo: &Repo,
    branch: &str,
    base: &str,
    changes: &[Change],
) -> Result<Pushed> {
    let base = ObjectId::parse(base);
    push_at(place, repo, branch, base, base, changes).await
}

pub(crate) async fn push_at(
    place: &Place,
    repo: &Repo,
    branch: &str,
    expected: Option<ObjectId>,
    base: Option<ObjectId>,
    changes: &[Change],
) -> Result<Pushed> {
    let ada = Person::new("Ada", "ada@x").unwrap();
    let bo = Person::new("Bo", "bo@x").unwrap();
    let push = Push {
        branch,
        expected,
        base,
        changes,
        author: (&ada, WHEN),
        committer: (&bo, WHEN),
        message: "Change some\n\nBecause of it.",
        co_authors: std::slice::from_ref(&bo),
    };
    place.repository(repo).push(&push).await
}

fn sample(place: &Place) -> (Repo, String) {
    let repo = place.double.create("octo/out");
    Commit::on("main", "first")
        .file("README.md", "# Hello\n")
        .file("src/a.rs", "a")
        .file("src/b.rs", "b")
        .file("only/one", "1")
        .file("foo/x", "x")
        .file("foo.c", "c")
        .put("100755", "run", "#!/bin/sh\n")
        .link("link", "run")
        .submodule("sub")
        .make(&repo);
    let main = repo.rev("main");
    (repo, main)
}

#[tokio::test]
async fn a_push_is_one_commit_in_two_requests() {
    let place = Place::new().await;
    let (repo, base) = sample(&place);
    let changes = [
        change("README.md", "# Bye\n"),
        delete("only/one"),
        delete("src/a.rs"),
        Change::PutId {
            path: b"src/moved.rs".into(),
            mode: FileMode::Executable,
            id: object_id(ObjectKind::Blob, b"a").unwrap(),
        },
        Change::Put {
            path: b"run".into(),
            mode: FileMode::File,
            bytes: "#!/bin/sh\n".into(),
        },
        Change::Put {
            path: b"new/deep/link".into(),
            mode: FileMode::Symlink,
            bytes: "../x".into(),
        },
        delete("foo/x"),
        change("foo", "a file where a directory was"),
        delete("foo.c"),
        change("foo.c/y", "a directory where a file was"),
    ];
    let done = pushed(&place, &repo, "main", &base, &changes)
        .await
        .unwrap();
    assert_eq!(place.routes(), [Route::Fetch, Route::Push]);
    assert_eq!(repo.rev("main"), done.commit.to_string());
    assert_eq!(repo.rev("main^"), base);
    repo.git(&["fsck", "--strict", "--full"]);
    let mut expected = listed(&repo, &base);
    expected.retain(|_, (mode, _)| mode != "040000");
    let blob = |text: &str| object_id(ObjectKind::Blob, text.as_bytes()).unwrap();
    for gone in ["only/one", "src/a.rs", "foo/x", "foo.c"] {
        expected.remove(gone.as_bytes()).unwrap();
    }
    for (path, mode, text) in [
        ("README.md", "100644", "# Bye\n"),
        ("src/moved.rs", "100755", "a"),
        ("run", "100644", "#!/bin/sh\n"),
        ("new/deep/link", "120000", "../x"),
        ("foo", "100644", "a file where a directory was"),
        ("foo.c/y", "100644", "a directory where a file was"),
    ] {
        expected.insert(path.into(), (mode.into(), blob(text)));
    }
    let tree = written(&repo.path, &expected);
    assert_eq!(done.tree.to_string(), tree);
    assert_eq!(repo.rev("main^{tree}"), tree);
    let shown = repo.git(&["show", "-s", "--format=%an %ae %cn %aI%n%B", "main"]);
    assert_eq!(
        shown.trim(),
        "Ada ada@x Bo 2023-11-14T23:13:20+01:00\nChange some\n\nBecause of it.\n\n\
         Co-authored-by: Bo <bo@x>"
    );
}

#[tokio::test]
async fn changes_that_cannot_be_made_are_refused_before_anything_is_sent() {
    let place = Place::new().await;
    let (repo, base) = sample(&place);
    for changes in [
        vec![delete("nothing")],
        vec![delete("src")],
        vec![delete("src/nothing")],
        vec![delete("nothing/x")],
        vec![delete("sub")],
        vec![change("sub", "x")],
        vec![change("sub/x", "x")],
        vec![change("src", "x")],
        vec![change("src", "x"), delete("src/a.rs")],
        vec![change("README.md/x", "x")],
        vec![change("new", "x"), change("new/x", "x")],
        vec![change("new", "x"), change("new", "y")],
        vec![change("", "x")],
        vec![change("/a", "x")],
        vec![change("a//b", "x")],
        vec![change("a/../b", "x")],
        vec![change(".git/config", "x")],
        vec![change("a/.GIT/hooks/x", "x")],
        vec![change("a\0b", "x")],
    ] {
        let error = pushed(&place, &repo, "main", &base, &changes)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{changes:?}: {error}");
        assert_eq!(place.routes(), [Route::Fetch], "{changes:?}");
    }
    for branch in ["", "a b", "a..b", "refs/tags/x", "-\u{7}"] {
        let error = pushed(&place, &repo, branch, &base, &[]).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{branch}");
    }
    assert_eq!(repo.rev("main"), base);
}

#[tokio::test]
async fn a_branch_that_moved_stays_where_it_is() {
    let place = Place::new().await;
    let (repo, base) = sample(&place);
    let old = ObjectId::parse(&base);
    Commit::on("main", "second")
        .after("refs/heads/main")
        .file("other", "x")
        .make(&repo);
    let found = ObjectId::parse(repo.rev("main"));
    let changes = [change("README.md", "mine")];
    let error = pushed(&place, &repo, "main", &base, &changes)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Moved, "{error}");
    let moved = Moved {
        expected: old,
        found,
    };
    assert_eq!(error.as_moved(), Some(moved));
    assert_eq!(ObjectId::parse(repo.rev("main")), found);
    let core: workspace_core::Error = error.into();
    assert_eq!(core.kind(), workspace_core::ErrorKind::Stale);

    // A new branch, and one that was to be new and is not.
    let made = push_at(&place, &repo, "mine", None, old, &changes)
        .await
        .unwrap();
    assert_eq!(repo.rev("mine"), made.commit.to_string());
    let other = [change("README.md", "another")];
    let error = push_at(&place, &repo, "mine", None, old, &other)
        .await
        .unwrap_err();
    let moved = Moved {
        expected: None,
        found: Some(made.commit),
    };
    assert_eq!(error.as_moved(), Some(moved), "{error}");
    // And the first commit of all.
    let repo = place.double.create("octo/first");
    let made = push_at(&place, &repo, "main", None, None, &changes)
        .await
        .unwrap();
    assert_eq!(repo.rev("main"), made.commit.to_string());
    repo.git(&["fsck", "--strict", "--full"]);
    // The same again is there already.
    let again = push_at(&place, &repo, "main", None, None, &changes)
        .await
        .unwrap();
    assert_eq!(again.commit, made.commit);
}

#[tokio::test]
async fn what_the_server_refuses_is_told_in_its_words() {
    let place = Place::new().await;
    let (repo, base) = sample(&place);
    let hook = repo.path.join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(
        &hook,
        "#!/bin/sh\necho 'GH013: no secrets here' >&2\nexit 1\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    let changes = [change("README.md", "mine")];
    let error = pushed(&place, &repo, "main", &base, &changes)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("hook declined") && text.contains("GH013: no secrets here"),
        "{text}"
    );
    assert_eq!(repo.rev("main"), base);
    std::fs::remove_file(&hook).unwrap();

    let bad = [Change::PutId {
        path: b"x".into(),
        mode: FileMode::File,
        id: ObjectId::from_bytes([9; 20]),
    }];
    let error = pushed(&place, &repo, "main", &base, &bad)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert_eq!(repo.rev("main"), base);
}

#[tokio::test]
async fn a_branch_below_or_above_another_is_refused_at_once() {
    let place = Place::new().await;
    let (repo, base) = sample(&place);
    repo.git(&["branch", "deep/in/it", "main"]);
    let base = ObjectId::parse(&base);
    for (branch, there) in [
        ("main/x", "refs/heads/main"),
        ("main/x/y", "refs/heads/main"),
        ("deep", "refs/heads/deep/in/it"),
        ("deep/in", "refs/heads/deep/in/it"),
    ] {
        let error = push_at(&place, &repo, branch, None, base, &[change("a", "b")])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{branch}: {error}");
        let text = error.to_string();
        assert!(text.contains(&format!("{there} is there; ")), "{text}");
        assert!(text.contains("ref"), "{text}");
        assert!(place.transport.waited().is_empty(), "{branch}");
    }
    // One whose name only begins as another is no matter.
    push_at(&place, &repo, "mainly", None, base, &[change("a", "b")])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pull_request_is_opened_once() {
    let place = Place::new().await;
    let (repo, base) = sample(&place);
    let changes = [change("README.md", "mine")];
    let old = ObjectId::parse(&base);
    push_at(&place, &repo, "mine", None, old, &changes)
        .await
        .unwrap();
    let repository = place.repository(&repo);
    let new = NewPull {
        head: "mine",
        base: None,
        title: "Mine",
        body: "For **you**.",
        draft: true,
    };
    let first = repository.open_pull(&new).await.unwrap();
    assert!((first.number, first.existed) == (1, false) && first.url.ends_with("octo/out/pull/1"));
    let again = repository.open_pull(&new).await.unwrap();
    assert!((again.number, again.existed) == (1, true));
    let kept = place.double.pulls();
    assert_eq!(
        (kept.len(), kept[0].title.as_str(), kept[0].draft),
        (1, "Mine", true)
    );
    let nothing = NewPull {
        head: "main",
        base: Some("mine"),
        ..new.clone()
    };
    let error = repository.open_pull(&nothing).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("No commits between"), "{error}");
    let error = repository
        .open_pull(&NewPull { title: " ", ..new })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_thousand_changes_are_two_requests() {
    let place = Place::new().await;
    let repo = place.double.create("octo/thousand");
    let mut commit = Commit::on("main", "first");
    for at in 0..2000 {
        commit = commit.file(format!("d{}/e{}/{at}", at % 40, at % 7), format!("{at}"));
    }
    commit.make(&repo);
    let base = repo.rev("main");
    let mut changes = Vec::new();
    let path = |at: usize| format!("d{}/e{}/{at}", at % 40, at % 7);
    for at in (0..2000).step_by(2) {
        match at % 10 {
            0 => changes.push(delete(&path(at))),
            2 => changes.push(Change::Put {
                path: path(at).into(),
                mode: FileMode::Executable,
                bytes: format!("{at}").into(),
            }),
            4 => changes.push(Change::Put {
                path: path(at).into(),
                mode: FileMode::Symlink,
                bytes: "target".into(),
            }),
            6 => {
                changes.push(delete(&path(at)));
                changes.push(Change::PutId {
                    path: format!("moved/{at}").into(),
                    mode: FileMode::File,
                    id: object_id(ObjectKind::Blob, format!("{at}").as_bytes()).unwrap(),
                });
            }
            _ => changes.push(change(&path(at), &format!("changed {at}\n"))),
        }
    }
    let done = pushed(&place, &repo, "main", &base, &changes)
        .await
        .unwrap();
    assert_eq!(place.routes(), [Route::Fetch, Route::Push]);
    repo.git(&["fsck", "--strict", "--full"]);
    assert_eq!(repo.rev("main^{tree}"), done.tree.to_string());
    assert_eq!(applied(&repo, &base, &changes), done.tree.to_string());
}

/// The tree that git writes where these changes are made.
fn applied(repo: &Repo, base: &str, changes: &[Change]) -> String {
    let mut entries: BTreeMap<_, _> = listed(repo, base);
    entries.retain(|_, (mode, _)| mode != "040000");
    let mode_of = |mode: FileMode| match mode {
        FileMode::File => "100644",
        FileMode::Executable => "100755",
        FileMode::Symlink => "120000",
    };
    let deletes = changes
        .iter()
        .filter(|change| matches!(change, Change::Delete { .. }));
    let puts = changes
        .iter()
        .filter(|change| !matches!(change, Change::Delete { .. }));
    for change in deletes.chain(puts) {
        match change {
            Change::Delete { path } => drop(entries.remove(path).unwrap()),
            Change::Put { path, mode, bytes } => {
                let id = object_id(ObjectKind::Blob, bytes).unwrap();
                entries.insert(path.clone(), (mode_of(*mode).into(), id));
            }
            Change::PutId { path, mode, id } => {
                entries.insert(path.clone(), (mode_of(*mode).into(), *id));
            }
        }
    }
    written(&repo.path, &entries)
}

/// Trees of random names around `/` and random kinds, changed at random: what is pushed is
/// what `git write-tree` writes. `TREES=0-4999` makes as many.
#[tokio::test]
async fn generated_trees_are_those_that_git_writes() {
    let place = Place::new().await;
    let repo = place.double.create("octo/generated");
    let mut base: Option<ObjectId> = None;
    let mut there: BTreeMap<String, ()> = BTreeMap::new();
    for seed in seeds("TREES", 0..40) {
        let mut numbers = Numbers(seed);
        let mut changes: Vec<Change> = Vec::new();
        let paths: Vec<String> = there.keys().cloned().collect();
        for path in paths {
            if numbers.below(3) == 0 {
                there.remove(&path);
                changes.push(delete(&path));
            }
        }
        for _ in 0..numbers.below(12) + 1 {
            let parts = [
                "foo", "foo-bar", "foo.c", "foo0", "a", "a\u{e9}", "z", "foo!", "A",
            ];
            let depth = numbers.below(4);
            let path: Vec<&str> = (0..=depth).map(|_| *numbers.one(&parts)).collect();
            let path = path.join("/");
            // Neither a file where a directory is, nor the other way around.
            let clashes = there.keys().any(|other| {
                other == &path
                    || other.starts_with(&format!("{path}/"))
                    || path.starts_with(&format!("{other}/"))
            });
            let changed = changes.iter().any(|change| match change {
                Change::Delete { path: other } | Change::Put { path: other, .. } => {
                    *other == path.as_bytes()
                }
                Change::PutId { .. } => false,
            });
            if clashes || changed {
                continue;
            }
            there.insert(path.clone(), ());
            changes.push(Change::Put {
                path: path.into(),
                mode: *numbers.one(&[FileMode::File, FileMode::Executable, FileMode::Symlink]),
                bytes: format!("{}", numbers.below(5)).into(),
            });
        }
        let done = push_at(&place, &repo, "main", base, base, &changes)
            .await
            .unwrap();
        let tree = match base {
            Some(base) => applied(&repo, &base.to_string(), &changes),
            None => {
                let empty = repo.git(&["hash-object", "-t", "tree", "/dev/null"]);
                applied(&repo, &empty, &changes)
            }
        };
        assert_eq!(done.tree.to_string(), tree, "TREES={seed}: {changes:?}");
        base = Some(done.commit);
    }
    repo.git(&["fsck", "--strict", "--full"]);
}

proptest! {
    #[test]
    fn people_are_refused_or_written_so_that_git_reads_them(name in "\\PC{0,12}", email in "\\PC{0,12}") {
        if let Ok(person) = Person::new(&name, &email) {
            let shown = format!("{person:?}");
            prop_assert!(!shown.contains('<') && !shown.contains('\n'));
        }
    }
}
