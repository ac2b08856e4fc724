//! What sources hand on, and what they refuse.

mod directory;
mod ignore;
mod snapshot;
mod tar;
mod zip;

use std::fs;
use std::io::Write;
use std::path::Path;

use futures::executor::block_on;
use workspace_core::{
    At, EntrySource, Error, ErrorKind, ImportLimits, ImportOptions, Result, SourceEntry,
    SourceKind, Timestamp,
};
use workspace_native::source::{self, SourceOptions};
use workspace_native::{Objects, create};

use crate::common::refusal;

/// An entry and its bytes.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    path: String,
    what: What,
    modified: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    File { executable: bool, bytes: Vec<u8> },
    Directory,
    Symlink(String),
}

fn file(path: &str, bytes: impl AsRef<[u8]>) -> (String, What) {
    let bytes = bytes.as_ref().to_vec();
    (
        path.into(),
        What::File {
            executable: false,
            bytes,
        },
    )
}

fn program(path: &str, bytes: impl AsRef<[u8]>) -> (String, What) {
    let bytes = bytes.as_ref().to_vec();
    (
        path.into(),
        What::File {
            executable: true,
            bytes,
        },
    )
}

fn directory(path: &str) -> (String, What) {
    (path.into(), What::Directory)
}

fn symlink(path: &str, target: &str) -> (String, What) {
    (path.into(), What::Symlink(target.into()))
}

fn everything(source: &mut dyn EntrySource) -> Result<Vec<Found>> {
    block_on(async {
        let mut found = Vec::new();
        while let Some(SourceEntry { path, kind }) = source.next().await? {
            let mut all = Vec::new();
            while let Some(chunk) = source.chunk().await? {
                assert!(!chunk.is_empty());
                all.extend_from_slice(&chunk);
            }
            let (what, modified) = match kind {
                SourceKind::File {
                    executable,
                    modified,
                    ..
                } => (
                    What::File {
                        executable,
                        bytes: all,
                    },
                    modified,
                ),
                SourceKind::Directory => (What::Directory, None),
                SourceKind::Symlink { target, modified } => {
                    (What::Symlink(target.as_str().into()), modified)
                }
                other => panic!("no directory and no archive has {other:?}"),
            };
            found.push(Found {
                path: path.as_str().into(),
                what,
                modified,
            });
        }
        assert!(source.next().await?.is_none(), "the end stays the end");
        Ok(found)
    })
}

fn entries(source: &mut dyn EntrySource) -> Vec<(String, What)> {
    let found = everything(source).unwrap();
    found
        .into_iter()
        .map(|found| (found.path, found.what))
        .collect()
}

fn open(path: &Path) -> Result<Box<dyn EntrySource>> {
    source::open(path, &SourceOptions::default())
}

/// Reads an archive to its end, which must fail.
fn refused(archive: &[u8]) -> Error {
    refusal(read_archive(archive))
}

fn read_archive(archive: &[u8]) -> Result<Vec<Found>> {
    let mut packed = tempfile::NamedTempFile::new().unwrap();
    packed.write_all(archive).unwrap();
    everything(&mut *open(packed.path())?)
}

/// Imports an archive into a new workspace, which must fail and leave head as it was.
fn refused_by_import(archive: &[u8], limits: ImportLimits) -> Error {
    let place = tempfile::tempdir().unwrap();
    let packed = place.path().join("packed");
    fs::write(&packed, archive).unwrap();
    let home = place.path().join("home");
    let workspace = create(&home, &Objects::Local, Default::default()).unwrap();
    let before = workspace.head().unwrap();
    let options = ImportOptions::default().limits(limits);
    let mut source = open(&packed).unwrap();
    let error = refusal(block_on(workspace.import(At::Head, &mut *source, options)));
    assert_eq!(workspace.head().unwrap(), before);
    error
}

#[test]
fn what_is_not_there_is_not_found() {
    let place = tempfile::tempdir().unwrap();
    let error = refusal(open(&place.path().join("missing")));
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
