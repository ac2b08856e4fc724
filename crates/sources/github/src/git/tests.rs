//! Whatever a server sends: an error or an answer, never a panic, never more memory than the
//! limits say.

use std::io::Write as _;

use proptest::prelude::*;

use super::line::{FLUSH, write_line};
use super::*;
use crate::error::Kind;

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn with_sum(mut pack: Vec<u8>) -> Vec<u8> {
    let sum: [u8; 20] = sha1dc::digest(&pack).unwrap().into();
    pack.extend(sum);
    pack
}

/// A pack whose objects are `parts`: the first byte, what follows it, and the bytes.
fn pack(parts: &[(u8, &[u8], &[u8])]) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend((parts.len() as u32).to_be_bytes());
    for (kind, base, bytes) in parts {
        assert!(bytes.len() < 2048);
        pack.push(kind << 4 | 0x80 | (bytes.len() & 15) as u8);
        pack.push((bytes.len() >> 4) as u8);
        pack.extend(*base);
        pack.extend(deflated(bytes));
    }
    with_sum(pack)
}

fn read(pack: &[u8], limits: PackLimits, size: usize) -> crate::error::Result<PackReader> {
    let mut reader = PackReader::new(limits);
    for piece in pack.chunks(size) {
        reader.push(piece)?;
    }
    reader.complete()?;
    Ok(reader)
}

/// A delta that makes 3 bytes of an object of `base` bytes, the last one its own.
fn delta(base: u8, last: u8) -> Vec<u8> {
    vec![base, 3, 0x90, 2, 1, last]
}

#[test]
fn deltas_are_resolved_in_whatever_order_they_come() {
    let base = object_id(ObjectKind::Blob, b"abc").unwrap();
    let one = object_id(ObjectKind::Blob, b"abx").unwrap();
    let two = object_id(ObjectKind::Blob, b"aby").unwrap();
    let parts: [(u8, &[u8], &[u8]); 3] = [
        (7, one.as_bytes(), &delta(3, b'y')),
        (7, base.as_bytes(), &delta(3, b'x')),
        (3, &[], b"abc"),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let packed = pack(&order.map(|at| parts[at]));
        for size in [1, 7, usize::MAX] {
            let reader = read(&packed, PackLimits::default(), size).unwrap();
            assert_eq!(reader.objects().len(), 3);
            assert_eq!(reader.get(&two).unwrap().bytes, b"aby");
        }
    }
    // By how far back it begins.
    let first = deflated(b"abc").len() as u8 + 2;
    let packed = pack(&[(3, &[], b"abc"), (6, &[first], &delta(3, b'z'))]);
    let reader = read(&packed, PackLimits::default(), 1).unwrap();
    assert_eq!(reader.objects()[1].bytes, b"abz");
}

#[test]
fn a_pack_that_is_none_is_refused() {
    let other = [9; 20];
    let good = pack(&[(3, &[], b"abc")]);
    let mut longer = good.clone();
    longer.push(0);
    let mut altered = good.clone();
    *altered.last_mut().unwrap() ^= 1;
    for bad in [
        b"PACK\0\0\0\x03\0\0\0\0".to_vec(),
        longer,
        altered,
        pack(&[(0, &[], b"abc")]),
        pack(&[(5, &[], b"abc")]),
        pack(&[(6, &[0], b"abc")]),
        pack(&[(6, &[0x7f], b"abc")]),
        pack(&[(6, &[0xff; 10], b"abc")]),
        pack(&[(7, &other, &delta(3, b'x'))]),
        pack(&[(3, &[], b"abc"), (6, &[1], &delta(3, b'x'))]),
    ] {
        let error = read(&bad, PackLimits::default(), 3).unwrap_err();
        assert_eq!(error.kind(), Kind::Altered, "{error}");
    }
    for end in 0..good.len() {
        let error = read(&good[..end], PackLimits::default(), 3).unwrap_err();
        assert_eq!(error.kind(), Kind::Truncated, "{end}: {error}");
    }
}

