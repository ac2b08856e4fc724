//! Properties of trees, over nodes in a map.

mod comparing;
mod editing;
mod format;
mod merging;
mod refused;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use proptest::prelude::*;

use crate::entry::{Directory, Entry, EntryKind, File, Summary, Symlink, Text, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ContentId, TreeId};
use crate::path::{Name, TreePath};
use crate::tree::chunk::{MAX_NODE, MIN_NODE};
use crate::tree::codec::{Item, Node, encode_item, encode_node};
use crate::tree::{
    Differences, Editor, Found, Merged, Nodes, Walker, edit, list, lookup, merge, resolve,
};

#[derive(Default)]
struct Map {
    nodes: RefCell<HashMap<TreeId, Vec<u8>>>,
    loads: Cell<usize>,
    saved: Cell<usize>,
}

impl Nodes for Map {
    fn load(&self, id: &TreeId) -> Result<Rc<Node>> {
        if *id == TreeId::empty() {
            return Ok(Rc::new(Node {
                level: 0,
                items: Vec::new(),
            }));
        }
        self.loads.set(self.loads.get() + 1);
        let nodes = self.nodes.borrow();
        let encoded = nodes
            .get(id)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "load").at(id))?;
        Node::decode(encoded).map(Rc::new)
    }

    fn save(&self, id: &TreeId, encoded: &[u8], node: Node) -> Result<()> {
        assert_eq!(Node::decode(encoded).unwrap(), node);
        self.saved.set(self.saved.get() + encoded.len());
        self.nodes.borrow_mut().insert(*id, encoded.to_vec());
        Ok(())
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

fn file(seed: u64) -> Entry {
    Entry::File(File {
        content: ContentId::of(&seed.to_le_bytes()),
        size: seed,
        executable: seed.is_multiple_of(7),
        modified: Timestamp::from_millis(seed as i64 * 1000),
        media_type: seed
            .is_multiple_of(5)
            .then(|| Text::new("text/plain").unwrap()),
        provenance: None,
    })
}

fn empty() -> Directory {
    Directory {
        tree: TreeId::empty(),
        summary: Summary::default(),
    }
}

fn numbered(count: u64) -> BTreeMap<Name, Option<Entry>> {
    (0..count)
        .map(|n| (name(&format!("file-{n:06}.txt")), Some(file(n))))
        .collect()
}

/// What one directory is expected to hold.
type Expected = BTreeMap<Name, Entry>;

fn check_against(nodes: &Map, directory: &Directory, expected: &Expected) {
    let listed: Expected = list(nodes, &directory.tree, None, usize::MAX)
        .unwrap()
        .into_iter()
        .collect();
    assert!(
        &listed == expected,
        "listed {:?}, expected {:?}",
        listed.keys(),
        expected.keys()
    );
    let mut summary = Summary::default();
    expected
        .iter()
        .for_each(|(name, entry)| summary.add(Summary::of(name.as_str(), entry)));
    assert_eq!(directory.summary, summary);
    let all = expected
        .clone()
        .into_iter()
        .map(|(name, entry)| (name, Some(entry)))
        .collect();
    assert_eq!(
        edit(nodes, &empty(), all).unwrap(),
        *directory,
        "built in one go"
    );
}

/// Edits of one directory: a small number space, so that puts, replacements and
/// removals meet, and runs of neighbours, so that whole nodes come and go.
fn edits() -> impl Strategy<Value = Vec<Vec<(u64, Option<u64>)>>> {
    let run = (0_u64..400, 1_u64..120, proptest::option::of(0_u64..50)).prop_map(
        |(start, length, value)| {
            (start..start + length)
                .map(|n| (n, value.map(|value| value + n)))
                .collect()
        },
    );
    proptest::collection::vec(run, 1..12)
}

proptest! {
    /// The same set of entries has the same id, in whatever order it was
    /// written, and after any detour.
    #[test]
    fn the_same_entries_have_the_same_tree(batches in edits()) {
        let nodes = Map::default();
        let mut expected = Expected::new();
        let mut directory = empty();
        for batch in batches {
            let mut edits = BTreeMap::new();
            for (number, value) in batch {
                let name = name(&format!("{:04}{}", number * 7 % 500, "x".repeat(number as usize % 90)));
                match value {
                    Some(value) => expected.insert(name.clone(), file(value)),
                    None => expected.remove(&name),
                };
                edits.insert(name, value.map(file));
            }
            directory = edit(&nodes, &directory, edits).unwrap();
            check_against(&nodes, &directory, &expected);
        }
        for (name, entry) in &expected {
            let found = lookup(&nodes, &directory.tree, name.as_str()).unwrap();
            prop_assert_eq!(found.as_ref(), Some(entry));
        }
        let gone = expected.into_keys().map(|name| (name, None)).collect();
        prop_assert_eq!(edit(&nodes, &directory, gone).unwrap(), empty());
    }

    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Node::decode(&bytes);
    }

    /// Comparing two trees finds what comparing two maps finds.
    #[test]
    fn comparing_finds_every_difference(old in tree(), new in tree(), start in place()) {
        let nodes = Map::default();
        let (left, right) = (build(&nodes, &old), build(&nodes, &new));
        let all = differences(&nodes, &left, &right, None);
        prop_assert!(all.is_sorted_by(|(a, ..), (b, ..)| a < b), "{:?}", all);
        for (at, (path, ..)) in all.iter().enumerate() {
            prop_assert_eq!(&differences(&nodes, &left, &right, Some(path)), &all[at + 1..]);
        }
        for path in [&start, &TreePath::root()] {
            let rest = all.iter().filter(|(found, ..)| found > path).cloned();
            let rest: Vec<_> = rest.collect();
            prop_assert_eq!(differences(&nodes, &left, &right, Some(path)), rest);
        }
        let kind = |entry: Option<Entry>| entry.as_ref().map(describe);
        let found = all.into_iter().map(|(path, old, new)| (path, (kind(old), kind(new))));
        let found: BTreeMap<_, _> = found.collect();
        let (old, new) = (with_parents(&old), with_parents(&new));
        let mut expected = BTreeMap::new();
        for path in old.keys().chain(new.keys()) {
            let pair = (old.get(path).cloned(), new.get(path).cloned());
            if pair.0 != pair.1 {
                expected.insert(path.clone(), pair);
            }
        }
        prop_assert_eq!(found, expected);
    }
}

