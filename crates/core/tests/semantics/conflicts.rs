//! Ways out of a conflict, and applying in part and together.

use futures::executor::block_on;
use workspace_core::{
    Applied, ApplyOptions, At, Author, Change, Content, CopyId, Entry, ErrorKind, EventKind, Glob,
    RebaseOptions, Rebased, Resolution, Result, RevisionId, RevisionMessage, Take, Together,
    TreeId, WriteOptions,
};

use crate::support::{Fixture, change, kind, path, write};

/// Resolves each path in this way.
fn rebase(fixture: &Fixture, copy: CopyId, resolutions: Vec<(&str, Take)>) -> Result<Rebased> {
    let resolutions = resolutions.into_iter().map(|(at, take)| Resolution {
        path: path(at),
        take,
    });
    let options = RebaseOptions::default().resolutions(resolutions.collect());
    block_on(fixture.workspace.rebase_with(copy, options))
}

fn text(bytes: &'static str) -> Take {
    Take::Content(Content::Bytes(bytes.into()))
}

/// A copy and a head that changed `/one`, `/two` and `/dir/x` in different ways, and
/// each a path of its own.
fn quarrel() -> (Fixture, CopyId) {
    let fixture = Fixture::new();
    for at in ["/one", "/two", "/dir/x", "/dir/y"] {
        fixture.write(At::Head, at, "base");
    }
    let copy = fixture.fork();
    for at in ["/one", "/two", "/dir/x", "/mine"] {
        fixture.write(At::Copy(copy), at, "copy");
    }
    for at in ["/one", "/two", "/theirs"] {
        fixture.write(At::Head, at, "head");
    }
    fixture.remove(At::Head, "/dir");
    (fixture, copy)
}