#[test]
fn each_limit_of_a_pack_is_kept() {
    let limits = PackLimits::default();
    let exceeded = |packed: &[u8], limits| {
        let error = read(packed, limits, 1000).unwrap_err();
        assert_eq!(error.kind(), Kind::LimitExceeded, "{error}");
    };
    let two = pack(&[(3, &[], b"abc"), (3, &[], b"abd")]);
    exceeded(
        &two,
        PackLimits {
            objects: 1,
            ..limits
        },
    );
    exceeded(
        &two,
        PackLimits {
            bytes: 325,
            ..limits
        },
    );
    read(
        &two,
        PackLimits {
            bytes: 326,
            ..limits
        },
        1000,
    )
    .unwrap();

    let mut names = vec![object_id(ObjectKind::Blob, b"abc").unwrap()];
    let mut deltas = Vec::new();
    for last in 0..10u8 {
        names.push(object_id(ObjectKind::Blob, &[b'a', b'b', last]).unwrap());
        deltas.push(delta(3, last));
    }
    let mut parts: Vec<(u8, &[u8], &[u8])> = vec![(3, &[], b"abc")];
    for (base, delta) in names.iter().zip(&deltas) {
        parts.push((7, base.as_bytes(), delta));
    }
    let chain = pack(&parts);
    read(
        &chain,
        PackLimits {
            depth: 10,
            ..limits
        },
        1000,
    )
    .unwrap();
    exceeded(&chain, PackLimits { depth: 9, ..limits });
    // Deltas that come before what they are made from count the same.
    parts.reverse();
    exceeded(&pack(&parts), PackLimits { depth: 9, ..limits });

    // 20 MiB of one kilobyte, and deltas that make much of little.
    let zeros = vec![0; 20 << 20];
    let mut writer = PackWriter::new(usize::MAX);
    writer.add(ObjectKind::Blob, &zeros).unwrap();
    let bomb = writer.finish().unwrap();
    assert!(bomb.len() < 30_000);
    exceeded(
        &bomb,
        PackLimits {
            ratio: 100,
            ..limits
        },
    );
    read(&bomb, limits, 1000).unwrap();
    let many = [0x80, 0x80, 0x80, 0x08, 0x80, 0x80, 0x80, 0x08, 0x80];
    exceeded(&pack(&[(3, &[], b"abc"), (6, &[13], &many)]), limits);
}

#[test]
fn a_pack_is_read_as_it_was_written() {
    let mut writer = PackWriter::new(1 << 20);
    assert!(writer.is_empty());
    let blobs: Vec<Vec<u8>> = [0, 1, 15, 16, 2047, 2048, 70_000]
        .map(|size| (0..size).map(|at| (at % 251) as u8).collect())
        .into();
    for blob in &blobs {
        let id = writer.add(ObjectKind::Blob, blob).unwrap();
        assert_eq!(writer.add(ObjectKind::Blob, blob).unwrap(), id);
    }
    assert_eq!(writer.len(), blobs.len());
    let mut noise = Vec::new();
    let mut block: [u8; 20] = [0; 20];
    while noise.len() < 2_000_000 {
        block = sha1dc::digest(&block).unwrap().into();
        noise.extend(block);
    }
    let error = writer.add(ObjectKind::Blob, &noise).unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded);
    let reader = read(&writer.finish().unwrap(), PackLimits::default(), 999).unwrap();
    let objects = reader.into_objects();
    let read: Vec<_> = objects.into_iter().map(|object| object.bytes).collect();
    assert_eq!(read, blobs);
}

/// An answer to a fetch, with a pack of several kinds of objects in bands.
fn fetch_answer() -> Vec<u8> {
    let base = object_id(ObjectKind::Blob, b"abc").unwrap();
    let mut tree = Vec::new();
    let entry = TreeEntry {
        mode: Mode::FILE,
        name: b"a",
        id: base,
    };
    write_entry(&mut tree, &entry);
    let packed = pack(&[
        (3, &[], b"abc"),
        (7, base.as_bytes(), &delta(3, b'x')),
        (2, &[], &tree),
    ]);
    let mut answer = Vec::new();
    write_line(&mut answer, b"shallow-info\n");
    write_line(
        &mut answer,
        b"shallow 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n",
    );
    answer.extend(b"0001");
    write_line(&mut answer, b"packfile\n");
    write_line(&mut answer, b"\x02working\n");
    for piece in packed.chunks(40) {
        write_line(&mut answer, &[&[1], piece].concat());
    }
    answer.extend(FLUSH);
    answer
}

