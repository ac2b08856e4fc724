//! Imports, as they should be: exact, and with few requests.

use std::sync::Arc;

use futures::TryStreamExt as _;
use workspace_core::{
    At, EntriesOptions, Glob, Hydrator as _, ImportOptions, Options, Snapshot as _, Source as _,
    Workspace,
};
use workspace_github::{GitHubOptions, Kind, Limits, Transfer, Why};
use workspace_github_double::{Repo, Route};
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};

use crate::support::{Commit, Got, Place, assert_exact, options, read, read_with};

fn sample(place: &Place) -> Repo {
    let repo = place.double.create("octo/sample");
    let mut commit = Commit::on("main", "first")
        .file("README.md", "# Hello\n")
        .file("empty", "")
        .put("100755", "bin/run", "#!/bin/sh\n")
        .link("bin/link", "run")
        .file("src/a/b.rs", "fn main() {}\n")
        .file("foo/a", "1")
        .file("foo.c", "2")
        .file("foo-bar", "3")
        .file("\u{e9}\u{301}.txt", "accents");
    for at in 0..300 {
        commit = commit.file(format!("many/{at}"), format!("{}", at % 7));
    }
    commit.make(&repo);
    repo.git(&["tag", "-a", "-m", "v1", "v1", "main"]);
    repo.git(&["update-ref", "refs/pull/7/head", "main"]);
    repo
}

#[tokio::test]
async fn an_import_is_the_commit_and_takes_three_requests() {
    let place = Place::new().await;
    let repo = sample(&place);
    let snapshot = place.open("github:octo/sample").await.unwrap();
    let read = read(&snapshot).await.unwrap();
    // The archive is at another host, to which the third request is sent on.
    let routes = [Route::Refs, Route::Fetch, Route::Tarball, Route::Load];
    assert_eq!(place.routes(), routes);
    assert_eq!(
        snapshot.tree().await.unwrap().to_string(),
        repo.rev("main^{tree}")
    );
    assert_exact(&repo, "main", &read, &[]);
    assert_eq!(snapshot.repaired(), 0);
    assert_eq!(
        snapshot.unheld(EntriesOptions::default()).await.unwrap(),
        None
    );
    let id = snapshot.id();
    let host = place.double.url().strip_prefix("http://").unwrap();
    let shown = format!("github:{host}/octo/sample@{}", repo.rev("main"));
    assert_eq!(id.to_string(), shown);
    assert!(place.routes().is_empty());
}

#[tokio::test]
async fn an_archive_and_ids_give_the_same() {
    let place = Place::new().await;
    let repo = sample(&place);
    for transfer in [Transfer::Archive, Transfer::Ids] {
        let github = place.asked(options().transfer(transfer));
        let address = "github:octo/sample@main".parse().unwrap();
        let snapshot = github.open(&address).await.unwrap();
        assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
    }
    // 16 distinct files at 309 places are one request.
    place.routes();
    let github = place.asked(options().transfer(Transfer::Ids));
    let address = "github:octo/sample@main".parse().unwrap();
    read(&github.open(&address).await.unwrap()).await.unwrap();
    assert_eq!(place.routes(), [Route::Refs, Route::Fetch, Route::Fetch]);
}

