//! What decodes to no node, and why.

use super::*;

/// Encodes a leaf of one file, with these bytes for its size.
fn leaf(size: &[u8]) -> Vec<u8> {
    let mut encoded = vec![1, 0, 1, 1, b'a', 0];
    encoded.extend([7; 32]);
    encoded.extend(size);
    encoded.push(0);
    encoded
}

#[test]
fn each_malformed_node_is_refused_for_what_is_wrong_with_it() {
    let tagged = |tag: u8| {
        let mut encoded = leaf(&[5]);
        encoded[5] = tag;
        encoded
    };
    let after = |bytes: usize| {
        let mut encoded = leaf(&[5]);
        encoded.extend(vec![0; bytes]);
        encoded
    };
    let counted = |count: u8, bytes: usize| {
        let mut encoded = vec![1, 0, count];
        encoded.extend(vec![0; bytes]);
        encoded
    };
    let longest = [0xff; 9];
    let of_ten = |last: u8| [&longest[..], &[last]].concat();
    for (encoded, why) in [
        (Vec::new(), "truncated"),
        (vec![2, 0, 0], "node version 2, expected 1"),
        (vec![1, 1, 0], "an empty node above the leaves"),
        (vec![1, 255, 0], "an empty node above the leaves"),
        // An item takes three bytes.
        (counted(10, 29), "10 items in 29 bytes"),
        (counted(10, 27), "10 items in 27 bytes"),
        (after(1), "1 bytes after the last item"),
        (after(2), "2 bytes after the last item"),
        (tagged(3), "unknown entry tag 0x03"),
        (tagged(1 | 4), "unknown entry tag 0x05"),
        (tagged(2 | 8), "unknown entry tag 0x0a"),
        (tagged(32), "unknown entry tag 0x20"),
        (tagged(4 | 64), "unknown entry tag 0x44"),
        (leaf(&[0x80, 0]), "a number in more bytes than it needs"),
        (leaf(&of_ten(2)), "a number of more than 64 bits"),
        (leaf(&of_ten(0x81)), "a number of more than 64 bits"),
        (leaf(&[0xff; 11]), "a number of more than 64 bits"),
    ] {
        let error = Node::decode(&encoded).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.detail(), Some(why), "{encoded:?}");
    }
    // As many items as there is room for are looked at.
    let error = Node::decode(&counted(10, 30)).unwrap_err();
    assert_ne!(error.detail(), Some("10 items in 30 bytes"));
    assert!(Node::decode(&[1, 0, 0]).unwrap().items.is_empty());
    for (size, value) in [
        (of_ten(1), u64::MAX),
        (vec![0x7f], 127),
        (vec![0x80, 1], 128),
        ([&[0x80; 9][..], &[1]].concat(), 1 << 63),
    ] {
        let node = Node::decode(&leaf(&size)).unwrap();
        let (_, Item::Entry(Entry::File(file))) = &node.items[0] else {
            panic!("it is a file");
        };
        assert_eq!(file.size, value);
    }
}

/// Times before 1970 are as good as those after it.
#[test]
fn times_come_back_as_they_were() {
    let most = Timestamp::MAX_MILLIS;
    for millis in [
        0,
        1,
        -1,
        2,
        -2,
        1_700_000_000_123,
        -1_700_000_000_123,
        most,
        -most,
    ] {
        let time = Timestamp::from_millis(millis);
        let Entry::File(file) = file(1) else {
            panic!("it is a file");
        };
        let entry = Entry::File(File {
            modified: time,
            ..file
        });
        let mut items = Vec::new();
        encode_item(&mut items, &name("a"), &Item::Entry(entry.clone()));
        let node = Node::decode(&encode_node(0, 1, &items)).unwrap();
        assert_eq!(node.items, [(name("a"), Item::Entry(entry))], "{millis}");
    }
}
