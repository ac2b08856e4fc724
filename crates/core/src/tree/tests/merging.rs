//! Three-way merge, against the same over maps of paths.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::conflict::{Conflict, PathList};
use crate::tree::{Decision, Decisions, changed_paths, conflicts, directory_of};

/// Files by path: content, and time.
type Files = BTreeMap<TreePath, (u64, i64)>;
/// What is at each path, directories too: content, or none, and time.
type Things = BTreeMap<TreePath, (Option<u64>, i64)>;

fn timed((content, millis): (u64, i64)) -> Entry {
    let Entry::File(file) = file(content) else {
        unreachable!()
    };
    Entry::File(File {
        modified: Timestamp::from_millis(millis),
        ..file
    })
}

fn timed_tree() -> impl Strategy<Value = Files> {
    (tree(), proptest::collection::vec(0_i64..2, 10)).prop_map(|(files, times)| {
        let times = times.into_iter().cycle();
        files
            .into_iter()
            .zip(times)
            .map(|((path, seed), time)| (path, (seed, time)))
            .collect()
    })
}

/// Another tree, which has much of `base`.
fn changed_tree(base: Files) -> impl Strategy<Value = Files> {
    let kept = proptest::collection::vec(0_u8..8, base.len());
    (kept, timed_tree()).prop_map(move |(kept, other)| {
        let mut files: Files = Files::new();
        for ((path, thing), kept) in base.iter().zip(kept) {
            match kept {
                0 => {}
                1 => drop(files.insert(path.clone(), (thing.0, thing.1 + 5))),
                2 => drop(files.insert(path.clone(), (thing.0 % 3 + 1, thing.1))),
                _ => drop(files.insert(path.clone(), *thing)),
            }
        }
        for (path, thing) in other.into_iter().take(3) {
            files.retain(|other, _| !path.starts_with(other) && !other.starts_with(&path));
            files.insert(path, thing);
        }
        files
    })
}

fn three() -> impl Strategy<Value = [Files; 3]> {
    timed_tree().prop_flat_map(|base| {
        (
            Just(base.clone()),
            changed_tree(base.clone()),
            changed_tree(base),
        )
            .prop_map(|(base, ours, theirs)| [base, ours, theirs])
    })
}

fn build_timed(nodes: &Map, files: &Files) -> TreeId {
    let mut editor = Editor::new(nodes, &TreeId::empty()).unwrap();
    for (path, thing) in files {
        editor.put(path, timed(*thing), true).unwrap();
    }
    editor.finish().unwrap().tree
}

fn things(files: &Files) -> Things {
    let mut all = Things::new();
    for (path, (content, time)) in files {
        all.insert(path.clone(), (Some(*content), *time));
        for above in std::iter::successors(path.parent(), TreePath::parent) {
            if !above.is_root() {
                all.insert(above, (None, 0));
            }
        }
    }
    all
}

type Changes = BTreeMap<TreePath, Option<(Option<u64>, i64)>>;

/// What is not the same in `to`, or not but for the time.
fn changes(from: &Things, to: &Things, even_times: bool) -> Changes {
    let paths: BTreeSet<_> = from.keys().chain(to.keys()).collect();
    let differ = paths.into_iter().filter(|path| {
        let [from, to] = [from, to].map(|side| side.get(*path).copied());
        let timeless = |thing: Option<(Option<u64>, i64)>| thing.map(|(content, _)| content);
        from != to && (even_times || timeless(from) != timeless(to))
    });
    differ
        .map(|path| (path.clone(), to.get(path).copied()))
        .collect()
}

fn paths(paths: impl Iterator<Item = TreePath>) -> PathList {
    paths.collect()
}