/// A path of a small tree; some of the names come before `/` where they go on.
fn place() -> impl Strategy<Value = TreePath> {
    let segment = prop::sample::select(vec!["a", "a-b", "a-b!", "b", "a.txt", ".-", "..a", "..."]);
    proptest::collection::vec(segment, 1..4)
        .prop_map(|names| path(&format!("/{}", names.join("/"))))
}

/// A small tree: paths to files, with names that collide across kinds.
fn tree() -> impl Strategy<Value = BTreeMap<TreePath, u64>> {
    proptest::collection::btree_map(place(), 1_u64..4, 0..10).prop_map(|mut files| {
        let paths: Vec<TreePath> = files.keys().cloned().collect();
        // A file cannot be above another: the deeper one stays.
        for path in &paths {
            if paths
                .iter()
                .any(|other| other != path && other.starts_with(path))
            {
                files.remove(path);
            }
        }
        files
    })
}

fn build(nodes: &Map, files: &BTreeMap<TreePath, u64>) -> TreeId {
    let mut editor = Editor::new(nodes, &TreeId::empty()).unwrap();
    for (path, seed) in files {
        editor.put(path, file(*seed), true).unwrap();
    }
    editor.finish().unwrap().tree
}

fn describe(entry: &Entry) -> String {
    match entry {
        Entry::File(file) => file.content.to_string(),
        other => other.kind().to_string(),
    }
}

fn with_parents(files: &BTreeMap<TreePath, u64>) -> BTreeMap<TreePath, String> {
    let mut all = BTreeMap::new();
    for (path, seed) in files {
        all.insert(path.clone(), describe(&file(*seed)));
        let mut above = path.parent();
        while let Some(directory) = above.filter(|path| !path.is_root()) {
            above = directory.parent();
            all.insert(directory, "directory".into());
        }
    }
    all
}

fn contents(nodes: &Map, tree: &TreeId) -> BTreeMap<TreePath, String> {
    let mut walker = Walker::new(nodes, TreePath::root(), tree).unwrap();
    let mut all = BTreeMap::new();
    while let Some((path, entry)) = walker.next(nodes).unwrap() {
        if let Entry::Directory(directory) = &entry {
            walker.enter(nodes, path.clone(), &directory.tree).unwrap();
        }
        all.insert(path, describe(&entry));
    }
    all
}

/// What is put before a root that is a whole node may end in a cut of its own:
/// then the root stays as it is, beside a new node, and must not be lost.
#[test]
fn a_root_that_stays_beside_new_nodes_is_kept() {
    let nodes = Map::default();
    let all: Vec<Name> = numbered(400).into_keys().collect();
    let part = |range: std::ops::Range<usize>| -> BTreeMap<Name, Option<Entry>> {
        range
            .map(|n| (all[n].clone(), Some(file(n as u64))))
            .collect()
    };
    for start in 1..380 {
        let later = edit(&nodes, &empty(), part(start..start + 20)).unwrap();
        let whole = edit(&nodes, &later, part(0..start)).unwrap();
        assert_eq!(
            whole,
            edit(&nodes, &empty(), part(0..start + 20)).unwrap(),
            "at {start}"
        );
    }
}

