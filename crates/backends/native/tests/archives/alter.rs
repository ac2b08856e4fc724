//! Alters archives so that they are still nearly archives.

use workspace_testkit::Random;

const BLOCK: usize = 512;

/// The fields of a tar header: where, and how long.
const FIELDS: [(usize, usize); 14] = [
    (0, 100),
    (100, 8),
    (108, 8),
    (124, 12),
    (136, 12),
    (148, 8),
    (156, 1),
    (157, 100),
    (257, 8),
    (265, 32),
    (329, 8),
    (345, 155),
    (386, 96),
    (482, 13),
];

/// Alters a tar archive in one to three places, and mends the check sums of what is still
/// a header, most of the time.
pub(crate) fn tar(archive: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let blocks = archive.len() / BLOCK;
        if blocks == 0 {
            return;
        }
        let headers: Vec<usize> = (0..blocks)
            .map(|block| block * BLOCK)
            .filter(|at| is_header(&archive[*at..*at + BLOCK]))
            .collect();
        let block = random.below(blocks) * BLOCK;
        let header = random.choose(&headers).copied().unwrap_or(block);
        match random.below(12) {
            0 => archive.truncate(random.below(archive.len() + 1)),
            1 => {
                archive.drain(block..block + BLOCK);
            }
            2 => {
                let zeros = [0; BLOCK];
                archive.splice(block..block, zeros);
            }
            3 => {
                let copy: Vec<u8> = archive[header..header + BLOCK].to_vec();
                archive.splice(block..block, copy);
            }
            4 => {
                // Something in what is no header: an extended record, a name, contents.
                let at = block + random.below(BLOCK);
                archive[at] = byte(archive[at], random);
            }
            5 => record(archive, random),
            _ => {
                let (start, length) = *random.choose(&FIELDS).unwrap_or(&FIELDS[0]);
                field(
                    &mut archive[header + start..header + start + length],
                    random,
                );
            }
        }
    }
    if random.chance(0.9) {
        mend(archive);
    }
}

/// The fields of a member in the directory of a zip archive and before its bytes: where
/// in each, if there, and how long.
const TWINS: [(usize, Option<usize>, usize); 11] = [
    (4, None, 2),
    (6, Some(4), 2),
    (8, Some(6), 2),
    (10, Some(8), 2),
    (16, Some(14), 4),
    (20, Some(18), 4),
    (24, Some(22), 4),
    (28, Some(26), 2),
    (36, None, 2),
    (38, None, 4),
    (46, Some(30), 8),
];

/// Alters a zip archive in a place or two; what stands twice, often in both.
pub(crate) fn zip(archive: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(2) {
        let found = |magic: &[u8]| -> Vec<usize> {
            (0..archive.len().saturating_sub(54))
                .filter(|at| archive[*at..].starts_with(magic))
                .collect()
        };
        let members = found(b"PK\x01\x02");
        let Some(member) = random.choose(&members).copied() else {
            return;
        };
        let before = archive[member + 42..member + 46].try_into();
        let before = before.map_or(0, u32::from_le_bytes) as usize;
        match random.below(10) {
            0 => {
                // Anywhere from there on: the end of the directory, a comment.
                let at = member + random.below(archive.len() - member);
                archive[at] = byte(archive[at], random);
            }
            1 => {
                let at = random.below(archive.len());
                match random.below(4) {
                    0 => archive.truncate(at),
                    1 => drop(archive.remove(at)),
                    2 => archive.insert(at, byte(0, random)),
                    _ => archive.extend_from_slice(b"after its end"),
                }
            }
            _ => {
                let (at, twin, length) = *random.choose(&TWINS).unwrap_or(&TWINS[0]);
                let place = at + random.below(length);
                let value = byte(archive[member + place], random);
                archive[member + place] = value;
                let twin = twin.map(|twin| before + twin + place - at);
                if let Some(twin) = twin.filter(|twin| *twin < archive.len() && random.chance(0.85))
                {
                    archive[twin] = value;
                }
            }
        }
        if archive.is_empty() {
            return;
        }
    }
}

/// Another value for a byte.
fn byte(old: u8, random: &mut Random) -> u8 {
    const ODD: [u8; 20] = *b"\0\x01\x02\x08\x10\x14\x20\x7f\x80\xff/\\.0157 =\n";
    match random.below(3) {
        0 => old ^ 1 << random.below(8),
        1 => random.below(256) as u8,
        _ => *random.choose(&ODD).unwrap_or(&0),
    }
}