/// > The conflicts of a copy are the paths at which a rebase would fail, each with what base, copy and parent have there.
#[test]
fn conflicts_show_what_each_side_has() {
    let (fixture, copy) = quarrel();
    let found = fixture.workspace.conflicts(copy).unwrap();
    assert_eq!((found.count, found.parent_version), (3, 8));
    assert_eq!(found.copy.generation, 4);
    let size = |entry: &Option<Entry>| match entry {
        Some(Entry::File(file)) => Some(file.size),
        _ => None,
    };
    let shown: Vec<_> = found
        .paths
        .iter()
        .map(|it| {
            (
                it.path.as_str(),
                [size(&it.base), size(&it.copy), size(&it.parent)],
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("/dir/x", [Some(4), Some(4), None]),
            ("/one", [Some(4); 3]),
            ("/two", [Some(4); 3]),
        ]
    );
    let refused = fixture.workspace.rebase(copy, &Author::default());
    let conflict = refused.unwrap_err().conflict().cloned().unwrap();
    assert_eq!(conflict.both.count, found.count);
    fixture.workspace.discard(copy).unwrap();
    assert_eq!(kind(fixture.workspace.conflicts(copy)), ErrorKind::Closed);
}

/// > A rebase can be told what to take at conflicting paths: the copy's side, the parent's, or a content; where none is left open it moves, as one operation, and otherwise nothing moves and the rest is listed.
#[test]
fn every_conflict_has_a_way_out() {
    let (fixture, copy) = quarrel();
    let before = fixture.workspace.copy(copy).unwrap();
    let error = rebase(&fixture, copy, vec![("/one", Take::Copy)]).unwrap_err();
    let open = error.conflict().unwrap();
    let listed: Vec<_> = open.both.paths.iter().map(|path| path.as_str()).collect();
    assert_eq!(listed, ["/dir/x", "/two"]);
    assert_eq!(fixture.workspace.copy(copy).unwrap(), before);

    let all = vec![
        ("/one", Take::Copy),
        ("/two", text("both of them")),
        ("/dir/x", Take::Copy),
    ];
    let rebased = rebase(&fixture, copy, all).unwrap();
    assert!(rebased.operation.is_some());
    let state = fixture.state(At::Copy(copy));
    let wanted = [
        ("/dir", "/"),
        ("/dir/x", "copy"),
        ("/mine", "copy"),
        ("/one", "copy"),
        ("/theirs", "head"),
        ("/two", "both of them"),
    ];
    let wanted = wanted.map(|(at, text)| (at.to_string(), text.to_string()));
    assert_eq!(state, wanted.into());
    let applied = fixture.workspace.apply(copy, ApplyOptions::default());
    assert!(matches!(applied, Ok(Applied::Published { .. })));
}

/// The parent's side of what it removed is nothing; a directory above is taken whole.
#[test]
fn a_side_is_taken_with_all_that_is_there() {
    let (fixture, copy) = quarrel();
    let sides = vec![
        ("/one", Take::Parent),
        ("/two", Take::Parent),
        ("/dir", Take::Parent),
    ];
    rebase(&fixture, copy, sides).unwrap();
    assert_eq!(
        fixture.paths(At::Copy(copy)),
        ["/mine", "/one", "/theirs", "/two"]
    );

    let (fixture, copy) = quarrel();
    let sides = vec![
        ("/one", Take::Parent),
        ("/two", Take::Parent),
        ("/dir", Take::Copy),
    ];
    rebase(&fixture, copy, sides).unwrap();
    assert_eq!(
        fixture.paths(At::Copy(copy)),
        [
            "/dir", "/dir/x", "/dir/y", "/mine", "/one", "/theirs", "/two"
        ],
        "with what only the parent removed"
    );
    let (fixture, copy) = quarrel();
    rebase(&fixture, copy, vec![("/", Take::Copy)]).unwrap();
    assert_eq!(fixture.state(At::Copy(copy))["/one"], "copy");
    assert!(!fixture.paths(At::Copy(copy)).contains(&"/theirs".into()));
}

/// > A resolution for a path at and below which there is no conflict, or for one that is resolved already, is `Invalid`, and so is one that would put something into a file.
#[test]
fn resolutions_that_mean_nothing_are_refused() {
    let (fixture, copy) = quarrel();
    let before = fixture.workspace.copy(copy).unwrap();
    let all = || {
        vec![
            ("/one", Take::Copy),
            ("/two", Take::Copy),
            ("/dir/x", Take::Copy),
        ]
    };
    for more in ["/mine", "/nowhere", "/one", "/dir", "/dir/x/y"] {
        let mut resolutions = all();
        resolutions.push((more, Take::Parent));
        let refused = kind(rebase(&fixture, copy, resolutions));
        assert_eq!(refused, ErrorKind::Invalid, "{more}");
    }
    let over = vec![
        ("/one", Take::Copy),
        ("/two", Take::Copy),
        ("/dir", text("x")),
    ];
    assert_eq!(kind(rebase(&fixture, copy, over)), ErrorKind::Invalid);
    assert_eq!(fixture.workspace.copy(copy).unwrap(), before);

    // A file where the parent's directory was.
    let fixture = Fixture::new();
    fixture.write(At::Head, "/dir/x", "base");
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/dir/x", "copy");
    fixture.remove(At::Head, "/dir");
    fixture.write(At::Head, "/dir", "a file by now");
    let refused = rebase(&fixture, copy, vec![("/dir/x", Take::Copy)]);
    assert_eq!(kind(refused), ErrorKind::Invalid);
    rebase(&fixture, copy, vec![("/dir/x", Take::Parent)]).unwrap();
    assert_eq!(fixture.state(At::Copy(copy))["/dir"], "a file by now");
}

/// > Resolutions can name the generation and the parent's version that they were made for, and fail with `Stale` at others.
#[test]
fn resolutions_are_for_what_was_looked_at() {
    let (fixture, copy) = quarrel();
    let found = fixture.workspace.conflicts(copy).unwrap();
    let options = || {
        RebaseOptions::default()
            .resolutions(vec![Resolution {
                path: path("/"),
                take: Take::Copy,
            }])
            .expect_generation(found.copy.generation)
            .expect_parent_version(found.parent_version)
    };
    let stale = |options| kind(block_on(fixture.workspace.rebase_with(copy, options)));
    let other = options().expect_parent_version(found.parent_version - 1);
    assert_eq!(stale(other), ErrorKind::Stale);
    fixture.write(At::Copy(copy), "/mine", "more");
    assert_eq!(stale(options()), ErrorKind::Stale);
    let right = options().expect_generation(found.copy.generation + 1);
    block_on(fixture.workspace.rebase_with(copy, right)).unwrap();
}

/// A content keeps what the file was besides its bytes.
#[test]
fn a_content_that_resolves_keeps_the_mode_and_the_type() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let script = workspace_core::Change::Write {
        path: path("/run"),
        content: Content::Bytes("copy".into()),
        options: WriteOptions::default().executable(true),
    };
    change(&fixture.workspace.files(At::Copy(copy)), vec![script]).unwrap();
    fixture.write(At::Head, "/run", "head");
    rebase(&fixture, copy, vec![("/run", text("merged"))]).unwrap();
    let entry = fixture
        .workspace
        .files(At::Copy(copy))
        .stat(&path("/run"))
        .unwrap();
    assert!(matches!(entry, Some(Entry::File(file)) if file.executable && file.size == 6));
}