#[test]
fn one_change_in_a_large_directory_rewrites_little() {
    let nodes = Map::default();
    let mut directory = edit(&nodes, &empty(), numbered(100_000)).unwrap();
    for n in (0..100_000_u64).step_by(997) {
        nodes.saved.set(0);
        nodes.loads.set(0);
        let edits = BTreeMap::from([
            (name(&format!("file-{n:06}.txt")), Some(file(n + 1))),
            (name(&format!("file-{n:06}-new.txt")), Some(file(n + 2))),
        ]);
        directory = edit(&nodes, &directory, edits).unwrap();
        assert!(
            nodes.saved.get() <= 32 << 10,
            "{} bytes for {n}",
            nodes.saved.get()
        );
        assert!(
            nodes.loads.get() <= 20,
            "{} loads for {n}",
            nodes.loads.get()
        );
    }
}

#[test]
fn nodes_keep_to_their_sizes() {
    let nodes = Map::default();
    let directory = edit(&nodes, &empty(), numbered(20_000)).unwrap();
    assert_eq!(nodes.load(&directory.tree).unwrap().level, 2);
    let listed = list(&nodes, &directory.tree, None, usize::MAX).unwrap();
    assert_eq!(listed.len(), 20_000, "from one end to the other");
    let sizes: Vec<usize> = nodes.nodes.borrow().values().map(Vec::len).collect();
    let small = sizes.iter().filter(|size| **size < MIN_NODE).count();
    assert!(
        small <= 3,
        "{small} nodes, other than the last of a level, are small"
    );
    assert!(sizes.iter().all(|size| *size < MAX_NODE + 512));
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((3000..5500).contains(&mean), "mean {mean}");
}

fn differences(
    nodes: &Map,
    old: &TreeId,
    new: &TreeId,
    after: Option<&TreePath>,
) -> Vec<(TreePath, Option<Entry>, Option<Entry>)> {
    let mut found = Vec::new();
    let mut differences = Differences::new(nodes, &TreePath::root(), old, new, after).unwrap();
    while let Some(next) = differences.next(nodes).unwrap() {
        found.push(next);
    }
    found
}

#[test]
fn comparing_large_directories_reads_what_differs() {
    let nodes = Map::default();
    let old = edit(&nodes, &empty(), numbered(50_000)).unwrap();
    let edits = (0..10)
        .map(|n| {
            (
                name(&format!("file-{:06}.txt", n * 4999)),
                (n % 3 > 0).then(|| file(n + 1)),
            )
        })
        .collect();
    let new = edit(&nodes, &old, edits).unwrap();
    nodes.loads.set(0);
    let found = differences(&nodes, &old.tree, &new.tree, None).len();
    assert_eq!(found, 10);
    assert!(nodes.loads.get() < 100, "{} loads", nodes.loads.get());

    // From empty all differs, and the last few are found without the rest.
    nodes.loads.set(0);
    for (after, left) in [("/file-049989.txt", 10), ("/file-0", 50_000), ("/g", 0)] {
        let after = path(after);
        let mut rest = Differences::new(
            &nodes,
            &TreePath::root(),
            &TreeId::empty(),
            &old.tree,
            Some(&after),
        )
        .unwrap();
        let first = rest.next(&nodes).unwrap();
        assert_eq!(first.is_some(), left > 0);
        if left < 100 {
            let mut found = usize::from(first.is_some());
            while rest.next(&nodes).unwrap().is_some() {
                found += 1;
            }
            assert_eq!(found, left);
        }
    }
    assert!(nodes.loads.get() < 30, "{} loads", nodes.loads.get());
}

#[test]
fn an_editor_sees_its_own_edits() {
    let nodes = Map::default();
    let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
    assert_eq!(
        editor
            .put(&path("/a/b"), file(1), false)
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
    editor.put(&path("/a/b/c"), file(1), true).unwrap();
    assert_eq!(editor.find(&path("/a/b")).unwrap(), Some(Found::Edited));
    assert_eq!(editor.find(&path("/a/b/c/d")).unwrap(), None);
    let error = editor.put(&path("/a/b/c/d"), file(1), true).unwrap_err();
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::NotADirectory, Some("/a/b/c"))
    );
    let taken = editor.take_entry(&path("/a")).unwrap().unwrap();
    assert_eq!(taken.as_directory().unwrap().summary.files, 1);
    editor.put(&path("/copy"), taken, false).unwrap();
    editor.remove(&path("/a/b/c")).unwrap();
    let tree = editor.finish().unwrap().tree;
    assert!(
        resolve(&nodes, &tree, &path("/copy/b/c"))
            .unwrap()
            .is_some()
    );
    assert!(resolve(&nodes, &tree, &path("/a/b")).unwrap().is_some());
    assert_eq!(resolve(&nodes, &tree, &path("/a/b/c")).unwrap(), None);
    assert_eq!(resolve(&nodes, &tree, &path("/a/b/c/d")).unwrap(), None);
}