/// Merges path by path.
fn merge_maps(
    base: &Things,
    ours: &Things,
    theirs: &Things,
) -> std::result::Result<Things, Conflict> {
    let (mine, yours) = (changes(base, ours, false), changes(base, theirs, false));
    let agree = |a: &Option<(Option<u64>, i64)>, b: &Option<(Option<u64>, i64)>| {
        a.map(|(content, _)| content) == b.map(|(content, _)| content)
    };
    let cut_off = |puts: &Changes, other: &Changes| -> BTreeSet<TreePath> {
        let puts = puts
            .iter()
            .filter(|(_, new)| new.is_some())
            .map(|(path, _)| path);
        let below = puts.filter(|path| {
            std::iter::successors(path.parent(), TreePath::parent).any(|above| {
                other
                    .get(&above)
                    .is_some_and(|new| !matches!(new, Some((None, _))))
            })
        });
        below.cloned().collect()
    };
    let mut both: BTreeSet<TreePath> = mine
        .iter()
        .filter(|(path, new)| yours.get(*path).is_some_and(|other| !agree(new, other)))
        .map(|(path, _)| path.clone())
        .collect();
    both.extend(cut_off(&mine, &yours));
    both.extend(cut_off(&yours, &mine));
    if !both.is_empty() {
        let only = |these: &Changes, other: &Changes| {
            let alone = these
                .keys()
                .filter(|path| !both.contains(*path) && !other.contains_key(*path));
            paths(alone.cloned())
        };
        return Err(Conflict {
            parent: only(&mine, &yours),
            copy: only(&yours, &mine),
            both: paths(both.iter().cloned()),
        });
    }
    let mut merged = ours.clone();
    let moved = changes(base, ours, true);
    for (path, new) in changes(base, theirs, true) {
        let left_alone = !moved.contains_key(&path);
        let only_times = !mine.contains_key(&path) && yours.contains_key(&path);
        if left_alone || only_times {
            match new {
                Some(thing) => drop(merged.insert(path, thing)),
                None => drop(merged.remove(&path)),
            }
        }
    }
    Ok(merged)
}

/// Lists what the last two maps changed since the first.
fn changed_maps(maps: &[Things; 3]) -> Conflict {
    let [mine, yours] = [1, 2].map(|side| changes(&maps[0], &maps[side], false));
    let only = |these: &Changes, other: &Changes, shared: bool| {
        let alone = these
            .keys()
            .filter(|path| other.contains_key(*path) == shared);
        paths(alone.cloned())
    };
    Conflict {
        parent: only(&mine, &yours, false),
        copy: only(&yours, &mine, false),
        both: only(&mine, &yours, true),
    }
}

fn stored(nodes: &Map, tree: &TreeId) -> Things {
    let mut walker = Walker::new(nodes, TreePath::root(), tree).unwrap();
    let mut all = Things::new();
    while let Some((path, entry)) = walker.next(nodes).unwrap() {
        match entry {
            Entry::Directory(directory) => {
                walker.enter(nodes, path.clone(), &directory.tree).unwrap();
                all.insert(path, (None, 0));
            }
            Entry::File(file) => {
                all.insert(path, (Some(file.size), file.modified.as_millis()));
            }
            Entry::Symlink(_) => {}
        }
    }
    all
}