fn only(globs: &[&str]) -> ApplyOptions {
    let globs = globs.iter().map(|glob| Glob::new(glob).unwrap());
    ApplyOptions::default().only(globs.collect())
}

/// > An apply can be limited to paths: what the copy changed there becomes its parent's, with the directories above, and the rest stays in the copy, which is based on that then.
#[test]
fn a_part_is_applied_and_the_rest_stays() {
    let fixture = Fixture::new();
    for at in ["/a", "/b", "/old/x"] {
        fixture.write(At::Head, at, "base");
    }
    let copy = fixture.fork();
    for at in ["/a", "/b", "/new/deep/file", "/new/other"] {
        fixture.write(At::Copy(copy), at, "copy");
    }
    fixture.remove(At::Copy(copy), "/old");
    let before = fixture.workspace.copy(copy).unwrap();
    let events = fixture.workspace.last_event().unwrap();
    let applied = fixture
        .workspace
        .apply(copy, only(&["/a", "/new/deep", "/old"]));
    let revision = match applied.unwrap() {
        Applied::Published {
            revision,
            in_part: true,
            ..
        } => revision,
        other => panic!("{other:?}"),
    };
    assert_eq!(revision, RevisionId::new(2), "head was recorded first");
    let wanted = [
        ("/a", "copy"),
        ("/b", "base"),
        ("/new", "/"),
        ("/new/deep", "/"),
        ("/new/deep/file", "copy"),
    ];
    let wanted = wanted.map(|(at, text)| (at.to_string(), text.to_string()));
    assert_eq!(fixture.state(At::Head), wanted.into());
    let after = fixture.workspace.copy(copy).unwrap();
    assert_eq!((after.tree, after.generation), (before.tree, 5));
    let head = fixture.workspace.head().unwrap();
    assert_eq!((after.base, after.base_version), (head.tree, head.version));
    let told = fixture.workspace.events(events, 9).unwrap();
    let told: Vec<_> = told.iter().map(|it| it.event.kind).collect();
    assert_eq!(
        told,
        [
            EventKind::Recorded,
            EventKind::AppliedInPart,
            EventKind::Rebased
        ]
    );

    // Again there is nothing of it, and the answer says that there is a rest; that is applied as always, and closes the copy.
    let again = fixture.workspace.apply(copy, only(&["/a", "/nowhere"]));
    assert_eq!(again.unwrap(), Applied::Unchanged { in_part: true });
    fixture.workspace.apply(copy, only(&["**"])).unwrap();
    assert_eq!(fixture.state(At::Head)["/b"], "copy");
    let refused = fixture.workspace.rebase(copy, &Author::default());
    assert_eq!(kind(refused), ErrorKind::Closed);
}

/// A directory that takes the place of a file comes with it, or not at all.
#[test]
fn a_part_does_not_take_a_file_away_unasked() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/was", "a file");
    let copy = fixture.fork();
    fixture.remove(At::Copy(copy), "/was");
    fixture.write(At::Copy(copy), "/was/a", "copy");
    let refused = fixture.workspace.apply(copy, only(&["/was/a"]));
    let error = refused.unwrap_err();
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::Invalid, Some("/was"))
    );
    assert_eq!(fixture.state(At::Head)["/was"], "a file");
    fixture.workspace.apply(copy, only(&["/was"])).unwrap();
    assert_eq!(fixture.paths(At::Head), ["/was", "/was/a"]);

    let many = vec!["/x"; 101];
    let copy = fixture.fork();
    let refused = fixture.workspace.apply(copy, only(&many));
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
}

