//! Archives that are broken in every way, and those that other tools write.

use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use proptest::prelude::*;
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;
use workspace_core::{EntrySource as _, ErrorKind, Result, SourceKind};

use super::TarSource;

/// Reads a whole archive that comes in chunks; one line an entry.
fn read(archive: &[u8], chunk: usize) -> Result<Vec<String>> {
    let chunks: Vec<_> = archive
        .chunks(chunk)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    let mut source = TarSource::new(stream::iter(chunks));
    block_on(async {
        let mut lines = Vec::new();
        while let Some(entry) = source.next().await? {
            let mut content = Vec::new();
            while let Some(chunk) = source.chunk().await? {
                content.extend_from_slice(&chunk);
            }
            let content = String::from_utf8_lossy(&content);
            lines.push(match &entry.kind {
                SourceKind::File { executable, .. } => {
                    format!(
                        "{} {content:?}{}",
                        entry.path,
                        if *executable { " x" } else { "" }
                    )
                }
                SourceKind::Directory => format!("{}/", entry.path),
                SourceKind::Symlink { target, .. } => format!("{} -> {target}", entry.path),
            });
        }
        Ok(lines)
    })
}

fn entry(kind: EntryType, path: &str, target: &str, content: &[u8], gnu: bool) -> Vec<u8> {
    let mut builder = match gnu {
        true => EntryBuilder::new_gnu(),
        false => EntryBuilder::new_ustar(),
    };
    builder.entry_type(kind).path(path).link_name(target);
    builder
        .mode(0o644)
        .unwrap()
        .size(content.len() as u64)
        .unwrap();
    builder.uid(0).unwrap().gid(0).unwrap().mtime(7).unwrap();
    let mut bytes = builder.finish_bytes();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn kind(archive: &[u8]) -> ErrorKind {
    read(archive, 600).unwrap_err().kind()
}

fn sample() -> Vec<u8> {
    let long = format!("{}/file", "directory".repeat(20));
    archive(&[
        entry(EntryType::Directory, "./", "", b"", true),
        entry(EntryType::Regular, "./a", "", b"one", true),
        entry(EntryType::Regular, &long, "", &[b'x'; 700], true),
        entry(EntryType::Regular, &long, "", b"later", false),
        entry(EntryType::Symlink, "link", &"to/".repeat(50), b"", false),
        entry(EntryType::Directory, "empty/", "", b"", false),
        entry(EntryType::Regular, "nothing", "", b"", false),
    ])
}

#[test]
fn archives_of_both_formats_come_out_however_they_are_cut() {
    let whole = read(&sample(), usize::MAX).unwrap();
    assert_eq!(whole[0], "//");
    assert_eq!(whole[1], "/a \"one\"");
    assert!(whole[3].ends_with("file \"later\""), "{}", whole[3]);
    assert!(whole[4].starts_with("/link -> to/to/"));
    assert_eq!(whole[5..], ["/empty/", "/nothing \"\""]);
    for chunk in [1, 7, 511, 512, 513, 4096] {
        assert_eq!(read(&sample(), chunk).unwrap(), whole);
    }
}

#[test]
fn an_archive_that_stops_anywhere_is_refused() {
    let sample = sample();
    for end in 0..sample.len() {
        assert_eq!(kind(&sample[..end]), ErrorKind::Invalid, "at byte {end}");
    }
}

#[test]
fn zeros_may_follow_the_end_but_not_without_end() {
    let mut filled = sample();
    filled.resize(filled.len() + 10_240, 0);
    assert_eq!(read(&filled, 600).unwrap(), read(&sample(), 600).unwrap());
    filled.resize(filled.len() + (2 << 20), 0);
    assert_eq!(kind(&filled), ErrorKind::Invalid);
}

#[test]
fn a_changed_header_is_refused() {
    let good = archive(&[entry(EntryType::Regular, "a", "", b"one", false)]);
    for at in 0..500 {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(read(&bad, 512).is_err(), "byte {at}");
    }
    assert_eq!(kind(&[b'x'; 2048]), ErrorKind::Invalid);
    assert_eq!(kind(b"PK\x03\x04"), ErrorKind::Invalid);
}

#[test]
fn what_a_tree_cannot_hold_is_refused() {
    let file = |path: &str| entry(EntryType::Regular, path, "", b"x", true);
    for bad in [
        file("/etc/passwd"),
        file("../up"),
        file("a/../../up"),
        file("a/./b"),
        file("a//b"),
        file(".//a"),
        file(&"n".repeat(256)),
        file(&"a/".repeat(2100)),
        entry(EntryType::Link, "hard", "a", b"", true),
        entry(EntryType::Char, "tty", "", b"", true),
        entry(EntryType::Fifo, "pipe", "", b"", true),
        entry(EntryType::Symlink, "nowhere", "", b"", true),
        entry(EntryType::Symlink, "far", &"x".repeat(4097), b"", true),
        entry(EntryType::Other(b'Z'), "odd", "", b"", true),
    ] {
        assert_eq!(kind(&archive(&[bad])), ErrorKind::Invalid);
    }
}

#[test]
fn names_without_end_are_refused() {
    let mut name = EntryBuilder::new_gnu();
    name.entry_type(EntryType::GnuLongName)
        .path("././@LongLink");
    name.size(1 << 30).unwrap();
    name.mode(0)
        .unwrap()
        .uid(0)
        .unwrap()
        .gid(0)
        .unwrap()
        .mtime(0)
        .unwrap();
    assert_eq!(
        kind(&archive(&[name.finish_bytes()])),
        ErrorKind::LimitExceeded
    );
}

proptest! {
    #[test]
    fn nothing_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..3000), at in 0_usize..7000, chunk in 1_usize..2000) {
        let mut sample = sample();
        let _ = read(&bytes, chunk);
        let at = at.min(sample.len());
        bytes.truncate(8);
        for (old, new) in sample[at..].iter_mut().zip(bytes) {
            *old = new;
        }
        let _ = read(&sample, chunk);
    }
}