/// Merging keeps both sides' changes or says which conflict, as it does to maps;
/// and so does listing what changed.
#[test]
fn merging_does_what_it_does_to_maps() {
    let (merged, conflicting) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new_with_rng(
        Config::with_cases(3000),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let outcome = runner.run(&three(), |sides| {
        let nodes = Map::default();
        let [base, ours, theirs] = [0, 1, 2].map(|side| build_timed(&nodes, &sides[side]));
        let maps = [0, 1, 2].map(|side| things(&sides[side]));
        let listed = conflicts(&nodes, [&base, &ours, &theirs], &Decisions::default()).unwrap();
        match (
            merge(&nodes, &base, &ours, &theirs).unwrap(),
            merge_maps(&maps[0], &maps[1], &maps[2]),
        ) {
            (Merged::Tree(found), Ok(expected)) => {
                merged.set(merged.get() + 1);
                prop_assert_eq!(listed, PathList::default());
                prop_assert_eq!(stored(&nodes, &found.tree), expected);
                let all = nodes.load(&found.tree).unwrap().summary();
                prop_assert_eq!(found.summary, all);
            }
            (Merged::Conflict(found), Err(expected)) => {
                conflicting.set(conflicting.get() + 1);
                prop_assert_eq!(&listed, &expected.both);
                prop_assert_eq!(found, expected);
            }
            (Merged::Tree(_), Err(expected)) => prop_assert!(false, "merged, not {}", expected),
            (Merged::Conflict(found), Ok(_)) => prop_assert!(false, "{}", found),
        }
        let found = changed_paths(&nodes, &base, &ours, &theirs).unwrap();
        prop_assert_eq!(found, changed_maps(&maps));
        Ok(())
    });
    outcome.unwrap();
    let (merged, conflicting) = (merged.get(), conflicting.get());
    assert!(
        merged > 600 && conflicting > 600,
        "{merged} and {conflicting}"
    );
}

/// Where a side is as it was, the other is taken as it is, however much changed.
#[test]
fn merging_with_what_did_not_move_reads_nothing() {
    let nodes = Map::default();
    let base = edit(&nodes, &empty(), numbered(5_000)).unwrap().tree;
    let moved = numbered(5_000).into_keys().zip(9_000..);
    let moved = moved.map(|(name, seed)| (name, Some(file(seed)))).collect();
    let other = edit(&nodes, &empty(), moved).unwrap().tree;
    for (sides, expected) in [
        ([&base, &base, &other], other),
        ([&base, &other, &base], other),
        ([&base, &other, &other], other),
    ] {
        nodes.loads.set(0);
        nodes.saved.set(0);
        let Merged::Tree(found) = merge(&nodes, sides[0], sides[1], sides[2]).unwrap() else {
            panic!("a conflict with what did not move");
        };
        assert_eq!(found.tree, expected);
        assert_eq!(
            (nodes.loads.get(), nodes.saved.get()),
            (1, 0),
            "the root, for its totals"
        );
    }
}

/// A directory that only one side changed is taken as a whole.
#[test]
fn merging_reads_what_both_sides_changed() {
    let nodes = Map::default();
    let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
    for n in 0..5_000 {
        let at = format!("/{}/{}", n / 100, n % 100);
        editor.put(&path(&at), file(n), true).unwrap();
    }
    let base = editor.finish().unwrap().tree;
    let [ours, theirs] = [0, 1].map(|side| {
        let mut editor = Editor::new(&nodes, &base).unwrap();
        for n in (side..50).step_by(2) {
            for file_number in 0..100 {
                let at = format!("/{n}/{file_number}");
                editor.put(&path(&at), file(7_000 + n), true).unwrap();
            }
        }
        editor.finish().unwrap().tree
    });
    nodes.loads.set(0);
    let Merged::Tree(found) = merge(&nodes, &base, &ours, &theirs).unwrap() else {
        panic!("no path was changed twice");
    };
    assert!(nodes.loads.get() < 100, "{} nodes", nodes.loads.get());
    assert_eq!(found.summary.files, 5_000);
}

/// Where the lists are full, directories that are new or gone count as a whole,
/// and what the other side has in them counts as its own.
#[test]
fn more_than_is_listed_is_counted() {
    let nodes = Map::default();
    let many = |files: &mut Files, at: &str, count: u64, seed: u64| {
        for n in 0..count {
            files.insert(path(&format!("/{at}/{}/{n:05}", n % 7)), (seed, 0));
        }
    };
    let mut base = Files::new();
    many(&mut base, "gone", 3_000, 1);
    many(&mut base, "kept", 50, 1);
    let (mut ours, mut theirs) = (base.clone(), base.clone());
    ours.retain(|at, _| !at.starts_with(&path("/gone")));
    many(&mut ours, "added", 2_000, 1);
    many(&mut ours, "both", 2_000, 1);
    many(&mut ours, "same", 1_500, 1);
    many(&mut ours, "z", 1_500, 1);
    many(&mut theirs, "both", 2_500, 2);
    many(&mut theirs, "gone/new", 2_000, 2);
    many(&mut theirs, "same", 1_500, 1);
    many(&mut theirs, "z", 3, 1);
    theirs.insert(path("/z/8/1"), (1, 0));
    many(&mut theirs, "zz", 1_200, 1);
    let sides = [base, ours, theirs];
    let trees = [0, 1, 2].map(|side| build_timed(&nodes, &sides[side]));
    let maps = [0, 1, 2].map(|side| things(&sides[side]));
    let expected = merge_maps(&maps[0], &maps[1], &maps[2]).unwrap_err();
    assert!(expected.parent.count > 5_000 && expected.both.count > 4_000);
    let three = [&trees[0], &trees[1], &trees[2]];
    let listed = conflicts(&nodes, three, &Decisions::default()).unwrap();
    assert_eq!(listed, expected.both);
    match merge(&nodes, &trees[0], &trees[1], &trees[2]).unwrap() {
        Merged::Conflict(found) => assert_eq!(found, expected),
        Merged::Tree(_) => panic!("it removed what the other added to"),
    }
    let changed = changed_paths(&nodes, &trees[0], &trees[1], &trees[2]).unwrap();
    assert_eq!(changed, changed_maps(&maps));
}

/// A tree of 2^40 files in 40 nodes, over what `bottom` holds.
fn shared(nodes: &Map, bottom: Entry) -> TreeId {
    let mut directory = edit(nodes, &empty(), BTreeMap::from([(name("f"), Some(bottom))])).unwrap();
    for _ in 0..40 {
        let twice = ["a", "b"].map(|side| (name(side), Some(Entry::Directory(directory))));
        directory = edit(nodes, &empty(), twice.into_iter().collect()).unwrap();
    }
    assert_eq!(directory.summary.files, 1 << 40);
    directory.tree
}

/// What is shared is brought together once, and counted up to a limit.
#[test]
fn a_shared_tree_is_merged_once() {
    let nodes = Map::default();
    let [base, ours, theirs] = [1, 2, 3].map(|seed| shared(&nodes, file(seed)));
    let error = differences_error(&nodes, &base, &ours);
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);

    let found = changed_paths(&nodes, &TreeId::empty(), &ours, &TreeId::empty()).unwrap();
    assert_eq!(
        found.parent.count,
        (1 << 40) + (1 << 41) - 2,
        "a new directory counts as a whole"
    );
    assert_eq!(found.parent.paths.len(), Conflict::LISTED);
    let found = changed_paths(&nodes, &base, &ours, &theirs).unwrap();
    assert_eq!(found.both.paths.len(), Conflict::LISTED);
    assert!((Conflict::LISTED as u64..=Conflict::COMPARED).contains(&found.both.count));

    // Each side changed another file of the shared directory.
    let pair = |one: u64, other: u64| {
        let files = [("x", one), ("y", other)].map(|(at, seed)| (name(at), Some(file(seed))));
        Entry::Directory(edit(&nodes, &empty(), files.into_iter().collect()).unwrap())
    };
    let [base, ours, theirs, expected] = [(1, 1), (2, 1), (1, 3), (2, 3)]
        .map(|(x, y)| pair(x, y))
        .map(|bottom| {
            let mut directory = edit(
                &nodes,
                &empty(),
                BTreeMap::from([(name("d"), Some(bottom))]),
            )
            .unwrap();
            for _ in 0..40 {
                let twice = ["a", "b"].map(|side| (name(side), Some(Entry::Directory(directory))));
                directory = edit(&nodes, &empty(), twice.into_iter().collect()).unwrap();
            }
            directory.tree
        });
    nodes.loads.set(0);
    let Merged::Tree(found) = merge(&nodes, &base, &ours, &theirs).unwrap() else {
        panic!("the changes are disjoint");
    };
    assert_eq!(found.tree, expected);
    assert!(nodes.loads.get() < 1_000, "{} nodes", nodes.loads.get());
}