fn refs_answer() -> Vec<u8> {
    let mut answer = Vec::new();
    let id = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    write_line(
        &mut answer,
        format!("{id} HEAD symref-target:refs/heads/main\n").as_bytes(),
    );
    write_line(
        &mut answer,
        format!("{id} refs/tags/v1 peeled:{id}\n").as_bytes(),
    );
    answer.extend(FLUSH);
    answer
}

fn push_answer() -> Vec<u8> {
    let mut report = Vec::new();
    write_line(&mut report, b"unpack ok\n");
    write_line(&mut report, b"ok refs/heads/a\n");
    write_line(&mut report, b"ng refs/heads/b failed to update ref\n");
    report.extend(FLUSH);
    let mut answer = Vec::new();
    write_line(&mut answer, b"\x02hello\n");
    write_line(&mut answer, &[&[1], &report[..20]].concat());
    write_line(&mut answer, &[&[1], &report[20..]].concat());
    answer.extend(FLUSH);
    answer
}

fn fed_fetch(bytes: &[u8], size: usize) -> crate::error::Result<PackReader> {
    let mut answer = FetchAnswer::new(PackReader::default());
    for piece in bytes.chunks(size) {
        answer.push(piece)?;
    }
    answer.finish()?;
    Ok(answer.into_pack())
}

fn single(pack: &[u8], size: usize) -> crate::error::Result<Vec<u8>> {
    let mut object = SingleObject::default();
    let mut whole = Vec::new();
    for piece in pack.chunks(size) {
        object.take(piece)?;
        while let Some(bytes) = object.next_bytes()? {
            assert!(bytes.len() <= 64 << 10);
            whole.extend(bytes);
        }
    }
    object.complete()?;
    let id = object_id(ObjectKind::Blob, &whole).unwrap();
    assert_eq!(object.id()?, Some(id));
    Ok(whole)
}

#[test]
fn one_large_object_is_read_as_it_comes() {
    let zeros = vec![0; 3 << 20];
    for blob in [&b""[..], b"abc", &zeros] {
        let mut writer = PackWriter::new(usize::MAX);
        writer.add(ObjectKind::Blob, blob).unwrap();
        let packed = writer.finish().unwrap();
        for size in [1, 1000, usize::MAX] {
            assert_eq!(single(&packed, size).unwrap(), blob);
        }
        for end in (0..packed.len()).step_by(1.max(packed.len() / 50)) {
            assert!(single(&packed[..end], 7).is_err(), "{end}");
        }
    }
    let two = pack(&[(3, &[], b"abc"), (3, &[], b"abd")]);
    assert_eq!(single(&two, 5).unwrap_err().kind(), Kind::Altered);
    let delta = pack(&[(7, &[1; 20], &delta(3, b'x'))]);
    assert_eq!(single(&delta, 5).unwrap_err().kind(), Kind::Altered);
}

fn fed_refs(bytes: &[u8], size: usize) -> crate::error::Result<Vec<Ref>> {
    let mut answer = RefsAnswer::default();
    for piece in bytes.chunks(size) {
        answer.push(piece)?;
    }
    answer.finish()
}

fn fed_push(bytes: &[u8], size: usize) -> crate::error::Result<Report> {
    let mut answer = PushAnswer::default();
    for piece in bytes.chunks(size) {
        answer.push(piece)?;
    }
    answer.finish()
}

