//! The editor of a whole tree, against a map of paths.

use super::*;

/// One edit of a tree.
#[derive(Debug, Clone)]
enum Edit {
    Put(TreePath, u64),
    Directory(TreePath),
    Remove(TreePath),
    /// Puts what is at one path at another too.
    Copy(TreePath, TreePath),
    Settle,
}

fn edit_of_a_tree() -> impl Strategy<Value = Edit> {
    prop_oneof![
        6 => (place(), 1_u64..4).prop_map(|(path, seed)| Edit::Put(path, seed)),
        2 => place().prop_map(Edit::Directory),
        3 => place().prop_map(Edit::Remove),
        2 => (place(), place()).prop_map(|(from, to)| Edit::Copy(from, to)),
        1 => Just(Edit::Settle),
    ]
}

/// Does to a map what the editor does to a tree; returns whether it can be done.
fn edit_map(map: &mut BTreeMap<TreePath, String>, edit: &Edit) -> bool {
    let clear = |map: &mut BTreeMap<TreePath, String>, path: &TreePath| {
        map.retain(|other, _| !other.starts_with(path));
    };
    let put = |map: &mut BTreeMap<TreePath, String>, path: &TreePath, what: String| {
        let mut above: Vec<_> = std::iter::successors(path.parent(), TreePath::parent).collect();
        above.retain(|path| !path.is_root());
        if above
            .iter()
            .any(|path| map.get(path).is_some_and(|what| what != "directory"))
        {
            return false;
        }
        clear(map, path);
        map.extend(
            above
                .into_iter()
                .map(|path| (path, "directory".to_string())),
        );
        map.insert(path.clone(), what);
        true
    };
    match edit {
        Edit::Put(path, seed) => put(map, path, describe(&file(*seed))),
        Edit::Directory(path) => put(map, path, "directory".into()),
        Edit::Remove(path) => {
            let parent = path.parent().unwrap();
            let there =
                parent.is_root() || map.get(&parent).is_some_and(|what| what == "directory");
            if there {
                clear(map, path);
            }
            there
        }
        Edit::Copy(from, to) => {
            let moved: Vec<_> = map
                .iter()
                .filter_map(|(path, what)| Some((path.strip_prefix(from)?, what.clone())))
                .collect();
            let Some(what) = map.get(from).cloned() else {
                return false;
            };
            if to.starts_with(from) || !put(map, to, what) {
                return false;
            }
            for (path, what) in moved {
                map.insert(path.below(to).unwrap(), what);
            }
            true
        }
        Edit::Settle => true,
    }
}

fn edit_tree(editor: &mut Editor<'_>, edit: &Edit) -> Result<bool> {
    match edit {
        Edit::Put(path, seed) => editor.put(path, file(*seed), true)?,
        Edit::Directory(path) => editor.put_directory(path, true)?,
        Edit::Remove(path) => editor.remove(path)?,
        Edit::Copy(from, to) => {
            if to.starts_with(from) {
                return Ok(false);
            }
            let Some(entry) = editor.take_entry(from)? else {
                return Ok(false);
            };
            editor.put(to, entry, true)?;
        }
        Edit::Settle => editor.settle()?,
    }
    Ok(true)
}

proptest! {
    /// A tree that was edited holds what a map holds that was edited the same way,
    /// and is the tree that these entries make from nothing.
    #[test]
    fn editing_does_what_it_does_to_a_map(
        start in tree(),
        edits in proptest::collection::vec(edit_of_a_tree(), 0..40),
        limit in 8_usize..40,
    ) {
        let nodes = Map::default();
        let mut expected = with_parents(&start);
        let mut editor = Editor::new(&nodes, &build(&nodes, &start)).unwrap();
        editor.limit(limit);
        for edit in &edits {
            editor.settle().unwrap();
            let mut after = expected.clone();
            let done = match edit_tree(&mut editor, edit) {
                Ok(done) => done,
                Err(error) => {
                    let kinds = [ErrorKind::NotFound, ErrorKind::NotADirectory];
                    prop_assert!(kinds.contains(&error.kind()), "{}", error);
                    false
                }
            };
            prop_assert_eq!(done, edit_map(&mut after, edit), "{:?}", edit);
            // A batch ends with its first error; here parents made before it stay out.
            if !done {
                editor = Editor::new(&nodes, &from_map(&nodes, &expected)).unwrap();
                editor.limit(limit);
                continue;
            }
            expected = after;
            for path in expected.keys() {
                prop_assert!(editor.find(path).unwrap().is_some(), "{}", path);
            }
        }
        let tree = editor.finish().unwrap().tree;
        prop_assert_eq!(contents(&nodes, &tree), expected.clone());
        prop_assert_eq!(tree, from_map(&nodes, &expected));
    }
}