/// A part of a copy of a copy is an operation of its parent.
#[test]
fn a_part_goes_to_a_parent_that_is_a_copy() {
    let fixture = Fixture::new();
    let parent = fixture.fork();
    let child = fixture
        .workspace
        .fork(workspace_core::ForkOptions::of_copy(parent))
        .unwrap()
        .id;
    for at in ["/a", "/b"] {
        fixture.write(At::Copy(child), at, "child");
    }
    let applied = fixture.workspace.apply(child, only(&["/a"])).unwrap();
    assert!(matches!(
        applied,
        Applied::ToParent {
            already: false,
            in_part: true,
            ..
        }
    ));
    assert_eq!(fixture.paths(At::Copy(parent)), ["/a"]);
    let child = fixture.workspace.copy(child).unwrap();
    assert_eq!((child.parent, child.base_version), (Some(parent), 1));
}

/// Copies of one head, each of which wrote its paths.
fn several(fixture: &Fixture, paths: &[&[&str]]) -> Vec<CopyId> {
    let copies: Vec<_> = paths.iter().map(|_| fixture.fork()).collect();
    for (n, (copy, paths)) in copies.iter().zip(paths).enumerate() {
        let writes = paths.iter().map(|at| write(at, &format!("copy {n}")));
        change(&fixture.workspace.files(At::Copy(*copy)), writes.collect()).unwrap();
    }
    copies
}

/// > Copies overlap at the paths that they would conflict at if one was rebased onto the other.
#[test]
fn copies_tell_where_they_meet() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/dir/x", "base");
    let copies = several(
        &fixture,
        &[&["/a", "/b"], &["/b", "/c"], &["/d"], &["/dir/y"]],
    );
    let remover = fixture.fork();
    fixture.remove(At::Copy(remover), "/dir");
    let all: Vec<_> = copies.iter().copied().chain([remover]).collect();
    let found = fixture.workspace.overlap(&all).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.one, it.other, it.paths.paths.clone()))
        .collect();
    assert_eq!(
        found,
        [
            (copies[0], copies[1], vec![path("/b")]),
            (copies[3], remover, vec![path("/dir/y")]),
        ]
    );
    // What both made the same is no matter.
    fixture.write(At::Copy(copies[0]), "/b", "copy 1");
    let two = fixture.workspace.overlap(&copies[..2]).unwrap();
    assert_eq!(two, []);
    let twice = [copies[0], copies[0]];
    assert_eq!(kind(fixture.workspace.overlap(&twice)), ErrorKind::Invalid);
}

/// What is said to overlap is what a rebase of one onto the other finds, for every pair of
/// copies that were forked from the same files.
#[test]
fn copies_overlap_where_a_rebase_would_conflict() {
    let base = ["/a", "/b", "/d/x", "/d/e/y", "/f"];
    // Each is what one copy does; several of them meet, in all kinds of ways.
    let edits: [(&str, &str); 14] = [
        ("/a", "one"),
        ("/a", "two"),
        ("/a", ""),
        ("/a/in", "one"),
        ("/b", "one"),
        ("/d", ""),
        ("/d", "a file"),
        ("/d/x", "one"),
        ("/d/new", "one"),
        ("/d/e", ""),
        ("/d/e/y", "two"),
        ("/new/x", "one"),
        ("/new/x", "two"),
        ("/new", "a file"),
    ];
    let fixture = Fixture::new();
    for at in base {
        fixture.write(At::Head, at, "base");
    }
    let edit = |copy: CopyId, (at, text): (&str, &str)| {
        let above = path(at).parent().unwrap();
        let files = fixture.workspace.files(At::Copy(copy));
        for there in [above, path(at)] {
            // A file above gives way, and a directory there.
            let found = files.stat(&there).unwrap();
            let in_the_way = match &found {
                Some(Entry::Directory(_)) => there == path(at),
                Some(_) => text.is_empty() || there != path(at),
                None => false,
            };
            if in_the_way {
                fixture.remove(At::Copy(copy), there.as_str());
            }
        }
        if !text.is_empty() {
            fixture.write(At::Copy(copy), at, text);
        }
    };
    let copies: Vec<CopyId> = edits
        .iter()
        .enumerate()
        .map(|(n, first)| {
            let copy = fixture.fork();
            edit(copy, *first);
            // And something that is only its own, or the same in all.
            edit(
                copy,
                if n % 2 == 0 {
                    ("/f", "same")
                } else {
                    ("/own", "x")
                },
            );
            copy
        })
        .collect();
    let mut met = 0;
    for (n, one) in copies.iter().enumerate() {
        for other in &copies[n + 1..] {
            let found = fixture.workspace.overlap(&[*one, *other]).unwrap();
            let found: Vec<_> = found.into_iter().map(|it| it.paths).collect();
            // A child of the base, with the edits of the other, whose parent is made the one.
            let [ours, theirs] = [one, other].map(|id| fixture.workspace.copy(*id).unwrap().tree);
            let twin = fixture.fork();
            crate::integrity::tamper(&fixture, |rows| {
                let mut head = rows.head()?.unwrap();
                let mut copy = rows.copy(&twin)?.unwrap();
                copy.tree = theirs;
                head.tree = ours;
                rows.set_head(&head)?;
                rows.put_copy(&copy)
            });
            let workspace = fixture.reopen(workspace_core::Options::default());
            let rebased = workspace.rebase(twin, &Author::default());
            let wanted = match rebased {
                Ok(_) => Vec::new(),
                Err(error) => vec![error.conflict().unwrap().both.clone()],
            };
            assert_eq!(found, wanted, "{:?}", (edits[n], other));
            met += wanted.len();
            workspace.discard(twin).unwrap();
            crate::integrity::tamper(&fixture, |rows| {
                let mut head = rows.head()?.unwrap();
                head.tree = rows.copy(one)?.unwrap().base;
                rows.set_head(&head)
            });
        }
    }
    assert!(met > 15, "{met} pairs met");
}