#[test]
fn answers_are_the_same_however_they_come_and_are_whole_or_cut_off() {
    let (fetch, refs, push) = (fetch_answer(), refs_answer(), push_answer());
    for size in [1, 2, 5, 64, usize::MAX] {
        assert_eq!(fed_fetch(&fetch, size).unwrap().objects().len(), 3);
        let found = fed_refs(&refs, size).unwrap();
        assert_eq!(found[0].target.as_deref(), Some("refs/heads/main"));
        assert!(found[1].peeled.is_some());
        let report = fed_push(&push, size).unwrap();
        assert_eq!(report.unpack, None);
        assert_eq!(report.refs[0], ("refs/heads/a".into(), None));
        let why = Some("failed to update ref".into());
        assert_eq!(report.refs[1], ("refs/heads/b".into(), why));
        assert_eq!(report.messages, "hello\n");
    }
    for end in 0..fetch.len() {
        assert!(fed_fetch(&fetch[..end], 9).is_err(), "{end}");
    }
    for end in 0..refs.len() {
        assert!(fed_refs(&refs[..end], 9).is_err(), "{end}");
    }
    for end in 0..push.len() - FLUSH.len() {
        assert!(fed_push(&push[..end], 9).is_err(), "{end}");
    }
}

#[test]
fn what_the_other_side_says_is_told() {
    let mut answer = Vec::new();
    write_line(&mut answer, b"ERR upload-pack: not our ref 4b82\n");
    let error = fed_fetch(&answer, 3).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.to_string().contains("not our ref"), "{error}");
    assert_eq!(fed_refs(&answer, 3).unwrap_err().kind(), Kind::NotFound);
    let mut answer = Vec::new();
    write_line(&mut answer, b"packfile\n");
    write_line(&mut answer, b"\x03out of \x1b[31mmemory\n");
    let error = fed_fetch(&answer, 3).unwrap_err();
    assert_eq!(error.detail(), Some("out of  [31mmemory"));
}

/// Bytes with some of them altered, left out, doubled or cut off.
fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0..5u8, any::<u8>());
    prop::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (at, how, value) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value & 7),
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, value),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

/// The same pack with its check sum made right, so that what is within is read.
fn resummed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(20));
    with_sum(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("HOSTILE_BYTES").ok().and_then(|n| n.parse().ok()).unwrap_or(256)
    ))]

    #[test]
    fn altered_answers_are_answers_or_errors(
        fetch in mutated(fetch_answer()),
        refs in mutated(refs_answer()),
        push in mutated(push_answer()),
        size in 1..50usize,
    ) {
        if let Ok(pack) = fed_fetch(&fetch, size) {
            for object in pack.objects() {
                prop_assert_eq!(object_id(object.kind, &object.bytes).unwrap(), object.id);
            }
        }
        let _ = fed_refs(&refs, size);
        let _ = fed_push(&push, size);
        let _ = Commit::read(&push);
        for entry in TreeEntries::new(&fetch) {
            let _ = entry;
        }
    }

    #[test]
    fn altered_packs_are_packs_or_errors_and_hold_what_they_may(
        bytes in mutated({
            let base = object_id(ObjectKind::Blob, b"abc").unwrap();
            pack(&[
                (7, base.as_bytes(), &delta(3, b'y')),
                (3, &[], b"abc"),
                (6, &[13], &delta(3, b'x')),
                (1, &[], b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\n"),
            ])
        }).prop_map(resummed),
        size in 1..50usize,
    ) {
        let limits = PackLimits { bytes: 10_000, ..PackLimits::default() };
        let mut reader = PackReader::new(limits);
        for piece in bytes.chunks(size) {
            if reader.push(piece).is_err() {
                break;
            }
        }
        let _ = single(&bytes, size);
        let held: usize = reader.objects().iter().map(|object| object.bytes.len()).sum();
        prop_assert!(held <= 10_000);
    }

    #[test]
    fn altered_trees_are_trees_or_errors(tree in mutated({
        let mut tree = Vec::new();
        for (mode, name) in [(Mode::FILE, &b"a"[..]), (Mode::TREE, b"b\xff"), (Mode::SUBMODULE, b"c")] {
            let id = ObjectId::from_bytes([0; 20]);
            write_entry(&mut tree, &TreeEntry { mode, name, id });
        }
        tree
    })) {
        let entries: Vec<_> = TreeEntries::new(&tree).collect();
        if entries.iter().all(Result::is_ok) {
            let mut again = Vec::new();
            for entry in entries.into_iter().flatten() {
                write_entry(&mut again, &entry);
            }
            // A mode may have had zeros before it.
            prop_assert!(again.len() <= tree.len());
        }
    }
}
