//! The format: what is stored stays readable, and equal trees keep equal ids.

use std::cell::Cell;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::tree::chunk::may_end;

/// Entries of every kind with every field, as the numbers say.
fn fixed(number: u64) -> (Name, Entry) {
    let text = |what: &str, size: u64| format!("{what}-{number}-{}", "x".repeat(size as usize));
    let long = if number.is_multiple_of(97) {
        200
    } else {
        number % 23
    };
    let modified = Timestamp::from_millis(1_700_000_000_000 - (number * number) as i64);
    let entry = match number % 10 {
        0 => Entry::Symlink(Symlink {
            target: Text::new(&text("../target", number % 300)).unwrap(),
            modified,
        }),
        1 => Entry::Directory(Directory {
            tree: TreeId::of_node(&number.to_le_bytes()),
            summary: Summary {
                files: number,
                directories: number / 3,
                bytes: number << 20,
                longest: number % 4000,
            },
        }),
        kind => Entry::File(File {
            content: ContentId::of(&number.to_le_bytes()),
            size: number * number * number,
            executable: kind == 2,
            modified,
            media_type: (kind < 5).then(|| Text::new("text/markdown").unwrap()),
            provenance: (kind == 4).then(|| Text::new(&text("from", number % 900)).unwrap()),
        }),
    };
    (name(&text("entry", long)), entry)
}

fn written(nodes: &Map, entries: impl Iterator<Item = (Name, Entry)>) -> Directory {
    let edits = entries.map(|(name, entry)| (name, Some(entry))).collect();
    edit(nodes, &empty(), edits).unwrap()
}

/// A tree that is stored has this id for ever: a changed cut or encoding would
/// give the same files a second one.
#[test]
fn the_ids_of_fixed_trees_stay() {
    let nodes = Map::default();
    for (count, expected) in [
        (
            0,
            "33d0c94fb39437797907abd09bd5bd718edb2a3b34956bc8c1660beb3cf100c4",
        ),
        (
            1,
            "d6189da81cddaca2b428cb1c270cbb98b6dd86ce7012009a87df43e02043221f",
        ),
        (
            10,
            "af35da7c6c1513807a520cfb95605bb08533c3a94133309bc9e7c340d7e20706",
        ),
        (
            10_000,
            "47a573b73f6f399f95ea2ba7b8468c644ab0062885f42f785b8ce45c97a17333",
        ),
    ] {
        let found = written(&nodes, (0..count).map(fixed));
        assert_eq!(found.tree.to_string(), expected, "{count} entries");
    }
    let levels = nodes.load(&written(&nodes, (0..10_000).map(fixed)).tree);
    assert_eq!(levels.unwrap().level, 2, "references are cut too");
}

/// Symlinks that take 64 bytes each in a node, of which each ends its node where
/// that may end, or none does.
fn of_64_bytes(end: bool, numbers: std::ops::Range<usize>) -> Vec<(Name, Entry)> {
    let entry = Entry::Symlink(Symlink {
        target: Text::new(&"t".repeat(50)).unwrap(),
        modified: Timestamp::from_millis(0),
    });
    let names = numbers.map(|number| {
        let mut names = (0..100_000).map(|nth| name(&format!("{number:04}-{nth:05}")));
        names.find(|name| may_end(0, name, 64) == end).unwrap()
    });
    names.map(|name| (name, entry.clone())).collect()
}

/// Returns how many items each node of a tree of two levels has.
fn node_sizes(nodes: &Map, tree: &TreeId) -> Vec<usize> {
    let root = nodes.load(tree).unwrap();
    assert_eq!(root.level, 1);
    let below = root.items.iter().map(|(_, item)| match item {
        Item::Child(child) => nodes.load(&child.id).unwrap().items.len(),
        Item::Entry(_) => unreachable!("a leaf under level 1"),
    });
    below.collect()
}

