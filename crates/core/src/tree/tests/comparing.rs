//! Pages of a comparison, at names that order oddly.

use super::*;

/// A name may begin with what is no name: `.` before `.-`, `..` before `..data`.
#[test]
fn a_page_begins_after_any_name() {
    let nodes = Map::default();
    let names = [
        "/.-a", "/...", "/..data", "/.a", "/a", "/a-b", "/a-b!", "/b", "/b/c",
    ];
    let files = names.iter().zip(1..).map(|(name, seed)| (path(name), seed));
    let mut files: BTreeMap<_, _> = files.collect();
    files.remove(&path("/b"));
    files.insert(path("/a-b/..x"), 20);
    files.remove(&path("/a-b"));
    let new = build(&nodes, &files);
    let all = differences(&nodes, &TreeId::empty(), &new, None);
    assert_eq!(all.len(), 10);
    for (at, (path, ..)) in all.iter().enumerate() {
        let rest = differences(&nodes, &TreeId::empty(), &new, Some(path));
        assert_eq!(rest, all[at + 1..], "after {path}");
        // Nor is there anything where no entry is.
        for more in ["..", "-", "!/x"] {
            let beyond = TreePath::new(&format!("{path}{more}")).unwrap();
            let rest = differences(&nodes, &TreeId::empty(), &new, Some(&beyond));
            let expected = all.iter().filter(|(path, ..)| *path > beyond);
            assert_eq!(
                rest,
                expected.cloned().collect::<Vec<_>>(),
                "after {beyond}"
            );
        }
    }
}

/// A page below a directory, after a path that is not below it, has all of it or
/// nothing.
#[test]
fn a_page_below_a_directory_after_another() {
    let nodes = Map::default();
    let files = [("/m/a", 1), ("/m/b/c", 2)].map(|(at, seed)| (path(at), seed));
    let new = build(&nodes, &files.into_iter().collect());
    let Some(Entry::Directory(below)) = resolve(&nodes, &new, &path("/m")).unwrap() else {
        panic!("/m is no directory");
    };
    for (after, expected) in [
        ("/", 3),
        ("/a", 3),
        ("/m", 3),
        ("/m-a/z", 3),
        ("/m/a", 2),
        ("/m/b", 1),
        ("/m/b/c", 0),
        ("/m/z", 0),
        ("/m0", 0),
        ("/n", 0),
        ("/n/a", 0),
    ] {
        let (start, after) = (path("/m"), path(after));
        let empty = TreeId::empty();
        let mut page = Differences::new(&nodes, &start, &empty, &below.tree, Some(&after)).unwrap();
        let mut found = 0;
        while page.next(&nodes).unwrap().is_some() {
            found += 1;
        }
        assert_eq!(found, expected, "after {after}");
    }
}

/// Nothing differs where only a time does.
#[test]
fn a_time_alone_is_no_difference() {
    let nodes = Map::default();
    let at = |millis| {
        let Entry::File(file) = file(8) else {
            unreachable!()
        };
        Entry::File(File {
            modified: Timestamp::from_millis(millis),
            ..file
        })
    };
    let [old, new] = [1, 2].map(|millis| {
        let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
        editor.put(&path("/a/b"), at(millis), true).unwrap();
        editor.finish().unwrap().tree
    });
    assert_ne!(old, new);
    assert_eq!(differences(&nodes, &old, &new, None), []);
}

/// However many files differ in their time alone, the comparison goes past them at
/// the cost of the nodes that they are in.
#[test]
fn times_alone_do_not_use_up_a_comparison() {
    let nodes = Map::default();
    let at = |time: i64| {
        let entries = numbered(5_000).into_iter().map(|(name, entry)| {
            let entry = entry.map(|entry| match entry {
                Entry::File(file) => Entry::File(crate::entry::File {
                    modified: crate::Timestamp::from_millis(time),
                    ..file
                }),
                other => other,
            });
            (name, entry)
        });
        edit(&nodes, &empty(), entries.collect()).unwrap().tree
    };
    let (old, new) = (at(1_000_000), at(2_000_000));
    assert_ne!(old, new);
    let budget = crate::tree::compare::Budget::new(500);
    let mut differences = Differences::between(&nodes, &old, &new, budget).unwrap();
    assert!(differences.next(&nodes).unwrap().is_none());
}
