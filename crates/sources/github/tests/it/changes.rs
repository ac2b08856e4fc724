//! What is different from a commit that was imported before.

use workspace_core::{EntriesOptions, Glob, Snapshot as _, Text};
use workspace_github_double::{Repo, Route};

use crate::support::{Commit, Got, Numbers, Place, Read, assert_exact, drain, read, seeds};

async fn changes(place: &Place, repo: &Repo, since: &str, options: EntriesOptions) -> Option<Read> {
    let snapshot = place.open(&format!("github:{}", repo.name)).await.unwrap();
    let since = Text::new(since).unwrap();
    let mut entries = snapshot.changes(&since, options).await.unwrap()?;
    Some(drain(&mut *entries).await.unwrap())
}

/// Makes changes over what there was, as an import does.
fn over(mut before: Read, changes: Read) -> Read {
    for (path, got) in &changes {
        if *got == Got::Removed {
            let below = format!("{path}/");
            before.retain(|other, _| other != path && !other.starts_with(&below));
        }
    }
    for (path, got) in changes {
        if got == Got::Removed {
            continue;
        }
        // A file in place of a directory takes all below it with it, and the other way around.
        if got != Got::Directory {
            let below = format!("{path}/");
            before.retain(|other, _| !other.starts_with(&below));
        }
        for (at, _) in path.match_indices('/') {
            before.remove(&path[..at]);
        }
        before.insert(path, got);
    }
    before
}

#[tokio::test]
async fn ten_changed_files_are_three_requests_and_ten_files() {
    let place = Place::new().await;
    let repo = place.double.create("octo/again");
    let mut commit = Commit::on("main", "first");
    for at in 0..1000 {
        commit = commit.file(format!("d{}/{at}", at % 50), format!("{at}"));
    }
    commit.make(&repo);
    let first = repo.rev("main");
    let mut commit = Commit::on("main", "second").after("refs/heads/main");
    for at in 0..10 {
        commit = commit.file(format!("d{}/{at}", at % 50), format!("changed {at}"));
    }
    commit.make(&repo);
    place.routes();
    let changed = changes(&place, &repo, &first, EntriesOptions::default())
        .await
        .unwrap();
    assert_eq!(changed.len(), 10);
    let seen = place.double.seen();
    let routes: Vec<_> = seen.iter().map(|seen| seen.route).collect();
    assert_eq!(routes, [Route::Refs, Route::Fetch, Route::Fetch]);
    assert_eq!(seen[2].wants, 10);
    // Nothing changed is known after one request, by the version.
    let snapshot = place.open("github:octo/again").await.unwrap();
    assert_eq!(snapshot.id().version.as_str(), repo.rev("main"));
    assert_eq!(place.routes(), [Route::Refs]);
    // A commit that is gone cannot be compared with.
    let gone = changes(&place, &repo, &"a".repeat(40), EntriesOptions::default()).await;
    assert_eq!(gone, None);
    assert_eq!(
        changes(&place, &repo, "x", EntriesOptions::default()).await,
        None
    );
}

#[tokio::test]
async fn what_is_gone_is_told_once_and_by_its_highest_directory() {
    let place = Place::new().await;
    let repo = place.double.create("octo/gone");
    Commit::on("main", "first")
        .file("a/b/c/1", "1")
        .file("a/b/c/2", "2")
        .file("a/x", "x")
        .file("b", "file")
        .file("d/1", "1")
        .file("e", "e")
        .file("stays/1", "1")
        .file("stays/2", "2")
        .make(&repo);
    let first = repo.rev("main");
    Commit::on("main", "second")
        .after("refs/heads/main")
        .delete("a/b")
        .delete("b")
        .file("b/now/a/directory", "1")
        .delete("d")
        .file("d", "now a file")
        .delete("e")
        .delete("stays/2")
        .make(&repo);
    let changed = changes(&place, &repo, &first, EntriesOptions::default())
        .await
        .unwrap();
    let removed: Vec<_> = changed
        .iter()
        .filter(|(_, got)| **got == Got::Removed)
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(removed, ["a/b", "e", "stays/2"]);
    let some = EntriesOptions::default().exclude(vec![Glob::new("/stays").unwrap()]);
    let changed = changes(&place, &repo, &first, some).await.unwrap();
    assert!(!changed.contains_key("stays/2"));
}

/// A hundred steps of changes at random, each over what was there, are what a whole import
/// would have been. `STEPS=0-999` makes as many.
#[tokio::test]
async fn changes_over_what_was_there_are_the_commit() {
    let place = Place::new().await;
    let repo = place.double.create("octo/steps");
    Commit::on("main", "first").file("a", "a").make(&repo);
    let mut have = read(&place.open("github:octo/steps").await.unwrap())
        .await
        .unwrap();
    let mut version = repo.rev("main");
    for seed in seeds("STEPS", 0..25) {
        let mut numbers = Numbers(seed);
        for _ in 0..numbers.below(3) + 1 {
            let mut commit = Commit::on("main", "next").after("refs/heads/main");
            for _ in 0..numbers.below(6) + 1 {
                let parts = ["a", "b", "c", "a-b", "a.b"];
                let depth = numbers.below(4);
                let path: Vec<&str> = (0..=depth).map(|_| *numbers.one(&parts)).collect();
                let path = path.join("/");
                commit = match numbers.below(6) {
                    0 | 1 => commit.delete(path),
                    2 => commit.link(path, "target"),
                    3 => commit.put("100755", path, "x"),
                    _ => commit.file(path, format!("{}", numbers.below(9))),
                };
            }
            commit.make(&repo);
        }
        let changed = changes(&place, &repo, &version, EntriesOptions::default()).await;
        have = over(have, changed.unwrap());
        assert_exact(&repo, "main", &have, &[]);
        version = repo.rev("main");
    }
}
