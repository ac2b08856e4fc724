//! Exports: what comes out, where to, and what gives way to it.

mod contents;
mod places;
mod removal;
mod replacing;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::support::Place;

type Found = BTreeMap<String, (String, bool, i64, Vec<u8>)>;

/// Reads a directory: kind, executable bit, time and content of each entry.
fn read(root: &Path) -> Found {
    fn below(root: &Path, path: &Path, found: &mut Found) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_string();
            let meta = fs::symlink_metadata(&path).unwrap();
            let executable = meta.permissions().mode() & 0o100 != 0;
            let millis = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
            if meta.is_dir() {
                found.insert(name, ("directory".into(), false, 0, Vec::new()));
                below(root, &path, found);
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap().into_os_string();
                let target = target.into_encoded_bytes();
                found.insert(name, ("symlink".into(), false, millis, target));
            } else {
                let content = fs::read(&path).unwrap();
                found.insert(name, ("file".into(), executable, millis, content));
            }
        }
    }
    let mut found = Found::new();
    below(root, root, &mut found);
    found
}

fn sample(place: &Place) -> Found {
    place.file("in/README.md", "# Sample\n");
    place.file("in/src/main.rs", "fn main() {}\n");
    place.file("in/empty", "");
    place.file(
        "in/large.bin",
        (0..3_000_000u32)
            .map(|n| (n * 7 % 251) as u8)
            .collect::<Vec<_>>(),
    );
    let script = place.file("in/bin/run", "#!/bin/sh\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let name = "n".repeat(120);
    place.file(&format!("in/deep/{name}/{name}/file"), "far down");
    fs::create_dir_all(place.path("in/nothing/inside")).unwrap();
    symlink("../README.md", place.path("in/src/readme")).unwrap();
    symlink("/etc/passwd", place.path("in/outward")).unwrap();
    let far = format!("x//{}", "y/".repeat(80));
    symlink(far, place.path("in/far")).unwrap();
    let old = filetime_of(1_000_000_000);
    for path in ["in/README.md", "in/src/main.rs"] {
        let file = fs::File::options()
            .write(true)
            .open(place.path(path))
            .unwrap();
        file.set_modified(old).unwrap();
    }
    read(&place.path("in"))
}

fn filetime_of(seconds: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
}

/// Drops what an archive does not keep: fractions of seconds.
fn to_seconds(found: &Found) -> Found {
    let mut found = found.clone();
    for entry in found.values_mut() {
        entry.2 -= entry.2.rem_euclid(1000);
    }
    found
}

/// Deletes the objects of a place's workspace, so that no large content can be read.
fn lose_objects(place: &Place) {
    for object in fs::read_dir(place.path(".workspace/objects")).unwrap() {
        fs::remove_file(object.unwrap().path()).unwrap();
    }
}

/// Returns the names in a directory, in order.
fn names(place: &Place, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(directory)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
