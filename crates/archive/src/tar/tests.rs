//! Archives that are broken in every way, and those that other tools write.

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::{BoxFuture, ready};
use futures::{FutureExt as _, TryStreamExt as _, stream};
use proptest::prelude::*;
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;
use workspace_core::{EntrySource, ErrorKind, Imported, Result, SourceEntry, SourceKind, TreePath};

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
                other => panic!("no archive has {other:?}"),
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
    // One block of zeros ends an archive, as for every reader.
    for end in 0..sample.len() - 512 {
        let expected = match end {
            // Too little to tell a tar archive by.
            1..512 => ErrorKind::Invalid,
            _ => ErrorKind::Source,
        };
        assert_eq!(kind(&sample[..end]), expected, "at byte {end}");
    }
}

#[test]
fn zeros_may_follow_the_end_but_not_without_end() {
    let mut filled = sample();
    filled.resize(filled.len() + 10_240, 0);
    assert_eq!(read(&filled, 600).unwrap(), read(&sample(), 600).unwrap());
    // As `tar -b 4096` fills them.
    filled.resize(filled.len() + (2 << 20), 0);
    assert_eq!(
        read(&filled, 65_536).unwrap(),
        read(&sample(), 600).unwrap()
    );
    filled.resize(filled.len() + (64 << 20), 0);
    let error = read(&filled, 65_536).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

#[test]
fn an_archive_that_goes_on_after_its_end_is_refused() {
    let one = archive(&[entry(EntryType::Regular, "a", "", b"one", false)]);
    let error = read(&[one.clone(), one.clone()].concat(), 600).unwrap_err();
    assert!(error.to_string().contains("another archive"), "{error}");
    // What is no archive is nobody's affair.
    let rest = [one.clone(), b"junk".repeat(1000)].concat();
    assert_eq!(read(&rest, 600).unwrap(), read(&one, 600).unwrap());
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
    assert_eq!(kind(b"PK\x03\x04"), ErrorKind::Unsupported);
}

#[test]
fn what_a_tree_cannot_hold_is_refused() {
    let file = |path: &str| entry(EntryType::Regular, path, "", b"x", true);
    for bad in [
        file("/etc/passwd"),
        file("../up"),
        file("a/../../up"),
        file(&"n".repeat(256)),
        file(&"a/".repeat(2100)),
        entry(EntryType::Link, "hard", "a", b"", true),
        entry(EntryType::Char, "tty", "", b"", true),
        entry(EntryType::Fifo, "pipe", "", b"", true),
        entry(EntryType::Symlink, "nowhere", "", b"", true),
        entry(EntryType::Symlink, "far", &"x".repeat(4097), b"", true),
        entry(EntryType::Regular, "directory/", "", b"with contents", true),
    ] {
        assert_eq!(kind(&archive(&[bad])), ErrorKind::Invalid);
    }
    let odd = entry(EntryType::Other(b'Z'), "odd", "", b"", true);
    assert_eq!(kind(&archive(&[odd])), ErrorKind::Unsupported);
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

/// Gives a header other bytes, and the check sum that goes with them.
fn altered(mut block: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    block[at..at + bytes.len()].copy_from_slice(bytes);
    block[148..156].fill(b' ');
    let sum: u32 = block[..512].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// An extended header.
fn records(kind: u8, records: &str) -> Vec<u8> {
    let header = entry(EntryType::Regular, "records", "", records.as_bytes(), false);
    altered(header, 156, &[kind])
}

fn empty(kind: EntryType, path: &str, target: &str) -> Vec<u8> {
    entry(kind, path, target, b"", false)
}

#[test]
fn what_has_no_bytes_has_none_in_its_header_or_records_either() {
    let file = entry(EntryType::Regular, "a", "", b"one", false);
    let hidden = entry(EntryType::Regular, "hidden", "", b"evil", false);
    for (kind, letter) in [
        (EntryType::Directory, b'5'),
        (EntryType::Symlink, b'2'),
        (EntryType::Link, b'1'),
        (EntryType::Fifo, b'6'),
    ] {
        let plain = altered(empty(kind, "d", "a"), 156, &[letter]);
        // Others take what follows for contents, or for a member.
        let sized = altered(plain.clone(), 124, b"00000002000\0");
        let recorded = [records(b'x', "13 size=1024\n"), plain].concat();
        // A size in the header is one that old programs left there.
        let ignored = kind != EntryType::Fifo;
        for (member, fits) in [(sized, ignored), (recorded, false)] {
            let all = archive(&[file.clone(), member, hidden.clone()]);
            match read(&all, 600) {
                Ok(found) => assert!(fits && found.len() == 3, "{kind:?}: {found:?}"),
                // A stream cannot go back to what it links to.
                Err(error) if error.to_string().contains("a hard link;") => assert!(fits),
                Err(error) => {
                    assert!(!fits, "{kind:?}: {error}");
                    assert!(error.to_string().contains("with contents"), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_member_is_described_once_and_in_one_way() {
    let file = entry(EntryType::Regular, "a", "", b"hi", false);
    let long = |kind, text: &[u8]| entry(kind, "././@LongLink", "", text, true);
    let name = long(EntryType::GnuLongName, b"fromgnu\0");
    let label = |size: &[u8]| {
        let label = altered(empty(EntryType::Regular, "label", ""), 156, b"V");
        altered(label, 124, size)
    };
    let pax = records(b'x', "16 path=frompax\n");
    let sparse = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.name=sname\n25 GNU.sparse.realsize=5\n14 path=pname\n";
    for (members, words) in [
        (vec![records(b'x', sparse), file.clone()], "two ways"),
        (
            vec![pax.clone(), label(b"00000000000\0"), file.clone()],
            "between a member",
        ),
        (
            vec![name, label(b"00000000000\0"), file.clone()],
            "between a member",
        ),
        (
            vec![pax, records(b'g', "15 comment=git\n"), file.clone()],
            "between a member",
        ),
        (vec![label(b"00000001000\0"), file.clone()], "label"),
        (
            vec![long(EntryType::GnuLongName, b"no-end"), file.clone()],
            "end with a NUL",
        ),
        (
            vec![long(EntryType::GnuLongName, b"two\0ends\0"), file.clone()],
            "end with a NUL",
        ),
        (
            vec![altered(file.clone(), 108, b"who    ")],
            "a field is no number",
        ),
        (
            vec![altered(
                entry(EntryType::Regular, "a", "", b"x", true),
                390,
                b"1",
            )],
            "fields of a sparse file",
        ),
        (vec![altered(file.clone(), 156, b"S")], "in another format"),
        (
            vec![
                records(b'x', "25 GNU.sparse.realsize=9\n"),
                empty(EntryType::Regular, "a", ""),
            ],
            "format that is not known",
        ),
        (
            vec![records(b'x', "21 SCHILY.realsize=5\n"), file.clone()],
            "SCHILY.realsize",
        ),
        (
            vec![entry(EntryType::Regular, "d/.", "", b"x", false)],
            "named as a directory",
        ),
    ] {
        let error = read(&archive(&members), 600).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let labelled = archive(&[label(b"00000000000\0"), file]);
    assert_eq!(read(&labelled, 600).unwrap(), ["/a \"hi\""]);
}

#[test]
fn extended_records_count_before_all_else_and_the_last_of_a_key() {
    let file = entry(EntryType::Regular, "a", "", b"hi", false);
    let long = entry(
        EntryType::GnuLongName,
        "././@LongLink",
        "",
        b"fromgnu\0",
        true,
    );
    for (before, expected) in [
        (
            vec![records(b'x', "26 comment=x\n13 path=evil\n")],
            "/a \"hi\"",
        ),
        (
            vec![records(b'x', "12 path=one\n12 path=two\n")],
            "/two \"hi\"",
        ),
        (vec![records(b'x', "9 size=1\n9 size=2\n")], "/a \"hi\""),
        (vec![long.clone()], "/fromgnu \"hi\""),
        (
            vec![long.clone(), records(b'x', "16 path=frompax\n")],
            "/frompax \"hi\"",
        ),
        (
            vec![records(b'x', "16 path=frompax\n"), long.clone()],
            "/frompax \"hi\"",
        ),
        (vec![records(b'g', "15 comment=git\n")], "/a \"hi\""),
    ] {
        let all = [before, vec![file.clone()]].concat();
        assert_eq!(read(&archive(&all), 600).unwrap(), [expected]);
    }
    let link = empty(EntryType::Symlink, "s", "no");
    let before = records(b'x', "16 linkpath=one\n16 linkpath=two\n");
    assert_eq!(read(&archive(&[before, link]), 600).unwrap(), ["/s -> two"]);
    // Readers differ in what these mean.
    for before in [
        vec![
            records(b'x', "12 path=one\n"),
            records(b'x', "12 path=two\n"),
        ],
        vec![long.clone(), long.clone()],
        vec![records(b'g', "12 path=all\n")],
        vec![records(b'x', "8 path=\n")],
    ] {
        let all = [before, vec![file.clone()]].concat();
        assert!(read(&archive(&all), 600).is_err());
    }
    let ends = archive(&[file, records(b'x', "12 path=one\n")]);
    assert_eq!(kind(&ends), ErrorKind::Source);
}

#[test]
fn a_slash_at_its_end_makes_a_file_a_directory() {
    for (before, name, expected) in [
        (vec![], "d/", "/d/"),
        (vec![records(b'x', "13 path=p/q/\n")], "x", "/p/q/"),
        // Here the name in the header is cut off after a slash.
        (vec![records(b'x', "12 path=d/f\n")], "d/", "/d/f \"\""),
    ] {
        for kind in [b'0', 0, b'7'] {
            let file = altered(empty(EntryType::Regular, name, ""), 156, &[kind]);
            let all = [before.clone(), vec![file]].concat();
            assert_eq!(read(&archive(&all), 600).unwrap(), [expected]);
        }
    }
}

#[test]
fn the_first_field_of_a_name_is_heeded_where_the_format_has_it() {
    let file = altered(empty(EntryType::Regular, "README", ""), 345, b"first/dir");
    for (magic, name) in [
        (b"ustar\x0000", "/first/dir/README \"\""),
        (b"ustar\x00\0\0", "/first/dir/README \"\""),
        (b"ustar  \0", "/README \"\""),
        (&[0; 8], "/README \"\""),
    ] {
        let file = altered(file.clone(), 257, magic);
        assert_eq!(read(&archive(&[file]), 600).unwrap(), [name], "{magic:?}");
    }
    let file = altered(file, 257, b"ustar 00");
    assert_eq!(kind(&archive(&[file])), ErrorKind::Unsupported);
}

fn modified(members: &[Vec<u8>]) -> Result<Option<i64>> {
    let chunk = Ok(Bytes::from(archive(members)));
    let mut source = TarSource::new(stream::iter([chunk]));
    let entry = block_on(source.next())?.expect("there is a member");
    let SourceKind::File { modified, .. } = entry.kind else {
        panic!("it is a file");
    };
    Ok(modified.map(workspace_core::Timestamp::as_millis))
}

#[test]
fn times_before_1970_are_kept() {
    let file = empty(EntryType::Regular, "a", "");
    let before = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfc\x18";
    let gnu = altered(file.clone(), 136, before);
    assert_eq!(modified(&[gnu]).unwrap(), Some(-1_000_000));
    for (record, millis) in [
        ("15 mtime=-1000\n", -1_000_000),
        ("18 mtime=-1000.25\n", -1_000_250),
        ("12 mtime=70\n", 70_000),
    ] {
        let pax = [records(b'x', record), file.clone()];
        assert_eq!(modified(&pax).unwrap(), Some(millis));
        let global = [records(b'g', record), file.clone()];
        assert_eq!(modified(&global).unwrap(), Some(millis));
    }
    assert!(modified(&[records(b'x', "14 mtime=soon\n"), file.clone()]).is_err());
    assert!(modified(&[altered(file, 136, b"soon")]).is_err());
}

#[test]
fn a_cut_between_members_is_refused_though_zeros_came_before() {
    let file = entry(EntryType::Regular, "zeros", "", &[0; 1024], false);
    assert_eq!(kind(&file), ErrorKind::Source);
    assert_eq!(
        kind(&[file.clone(), vec![0; 511]].concat()),
        ErrorKind::Source
    );
    assert!(read(&[file, vec![0; 512]].concat(), 600).is_ok());
}

#[test]
fn what_is_no_tar_archive_is_said_to_be_none() {
    let text = [b'q'; 4000];
    for (start, kind, words) in [
        (&b""[..], ErrorKind::Source, "empty"),
        (b"hello world\n", ErrorKind::Invalid, "not a tar archive"),
        (&text, ErrorKind::Invalid, "not a tar archive"),
        (b"PK\x03\x04", ErrorKind::Unsupported, "this is zip"),
        (b"\x1f\x8b\x08\0", ErrorKind::Unsupported, "this is gzip"),
        (b"7z\xbc\xaf\x27\x1c", ErrorKind::Unsupported, "this is 7z"),
    ] {
        let error = read(start, 600).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_sparse_file_is_refused_where_its_holes_are_not_wanted() {
    let sparse = entry(EntryType::Regular, "holes", "", b"", true);
    let sparse = altered(sparse, 156, b"S");
    let sparse = altered(sparse, 483, b"77777777777\0");
    assert_eq!(kind(&archive(&[sparse])), ErrorKind::Unsupported);
}

/// Hands on files of 2 MiB, each with as many bytes as are said.
struct Breaking(Vec<(&'static str, usize)>, Option<Bytes>);

impl EntrySource for Breaking {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        let next = self.0.pop();
        self.1 = next.map(|(path, size)| Bytes::from(path.repeat(size)));
        let entry = next.map(|(path, _)| SourceEntry {
            path: TreePath::new(&format!("/{path}")).unwrap(),
            kind: SourceKind::File {
                size: Some(LARGE as u64),
                executable: false,
                modified: None,
                media_type: None,
                provenance: None,
            },
        });
        ready(Ok(entry)).boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        ready(Ok(self.1.take())).boxed()
    }
}

const LARGE: usize = (2 << 20) + 1;

#[test]
fn a_large_file_that_ends_too_soon_may_come_again() {
    let packed = |mut files: Vec<_>| {
        files.reverse();
        let (told, said) = std::sync::mpsc::channel();
        let sent = move |imported: &Imported| drop(told.send(imported.clone()));
        let chunks = super::pack(Box::new(Breaking(files, None)), sent);
        let chunks: Result<Vec<Bytes>> = block_on(chunks.try_collect());
        chunks.map(|chunks| (chunks.concat(), said.iter().last()))
    };
    let (archive, said) = packed(vec![("a", 9), ("b", LARGE), ("a", LARGE)]).unwrap();
    let said = said.unwrap();
    assert_eq!((said.files, said.bytes), (2, 2 * LARGE as u64));
    let lines = read(&archive, 100_000).unwrap();
    let whole = |path: &str| format!("/{path} {:?}", path.repeat(LARGE));
    assert_eq!(lines.len(), 3);
    assert!(lines[1] == whole("b") && lines[2] == whole("a"));
    for (files, left) in [
        (vec![("a", 9), ("b", LARGE)], LARGE - 9),
        (vec![("a", LARGE), ("a", 7)], LARGE - 7),
        (vec![("a", 8); 17], LARGE - 8),
    ] {
        let error = packed(files).unwrap_err().to_string();
        let why = format!("it ends {left} bytes too soon");
        assert!(error.contains(&why), "{error}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let long = "n".repeat(120);
    let written = |path: &str, kind| {
        let path = workspace_core::TreePath::new(path).unwrap();
        let entry = workspace_core::SourceEntry { path, kind };
        super::write::header(&entry, 0).unwrap()
    };
    for target in ["to", &"x".repeat(101), &"./".repeat(60), "a//b"] {
        let far = 8_589_934_592_000;
        for millis in [
            0,
            7000,
            7001,
            -1,
            -12_250,
            -1_000_000,
            far - 1,
            far,
            far + 1,
        ] {
            let kind = SourceKind::Symlink {
                target: workspace_core::Text::new(target).unwrap(),
                modified: Some(workspace_core::Timestamp::from_millis(millis)),
            };
            let bytes = written(&format!("/{long}"), kind.clone());
            // Readers that heed no extended record find the start of it.
            let at = bytes.len() - 512 + 157;
            let start = target.len().min(100);
            assert_eq!(&bytes[at..at + start], &target.as_bytes()[..start]);
            let whole = Ok(Bytes::from([&bytes[..], &[0; 1024]].concat()));
            let mut source = TarSource::new(stream::iter([whole]));
            let entry = block_on(source.next()).unwrap().unwrap();
            assert_eq!(entry.kind, kind);
        }
    }
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
