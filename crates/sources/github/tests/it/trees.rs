//! Trees that git does not write any more, and some that nobody should.

use std::io::Write as _;
use std::process::Stdio;

use workspace_core::EntriesOptions;
use workspace_github::git::ObjectId;
use workspace_github::{Change, Kind, Transfer, Why};
use workspace_github_double::Repo;

use crate::push::{change, pushed};
use crate::support::{Got, Place, assert_exact, options, read};

fn stored(repo: &Repo, kind: &str, bytes: &[u8]) -> ObjectId {
    let mut child = workspace_github_double::command(&repo.path)
        .args(["hash-object", "-w", "--literally", "-t", kind, "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    ObjectId::parse(String::from_utf8(output.stdout).unwrap().trim()).unwrap()
}

fn tree(repo: &Repo, entries: &[(&str, &[u8], ObjectId)]) -> ObjectId {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend([mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat());
    }
    stored(repo, "tree", &bytes)
}

fn committed(repo: &Repo, tree: ObjectId) -> String {
    let text = format!("tree {tree}\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nodd\n");
    let commit = stored(repo, "commit", text.as_bytes()).to_string();
    repo.git(&["update-ref", "refs/heads/main", &commit]);
    commit
}

/// 100664, a directory without entries, and both far down: imported, told, and kept by a push
/// beside them.
fn odd(repo: &Repo) -> String {
    // What the server would not take from us it has from before.
    repo.git(&["config", "receive.fsckObjects", "false"]);
    let blob = stored(repo, "blob", b"hi\n");
    let empty = stored(repo, "tree", b"");
    let module = ObjectId::from_bytes([0x11; 20]);
    let mut below = tree(
        repo,
        &[
            ("100664", b"group-writable", blob),
            ("40000", b"nothing", empty),
            ("160000", b"sub", module),
            ("100755", b"x", blob),
        ],
    );
    let top = below;
    for _ in 0..1000 {
        below = tree(repo, &[("40000", b"d", below)]);
    }
    let root = tree(repo, &[("40000", b"deep", below), ("40000", b"top", top)]);
    committed(repo, root)
}

#[tokio::test]
async fn old_modes_and_empty_directories_are_told_and_kept() {
    let place = Place::new().await;
    let repo = place.double.create("octo/odd");
    let base = odd(&repo);
    for transfer in [Transfer::Archive, Transfer::Ids] {
        let github = place.asked(options().transfer(transfer));
        let snapshot = github
            .open(&"github:octo/odd".parse().unwrap())
            .await
            .unwrap();
        let found = read(&snapshot).await.unwrap();
        let unheld = snapshot.inexact(&EntriesOptions::default()).await.unwrap();
        assert_exact(&repo, "main", &found, &unheld);
        let why = |why| unheld.iter().filter(|one| one.why == why).count();
        assert_eq!([Why::Mode, Why::Empty, Why::Submodule].map(why), [2, 2, 2]);
        assert_eq!(found["top/nothing"], Got::Directory);
    }
    let changes = [
        Change::Delete {
            path: b"top/x".into(),
        },
        change("top/group-writable", "other\n"),
        change("new", "new\n"),
    ];
    let done = pushed(&place, &repo, "main", &base, &changes)
        .await
        .unwrap();
    let raw = workspace_github_double::command(&repo.path)
        .args(["cat-file", "tree", &format!("{}:top", done.commit)])
        .output()
        .unwrap();
    let raw: Vec<_> = workspace_github::git::TreeEntries::new(&raw.stdout)
        .map(|entry| {
            entry
                .map(|entry| (entry.mode.bits(), entry.name.to_vec()))
                .unwrap()
        })
        .collect();
    let expected: [(u32, &[u8]); 3] = [
        (0o100_664, b"group-writable"),
        (0o40_000, b"nothing"),
        (0o160_000, b"sub"),
    ];
    assert_eq!(raw, expected.map(|(mode, name)| (mode, name.to_vec())));
    let deep = |commit: &str| repo.rev(&format!("{commit}:deep"));
    assert_eq!(deep(&done.commit.to_string()), deep(&base));
    // Without files it has still what our tree does not show.
    let changes = [Change::Delete {
        path: b"top/group-writable".into(),
    }];
    let base = done.commit.to_string();
    let done = pushed(&place, &repo, "main", &base, &changes)
        .await
        .unwrap();
    let after = repo.git(&["ls-tree", "--name-only", &format!("{}:top", done.commit)]);
    assert_eq!(after, "nothing\nsub");
}

#[tokio::test]
async fn trees_that_nobody_should_write_are_refused_or_told() {
    let place = Place::new().await;
    let repo = place.double.create("octo/bad");
    let blob = stored(&repo, "blob", b"hi\n");
    for (entries, refused) in [
        (
            &[("100644", &b"a"[..], blob), ("100644", b"a", blob)][..],
            true,
        ),
        (&[("100644", b"..", blob), ("100644", b"a", blob)], false),
        (&[("100644", b".", blob)], false),
        (&[("100644", b"b", blob), ("100644", b"a", blob)], false),
        (&[("120777", b"l", blob)], false),
    ] {
        committed(&repo, tree(&repo, entries));
        let github = place.asked(options().transfer(Transfer::Ids));
        let snapshot = github
            .open(&"github:octo/bad".parse().unwrap())
            .await
            .unwrap();
        let result = read(&snapshot).await;
        assert_eq!(result.is_err(), refused, "{entries:?}: {result:?}");
        if let Ok(found) = result {
            let unheld = snapshot.inexact(&EntriesOptions::default()).await.unwrap();
            assert!(found.keys().all(|name| !name.contains('.')));
            assert_eq!(
                found.len() + unheld.iter().filter(|one| one.why == Why::Name).count(),
                entries.len()
            );
        }
    }
}

/// Directories that have the next several times, and the last one submodules.
#[tokio::test]
async fn what_is_listed_has_a_limit_in_bytes_whether_it_is_held_or_not() {
    let place = Place::new().await;
    for (name, mode) in [("octo/held", "100644"), ("octo/unheld", "160000")] {
        let repo = place.double.create(name);
        let mut below = (mode, stored(&repo, "blob", b"hi\n"));
        let names: Vec<String> = (0..10)
            .map(|at| format!("{at}{}", "n".repeat(200)))
            .collect();
        for _ in 0..3 {
            let entries: Vec<_> = names
                .iter()
                .map(|name| (below.0, name.as_bytes(), below.1))
                .collect();
            below = ("40000", tree(&repo, &entries));
        }
        committed(&repo, below.1);
        // A thousand paths of some 605 bytes.
        for (listing, enough) in [(600_000, false), (700_000, true)] {
            let limits = workspace_github::Limits {
                listing,
                ..workspace_github::Limits::default()
            };
            let github = place.asked(options().limits(limits));
            let address = format!("github:{name}").parse().unwrap();
            let snapshot = github.open(&address).await.unwrap();
            match snapshot.inexact(&EntriesOptions::default()).await {
                Ok(_) => assert!(enough, "{name}"),
                Err(error) => {
                    assert!(!enough, "{name}: {error}");
                    assert_eq!(error.kind(), Kind::LimitExceeded, "{error}");
                }
            }
        }
    }
}

/// Ten directories, each of which has the next ten times: ten thousand million files.
#[tokio::test]
async fn a_bomb_of_trees_is_refused() {
    let place = Place::new().await;
    let repo = place.double.create("octo/bomb");
    let blob = stored(&repo, "blob", b"hi\n");
    let names: Vec<String> = (0..10).map(|at| format!("{at}")).collect();
    let mut below = ("100644", blob);
    for _ in 0..10 {
        let entries: Vec<_> = names
            .iter()
            .map(|name| (below.0, name.as_bytes(), below.1))
            .collect();
        below = ("40000", tree(&repo, &entries));
    }
    committed(&repo, below.1);
    let limits = workspace_github::Limits {
        entries: 100_000,
        ..workspace_github::Limits::default()
    };
    let github = place.asked(options().limits(limits));
    let snapshot = github
        .open(&"github:octo/bomb".parse().unwrap())
        .await
        .unwrap();
    let error = snapshot
        .inexact(&EntriesOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded, "{error}");
}