#[tokio::test]
async fn references_of_each_kind_are_found() {
    let place = Place::new().await;
    let repo = sample(&place);
    Commit::on("feature/x", "second")
        .after("refs/heads/main")
        .file("new", "new")
        .make(&repo);
    let main = repo.rev("main");
    let feature = repo.rev("feature/x");
    for (reference, commit) in [
        ("", &main),
        ("@main", &main),
        ("@refs/heads/main", &main),
        ("@feature/x", &feature),
        ("@v1", &main),
        ("#7", &main),
        ("@HEAD", &main),
        (&format!("@{feature}"), &feature),
        (&format!("@{}", &feature[..9]), &feature),
    ] {
        let snapshot = place
            .open(&format!("github:octo/sample{reference}"))
            .await
            .unwrap();
        assert_eq!(snapshot.commit().to_string(), *commit, "{reference}");
        assert_eq!(snapshot.id().version.as_str(), commit);
    }
    for missing in [
        "@ma",
        "@v2",
        "#8",
        "@0123456",
        &format!("@{}", "a".repeat(40)),
    ] {
        let error = place
            .open(&format!("github:octo/sample{missing}"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{missing}: {error}");
    }
    let error = place.open("github:octo/nothing").await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
    place.double.create("octo/empty");
    let error = place.open("github:octo/empty").await.unwrap_err();
    assert!(error.to_string().contains("it has no commits"), "{error}");
    let source = place.repository(&repo);
    let snapshot = source.resolve(Some("#7")).await.unwrap();
    assert_eq!(snapshot.id().reference.as_ref().unwrap().as_str(), "#7");
    let error = source.resolve(Some("a..b")).await.err().unwrap();
    assert_eq!(error.kind(), workspace_core::ErrorKind::Invalid);
}

#[tokio::test]
async fn a_tag_of_no_commit_is_refused_at_once() {
    let place = Place::new().await;
    let repo = sample(&place);
    repo.git(&["tag", "tree", "main^{tree}"]);
    repo.git(&["tag", "-a", "-m", "it", "annotated-tree", "main^{tree}"]);
    repo.git(&["tag", "blob", "main:README.md"]);
    repo.git(&["tag", "-a", "-m", "it", "annotated-blob", "main:README.md"]);
    for (tag, kind) in [
        ("tree", "tree"),
        ("annotated-tree", "tree"),
        ("blob", "blob"),
        ("annotated-blob", "blob"),
    ] {
        let result = async {
            let snapshot = place.open(&format!("github:octo/sample@{tag}")).await?;
            snapshot.tree().await
        };
        let error = result.await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{tag}: {error}");
        let why = format!("it is a {kind}, and no commit");
        assert!(error.to_string().contains(&why), "{tag}: {error}");
        assert!(place.transport.waited().is_empty(), "{tag}");
    }
}

#[tokio::test]
async fn a_directory_and_globs_are_parts_of_it() {
    let place = Place::new().await;
    let repo = sample(&place);
    for transfer in [Transfer::Fitting, Transfer::Archive] {
        let github = place.asked(options().transfer(transfer));
        let address = "github:octo/sample:src/a".parse().unwrap();
        let snapshot = github.open(&address).await.unwrap();
        let found = read(&snapshot).await.unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["b.rs"]);
        let tree = repo.rev("main:src/a");
        assert_eq!(snapshot.tree().await.unwrap().to_string(), tree);
    }
    let snapshot = place.open("github:octo/sample").await.unwrap();
    let some = EntriesOptions::default()
        .include(vec![
            Glob::new("/foo*").unwrap(),
            Glob::new("/bin/**").unwrap(),
        ])
        .exclude(vec![Glob::new("link").unwrap()]);
    let found = read_with(&snapshot, some.clone()).await.unwrap();
    let names: Vec<_> = found.keys().collect();
    assert_eq!(names, ["bin/run", "foo-bar", "foo.c", "foo/a"]);
    let left = snapshot.inexact(&some).await.unwrap();
    let left: Vec<_> = left
        .iter()
        .map(|left| (left.path.as_slice(), left.why))
        .collect();
    assert!(left.contains(&(&b"many"[..], Why::LeftOut)), "{left:?}");
    assert!(left.contains(&(&b"bin/link"[..], Why::LeftOut)), "{left:?}");
    for path in ["nothing", "README.md", "many/7/x"] {
        let snapshot = place
            .open(&format!("github:octo/sample:{path}"))
            .await
            .unwrap();
        let error = snapshot.tree().await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{path}");
    }
}

#[tokio::test]
async fn files_that_stay_at_their_source_are_read_by_their_ids() {
    let place = Place::new().await;
    let repo = sample(&place);
    let snapshot = place.open("github:octo/sample").await.unwrap();
    let lazy = EntriesOptions::default().lazy(true);
    let found = read_with(&snapshot, lazy).await.unwrap();
    assert_exact(&repo, "main", &found, &[]);
    // The one symlink has no bytes of its own to be read later.
    assert_eq!(place.routes(), [Route::Refs, Route::Fetch, Route::Fetch]);
    let mut ids = Vec::new();
    for (path, got) in &found {
        if let Got::External { id, .. } = got {
            let id = workspace_core::FileId::new(id.as_bytes().to_vec()).unwrap();
            ids.push((path.clone(), id));
        }
    }
    let files: Vec<_> = ids.iter().map(|(_, id)| id.clone()).collect();
    let mut bodies = place.github.read(snapshot.id(), &files).await.unwrap();
    let mut came = vec![false; files.len()];
    while let Some(at) = bodies.next().await.unwrap() {
        assert!(!std::mem::replace(&mut came[at], true));
        let mut whole = Vec::new();
        while let Some(chunk) = bodies.chunk().await.unwrap() {
            whole.extend_from_slice(&chunk);
        }
        let path = &ids[at].0;
        let expected = workspace_github_double::command(&repo.path)
            .args(["cat-file", "blob", &format!("main:{path}")])
            .output()
            .unwrap();
        assert_eq!(whole, expected.stdout, "{path}");
    }
    assert!(came.iter().all(|came| *came));
    assert_eq!(place.routes(), [Route::Fetch]);

    let missing = [workspace_core::FileId::new(vec![7; 20]).unwrap()];
    let mut bodies = snapshot.read(&missing).await.unwrap();
    let error = bodies.next().await.unwrap_err();
    assert_eq!(error.kind(), workspace_core::ErrorKind::NotFound);
    let other = workspace_core::SnapshotId::new("github", "octo/sample", "x").unwrap();
    let error = place.github.read(&other, &files).await.err().unwrap();
    assert_eq!(error.kind(), workspace_core::ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_thousand_files_are_read_in_at_most_sixteen_requests() {
    let place = Place::new().await;
    let repo = place.double.create("octo/many");
    let mut commit = Commit::on("main", "first");
    for at in 0..1000 {
        commit = commit.file(format!("{at}"), format!("file {at}\n"));
    }
    commit.make(&repo);
    let snapshot = place.open("github:octo/many").await.unwrap();
    let lazy = EntriesOptions::default().lazy(true);
    let found = read_with(&snapshot, lazy).await.unwrap();
    assert_eq!(place.routes(), [Route::Refs, Route::Fetch]);
    let ids = found.values().map(|got| match got {
        Got::External { id, .. } => workspace_core::FileId::new(id.as_bytes().to_vec()).unwrap(),
        other => panic!("{other:?}"),
    });
    let ids: Vec<_> = ids.collect();
    let mut bodies = snapshot.read(&ids).await.unwrap();
    let mut count = 0;
    while bodies.next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 1000);
    let seen = place.double.seen();
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().all(|seen| seen.wants <= 128));
    // Of one file, one request.
    let mut bodies = snapshot.read(&ids[..1]).await.unwrap();
    assert_eq!(bodies.next().await.unwrap(), Some(0));
    assert_eq!(place.routes(), [Route::Fetch]);
}

#[tokio::test]
async fn a_workspace_imports_it() {
    let place = Place::new().await;
    sample(&place);
    let snapshot = place.open("github:octo/sample").await.unwrap();
    let mut entries = snapshot.entries(EntriesOptions::default()).await.unwrap();
    let workspace = Workspace::create(
        Box::new(MemoryMeta::new()),
        Arc::new(MemoryBlobs::new()),
        TestContext::new(1).context(),
        Options::default(),
    )
    .unwrap();
    let imported = workspace
        .import(At::Head, &mut *entries, ImportOptions::default())
        .await
        .unwrap();
    assert_eq!((imported.files, imported.symlinks), (308, 1));
    let head = workspace.files(At::Head);
    let path = workspace_core::TreePath::new("/src/a/b.rs").unwrap();
    assert_eq!(head.read(&path).await.unwrap(), "fn main() {}\n");
}

#[tokio::test]
async fn files_over_the_limit_of_a_request_come_by_themselves() {
    let place = Place::new().await;
    let repo = place.double.create("octo/large");
    let noise = |seed: u64, size: usize| {
        let mut numbers = crate::support::Numbers(seed);
        (0..size).map(|_| numbers.next() as u8).collect::<Vec<u8>>()
    };
    let mut commit = Commit::on("main", "first");
    for at in 0..20 {
        commit = commit.file(format!("f{at}"), noise(at, 10_000));
    }
    commit = commit
        .file("large", noise(77, 300_000))
        .file("again/large", noise(77, 300_000))
        .file("zeros", vec![0; 1_000_000]);
    commit.make(&repo);
    let limits = Limits {
        blobs: 60_000,
        ..Limits::default()
    };
    let github = place.asked(options().limits(limits).transfer(Transfer::Ids));
    let address = "github:octo/large".parse().unwrap();
    let snapshot = github.open(&address).await.unwrap();
    assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
    assert!(place.routes().len() < 40);
}

/// Reads an archive, as a server does that is sent one.
async fn unpacked(archive: Vec<u8>) -> crate::support::Read {
    let chunks = futures::stream::iter([Ok(archive.into())]);
    let mut source = workspace_archive::TarSource::new(chunks);
    crate::support::drain(&mut source).await.unwrap()
}

#[tokio::test]
async fn what_is_large_goes_over_as_tar_by_its_id_and_out_of_an_archive_that_breaks_off() {
    let place = Place::new().await;
    let repo = place.double.create("octo/large");
    let mut numbers = crate::support::Numbers(77);
    let noise: Vec<u8> = (0..3 << 20).map(|_| numbers.next() as u8).collect();
    Commit::on("main", "first")
        .file("large", &noise)
        .file("other", "other")
        .make(&repo);
    let limits = Limits {
        blobs: 60_000,
        ..Limits::default()
    };
    for (transfer, route) in [
        (Transfer::Ids, None),
        (Transfer::Ids, Some(Route::Fetch)),
        (Transfer::Archive, Some(Route::Load)),
    ] {
        let github = place.asked(options().limits(limits).transfer(transfer));
        let address = "github:octo/large".parse().unwrap();
        let snapshot = github.open(&address).await.unwrap();
        snapshot.tree().await.unwrap();
        let mut sizes = std::collections::BTreeMap::new();
        let mut entries = snapshot.entries(EntriesOptions::default()).await.unwrap();
        while let Some(entry) = entries.next().await.unwrap() {
            if let workspace_core::SourceKind::File { size, .. } = entry.kind {
                sizes.insert(entry.path.to_string(), size);
            }
        }
        assert_eq!(sizes["/large"], Some(noise.len() as u64), "{transfer:?}");
        if let Some(route) = route {
            // By ids, both together are too much, and each alone then.
            let after = if route == Route::Fetch { 2 } else { 0 };
            let cut = workspace_github_double::What::CutBody;
            let fault = workspace_github_double::Fault::once(cut).on(route);
            place.double.fault(fault.after(after));
        }
        let entries = snapshot.entries(EntriesOptions::default()).await.unwrap();
        let packed = workspace_archive::pack(entries, |_| {});
        let packed: Vec<bytes::Bytes> = packed.try_collect().await.unwrap();
        place.double.heal();
        let packed = packed.concat();
        // What broke off is there, and once more.
        assert_eq!(
            packed.len() > 4 << 20,
            route.is_some(),
            "{transfer:?} {route:?}"
        );
        assert_exact(&repo, "main", &unpacked(packed).await, &[]);
    }
}

#[tokio::test]
async fn an_archive_that_does_not_come_is_waited_for_longer_each_time() {
    let place = Place::new().await;
    let repo = sample(&place);
    let github = place.asked(options().transfer(Transfer::Archive));
    let address = "github:octo/sample".parse().unwrap();
    let snapshot = github.open(&address).await.unwrap();
    let none = workspace_github_double::What::NoAnswer;
    let fault = workspace_github_double::Fault::always(none);
    place.double.fault(fault.on(Route::Load));
    assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
    let seconds: Vec<u64> = place
        .transport
        .waited()
        .iter()
        .map(std::time::Duration::as_secs)
        .collect();
    assert_eq!(seconds, [1, 2, 4, 8]);
}

#[tokio::test]
async fn a_server_that_lets_nobody_ask_by_ids_is_asked_one_by_one() {
    let place = Place::new().await;
    let repo = place.double.create("octo/altered");
    Commit::on("main", "first")
        .file(".gitattributes", "*.c ident\n")
        .file("a.c", "$Id$\n")
        .file("b.c", "$Id$ b\n")
        .file("c", "c")
        .make(&repo);
    let github = place.asked(options().transfer(Transfer::Archive));
    let address = "github:octo/altered".parse().unwrap();
    let snapshot = github.open(&address).await.unwrap();
    snapshot.tree().await.unwrap();
    place.routes();
    place.double.fault(
        workspace_github_double::Fault::always(workspace_github_double::What::Behind)
            .on(Route::Fetch),
    );
    assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
    let blobs = place
        .routes()
        .iter()
        .filter(|route| **route == Route::Blob)
        .count();
    assert_eq!(blobs, 2);
}

#[tokio::test]
async fn limits_of_a_commit_are_kept() {
    let place = Place::new().await;
    sample(&place);
    let address = "github:octo/sample".parse().unwrap();
    for limits in [
        Limits {
            entries: 300,
            ..Limits::default()
        },
        Limits {
            trees: 3000,
            ..Limits::default()
        },
        Limits {
            archive: 10_000,
            ..Limits::default()
        },
    ] {
        let asked: GitHubOptions = options().limits(limits).transfer(Transfer::Archive);
        let snapshot = place.asked(asked).open(&address).await.unwrap();
        let result = read(&snapshot).await;
        match limits.archive {
            // What the archive may not give, ids do.
            10_000 => drop(result.unwrap()),
            _ => {
                let kind = result.unwrap_err().kind();
                assert_eq!(kind, workspace_core::ErrorKind::LimitExceeded, "{limits:?}");
            }
        }
    }
}
