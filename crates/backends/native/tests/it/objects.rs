//! What a directory and a bucket of objects do beyond what every store promises.

use std::fs;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt, stream};
use workspace_core::store::{BlobStore, ByteStream};
use workspace_core::{BlobKey, Error, ErrorKind};
use workspace_native::ObjectBlobs;

use crate::common::{S3Server, refusal};

fn key(text: &str) -> BlobKey {
    text.parse().unwrap()
}

/// `chunks` chunks of `size` bytes, each different.
fn body(chunks: u32, size: usize) -> ByteStream<'static> {
    stream::iter(0..chunks)
        .map(move |n| Ok(Bytes::from(n.to_le_bytes().repeat(size / 4))))
        .boxed()
}

fn get(blobs: &ObjectBlobs, key: &BlobKey) -> Option<Vec<u8>> {
    block_on(async {
        let stream = blobs.get(key, 0..u64::MAX).await.unwrap()?;
        let whole = stream.try_fold(Vec::new(), async |mut whole, chunk| {
            whole.extend_from_slice(&chunk);
            Ok(whole)
        });
        Some(whole.await.unwrap())
    })
}

fn expected(chunks: u32, size: usize) -> Vec<u8> {
    (0..chunks)
        .flat_map(|n| n.to_le_bytes().repeat(size / 4))
        .collect()
}

#[test]
fn a_bucket_takes_large_objects_in_parts() {
    let server = S3Server::start();
    let blobs = server.blobs("s3://bucket");
    // A little over two parts; chunks that fit into no part; exactly two parts.
    for (n, (chunks, size)) in [(21, 1 << 20), (170, 120_004), (16, 1 << 20)]
        .into_iter()
        .enumerate()
    {
        let key = key(&format!("large{n}"));
        let stored = block_on(blobs.put(&key, body(chunks, size))).unwrap();
        assert_eq!(stored, u64::from(chunks) * size as u64);
        assert!(get(&blobs, &key) == Some(expected(chunks, size)));
    }
}

#[test]
fn a_failed_upload_is_taken_back() {
    let server = S3Server::start();
    let blobs = server.blobs("s3://bucket");
    let broken = body(20, 1 << 20).chain(stream::once(async {
        Err(Error::new(ErrorKind::Source, "read upstream"))
    }));
    let error = refusal(block_on(blobs.put(&key("broken"), broken.boxed())));
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(get(&blobs, &key("broken")), None);
    let left: Vec<_> = fs::read_dir(server.root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("upload"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_missing_bucket_is_not_a_missing_object() {
    let server = S3Server::start();
    let blobs = server.blobs("s3://elsewhere/prefix");
    let outcomes = [
        block_on(blobs.check()),
        block_on(blobs.get(&key("a"), 0..1)).map(drop),
    ];
    for outcome in outcomes {
        let error = refusal(outcome);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(
            error.to_string().contains("bucket does not exist"),
            "{error}"
        );
    }
}

#[test]
fn wrong_credentials_are_said() {
    let server = S3Server::start();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "guess"),
    ] {
        let mut settings = server.settings();
        settings.push((name.into(), value.into()));
        let blobs = ObjectBlobs::s3_with("s3://bucket", settings).unwrap();
        for outcome in [
            block_on(blobs.check()),
            block_on(blobs.get(&key("a"), 0..1)).map(drop),
            block_on(blobs.put(&key("a"), body(1, 4))).map(drop),
        ] {
            let error = refusal(outcome);
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.to_string().contains("credentials"), "{error}");
        }
    }
}

#[test]
fn a_bucket_shows_only_its_prefix() {
    let server = S3Server::start();
    let (whole, inner) = (
        server.blobs("s3://bucket"),
        server.blobs("s3://bucket/inner"),
    );
    block_on(whole.put(&key("outside"), body(1, 4))).unwrap();
    block_on(inner.put(&key("inside"), body(1, 4))).unwrap();
    assert_eq!(keys(&inner, 9), [key("inside")]);
    assert_eq!(keys(&whole, 9), [key("outside")]);
}

#[test]
fn other_urls_are_invalid() {
    for url in [
        "",
        "bucket",
        "http://bucket",
        "s3://",
        "s3:///prefix",
        "s3://user:secret@bucket",
        "s3://b/a//b",
        "s3://b/../c",
    ] {
        let error = refusal(ObjectBlobs::s3_with(url, []));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}: {error}");
    }
}

fn keys(blobs: &ObjectBlobs, limit: usize) -> Vec<BlobKey> {
    let listed = block_on(blobs.list(None, limit)).unwrap().into_iter();
    listed.map(|found| found.key).collect()
}

#[test]
fn what_a_crash_left_of_an_object_is_listed_and_deleted() {
    let place = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobs::local(place.path()).unwrap();
    block_on(blobs.put(&key("b"), body(1, 4))).unwrap();
    for name in ["a#1", "b#1", "README.txt", "c.tmp"] {
        fs::write(place.path().join(name), "remnant").unwrap();
    }
    let listed = block_on(blobs.list(None, 9)).unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|found| (found.key.as_str(), found.size))
        .collect();
    assert_eq!(listed, [("a", None), ("b", Some(4))]);
    assert_eq!(keys(&blobs, 1), [key("a")]);
    assert_eq!(get(&blobs, &key("a")), None);
    block_on(blobs.delete(&[key("a")])).unwrap();
    assert_eq!(get(&blobs, &key("b")), Some(expected(1, 4)));
    block_on(blobs.delete(&[key("b")])).unwrap();
    assert_eq!(keys(&blobs, 9), []);
    assert_eq!(
        fs::read_dir(place.path()).unwrap().count(),
        2,
        "others' files stay"
    );
}

#[test]
fn an_object_that_is_cut_short_while_it_is_read_is_corrupt() {
    let place = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobs::local(place.path()).unwrap();
    block_on(blobs.put(&key("a"), body(4, 1 << 20))).unwrap();
    let mut stream = block_on(blobs.get(&key("a"), 0..u64::MAX))
        .unwrap()
        .unwrap();
    block_on(stream.next()).unwrap().unwrap();
    fs::write(place.path().join("a"), "short").unwrap();
    let error = refusal(block_on(stream.try_fold((), async |(), _| Ok(()))));
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}