fn differences_error(nodes: &Map, old: &TreeId, new: &TreeId) -> Error {
    let mut differences = Differences::new(nodes, &TreePath::root(), old, new, None).unwrap();
    loop {
        match differences.next(nodes) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it came to an end"),
            Err(error) => return error,
        }
    }
}

/// What one side removed of what the other removed whole is passed over, however much it
/// is.
#[test]
fn what_both_removed_is_not_walked() {
    let nodes = Map::default();
    let huge = directory_of(&nodes, &shared(&nodes, file(1))).unwrap();
    let tree = |entries: &[(&str, Entry)]| {
        let inside = entries.iter().cloned();
        let inside = inside.map(|(at, entry)| (name(at), Some(entry))).collect();
        let inside = edit(&nodes, &empty(), inside).unwrap();
        let top = BTreeMap::from([(name("d"), Some(Entry::Directory(inside)))]);
        edit(&nodes, &empty(), top).unwrap().tree
    };
    let base = tree(&[("huge", Entry::Directory(huge)), ("x", file(1))]);
    let less = tree(&[("x", file(1))]);
    let more = tree(&[("x", file(2))]);
    let nothing = TreeId::empty();
    for [ours, theirs] in [[less, nothing], [nothing, less]] {
        match merge(&nodes, &base, &ours, &theirs).unwrap() {
            Merged::Tree(found) => assert_eq!(found.tree, nothing),
            Merged::Conflict(conflict) => panic!("{conflict}"),
        }
    }
    for [ours, theirs] in [[more, nothing], [nothing, more]] {
        let trees = [&base, &ours, &theirs];
        let found = conflicts(&nodes, trees, &Decisions::default()).unwrap();
        assert_eq!(found, PathList::from_iter([path("/d/x")]));
    }
}