/// A node ends at exactly 8,192 bytes of items, and may end at exactly 2,048.
#[test]
fn nodes_end_at_exactly_their_bounds() {
    let nodes = Map::default();
    let (least, most) = (MIN_NODE / 64, MAX_NODE / 64);
    let full = written(&nodes, of_64_bytes(false, 0..most + 10).into_iter());
    assert_eq!(node_sizes(&nodes, &full.tree), [most, 10]);
    let small = written(&nodes, of_64_bytes(true, 0..least + 10).into_iter());
    assert_eq!(node_sizes(&nodes, &small.tree), [least, 10]);
    let bounds = [full.tree, small.tree].map(|tree| tree.to_string());
    assert_eq!(
        bounds,
        [
            "3a8c8d1be5c2b41b9feb3f413974d1b4b501d7a84f2360a463877abeffeeaf5b",
            "f83b33de9e0606fa592b6b60bfe5f3fcdd0eb4ebd144cba2562a909d17d5dc14"
        ]
    );

    let whole = written(&nodes, of_64_bytes(false, 0..most).into_iter());
    let node = nodes.load(&whole.tree).unwrap();
    assert_eq!(
        (node.level, node.items.len()),
        (0, most),
        "one node of 8,192 bytes"
    );
    assert_eq!(
        whole.tree.to_string(),
        "eeea6bdd8512e0b3d24c752341a14f44f24957d71268303361c9628bd336cddf"
    );
}

/// A node as the parts that it is encoded from, right or wrong.
#[derive(Debug, Clone)]
struct Parts {
    level: u8,
    count: u64,
    items: Vec<Vec<u8>>,
}

