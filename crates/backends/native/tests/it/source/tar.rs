use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use workspace_core::{ErrorKind, ImportLimits, Timestamp};
use workspace_native::source::{self, SourceOptions, TarSource};

use crate::common::refusal;

use super::{
    directory, entries, everything, file, program, read_archive, refused, refused_by_import,
    symlink,
};

/// A header of `kind` with a name that the builder would refuse.
fn header(kind: EntryType, name: &[u8], size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(1_000_000);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_cksum();
    header
}

fn archive(fill: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    fill(&mut builder);
    builder.into_inner().unwrap()
}

fn one(kind: EntryType, name: &[u8], link: Option<&str>) -> Vec<u8> {
    archive(|builder| {
        let mut header = header(kind, name, 0);
        if let Some(link) = link {
            header.set_link_name_literal(link).unwrap();
            header.set_cksum();
        }
        builder.append(&header, &[][..]).unwrap();
    })
}

fn sample() -> Vec<u8> {
    archive(|builder| {
        builder
            .append(&header(EntryType::Directory, b"./", 0), &[][..])
            .unwrap();
        builder
            .append(&header(EntryType::Directory, b"./d/", 0), &[][..])
            .unwrap();
        builder
            .append(&header(EntryType::Regular, b"./d/file", 5), &b"hello"[..])
            .unwrap();
        let mut run = header(EntryType::Regular, b"run", 600);
        run.set_mode(0o755);
        run.set_cksum();
        builder.append(&run, &[7; 600][..]).unwrap();
        let mut out = header(EntryType::Symlink, b"out", 0);
        out.set_link_name_literal("../../etc/passwd").unwrap();
        out.set_cksum();
        builder.append(&out, &[][..]).unwrap();
    })
}