/// Builds a tree of what [`describe`] says, file by file.
fn from_map(nodes: &Map, map: &BTreeMap<TreePath, String>) -> TreeId {
    let known: BTreeMap<_, _> = (1..4).map(|seed| (describe(&file(seed)), seed)).collect();
    let mut editor = Editor::new(nodes, &TreeId::empty()).unwrap();
    for (path, what) in map {
        match known.get(what) {
            Some(seed) => editor.put(path, file(*seed), false).unwrap(),
            None => editor.put_directory(path, false).unwrap(),
        }
    }
    editor.finish().unwrap().tree
}

/// What was opened is bounded, also where it is closed again, and an edit of many files in
/// one directory opens one.
#[test]
fn a_batch_opens_so_many_directories() {
    let nodes = Map::default();
    let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
    editor.limit(5);
    for n in 0..100 {
        editor
            .put(&path(&format!("/a/b/c/{n}")), file(n), true)
            .unwrap();
    }
    editor.put_directory(&path("/a/b/c/d"), true).unwrap();
    let error = editor.put(&path("/a/x/1"), file(1), true).unwrap_err();
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::LimitExceeded, Some("/a/x/1"))
    );
    assert!(
        error.to_string().contains("more than 5 directories"),
        "{error}"
    );
    editor.remove(&path("/a/b/c")).unwrap();
    let again = editor.put(&path("/a/x/1"), file(1), true);
    assert_eq!(again.unwrap_err().kind(), ErrorKind::LimitExceeded);
    editor.put(&path("/a/b/1"), file(1), true).unwrap();
    assert_eq!(editor.finish().unwrap().summary.entries(), 3);
}

/// A path may have more directories than a stack has room for calls.
#[test]
fn the_deepest_path_is_edited() {
    let nodes = Map::default();
    let deep = path(&"/a".repeat(2048));
    let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
    editor.put(&deep, file(1), true).unwrap();
    let taken = editor.take_entry(&path("/a")).unwrap().unwrap();
    assert_eq!(taken.as_directory().unwrap().summary.longest, 4094);
    editor.put(&deep, file(2), true).unwrap();
    let tree = editor.finish().unwrap().tree;
    let mut editor = Editor::new(&nodes, &tree).unwrap();
    editor.put(&deep, file(3), true).unwrap();
    editor.remove(&path("/a")).unwrap();
    assert_eq!(editor.finish().unwrap(), empty());
}

#[test]
fn so_many_edits_are_settled_in_one_directory() {
    let nodes = Map::default();
    let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
    editor.limit(100);
    for n in 0..1_000 {
        editor
            .put(&format!("/{n}").parse().unwrap(), file(n), false)
            .unwrap();
        editor.settle().unwrap();
        // Written as soon as they are more than half of the limit, and no sooner.
        assert_eq!(editor.unwritten() as u64, (n + 1) % 51, "{n}");
    }
    assert_eq!(editor.finish().unwrap().summary.entries(), 1_000);
}

/// The root is emptied, with all that was open in it, and can be filled again.
#[test]
fn the_root_is_emptied() {
    let empties: [fn(&mut Editor<'_>); 2] = [
        |editor| editor.remove(&TreePath::root()).unwrap(),
        |editor| editor.put_directory(&TreePath::root(), false).unwrap(),
    ];
    for empty_it in empties {
        let nodes = Map::default();
        let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
        editor.put(&path("/a/b"), file(1), true).unwrap();
        let tree = editor.finish().unwrap().tree;
        let mut editor = Editor::new(&nodes, &tree).unwrap();
        editor.put(&path("/c/d"), file(2), true).unwrap();
        empty_it(&mut editor);
        assert_eq!(editor.find(&path("/a")).unwrap(), None);
        assert_eq!(editor.find(&path("/c")).unwrap(), None);
        editor.put(&path("/e"), file(3), false).unwrap();
        let root = editor.finish().unwrap();
        assert_eq!(root.summary.entries(), 1);
        assert!(lookup(&nodes, &root.tree, "e").unwrap().is_some());
    }
}