impl Parts {
    fn of(entries: &[(Name, Entry)]) -> Self {
        let items = entries.iter().map(|(name, entry)| {
            let mut item = Vec::new();
            encode_item(&mut item, name, &Item::Entry(entry.clone()));
            item
        });
        Self {
            level: 0,
            count: entries.len() as u64,
            items: items.collect(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        encode_node(self.level, self.count as usize, &self.items.concat())
    }
}

/// What may be wrong with a node, or only other.
#[derive(Debug, Clone)]
enum Damage {
    None,
    /// The same item again, counted or not.
    Repeat(prop::sample::Index, bool),
    Swap(prop::sample::Index, prop::sample::Index),
    Drop(prop::sample::Index, bool),
    Count(u64),
    Level(u8),
    /// The bits of one byte.
    Flip(prop::sample::Index, u8),
    /// A byte more, or fewer, at the end.
    Longer,
    Shorter,
    /// A number with a byte more than it needs: the count, or a length.
    Overlong(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        1 => Just(Damage::None),
        2 => (at(), any::<bool>()).prop_map(|(at, counted)| Damage::Repeat(at, counted)),
        2 => (at(), at()).prop_map(|(one, other)| Damage::Swap(one, other)),
        2 => (at(), any::<bool>()).prop_map(|(at, counted)| Damage::Drop(at, counted)),
        1 => (0_u64..30).prop_map(Damage::Count),
        1 => (0_u8..3).prop_map(Damage::Level),
        4 => (at(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        1 => Just(Damage::Longer),
        1 => Just(Damage::Shorter),
        3 => at().prop_map(Damage::Overlong),
    ]
}

fn damaged(entries: &[(Name, Entry)], damage: &Damage) -> Vec<u8> {
    let mut parts = Parts::of(entries);
    let some = !parts.items.is_empty();
    match damage {
        Damage::Repeat(at, counted) if some => {
            let at = at.index(parts.items.len());
            parts.items.insert(at, parts.items[at].clone());
            parts.count += u64::from(*counted);
        }
        Damage::Swap(one, other) if some => {
            let places = [one, other].map(|at| at.index(parts.items.len()));
            parts.items.swap(places[0], places[1]);
        }
        Damage::Drop(at, counted) if some => {
            parts.items.remove(at.index(parts.items.len()));
            parts.count -= u64::from(*counted);
        }
        Damage::Count(count) => parts.count = *count,
        Damage::Level(level) => parts.level = *level,
        _ => {}
    }
    let mut bytes = parts.encode();
    match damage {
        Damage::Flip(at, bits) => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Damage::Longer => bytes.push(0),
        Damage::Shorter => drop(bytes.pop()),
        Damage::Overlong(at) => {
            // Behind version and level is the count, and then an item's name.
            let at = 2 + at.index(2).min(bytes.len() - 3);
            bytes[at] |= 0x80;
            bytes.insert(at + 1, 0);
        }
        _ => {}
    }
    bytes
}

/// A node has one encoding, and only that decodes: whatever was done to a node,
/// what decodes encodes to the same bytes.
#[test]
fn what_decodes_encodes_to_the_same() {
    let (decoded, refused) = (Cell::new(0), Cell::new(0));
    let nodes = (
        proptest::collection::btree_set(0_u64..1000, 0..12),
        damage(),
    );
    let mut runner = TestRunner::new_with_rng(
        Config::with_cases(4000),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let outcome = runner.run(&nodes, |(numbers, damage)| {
        let mut entries: Vec<_> = numbers.into_iter().map(fixed).collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let bytes = damaged(&entries, &damage);
        match Node::decode(&bytes) {
            Ok(node) => {
                decoded.set(decoded.get() + 1);
                let mut items = Vec::new();
                let each = node.items.iter();
                each.for_each(|(name, item)| encode_item(&mut items, name, item));
                prop_assert_eq!(encode_node(node.level, node.items.len(), &items), bytes);
            }
            Err(error) => {
                refused.set(refused.get() + 1);
                prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    let (decoded, refused) = (decoded.get(), refused.get());
    assert!(decoded > 800 && refused > 800, "{decoded} and {refused}");
}

fn refusal(bytes: &[u8]) -> String {
    Node::decode(bytes)
        .unwrap_err()
        .detail()
        .unwrap()
        .to_string()
}

#[test]
fn a_name_is_in_a_node_once() {
    let entries = [fixed(3), fixed(4)];
    let mut parts = Parts::of(&entries);
    assert!(Node::decode(&parts.encode()).is_ok());
    parts.items[1] = parts.items[0].clone();
    assert!(refusal(&parts.encode()).ends_with("out of order"));
    parts = Parts::of(&entries);
    parts.items.swap(0, 1);
    assert!(refusal(&parts.encode()).ends_with("out of order"));
}

#[test]
fn a_number_takes_the_fewest_bytes() {
    let name = name("a");
    let entry = Entry::Symlink(Symlink {
        target: Text::new("t").unwrap(),
        modified: Timestamp::from_millis(0),
    });
    let bytes = Parts::of(&[(name, entry)]).encode();
    // version, level, count, length, name, tag, time, length, target
    assert_eq!(bytes, [1, 0, 1, 1, b'a', 2, 0, 1, b't']);
    assert!(Node::decode(&bytes).is_ok());
    for number in [2, 3, 6, 7] {
        for more in 1..9 {
            let mut longer = bytes.clone();
            longer[number] |= 0x80;
            let zeros = std::iter::repeat_n(0x80, more - 1).chain([0]);
            longer.splice(number + 1..number + 1, zeros);
            let why = refusal(&longer);
            assert_eq!(why, "a number in more bytes than it needs", "at {number}");
        }
    }
}

/// What a node in memory weighs is what it asks of the allocator, to the byte.
#[test]
fn a_node_weighs_what_it_takes() {
    /// Beside the bytes of an allocation; a text that is shared has two counters as well.
    const ALLOCATION: usize = 16;
    const SHARED: usize = 2 * size_of::<usize>() + ALLOCATION;
    let weight = |items: Vec<(Name, Item)>| Node { level: 0, items }.weight();
    let bare = size_of::<Node>() + ALLOCATION;
    assert_eq!(weight(Vec::new()), bare);
    let place = size_of::<(Name, Item)>();
    assert_eq!(weight(Vec::with_capacity(7)), bare + 7 * place);
    let text = |size: usize| "t".repeat(size);
    let file = |media_type: usize, provenance: usize| {
        let Entry::File(file) = file(1) else {
            panic!("a file")
        };
        Entry::File(File {
            media_type: (media_type > 0).then(|| Text::new(&text(media_type)).unwrap()),
            provenance: (provenance > 0).then(|| Text::new(&text(provenance)).unwrap()),
            ..file
        })
    };
    let symlink = |size: usize| {
        Entry::Symlink(Symlink {
            target: Text::new(&text(size)).unwrap(),
            modified: Timestamp::default(),
        })
    };
    for (entry, texts) in [
        (file(0, 0), 0),
        (file(9, 0), SHARED + 9),
        (file(0, 21), SHARED + 21),
        (file(9, 21), 2 * SHARED + 30),
        (symlink(33), SHARED + 33),
        (Entry::Directory(empty()), 0),
    ] {
        let one = weight(vec![(name("abc"), Item::Entry(entry.clone()))]);
        assert_eq!(one, bare + place + SHARED + 3 + texts, "{entry:?}");
        let items = ["abc", "defgh"].map(|at| (name(at), Item::Entry(entry.clone())));
        let two = weight(Vec::from(items));
        assert_eq!(two, bare + 2 * (place + SHARED + texts) + 8, "{entry:?}");
    }
}