fn sample_entries() -> Vec<(String, super::What)> {
    vec![
        directory("/"),
        directory("/d"),
        file("/d/file", "hello"),
        program("/run", [7; 600]),
        symlink("/out", "../../etc/passwd"),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn a_tar_comes_whole_however_it_is_packed() {
    let plain = sample();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    // As `cat a.gz b.gz` and parallel packers make it.
    let split = [gzip(&plain[..700]), gzip(&plain[700..])].concat();
    for packed in [plain.clone(), gzip(&plain), zstd, split] {
        let options = SourceOptions::default();
        let reader = std::io::Cursor::new(packed);
        let mut source = TarSource::from_reader(reader, "stdin".into(), &options).unwrap();
        assert_eq!(entries(&mut source), sample_entries());
    }
    let times: Vec<_> = read_archive(&plain)
        .unwrap()
        .iter()
        .map(|found| found.modified)
        .collect();
    assert_eq!(times[2], Some(Timestamp::from_millis(1_000_000_000)));
}

#[test]
fn no_prefix_of_a_tar_passes_for_the_whole() {
    let plain = sample();
    let end = plain.len() - 1024;
    let mut cuts: Vec<usize> = (0..end + 512).step_by(97).collect();
    cuts.extend((0..=end).step_by(512));
    for cut in cuts {
        let error = refused(&plain[..cut]);
        // Less than a block does not tell what it is.
        let kind = match cut {
            1..512 => ErrorKind::Invalid,
            _ => ErrorKind::Source,
        };
        assert_eq!(error.kind(), kind, "{cut}: {error}");
    }
    for cut in [end + 512, end + 700, end + 1024] {
        assert!(read_archive(&plain[..cut]).is_ok(), "{cut}");
    }
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    // What tells the packer is two bytes, or four.
    for (packed, magic) in [(gzip(&plain), 2), (zstd, 4)] {
        for cut in (0..packed.len()).step_by(3) {
            let error = refused(&packed[..cut]);
            let kind = match cut {
                cut if cut > 0 && cut < magic => ErrorKind::Invalid,
                _ => ErrorKind::Source,
            };
            assert_eq!(error.kind(), kind, "{cut}: {error}");
        }
    }
}

#[test]
fn a_damaged_pack_is_refused() {
    let mut packed = gzip(&sample());
    // The check sum, after everything.
    let at = packed.len() - 6;
    packed[at] ^= 1;
    assert_eq!(refused(&packed).kind(), ErrorKind::Source);
    let mut plain = sample();
    plain[3] ^= 1;
    assert_eq!(refused(&plain).kind(), ErrorKind::Invalid);
    let mut plain = sample();
    plain[515] ^= 1;
    assert_eq!(refused(&plain).kind(), ErrorKind::Source);
}

#[test]
fn gzip_may_be_padded_by_zeros_and_by_nothing_else() {
    let packed = gzip(&sample());
    for zeros in [1, 512, 100_000] {
        let padded = [&packed[..], &vec![0; zeros]].concat();
        let found = read_archive(&padded).unwrap();
        assert_eq!(found.len(), sample_entries().len(), "{zeros}");
    }
    for rest in [&b"\0\0x"[..], b"x", &packed[..20], b"\0\x1f\x8b"] {
        let error = refused(&[&packed[..], rest].concat());
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
    }
}

#[test]
fn paths_out_of_the_archive_are_refused() {
    for name in ["/etc/passwd", "../up", "a/../../b", "a/.."] {
        let error = refused(&one(EntryType::Regular, name.as_bytes(), None));
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = refused(&one(EntryType::Regular, b"caf\xe9", None));
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn symlinks_are_stored_wherever_they_point() {
    for target in ["/etc/passwd", "../../up", "a", "."] {
        let found = read_archive(&one(EntryType::Symlink, b"link", Some(target))).unwrap();
        assert_eq!(
            (found[0].path.clone(), found[0].what.clone()),
            symlink("/link", target)
        );
    }
    let error = refused(&one(EntryType::Symlink, b"link", None));
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// Appends files (`name=content`) and hard links (`name->target`) in this order.
fn linked(members: &[&str]) -> Vec<u8> {
    archive(|builder| {
        for member in members {
            if let Some((name, target)) = member.split_once("->") {
                let mut header = header(EntryType::Link, name.as_bytes(), 0);
                header.set_link_name_literal(target).unwrap();
                header.set_cksum();
                builder.append(&header, &[][..]).unwrap();
            } else {
                let (name, bytes) = member.split_once('=').unwrap();
                let header = header(EntryType::Regular, name.as_bytes(), bytes.len() as u64);
                builder.append(&header, bytes.as_bytes()).unwrap();
            }
        }
    })
}

#[test]
fn hard_links_become_copies_of_what_came_before() {
    for (members, wanted) in [
        (&["a=1", "l->a"][..], &["/a=1", "/l=1"][..]),
        (
            &["a=1", "l->./a", "m->a", "n->l"],
            &["/a=1", "/l=1", "/m=1", "/n=1"],
        ),
        // What a path was when the link was made, and what came last.
        (&["a=1", "a=2", "l->a", "a=3"], &["/a=3", "/l=2"]),
        (&["a=1", "l->a", "l=new"], &["/a=1", "/l=new"]),
        (&["a=1", "b=2", "l->a", "l->b"], &["/a=1", "/b=2", "/l=2"]),
    ] {
        let mut last = std::collections::BTreeMap::new();
        for found in read_archive(&linked(members)).unwrap() {
            let super::What::File { bytes, .. } = found.what else {
                panic!("only files in {members:?}");
            };
            last.insert(found.path, String::from_utf8(bytes).unwrap());
        }
        let last: Vec<_> = last
            .into_iter()
            .map(|(path, bytes)| format!("{path}={bytes}"))
            .collect();
        assert_eq!(last, wanted, "{members:?}");
    }
    for members in [
        &["l->a"][..],
        &["l->a", "a=1"],
        &["l->l"],
        &["a=1", "l->/a"],
        &["a=1", "l->../a"],
        &["a=1", "l->"],
    ] {
        let error = refused(&linked(members));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{members:?}: {error}");
    }
}

#[test]
fn hard_links_need_an_archive_that_can_be_read_twice() {
    let reader = std::io::Cursor::new(linked(&["a=1", "l->a"]));
    let options = SourceOptions::default();
    let mut source = TarSource::from_reader(reader, "stdin".into(), &options).unwrap();
    let error = refusal(everything(&mut source));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("hard link"), "{error}");
}

/// They are held until the end of the archive, so the limit counts them before.
#[test]
fn hard_links_count_before_they_are_held() {
    let mut members = vec!["a=1".to_owned()];
    members.extend((0..20).map(|n| format!("l{n}->a")));
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let read = |members: &[&str], entries| {
        let mut packed = tempfile::NamedTempFile::new().unwrap();
        packed.write_all(&linked(members)).unwrap();
        let options = SourceOptions::default().limits(ImportLimits::default().entries(entries));
        everything(&mut TarSource::open(packed.path(), &options).unwrap())
    };
    assert_eq!(read(&members, 21).unwrap().len(), 21);
    let error = refusal(read(&members, 20));
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(error.subject(), Some("/l19"));
    // The same link again takes no further place, and is read all the same.
    let again = [members.clone(), members[1..].to_vec()].concat();
    assert_eq!(read(&again, 41).unwrap().len(), 21);
    let error = refusal(read(&again, 40));
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    // The end of the archive is not read for it: it is cut off after the links.
    let mut cut = linked(&members);
    cut.truncate(cut.len() - 1024 - 2 * 512);
    let mut packed = tempfile::NamedTempFile::new().unwrap();
    packed.write_all(&cut).unwrap();
    let options = SourceOptions::default().limits(ImportLimits::default().entries(5));
    let error = refusal(everything(
        &mut TarSource::open(packed.path(), &options).unwrap(),
    ));
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::LimitExceeded, Some("/l4"))
    );
}

/// A hard link is a name of the file that is there, and none where that is no more.
#[test]
fn a_hard_link_copies_no_file_that_another_kind_has_replaced() {
    for kind in [EntryType::Directory, EntryType::Fifo] {
        let archive = archive(|builder| {
            let file = header(EntryType::Regular, b"f", 1);
            builder.append(&file, &b"1"[..]).unwrap();
            builder.append(&header(kind, b"f", 0), &[][..]).unwrap();
            let mut link = header(EntryType::Link, b"h", 0);
            link.set_link_name_literal("f").unwrap();
            link.set_cksum();
            builder.append(&link, &[][..]).unwrap();
        });
        let options = SourceOptions::default().skip_special(true);
        let mut packed = tempfile::NamedTempFile::new().unwrap();
        packed.write_all(&archive).unwrap();
        let mut source = TarSource::open(packed.path(), &options).unwrap();
        let error = refusal(everything(&mut source));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
}

#[test]
fn hard_links_copy_what_was_read_whatever_has_the_archive_s_name_by_then() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.tar");
    let large = "x".repeat(16 << 20);
    let members = |content: &str| {
        let (file, large) = (format!("f={content}"), format!("large={large}"));
        linked(&[&file, &large, "h->f"])
    };
    std::fs::write(&path, members("good")).unwrap();
    let mut source = TarSource::open(&path, &SourceOptions::default()).unwrap();
    // Another archive takes its name while the large file is on its way.
    let other = place.path().join("b.tar");
    std::fs::write(&other, members("evil")).unwrap();
    std::fs::rename(&other, &path).unwrap();
    let found = entries(&mut source);
    assert_eq!(found.last(), Some(&file("/h", "good")));

    // And one that is written over is refused.
    let mut source = TarSource::open(&path, &SourceOptions::default()).unwrap();
    let mut changed = members("other");
    changed.extend([0; 512]);
    std::fs::write(&path, changed).unwrap();
    let error = refusal(everything(&mut source));
    assert_eq!(error.kind(), ErrorKind::Source, "{error}");
}

/// A sparse member of version 1.0, with these bytes and then zeros up to its size.
fn sparse(name: &str, bytes: &[u8], size: u64) -> Vec<u8> {
    let mut map = format!("1\n0\n{}\n", bytes.len()).into_bytes();
    map.resize(map.len().next_multiple_of(512), 0);
    map.extend_from_slice(bytes);
    archive(|builder| {
        let size = size.to_string();
        let records = [
            ("GNU.sparse.major", &b"1"[..]),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", name.as_bytes()),
            ("GNU.sparse.realsize", size.as_bytes()),
        ];
        builder.append_pax_extensions(records).unwrap();
        let header = header(EntryType::Regular, b"GNUSparseFile.0/x", map.len() as u64);
        builder.append(&header, map.as_slice()).unwrap();
    })
}

/// What is left out costs what it has in the archive, and counts as what it would be.
#[test]
fn what_is_left_out_is_within_the_limits_and_its_holes_are_not_made() {
    let read = |bytes: &[u8], limits: ImportLimits| {
        let mut packed = tempfile::NamedTempFile::new().unwrap();
        packed.write_all(bytes).unwrap();
        let options = SourceOptions::default().limits(limits);
        everything(&mut *source::open(packed.path(), &options).unwrap())
    };
    let exceeded = |bytes: &[u8], limits| {
        let error = refusal(read(bytes, limits));
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    };
    let began = Instant::now();
    exceeded(
        &sparse(".git/x", b"x", i64::MAX as u64),
        ImportLimits::default(),
    );
    let small = ImportLimits::default().bytes(1 << 20);
    let plain = |name: &[u8], size: usize| {
        archive(|builder| {
            let header = header(EntryType::Regular, name, size as u64);
            builder.append(&header, vec![0; size].as_slice()).unwrap();
        })
    };
    exceeded(&gzip(&plain(b".git/x", 2 << 20)), small);
    exceeded(&gzip(&plain(b".workspace/workspace.db", 2 << 20)), small);
    let few = ImportLimits::default().entries(3);
    exceeded(&linked(&[".git/a=", ".git/b=", ".git/c=", "d="]), few);
    let passed = read(&sparse(".git/x", b"x", 200 << 30), ImportLimits::default());
    assert_eq!(passed.unwrap(), []);
    assert!(began.elapsed() < Duration::from_secs(20), "holes are made");
}

#[test]
fn the_copies_of_hard_links_count_before_they_are_made() {
    let content = "x".repeat(1000);
    let members = [&format!("f={content}"), "a->f", "b->f", ".git/c->f"];
    let read = |bytes| {
        let mut packed = tempfile::NamedTempFile::new().unwrap();
        packed.write_all(&linked(&members)).unwrap();
        let options = SourceOptions::default().limits(ImportLimits::default().bytes(bytes));
        everything(&mut *source::open(packed.path(), &options).unwrap())
    };
    assert_eq!(read(3000).unwrap().len(), 3);
    let error = refusal(read(2999));
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

#[test]
fn far_more_than_an_archive_has_comes_out_only_where_that_is_asked_for() {
    let mut packed = tempfile::NamedTempFile::new().unwrap();
    packed.write_all(&sparse("holes", b"x", 3 << 30)).unwrap();
    let mut source = source::open(packed.path(), &SourceOptions::default()).unwrap();
    let error = futures::executor::block_on(async {
        source.next().await?;
        while source.chunk().await?.is_some() {}
        Ok(())
    });
    let error: workspace_core::Error = refusal(error);
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    let options = SourceOptions::default().any_expansion(true);
    let mut source = source::open(packed.path(), &options).unwrap();
    let read = futures::executor::block_on(async {
        source.next().await?;
        let mut read = 0;
        while let (Some(chunk), true) = (source.chunk().await?, read < 2 << 30) {
            read += chunk.len() as u64;
        }
        Ok(read)
    });
    let read: workspace_core::Result<u64> = read;
    assert!(read.unwrap() >= 2 << 30);
}

#[test]
fn a_repository_of_another_name_is_refused() {
    let bare = linked(&[
        "s/HEAD=ref: refs/heads/main",
        "s/objects/a=",
        "s/refs/b=",
        "s/x=",
    ]);
    let error = refused(&bare);
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::Invalid, Some("/s"))
    );
    let mut packed = tempfile::NamedTempFile::new().unwrap();
    packed.write_all(&bare).unwrap();
    let options = SourceOptions::default().allow_git(true);
    let mut source = source::open(packed.path(), &options).unwrap();
    assert_eq!(entries(&mut *source).len(), 4);
}

#[test]
fn devices_are_refused_or_passed_over() {
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let archive = one(kind, b"special", None);
        let error = refused(&archive);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("/special"), "{error}");
        let options = SourceOptions::default().skip_special(true);
        let reader = std::io::Cursor::new(archive);
        let mut source = TarSource::from_reader(reader, "stdin".into(), &options).unwrap();
        assert_eq!(everything(&mut source).unwrap(), []);
    }
    let error = refused(&one(EntryType::new(b'Q'), b"rare", None));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn long_paths_end_at_their_limit() {
    let name = "n".repeat(255);
    let longest = [name.as_str(); 16].join("/");
    assert_eq!(longest.len(), 4095);
    let named = |path: &str| {
        archive(|builder| {
            let mut header = header(EntryType::Regular, b"", 1);
            builder.append_data(&mut header, path, &b"x"[..]).unwrap();
        })
    };
    let found = read_archive(&named(&longest)).unwrap();
    assert_eq!(found[0].path, format!("/{longest}"));
    for path in [format!("{longest}/x"), "n".repeat(256)] {
        assert_eq!(refused(&named(&path)).kind(), ErrorKind::Invalid);
    }
}

