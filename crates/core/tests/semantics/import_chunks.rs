//! Imports of bodies in chunks of any size.

use bytes::Bytes;
use futures::executor::block_on;
use workspace_core::{At, ErrorKind, ImportOptions, SourceEntry, SourceKind};

use crate::support::{Entries, Fixture, kind, path};

/// A file whose bytes tell where they are.
fn bytes(size: usize) -> Bytes {
    (0..size)
        .map(|at| (at % 251) as u8 ^ (at >> 8) as u8)
        .collect()
}

fn source(at: &str, chunks: Vec<Bytes>) -> Option<(SourceEntry, Vec<Bytes>)> {
    let kind = SourceKind::File {
        size: None,
        executable: false,
        modified: None,
        media_type: None,
        provenance: None,
    };
    let path = path(at);
    Some((SourceEntry { path, kind }, chunks))
}

/// However a body is cut, and with empty chunks in between, its bytes are what comes.
#[test]
fn a_body_is_the_same_in_chunks_of_any_size() {
    const MIB: usize = 1 << 20;
    let fixture = Fixture::new();
    let mut files = Vec::new();
    for size in [0, 1, 99, 100, 101, MIB - 1, MIB, MIB + 1, 2 * MIB + 7] {
        for chunk in [size / 3 + 1, MIB / 2, MIB, MIB + 1] {
            files.push((format!("/{size}-{chunk}"), size, chunk));
        }
    }
    let entries = files.iter().map(|(name, size, chunk)| {
        let whole = bytes(*size);
        let chunks = whole.chunks(*chunk).map(Bytes::copy_from_slice);
        let spaced = chunks.flat_map(|chunk| [Bytes::new(), chunk, Bytes::new()]);
        source(name, spaced.collect())
    });
    let mut entries = Entries::new(entries.collect());
    let imported = fixture
        .workspace
        .import(At::Head, &mut entries, ImportOptions::default());
    let imported = block_on(imported).unwrap();
    assert!(imported.revision.is_some());
    assert_eq!(imported.operations, [], "head has no log");
    let view = fixture.workspace.files(At::Head);
    for (name, size, _) in &files {
        let read = block_on(view.read(&path(name))).unwrap();
        assert!(read == bytes(*size), "{name}");
    }
}

/// A source may return empty chunks, and not for ever.
#[test]
fn a_source_of_empty_chunks_is_given_up() {
    for (empty, fits) in [(999, true), (1000, false)] {
        let fixture = Fixture::new();
        let mut chunks = vec![Bytes::new(); empty];
        chunks.push(bytes(10));
        let mut entries = Entries::new(vec![source("/a", chunks)]);
        let imported = fixture
            .workspace
            .import(At::Head, &mut entries, ImportOptions::default());
        match fits {
            true => assert_eq!(block_on(imported).unwrap().files, 1),
            false => assert_eq!(kind(block_on(imported)), ErrorKind::Source),
        }
    }
}
