//! Files that a pointer stands for (Git LFS).

use workspace_core::EntriesOptions;
use workspace_github::{Transfer, Why};
use workspace_github_double::{Fault, Repo, Route, What};

use crate::support::{Commit, Got, Place, options, read};

fn pointer(oid: &str, size: usize) -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n")
}

fn sample(place: &Place) -> (Repo, Vec<u8>) {
    let repo = place.double.create("octo/lfs");
    let large: Vec<u8> = (0..200_000u32).map(|at| (at % 253) as u8).collect();
    let oid = place.double.keep_large(&large);
    let small = place.double.keep_large(b"small");
    Commit::on("main", "first")
        .file(
            ".gitattributes",
            "*.bin filter=lfs diff=lfs merge=lfs -text\n",
        )
        .file("large.bin", pointer(&oid, large.len()))
        .file("again.bin", pointer(&oid, large.len()))
        .put("100755", "small.bin", pointer(&small, 5))
        .file("plain", "plain")
        .make(&repo);
    (repo, large)
}

#[tokio::test]
async fn what_a_pointer_stands_for_is_brought_where_it_is_asked_for() {
    let place = Place::new().await;
    let (_, large) = sample(&place);
    for transfer in [Transfer::Archive, Transfer::Ids] {
        let asked = options().transfer(transfer);
        let address = "github:octo/lfs".parse().unwrap();
        let kept = place.asked(asked.clone()).open(&address).await.unwrap();
        let found = read(&kept).await.unwrap();
        assert!(matches!(&found["large.bin"], Got::File { bytes, .. } if bytes.len() < 200));

        let brought = place.asked(asked.lfs(true)).open(&address).await.unwrap();
        let found = read(&brought).await.unwrap();
        for path in ["large.bin", "again.bin"] {
            let file = Got::File {
                executable: false,
                bytes: large.clone(),
            };
            assert!(found[path] == file, "{path}");
        }
        let small = Got::File {
            executable: true,
            bytes: b"small".into(),
        };
        assert_eq!(found["small.bin"], small);
        let inexact = brought.inexact(&EntriesOptions::default()).await.unwrap();
        assert_eq!(inexact.iter().filter(|one| one.why == Why::Lfs).count(), 3);
        assert_eq!(found.len(), 5);
    }
}

#[tokio::test]
async fn a_large_file_that_is_not_what_it_should_be_is_an_error() {
    let place = Place::new().await;
    sample(&place);
    let github = place.asked(options().lfs(true));
    let address = "github:octo/lfs".parse().unwrap();
    for what in [
        What::AlteredBody,
        What::ShortBody,
        What::CutBody,
        What::Missing,
        What::Expired,
    ] {
        place
            .double
            .fault(Fault::always(what.clone()).on(Route::LargeFile));
        let snapshot = github.open(&address).await.unwrap();
        let error = read(&snapshot).await.unwrap_err();
        let told = error.failure().is_some() || error.sought().is_some();
        assert!(told, "{what:?}: {error}");
        place.double.heal();
    }
    let repo = place.double.create("octo/missing");
    Commit::on("main", "first")
        .file("a", pointer(&"a".repeat(64), 5))
        .make(&repo);
    let snapshot = github
        .open(&"github:octo/missing".parse().unwrap())
        .await
        .unwrap();
    let error = read(&snapshot).await.unwrap_err();
    assert_eq!(error.kind(), workspace_core::ErrorKind::NotFound, "{error}");
}