#[test]
fn pax_attributes_count() {
    let record = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        let digits = (1..4)
            .find(|n| (rest.len() + n).to_string().len() == *n)
            .unwrap();
        format!("{}{rest}", rest.len() + digits)
    };
    let with = |records: &str| {
        archive(|builder| {
            let size = records.len() as u64;
            builder
                .append(
                    &header(EntryType::XHeader, b"pax", size),
                    records.as_bytes(),
                )
                .unwrap();
            builder
                .append(&header(EntryType::Regular, b"short", 2), &b"ab"[..])
                .unwrap();
        })
    };
    let records = record("path", "long/näme") + &record("mtime", "-12.25");
    let found = read_archive(&with(&records)).unwrap();
    assert_eq!(found[0].path, "/long/näme");
    assert_eq!(found[0].modified, Some(Timestamp::from_millis(-12_250)));

    let error = refused(&with(&record("path", "/absolute")));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    // A comment for the whole archive, as git writes it.
    let global = record("comment", "0123456789abcdef");
    let commented = archive(|builder| {
        let size = global.len() as u64;
        builder
            .append(
                &header(EntryType::XGlobalHeader, b"pax", size),
                global.as_bytes(),
            )
            .unwrap();
        builder
            .append(&header(EntryType::Regular, b"file", 2), &b"ab"[..])
            .unwrap();
    });
    assert_eq!(read_archive(&commented).unwrap().len(), 1);
}

