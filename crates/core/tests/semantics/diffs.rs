//! Diffs and their pages, compared with looking at every path of both trees.

use std::collections::{BTreeMap, BTreeSet};

use workspace_core::{At, Change, DiffOptions, Entry, Text, TreePath};

use crate::support::{Fixture, change, path, write};

fn symlink(at: &str, target: &str) -> Change {
    Change::Symlink {
        path: path(at),
        target: Text::new(target).unwrap(),
        create_parents: true,
        modified: None,
    }
}

/// Two trees in which each kind of entry becomes each other one somewhere.
fn fixture() -> (Fixture, At) {
    let fixture = Fixture::new();
    let directory = |at: &str| Change::Mkdir {
        path: path(at),
        parents: true,
    };
    let kinds = |prefix: &str, version: &str| -> Vec<Change> {
        vec![
            write(&format!("{prefix}f"), version),
            directory(&format!("{prefix}e")),
            write(&format!("{prefix}d/in"), version),
            write(&format!("{prefix}d/sub/deep"), "same"),
            symlink(&format!("{prefix}l"), version),
        ]
    };
    let mut old = Vec::new();
    let mut new = Vec::new();
    old.extend(kinds("/both/", "same"));
    new.extend(kinds("/both/", "same"));
    old.extend(kinds("/changed/", "old"));
    new.extend(kinds("/changed/", "new"));
    old.extend(kinds("/gone/", "old"));
    new.extend(kinds("/made/", "new"));
    // Each kind in the place of each other.
    let as_kind = |at: String, kind: usize| match kind {
        0 => vec![write(&at, "file")],
        1 => vec![directory(&at)],
        2 => vec![write(&format!("{at}/in"), "inner")],
        _ => vec![symlink(&at, "there")],
    };
    for one in 0..4 {
        for other in 0..4 {
            let at = format!("/turned/{one}{other}");
            old.extend(as_kind(at.clone(), one));
            new.extend(as_kind(at, other));
        }
    }
    old.push(write("/a-b", "x"));
    new.push(write("/a/b", "x"));
    change(&fixture.workspace.files(At::Head), old).unwrap();
    let before = fixture.workspace.tree(At::Head).unwrap();
    fixture.workspace.snapshot("old".into()).unwrap();
    for at in fixture.paths(At::Head) {
        if at.matches('/').count() == 1 {
            fixture.remove(At::Head, &at);
        }
    }
    change(&fixture.workspace.files(At::Head), new).unwrap();
    (fixture, At::Tree(before))
}

fn entries(fixture: &Fixture, at: At) -> BTreeMap<TreePath, Entry> {
    let view = fixture.workspace.files(at);
    let walk = view.walk(&TreePath::root()).unwrap();
    walk.map(Result::unwrap).collect()
}

fn differ(old: Option<&Entry>, new: Option<&Entry>) -> bool {
    match (old, new) {
        (Some(Entry::Directory(_)), Some(Entry::Directory(_))) | (None, None) => false,
        (Some(old), Some(new)) => !old.same_but_time(new),
        _ => true,
    }
}

/// Every page of a diff, below every path and after every path, is what looking at each
/// path of both trees finds.
#[test]
fn each_page_of_a_diff_is_what_differs() {
    let (fixture, old) = fixture();
    let (before, after) = (entries(&fixture, old), entries(&fixture, At::Head));
    let paths: BTreeSet<&TreePath> = before.keys().chain(after.keys()).collect();
    let all: Vec<&TreePath> = paths
        .iter()
        .copied()
        .filter(|path| differ(before.get(path), after.get(path)))
        .collect();
    assert!(all.len() > 30, "{all:?}");
    let root = TreePath::root();
    for below in paths
        .iter()
        .copied()
        .step_by(3)
        .chain([&root, &path("/none")])
    {
        let options = DiffOptions::default().below(below.clone()).renames(false);
        let within = || all.iter().filter(|path| path.starts_with(below));
        for behind in paths.iter().copied().map(Some).chain([None]) {
            let expected: Vec<&TreePath> = within()
                .filter(|path| behind.is_none_or(|behind| **path > behind))
                .copied()
                .collect();
            for limit in [2, usize::MAX] {
                let page = fixture
                    .workspace
                    .diff_page(old, At::Head, &options, behind, limit);
                let page = page.unwrap();
                let found: Vec<&TreePath> = page.iter().map(|found| &found.path).collect();
                let expected = &expected[..limit.min(expected.len())];
                assert_eq!(found, expected, "below {below} after {behind:?}");
                for found in &page {
                    assert_eq!(found.old.as_ref(), before.get(&found.path));
                    assert_eq!(found.new.as_ref(), after.get(&found.path));
                }
            }
        }
    }
}

/// A page of a diff with renames is a part of the whole one.
#[test]
fn each_page_of_a_diff_with_renames_is_a_part_of_it() {
    let (fixture, old) = fixture();
    let options = DiffOptions::default();
    let whole = fixture.workspace.diff(old, At::Head, &options).unwrap();
    assert!(whole.iter().any(|found| found.renamed_from.is_some()));
    for (at, after) in whole.iter().enumerate() {
        for limit in [1, 3, usize::MAX] {
            let page =
                fixture
                    .workspace
                    .diff_page(old, At::Head, &options, Some(&after.path), limit);
            let rest = &whole[at + 1..];
            assert_eq!(page.unwrap(), rest[..limit.min(rest.len())]);
        }
    }
}

/// Files without bytes are no more the same than any others.
#[test]
fn an_empty_file_is_not_renamed() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/empty", "");
    fixture.write(At::Head, "/some", "some");
    let old = At::Tree(fixture.workspace.tree(At::Head).unwrap());
    fixture.workspace.snapshot("old".into()).unwrap();
    for name in ["/empty", "/some"] {
        fixture.remove(At::Head, name);
    }
    fixture.write(At::Head, "/other", "");
    fixture.write(At::Head, "/same", "some");
    let found = fixture
        .workspace
        .diff(old, At::Head, &DiffOptions::default());
    let found: Vec<_> = found
        .unwrap()
        .into_iter()
        .map(|found| (found.path.to_string(), found.renamed_from))
        .collect();
    let expected = [
        ("/empty".to_string(), None),
        ("/other".into(), None),
        ("/same".into(), Some(path("/some"))),
    ];
    assert_eq!(found, expected);
}