/// Where the list is full, what both sides have alike counts by its totals.
#[test]
fn what_is_the_same_on_both_sides_is_counted_by_its_totals() {
    let nodes = Map::default();
    let huge = directory_of(&nodes, &shared(&nodes, file(1))).unwrap();
    let side = |seed: u64| {
        let files = (0..Conflict::LISTED as u64 + 7).map(|n| (name(&format!("f{n:05}")), n));
        let files = files.map(|(at, n)| (at, Some(file(n * seed + 1))));
        let huge = (name("same"), Some(Entry::Directory(huge)));
        let all = files.chain([huge]).collect();
        edit(&nodes, &empty(), all).unwrap().tree
    };
    let base = TreeId::empty();
    let found = changed_paths(&nodes, &base, &side(1), &side(2)).unwrap();
    let entries = huge.summary.entries();
    assert_eq!(found.both.count, Conflict::LISTED as u64 + 7 + 1 + entries);
}

/// Paths come in byte order, also where a directory that is looked into first has them
/// behind those of one beside it.
#[test]
fn the_first_conflicts_are_listed_wherever_they_are_found() {
    let nodes = Map::default();
    let side = |seed: u64| {
        let mut editor = Editor::new(&nodes, &TreeId::empty()).unwrap();
        for n in 0..900 {
            for directory in ["a", "a-b", "z"] {
                let at = format!("/{directory}/{n:03}");
                editor.put(&path(&at), file(n * seed + 1), true).unwrap();
            }
        }
        editor.finish().unwrap().tree
    };
    let base = TreeId::empty();
    let found = conflicts(&nodes, [&base, &side(2), &side(3)], &Decisions::default()).unwrap();
    // The first file of each is the same on both sides.
    assert_eq!(found.count, 3 * 899);
    assert_eq!(found.paths.len(), Conflict::LISTED);
    assert!(found.paths.is_sorted());
    let below = |at: &str| {
        let at = path(at);
        let below = found.paths.iter().filter(|it| it.starts_with(&at));
        below.count()
    };
    assert_eq!([below("/a-b"), below("/a")], [899, Conflict::LISTED - 899]);
}

/// A decision that has decided something is not asked again about what is below it, and
/// one that decides nothing is named.
#[test]
fn decisions_are_met_or_idle() {
    let mut decisions = Decisions::default();
    assert!(decisions.is_empty());
    assert!(decisions.add(&path("/a/b"), Decision::Ours));
    assert!(!decisions.is_empty());
    for taken in ["/a/b", "/a/b/c", "/a", "/"] {
        assert!(!decisions.add(&path(taken), Decision::Theirs), "{taken}");
    }
    assert!(decisions.add(&path("/c"), Decision::Theirs));
    assert_eq!(decisions.idle(), Some(path("/a/b")));
    assert!(!decisions.is_done_with(&path("/a/b/c")));
    for (at, decided) in [
        ("/a", false),
        ("/a/c", false),
        ("/", false),
        ("/a/b/c", true),
    ] {
        assert_eq!(decisions.decide(&path(at)), decided, "{at}");
    }
    for (at, done) in [
        ("/a/b", true),
        ("/a/b/x", true),
        ("/a", false),
        ("/c", false),
    ] {
        assert_eq!(decisions.is_done_with(&path(at)), done, "{at}");
    }
    assert_eq!(decisions.idle(), Some(path("/c")));
    assert!(decisions.decide(&path("/c")));
    assert_eq!(decisions.idle(), None);
}