#[test]
fn a_sparse_member_is_filled_with_zeros() {
    let place = tempfile::tempdir().unwrap();
    let made = std::fs::File::create(place.path().join("holes")).unwrap();
    made.set_len(3 << 20).unwrap();
    let mut whole = vec![0; 3 << 20];
    // More regions than a header has room for.
    for n in 0..30 {
        let at = (n * 100) << 10;
        std::os::unix::fs::FileExt::write_all_at(&made, b"middle", at as u64).unwrap();
        whole[at..][..6].copy_from_slice(b"middle");
    }
    for format in [
        &["--format=gnu"][..],
        &["--format=pax", "--sparse-version=0.0"],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=1.0"],
    ] {
        let status = Command::new("tar")
            .args(format)
            .args([
                "--sparse",
                "--hole-detection=raw",
                "-cf",
                "packed.tar",
                "holes",
            ])
            .current_dir(place.path())
            .status()
            .unwrap();
        assert!(status.success(), "GNU tar packs {format:?}");
        let packed = std::fs::read(place.path().join("packed.tar")).unwrap();
        assert!(packed.len() < 200_000);
        let found = read_archive(&packed).unwrap();
        assert_eq!(found[0].path, "/holes");
        assert!(found[0].what == file("/holes", &whole).1, "{format:?}");
    }
}