/// Another value for a field.
fn field(field: &mut [u8], random: &mut Random) {
    match random.below(5) {
        0 => field.fill(0),
        1 => {
            let value = random.below(2000);
            let text = format!("{value:0width$o}", width = field.len().saturating_sub(1));
            for (to, from) in field.iter_mut().zip(text.bytes()) {
                *to = from;
            }
        }
        2 if field.len() == 1 => {
            let kinds = b"0\x001234567xgLKSVMNDX/Zs";
            field[0] = *random.choose(kinds).unwrap_or(&0);
        }
        2 => {
            // Cut, with a slash or a blank at the end.
            let end = random.below(field.len());
            field[end..].fill(0);
            field[end] = *random.choose(b"/\0 .").unwrap_or(&0);
        }
        3 => {
            let values: [&[u8]; 10] = [
                b"../up",
                b"/top",
                b"./a",
                b"d//b",
                b"d/./b",
                b"d/",
                b"ustar\x0000",
                b"ustar  \0",
                b"\x80\0\0\0\0\0\0\x08",
                b"\xff\xff\xff\xff\xff\xff\xff\xfe",
            ];
            let value = random.choose(&values).copied().unwrap_or_default();
            for (to, from) in field.iter_mut().zip(value) {
                *to = *from;
            }
        }
        _ => {
            let at = random.below(field.len());
            field[at] = byte(field[at], random);
        }
    }
}

/// Puts an extended header before a member, or a record into one that is there.
fn record(archive: &mut Vec<u8>, random: &mut Random) {
    let records = [
        "path=p",
        "path=d/q/",
        "path=d/./r",
        "path=",
        "linkpath=a",
        "linkpath=d/b",
        "size=0",
        "size=1",
        "size=4",
        "size=600",
        "size=-1",
        "mtime=-5.5",
        "mtime=soon",
        "comment=x\n12 path=evil",
        "GNU.sparse.major=1",
        "GNU.sparse.minor=0",
        "GNU.sparse.name=s",
        "GNU.sparse.realsize=9",
        "GNU.sparse.map=0,4",
        "GNU.sparse.size=8",
        "hdrcharset=BINARY",
    ];
    let mut text = String::new();
    for _ in 0..1 + random.below(3) {
        let record = random.choose(&records).copied().unwrap_or_default();
        let rest = record.len() + 2;
        let length = (rest + 1..).find(|length| rest + length.to_string().len() == *length);
        text += &format!(
            "{} {record}\n",
            length.unwrap_or(rest) + random.below(20) / 19
        );
    }
    let mut header = vec![0; BLOCK];
    header[..7].copy_from_slice(b"records");
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", text.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = *random.choose(b"xxxxgX").unwrap_or(&b'x');
    header[257..265].copy_from_slice(b"ustar\x0000");
    if random.chance(0.2) {
        // A long name, as GNU tar has them.
        header[156] = *random.choose(b"LK").unwrap_or(&b'L');
        let names = ["long", "d/long/", "./long", "long\0er"];
        text = random
            .choose(&names)
            .copied()
            .unwrap_or_default()
            .to_owned();
        if random.chance(0.7) {
            text.push('\0');
        }
        header[124..136].copy_from_slice(format!("{:011o}\0", text.len()).as_bytes());
    }
    sum(&mut header);
    header.extend_from_slice(text.as_bytes());
    header.resize(header.len().next_multiple_of(BLOCK), 0);
    let headers: Vec<usize> = (0..archive.len() / BLOCK)
        .map(|block| block * BLOCK)
        .filter(|at| is_header(&archive[*at..*at + BLOCK]))
        .collect();
    let at = random.choose(&headers).copied().unwrap_or(0);
    archive.splice(at..at, header);
}

/// Whether a block has a check sum like a header's, right or not.
fn is_header(block: &[u8]) -> bool {
    let digits = block[148..154].iter();
    block[0] != 0
        && digits
            .clone()
            .all(|byte| matches!(byte, b'0'..=b'7' | b' '))
}

fn mend(archive: &mut [u8]) {
    for block in archive.chunks_exact_mut(BLOCK) {
        if is_header(block) {
            sum(block);
        }
    }
}

fn sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