/// However much one side changed alone, what conflicts is listed, and has a way out.
#[test]
fn conflicts_are_found_among_very_many_changes() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/both/x", "base");
    let copy = fixture.fork();
    let files = fixture.workspace.files(At::Copy(copy));
    let writes = (0..500).map(|n| write(&format!("/many/0/{n}"), "x"));
    change(&files, writes.collect()).unwrap();
    let copies = (1..300).map(|n| Change::copy("/many/0", format!("/many/{n}")).unwrap());
    change(&files, copies.collect()).unwrap();
    fixture.write(At::Copy(copy), "/both/x", "copy");
    for at in ["/both/x", "/own"] {
        fixture.write(At::Head, at, "head");
    }
    let metered = fixture.workspace.metered();
    let found = metered.conflicts(copy).unwrap();
    assert_eq!(found.count, 1, "of more than 150,000 that differ");
    assert_eq!(found.paths[0].path, path("/both/x"));
    assert!(metered.receipt().nodes_read < 20);
    rebase(&fixture, copy, vec![("/both/x", Take::Parent)]).unwrap();
    let files = fixture.workspace.files(At::Copy(copy));
    assert!(files.stat(&path("/many/299/499")).unwrap().is_some());
    // And the other way round: what the parent changed alone.
    let other = fixture.fork();
    fixture
        .workspace
        .apply(copy, ApplyOptions::default())
        .unwrap();
    fixture.write(At::Copy(other), "/both/x", "other");
    fixture.write(At::Head, "/both/x", "later");
    assert_eq!(fixture.workspace.conflicts(other).unwrap().count, 1);
}

/// A decision for all decides what is at very many paths, and need not go to each.
#[test]
fn a_decision_for_all_ends_a_conflict_of_any_size() {
    let options = workspace_core::Options::default().max_entries(1 << 40);
    let fixture = Fixture::with(options);
    fixture.write(At::Head, "/0", "base");
    let double = |at: At| {
        for n in 0..30 {
            let changes = [("a", n), ("b", n)].map(|(half, n)| {
                let to = format!("/{}/{half}", n + 1);
                Change::copy(format!("/{n}"), to).unwrap()
            });
            let mkdir = Change::mkdir(format!("/{}", n + 1)).unwrap();
            let files = fixture.workspace.files(at);
            change(&files, std::iter::once(mkdir).chain(changes).collect()).unwrap();
            fixture.remove(at, &format!("/{n}"));
        }
    };
    let copy = fixture.fork();
    fixture.write(At::Head, "/0", "head");
    fixture.write(At::Copy(copy), "/0", "copy");
    double(At::Head);
    double(At::Copy(copy));
    let refused = fixture.workspace.conflicts(copy);
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
    let metered = fixture.workspace.metered();
    let options = RebaseOptions::default().resolutions(vec![Resolution {
        path: path("/"),
        take: Take::Copy,
    }]);
    let before = fixture.workspace.copy(copy).unwrap().tree;
    let rebased = block_on(metered.rebase_with(copy, options)).unwrap();
    assert_eq!((rebased.operation, rebased.copy.tree), (None, before));
    assert!(metered.receipt().nodes_read < 1_000);
}