#[test]
fn other_formats_are_named() {
    for (start, kind, word) in [
        (&b""[..], ErrorKind::Source, "empty"),
        (b"\xfd7zXZ\0\0\0", ErrorKind::Unsupported, "xz"),
        (b"BZh91AY&SY", ErrorKind::Unsupported, "bzip2"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", ErrorKind::Unsupported, "7z"),
        (
            b"!<arch>\ndebian-binary",
            ErrorKind::Unsupported,
            "ar (a Debian",
        ),
        (b"\x04\x22\x4d\x18aaaa", ErrorKind::Unsupported, "lz4"),
        (b"Rar!\x1a\x07\x01\0", ErrorKind::Unsupported, "rar"),
        (b"just some text", ErrorKind::Invalid, "not an archive"),
        (&[0x55; 4096], ErrorKind::Invalid, "not an archive"),
        (
            &gzip(b"just some text"),
            ErrorKind::Invalid,
            "not a tar archive",
        ),
    ] {
        let error = refused(start);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_bomb_is_stopped_by_the_limits() {
    let size = 64 << 20;
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let bomb = header(EntryType::Regular, b"bomb", size);
    packer.write_all(bomb.as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(size + 1024), &mut packer).unwrap();
    let packed = packer.finish().unwrap();
    assert!(packed.len() < 1 << 20);
    let limits = [
        ImportLimits::default().file_bytes(1 << 20),
        ImportLimits::default().bytes(1 << 20),
    ];
    for limits in limits {
        let error = refused_by_import(&packed, limits);
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    }
    let many = archive(|builder| {
        for n in 0..50 {
            let name = n.to_string();
            builder
                .append(&header(EntryType::Regular, name.as_bytes(), 0), &[][..])
                .unwrap();
        }
    });
    let limits = ImportLimits::default().entries(49);
    assert_eq!(
        refused_by_import(&many, limits).kind(),
        ErrorKind::LimitExceeded
    );
}

#[test]
fn a_name_without_end_is_not_kept_in_memory() {
    let size = 1 << 32;
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let name = header(EntryType::GNULongName, b"././@LongLink", size);
    packer.write_all(name.as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(b'n').take(16 << 20), &mut packer).unwrap();
    let packed = packer.finish().unwrap();
    let start = Instant::now();
    let error = refused(&packed);
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("before a member"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_path_cannot_be_file_and_directory() {
    let both = archive(|builder| {
        builder
            .append(&header(EntryType::Regular, b"a", 1), &b"x"[..])
            .unwrap();
        builder
            .append(&header(EntryType::Regular, b"a/b", 1), &b"y"[..])
            .unwrap();
    });
    let error = refused_by_import(&both, ImportLimits::default());
    assert_eq!(error.kind(), ErrorKind::NotADirectory, "{error}");
    assert!(error.to_string().contains("/a"), "{error}");
}

#[test]
fn a_member_may_be_called_like_the_start_of_another_format() {
    for name in ["PKGBUILD", "PK\u{3}\u{4}", "BZh9", "\u{1f}x", "7z"] {
        let packed = one(EntryType::Regular, name.as_bytes(), None);
        let found = read_archive(&packed).unwrap();
        assert_eq!(found[0].path, format!("/{name}"));
        let options = SourceOptions::default();
        let reader = std::io::Cursor::new(packed);
        let mut source = source::from_reader(reader, "stdin".into(), &options).unwrap();
        assert_eq!(entries(&mut *source).len(), 1);
    }
}