#[test]
fn an_editor_counts_entries_as_they_will_be() {
    let nodes = Map::default();
    let root = build(
        &nodes,
        &BTreeMap::from([(path("/a/b/c"), 1), (path("/d"), 2)]),
    );
    let saved = nodes.nodes.borrow().len();
    let mut editor = Editor::new(&nodes, &root).unwrap();
    let count = |editor: &Editor<'_>| editor.entries().unwrap();
    assert_eq!(count(&editor), 4);
    editor.put(&path("/a/b/e"), file(1), false).unwrap();
    editor.put(&path("/a/b/c"), file(2), false).unwrap();
    assert_eq!(count(&editor), 5);
    editor.put(&path("/x/y/z"), file(1), true).unwrap();
    assert_eq!(count(&editor), 8);
    editor.put_directory(&path("/d"), false).unwrap();
    editor.put_directory(&path("/d/e"), false).unwrap();
    assert_eq!(count(&editor), 9);
    editor.remove(&path("/x/y")).unwrap();
    assert_eq!(count(&editor), 7);
    assert_eq!(nodes.nodes.borrow().len(), saved, "nothing is written");
    let taken = editor.take_entry(&path("/a")).unwrap().unwrap();
    editor.put(&path("/x/copy"), taken, false).unwrap();
    assert_eq!(count(&editor), 11);
    editor.remove(&path("/a")).unwrap();
    assert_eq!(count(&editor), 7);
    assert_eq!(editor.finish().unwrap().summary.entries(), 7);
    let mut emptied = Editor::new(&nodes, &root).unwrap();
    emptied.remove(&path("/")).unwrap();
    emptied.put(&path("/only"), file(1), false).unwrap();
    assert_eq!(count(&emptied), 1);
}

#[test]
fn an_editor_finds_what_is_in_the_way() {
    let nodes = Map::default();
    let root = build(&nodes, &BTreeMap::from([(path("/a/b/c"), 1)]));
    let mut editor = Editor::new(&nodes, &root).unwrap();
    let (a_file, a_directory) = (EntryKind::File, EntryKind::Directory);
    let looked = |editor: &Editor<'_>| {
        let of = ["/", "/a/b", "/a/b/c", "/a/b/c/d/e", "/a/x", "/a/x/y"];
        of.map(|at| editor.way(&path(at)).unwrap())
    };
    let found = [
        Some((0, a_directory)),
        Some((2, a_directory)),
        Some((3, a_file)),
        Some((3, a_file)),
        None,
        None,
    ];
    assert_eq!(looked(&editor), found);
    editor.put(&path("/a/x"), file(2), false).unwrap();
    editor.remove(&path("/a/b/c")).unwrap();
    let found = [
        Some((0, a_directory)),
        Some((2, a_directory)),
        None,
        None,
        Some((2, a_file)),
        Some((2, a_file)),
    ];
    assert_eq!(looked(&editor), found);
}

/// Directories that are opened again and again, each time after they were written, are
/// counted each time.
#[test]
fn an_editor_opens_so_many_directories_however_often_they_are_written() {
    let nodes = Map::default();
    let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
    editor.limit(10);
    let deep = path("/a/b/c/d");
    let refused = (0..9).find_map(|n| {
        let put = editor.put(&deep, file(n), true);
        editor.take_entry(&path("/a")).unwrap();
        put.err().map(|error| (n, error.kind()))
    });
    assert_eq!(refused, Some((3, ErrorKind::LimitExceeded)));
    // Who may go no higher than `/a/b` has as many below that as anybody.
    let root = build(&nodes, &BTreeMap::from([(path("/a/b/c/d"), 1)]));
    let mut editor = Editor::new(&nodes, &root).unwrap();
    editor.limit(4);
    let mut editor = editor.below(&path("/a/b"));
    let put = |editor: &mut Editor<'_>, at: &str| editor.put(&path(at), file(2), true);
    put(&mut editor, "/a/b/1/2/3/f").unwrap();
    let error = put(&mut editor, "/a/b/1/2/3/4/f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn altered_levels_end_in_an_error() {
    let nodes = Map::default();
    let large = edit(&nodes, &empty(), numbered(500)).unwrap();
    let root = nodes.load(&large.tree).unwrap();
    let mut items = Vec::new();
    root.items
        .iter()
        .for_each(|(name, item)| encode_item(&mut items, name, item));
    let raised = encode_node(root.level + 1, root.items.len(), &items);
    nodes.nodes.borrow_mut().insert(large.tree, raised);
    for result in [
        lookup(&nodes, &large.tree, "file-000001.txt").map(|_| ()),
        list(&nodes, &large.tree, None, 10).map(|_| ()),
        edit(&nodes, &large, numbered(1)).map(|_| ()),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
