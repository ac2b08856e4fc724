use std::io::{Cursor, Write};

use workspace_core::{ErrorKind, ImportLimits, Timestamp};
use workspace_native::source::{SourceOptions, ZipSource};
use zip::write::{FullFileOptions, SimpleFileOptions};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{directory, entries, file, program, read_archive, refused, refused_by_import, symlink};
use crate::common::refusal;

fn archive(fill: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    fill(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

fn sample() -> Vec<u8> {
    archive(|zip| {
        let time = DateTime::from_date_and_time(2024, 2, 29, 12, 30, 58).unwrap();
        let plain = SimpleFileOptions::default().last_modified_time(time);
        zip.add_directory("d/", plain).unwrap();
        zip.start_file("d/ü", plain).unwrap();
        zip.write_all(b"hello").unwrap();
        zip.start_file("run", stored().unix_permissions(0o755))
            .unwrap();
        zip.write_all(&[7; 100_000]).unwrap();
        zip.add_symlink("out", "../../etc/passwd", plain).unwrap();
    })
}

fn named(name: &str) -> Vec<u8> {
    let mut bytes = archive(|zip| {
        zip.start_file("p".repeat(name.len()), stored()).unwrap();
        zip.write_all(b"x").unwrap();
    });
    replace(
        &mut bytes,
        "p".repeat(name.len()).as_bytes(),
        name.as_bytes(),
    );
    bytes
}

/// Replaces every `from` by `to`, which is as long.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
}

#[test]
fn a_zip_comes_whole_from_a_file_and_from_a_stream() {
    let wanted = [
        directory("/d"),
        file("/d/ü", "hello"),
        program("/run", [7; 100_000]),
        symlink("/out", "../../etc/passwd"),
    ];
    let found = read_archive(&sample()).unwrap();
    assert_eq!(
        found[1].modified,
        Some(Timestamp::from_millis(1_709_209_858_000))
    );
    let found: Vec<_> = found
        .into_iter()
        .map(|found| (found.path, found.what))
        .collect();
    assert_eq!(found, wanted);

    let from_stream = |limit| {
        let options = SourceOptions::default();
        ZipSource::from_reader(Cursor::new(sample()), limit, "stdin".into(), &options)
    };
    assert_eq!(entries(&mut from_stream(1 << 20).unwrap()), wanted);
    assert_eq!(refusal(from_stream(1000)).kind(), ErrorKind::LimitExceeded);
}

#[test]
fn no_prefix_of_a_zip_passes_for_the_whole() {
    let whole = sample();
    for cut in (5..whole.len()).step_by(1009).chain([whole.len() - 1]) {
        let error = refused(&whole[..cut]);
        assert_eq!(error.kind(), ErrorKind::Source, "{cut}: {error}");
    }
}

/// A member that `system` wrote, with these attributes.
fn written_by(system: u8, name: &str, bytes: &[u8], attributes: u32) -> Vec<u8> {
    let mut archive = archive(|zip| {
        zip.start_file("p".repeat(name.len()), stored()).unwrap();
        zip.write_all(bytes).unwrap();
    });
    replace(
        &mut archive,
        "p".repeat(name.len()).as_bytes(),
        name.as_bytes(),
    );
    let at = archive
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    archive[at + 5] = system;
    archive[at + 38..at + 42].copy_from_slice(&attributes.to_le_bytes());
    archive
}

#[test]
fn backslashes_part_a_path_where_dos_wrote_them() {
    let unix = 0o100_644 << 16;
    for (system, name, bytes, attributes, expected) in [
        (0, "d\\a.txt", &b"hi"[..], 0x20, file("/d/a.txt", "hi")),
        (0, "d\\", b"", 0x10, directory("/d")),
        // With a slash it is a part of a name, as for whoever wrote it elsewhere.
        (0, "d/a\\b", b"hi", 0x20, file("/d/a\\b", "hi")),
        (3, "d\\", b"hi", unix, file("/d\\", "hi")),
        (3, "d\\a", b"hi", unix, file("/d\\a", "hi")),
        // Only Unix has links in these bits.
        (10, "da", b"hi", 0o120_777 << 16, file("/da", "hi")),
    ] {
        let found = read_archive(&written_by(system, name, bytes, attributes)).unwrap();
        assert_eq!((found[0].path.clone(), found[0].what.clone()), expected);
    }
}

#[test]
fn a_directory_has_a_slash_after_its_name_and_no_contents() {
    for (system, attributes) in [(0, 0x10), (3, 0o040_755 << 16)] {
        let found = read_archive(&written_by(system, "d/", b"", attributes)).unwrap();
        assert_eq!(found[0].what, super::What::Directory);
        let error = refused(&written_by(system, "d/", b"hi", attributes));
        assert!(error.to_string().contains("with contents"), "{error}");
        // A file to some.
        let error = refused(&written_by(system, "d", b"", attributes));
        assert!(error.to_string().contains("without a slash"), "{error}");
    }
    for mode in [0o100_644, 0o120_777_u32] {
        let error = refused(&written_by(3, "d/", b"hi", mode << 16));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
}

#[test]
fn names_that_readers_take_in_different_ways_are_refused() {
    for (system, name, words) in [
        (0, "C:\\x\\y", "drive"),
        (11, "C:/x", "drive"),
        (11, "d\\x", "backslash"),
        (0, "\u{e9}", "encoding"),
    ] {
        let error = refused(&written_by(system, name, b"hi", 0x20));
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    // By custom, on Unix.
    let unix = written_by(3, "\u{e9}", b"hi", 0o100_644 << 16);
    assert_eq!(read_archive(&unix).unwrap()[0].path, "/\u{e9}");
    // Another name in an extra field.
    let mut bytes = archive(|zip| {
        let mut options = FullFileOptions::default();
        let field = [&[1, 0, 0, 0, 0][..], b"readme"].concat();
        options
            .add_extra_field(0x1234, field.into_boxed_slice(), false)
            .unwrap();
        zip.start_file("README", options).unwrap();
    });
    let found = bytes
        .windows(2)
        .filter(|bytes| bytes == b"\x34\x12")
        .count();
    assert_eq!(found, 2);
    // The check sum of `README`.
    replace(
        &mut bytes,
        b"\x01\0\0\0\0readme",
        b"\x01\xd6\x71\xad\x76readme",
    );
    let crc = crc(b"README");
    replace(&mut bytes, &[0xd6, 0x71, 0xad, 0x76], &crc.to_le_bytes());
    replace(&mut bytes, b"\x34\x12", b"\x75\x70");
    let error = refused(&bytes);
    assert!(error.to_string().contains("another name"), "{error}");
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn two_members_of_one_path_are_refused() {
    for (one, other) in [("a", "./a"), ("d/a", "d//a"), ("a/", "a")] {
        let bytes = archive(|zip| {
            for name in [one, other] {
                zip.start_file("p".repeat(name.len()), stored()).unwrap();
            }
        });
        let mut bytes = bytes;
        // The longer first, of which the other is a part.
        let mut names = [one, other];
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for name in names {
            replace(
                &mut bytes,
                "p".repeat(name.len()).as_bytes(),
                name.as_bytes(),
            );
        }
        let error = refused(&bytes);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("same path"), "{error}");
    }
}

#[test]
fn members_that_only_some_readers_find_are_refused() {
    let (first, second) = (named("first"), named("second"));
    // Readers that begin at the start find the first.
    let error = refused(&[first.clone(), second.clone()].concat());
    assert!(error.to_string().contains("missing from"), "{error}");
    // A program that unpacks itself is not one.
    let program = [&b"#!/bin/sh\nunzip $0; exit\n"[..], &second].concat();
    let mut packed = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
    packed.write_all(&program).unwrap();
    let mut source = ZipSource::open(packed.path(), &SourceOptions::default()).unwrap();
    assert_eq!(entries(&mut source), [file("/second", "x")]);
    // A byte before the first member, or after the end.
    for odd in [
        [&second[..30], b"x", &second[30..]].concat(),
        [b"PK", &second[..]].concat(),
        [&second[..], b"x"].concat(),
    ] {
        let error = refused(&odd);
        assert!(
            matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Source),
            "{error}"
        );
    }
    // One between the others that the directory does not list.
    let members = first.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    let mut gap = [&first[..members], &second].concat();
    let end = gap.len() - 22;
    let start = u32::from_le_bytes(gap[end + 16..end + 20].try_into().unwrap());
    gap[end + 16..end + 20].copy_from_slice(&(start + members as u32).to_le_bytes());
    let listed = end - (second.len() - 22 - start as usize) + 42;
    gap[listed..listed + 4].copy_from_slice(&(members as u32).to_le_bytes());
    assert_eq!(refused(&gap).kind(), ErrorKind::Source);
}

#[test]
fn members_that_readers_find_in_different_ways_are_refused() {
    // A name before the bytes that is not the one in the directory.
    let mut bytes = written_by(3, "inner", b"hi", 0);
    bytes[30] = b'x';
    assert_eq!(refused(&bytes).kind(), ErrorKind::Source);
    // The same name twice.
    let mut bytes = archive(|zip| {
        for name in ["one", "two"] {
            zip.start_file(name, stored()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
    });
    replace(&mut bytes, b"two", b"one");
    let error = refused(&bytes);
    assert!(error.to_string().contains("the same name"), "{error}");
}

#[test]
fn a_member_that_is_not_as_long_as_it_says_is_refused() {
    for mode in [0o100_644_u32, 0o120_777] {
        let mut bytes = written_by(3, "a", b"four", mode << 16);
        let at = bytes
            .windows(4)
            .position(|window| window == b"PK\x01\x02")
            .unwrap();
        // Before the bytes, and in the directory.
        bytes[22] = 5;
        bytes[at + 24] = 5;
        let error = refused(&bytes);
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        assert!(error.to_string().contains("4 bytes, and 5"), "{error}");
    }
}

#[test]
fn times_are_in_utc_where_the_archive_says_so() {
    let mut times = vec![1];
    times.extend_from_slice(&1_000_000_001_u32.to_le_bytes());
    let bytes = archive(|zip| {
        let mut options = FullFileOptions::default();
        options
            .add_extra_field(0x5455, times.into_boxed_slice(), false)
            .unwrap();
        zip.start_file("a", options).unwrap();
    });
    let found = read_archive(&bytes).unwrap();
    assert_eq!(
        found[0].modified,
        Some(Timestamp::from_millis(1_000_000_001_000))
    );
}

#[test]
fn altered_bytes_are_refused() {
    let mut bytes = sample();
    let at = bytes
        .windows(9)
        .position(|window| window == [7; 9])
        .unwrap();
    bytes[at] = 8;
    assert_eq!(refused(&bytes).kind(), ErrorKind::Source);
}

#[test]
fn paths_out_of_the_archive_are_refused() {
    for name in ["/etc/passwd", "../up", "a/../../b", "a/.."] {
        let error = refused(&named(name));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let mut bytes = named("cafe");
    replace(&mut bytes, b"cafe", b"caf\xe9");
    assert_eq!(refused(&bytes).kind(), ErrorKind::Invalid);
}

#[test]
fn devices_are_refused_or_passed_over() {
    let mut bytes = archive(|zip| {
        zip.start_file("special", stored().unix_permissions(0o644))
            .unwrap();
    });
    // The mode is the upper half of the external attributes.
    replace(&mut bytes, &[0, 0, 0xa4, 0x81], &[0, 0, 0xa4, 0x11]);
    let error = refused(&bytes);
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let options = SourceOptions::default().skip_special(true);
    let source = ZipSource::from_reader(Cursor::new(bytes), 1 << 20, "stdin".into(), &options);
    assert_eq!(entries(&mut source.unwrap()), []);
}

#[test]
fn rarer_packing_is_unsupported() {
    let mut bytes = archive(|zip| {
        zip.start_file("file", stored()).unwrap();
        zip.write_all(b"x").unwrap();
    });
    // The method in the local header and in the directory: LZMA.
    bytes[8] = 14;
    let at = bytes
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    bytes[at + 10] = 14;
    let error = refused(&bytes);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    // Encrypted.
    let mut bytes = sample();
    bytes[6] |= 1;
    let at = bytes
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    bytes[at + 8] |= 1;
    let error = refused(&bytes);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[test]
fn a_bomb_is_stopped_by_the_limits() {
    let bomb = archive(|zip| {
        zip.start_file("bomb", SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&vec![0; 32 << 20]).unwrap();
    });
    assert!(bomb.len() < 1 << 20);
    let limits = ImportLimits::default().bytes(1 << 20);
    assert_eq!(
        refused_by_import(&bomb, limits).kind(),
        ErrorKind::LimitExceeded
    );
}