/// > Copies of one parent can be applied together, in one transaction: each as a revision or operation of its own, on top of those before it, or none.
#[test]
fn copies_are_applied_together_or_not_at_all() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/base", "base");
    let copies = several(&fixture, &[&["/a"], &["/b"], &["/c", "/a"]]);
    fixture.write(At::Head, "/later", "head");
    let together = |copies: &[CopyId]| -> Result<Vec<Applied>> {
        let copies: Vec<Together> = copies.iter().copied().map(Together::from).collect();
        let message = RevisionMessage::from("all of them");
        fixture.workspace.apply_all(&copies, &message)
    };
    let before = fixture.workspace.head().unwrap();
    let error = together(&copies).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.subject(), Some(&*copies[2].to_string()));
    assert_eq!(error.conflict().unwrap().both.paths, [path("/a")]);
    assert_eq!(fixture.workspace.head().unwrap(), before);
    let still = fixture.workspace.copy(copies[0]).unwrap();
    assert_eq!(still.generation, 1, "nor was one rebased");

    let applied = together(&copies[..2]).unwrap();
    let revision = |n| Applied::Published {
        revision: RevisionId::new(n),
        already: false,
        in_part: false,
    };
    assert_eq!(applied, [revision(2), revision(3)]);
    assert_eq!(fixture.paths(At::Head), ["/a", "/b", "/base", "/later"]);
    let receipt = {
        let metered = fixture.workspace.metered();
        let copies = several(&fixture, &[&["/d"], &["/e"]]).into_iter();
        let copies: Vec<_> = copies.map(Together::from).collect();
        metered
            .apply_all(&copies, &RevisionMessage::default())
            .unwrap();
        metered.receipt()
    };
    assert_eq!(receipt.commits, 1);

    // Of different parents, in whatever order, or another tree than was reviewed.
    let parent = fixture.fork();
    fixture.write(At::Copy(parent), "/parent", "x");
    let child = workspace_core::ForkOptions::of_copy(parent);
    let child = fixture.workspace.fork(child).unwrap().id;
    fixture.write(At::Copy(child), "/child", "x");
    for pair in [[parent, child], [child, parent]] {
        assert_eq!(kind(together(&pair)), ErrorKind::Invalid);
    }
    let other = Together {
        copy: parent,
        expect_tree: Some(TreeId::empty()),
    };
    let refused = fixture
        .workspace
        .apply_all(&[other], &RevisionMessage::default());
    assert_eq!(kind(refused), ErrorKind::Stale);

    // Repeated with the trees that were reviewed, it says what it said; a copy without a
    // change is left as it is.
    let copies = several(&fixture, &[&["/f"], &["/g"], &[]]);
    let reviewed: Vec<Together> = copies
        .iter()
        .map(|copy| Together {
            copy: *copy,
            expect_tree: Some(fixture.workspace.copy(*copy).unwrap().tree),
        })
        .collect();
    let idle = fixture.workspace.copy(copies[2]).unwrap();
    let revisions = |answers: Vec<Applied>| -> Vec<Option<RevisionId>> {
        let revision = |applied: &Applied| match applied {
            Applied::Published { revision, .. } => Some(*revision),
            _ => None,
        };
        answers.iter().map(revision).collect()
    };
    let message = RevisionMessage::default();
    let first = fixture.workspace.apply_all(&reviewed, &message).unwrap();
    assert_eq!(first[2], Applied::Unchanged { in_part: false });
    assert_eq!(fixture.workspace.copy(copies[2]).unwrap(), idle);
    let again = fixture.workspace.apply_all(&reviewed, &message).unwrap();
    assert_eq!(revisions(again), revisions(first));
}
