//! What is said of mounted views, one by one.

use std::sync::Arc;

use futures::executor::block_on;
use workspace_core::{
    At, Authority, Change, ChangeOptions, CopyId, ErrorKind, ForkOptions, MAX_MOUNTS, Mount,
    MountedView, Name, Options, Owner, Reason, Shown, TreeId, Workspace, WriteOptions,
};
use workspace_testkit::{FaultPlan, FaultyMeta, MemoryBlobs, MemoryMeta, TestContext};

use super::{path, workspace};

fn empty() -> Authority {
    Authority::Files(At::Tree(TreeId::empty()))
}

fn copy_with(workspace: &Workspace, files: &[(&str, &str)]) -> CopyId {
    let copy = workspace.fork(ForkOptions::default()).unwrap().id;
    for (at, text) in files {
        let write = Change::write(*at, *text).unwrap().with_parents();
        change(workspace, At::Copy(copy), vec![write]);
    }
    copy
}

fn change(workspace: &Workspace, at: At, changes: Vec<Change>) {
    block_on(
        workspace
            .files(at)
            .change(changes, ChangeOptions::default()),
    )
    .unwrap();
}

#[test]
fn what_cannot_be_composed_is_refused_by_name() {
    let copy = CopyId::from_bytes([1; 16]);
    let at = |prefix: &str, authority: Authority| Mount::new(path(prefix), authority);
    let copied = || Authority::Files(At::Copy(copy));
    let overlay = |base| Authority::Overlay { copy, base };
    for (mounts, subject) in [
        (vec![at("/", empty()), at("/", empty())], "/"),
        (vec![at("/", empty()), at("/x", empty())], "/x"),
        (vec![at("/x", empty()), at("/x/y/z", empty())], "/x/y/z"),
        (
            vec![
                at("/x", Authority::RuntimeLocal),
                at("/x/y", empty()).shadowing(),
            ],
            "/x/y",
        ),
        (
            vec![
                at("/x", Authority::Rejected("no".into())),
                at("/x/y", empty()).shadowing(),
            ],
            "/x/y",
        ),
        (vec![at("/", empty()).writable()], "/"),
        (vec![at("/", Authority::Files(At::Head)).writable()], "/"),
        (vec![at("/", Authority::RuntimeLocal).writable()], "/"),
        (
            vec![at("/", Authority::RuntimeLocal).of_directory(path("/a"))],
            "/",
        ),
        (vec![at("/", overlay(At::Head))], "/"),
        (vec![at("/", overlay(At::Copy(copy)))], "/"),
        (
            vec![
                at("/a", copied()).writable(),
                at("/b", copied()).of_directory(path("/d")).writable(),
            ],
            "/b",
        ),
        // What an overlay writes rests on its base: another mount of its copy would not know.
        (
            vec![
                at("/a", overlay(At::Tree(TreeId::empty())))
                    .of_directory(path("/x"))
                    .writable(),
                at("/b", overlay(At::Tree(TreeId::empty())))
                    .of_directory(path("/y"))
                    .writable(),
            ],
            "/b",
        ),
        (
            vec![
                at("/a", copied()).of_directory(path("/x")).writable(),
                at("/b", overlay(At::Tree(TreeId::empty())))
                    .of_directory(path("/y"))
                    .writable(),
            ],
            "/b",
        ),
    ] {
        let error = MountedView::new(mounts).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::Contradiction), "{error}");
        assert_eq!(error.subject(), Some(subject), "{error}");
        assert!(error.detail().is_some(), "{error}");
    }
    let many = |count: usize| (0..count).map(|n| at(&format!("/{n}"), empty())).collect();
    assert!(MountedView::new(many(MAX_MOUNTS)).is_ok());
    let error = MountedView::new(many(MAX_MOUNTS + 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    // Parts of one copy that do not overlap are written through two prefixes.
    let parts = ["/c", "/d"].map(|dir| at(dir, copied()).of_directory(path(dir)).writable());
    assert!(MountedView::new(parts.into()).is_ok());
}

/// `/a-b` sorts between `/a` and `/a/b`.
#[test]
fn the_most_specific_prefix_wins_however_names_sort() {
    let view = MountedView::new(
        ["/a", "/a-b", "/a/b"]
            .map(|prefix| Mount::new(path(prefix), empty()).shadowing())
            .into(),
    )
    .unwrap();
    let owner = |at: &str| {
        view.owner(&path(at))
            .map(|mount| mount.prefix().to_string())
    };
    for (at, owned) in [
        ("/a/b/c", Some("/a/b")),
        ("/a/bc", Some("/a")),
        ("/a-b", Some("/a-b")),
        ("/", None),
        ("/b", None),
    ] {
        assert_eq!(owner(at).as_deref(), owned, "{at}");
    }
}

#[test]
fn a_view_follows_no_copy_until_it_is_opened_again() {
    let workspace = workspace(1);
    let copy = copy_with(&workspace, &[("/a", "1")]);
    let files = Authority::Files(At::Copy(copy));
    let view = MountedView::new(vec![Mount::new(path("/w"), files).writable()]).unwrap();
    let mounted = view.open(&workspace).unwrap();
    assert!(mounted.moved().unwrap().is_empty());
    change(
        &workspace,
        At::Copy(copy),
        vec![Change::write("/a", "2").unwrap()],
    );
    assert_eq!(block_on(mounted.read(&path("/w/a"))).unwrap(), "1");
    let moved = mounted.moved().unwrap();
    assert_eq!((moved[0].shown, moved[0].now), (1, Some(2)));
    assert_eq!(moved[0].prefix, path("/w"));
    // A write may rest on what was shown.
    let stale = ChangeOptions::default().expect_generation(1);
    let write = || vec![Change::write("/w/b", "3").unwrap()];
    let error = block_on(mounted.change(write(), stale)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    workspace.discard(copy).unwrap();
    assert_eq!(mounted.moved().unwrap()[0].now, None);
    assert_eq!(block_on(mounted.read(&path("/w/a"))).unwrap(), "1");
    let error = block_on(mounted.change(write(), ChangeOptions::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(view.open(&workspace).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_batch_is_split_by_the_copies_that_own_its_paths() {
    let workspace = workspace(2);
    let [one, two] = [(), ()].map(|()| copy_with(&workspace, &[("/d/x", "x")]));
    let mount = |prefix: &str, copy| {
        let files = Authority::Files(At::Copy(copy));
        Mount::new(path(prefix), files).writable().shadowing()
    };
    let view = MountedView::new(vec![
        mount("/", one),
        mount("/two", two).of_directory(path("/d")),
    ])
    .unwrap();
    let mounted = view.open(&workspace).unwrap();
    let batch = || {
        vec![
            Change::write("/a", "1").unwrap(),
            Change::write("/two/b", "2").unwrap(),
            Change::remove("/d/x").unwrap(),
            Change::rename("/two/x", "/two/y").unwrap(),
        ]
    };
    let parts = mounted.route(batch()).unwrap();
    let told: Vec<_> = parts
        .iter()
        .map(|part| (part.copy, part.changes.len()))
        .collect();
    assert_eq!(told, [(one, 2), (two, 2)]);
    assert!(format!("{:?}", parts[1].changes).contains("\"/d/y\""));
    let error = block_on(mounted.change(batch(), ChangeOptions::default())).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Contradiction));
    let across = vec![Change::rename("/d/x", "/two/z").unwrap()];
    assert_eq!(
        mounted.route(across).unwrap_err().reason(),
        Some(Reason::Contradiction)
    );
    for part in parts {
        change(&workspace, At::Copy(part.copy), part.changes);
    }
    let mounted = view.open(&workspace).unwrap();
    assert_eq!(block_on(mounted.read(&path("/two/y"))).unwrap(), "x");
}

#[test]
fn a_batch_on_an_overlay_is_one_operation_and_each_change_sees_those_before() {
    let workspace = workspace(3);
    let base = copy_with(
        &workspace,
        &[("/d/x", "base"), ("/d/y", "base"), ("/run", "go")],
    );
    let base = At::Tree(workspace.tree(At::Copy(base)).unwrap());
    let copy = copy_with(&workspace, &[]);
    let overlay = Authority::Overlay { copy, base };
    let view = MountedView::new(vec![Mount::new(path("/"), overlay).writable()]).unwrap();
    let mounted = view.open(&workspace).unwrap();
    let batch = vec![
        Change::remove("/d").unwrap().recursively(),
        Change::mkdir("/d").unwrap(),
        Change::write("/d/x", "new").unwrap(),
        Change::write("/run", "on").unwrap(),
    ];
    let options = ChangeOptions::default().expect_generation(0);
    let changed = block_on(mounted.change(batch, options)).unwrap().unwrap();
    assert_eq!(changed.generation, 1);
    assert!(changed.operation.is_some());
    let mounted = view.open(&workspace).unwrap();
    let names = |at: &str| -> Vec<String> {
        let page = mounted.list(&path(at), None, 10).unwrap();
        page.iter().map(|(name, _)| name.to_string()).collect()
    };
    assert_eq!(names("/"), ["d", "run"]);
    assert_eq!(names("/d"), ["x"]);
    assert_eq!(block_on(mounted.read(&path("/d/x"))).unwrap(), "new");
    // Undone, the base is as it was: it never changed.
    let operation = changed.operation.unwrap();
    workspace
        .undo(copy, operation, &Default::default())
        .unwrap();
    let mounted = view.open(&workspace).unwrap();
    assert_eq!(block_on(mounted.read(&path("/d/y"))).unwrap(), "base");
    // One that fails changes nothing of those before it.
    let batch = vec![
        Change::remove("/run").unwrap(),
        Change::write("/run", "x")
            .unwrap()
            .with_options(WriteOptions::default().precondition(
                workspace_core::Precondition::Content(workspace_core::ContentId::of(b"go")),
            )),
    ];
    let error = block_on(mounted.change(batch, ChangeOptions::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(mounted.moved().unwrap().is_empty());
    assert_eq!(workspace.copies(true, None, 10).unwrap().len(), 2);
}

/// What the base has must not look as if it were not there.
#[test]
fn a_base_that_cannot_be_read_is_an_error_and_never_a_missing_file() {
    let plan = FaultPlan::new();
    let meta = FaultyMeta::new(Box::new(MemoryMeta::new()), &plan);
    let workspace = Workspace::create(
        Box::new(meta),
        Arc::new(MemoryBlobs::new()),
        TestContext::new(4).context(),
        Options::default().node_cache(0),
    )
    .unwrap();
    let base = copy_with(&workspace, &[("/d/x", "base")]);
    let base = At::Tree(workspace.tree(At::Copy(base)).unwrap());
    let copy = copy_with(&workspace, &[("/e", "copy")]);
    let overlay = Authority::Overlay { copy, base };
    let view = MountedView::new(vec![Mount::new(path("/"), overlay).writable()]).unwrap();
    let mounted = view.open(&workspace).unwrap();
    let mut failed = 0;
    for n in 1.. {
        plan.fail_at(n);
        let found = mounted.lookup(&path("/d/x"));
        let names = mounted.list(&path("/d"), None, 10);
        let met = plan.faults() > 0;
        plan.reopen();
        match (found, names) {
            (Ok(Some(_)), Ok(names)) if names.len() == 1 => {}
            (Ok(None), _) => panic!("call {n}: it looked as if nothing were there"),
            (_, Ok(names)) if names.is_empty() => panic!("call {n}: an empty directory"),
            (found, _) => {
                failed += 1;
                if let Err(error) = found {
                    assert_eq!(error.kind(), ErrorKind::Unavailable);
                }
            }
        }
        if !met {
            break;
        }
    }
    assert!(failed > 1, "{failed}");
}

#[test]
fn what_is_on_the_way_to_a_mount_is_a_directory() {
    let workspace = workspace(5);
    let copy = copy_with(&workspace, &[("/a", "a file")]);
    let files = Authority::Files(At::Copy(copy));
    let view = MountedView::new(vec![
        Mount::new(path("/"), files).writable(),
        Mount::new(path("/a/node_modules"), Authority::RuntimeLocal).shadowing(),
        Mount::new(
            path("/.git"),
            Authority::Rejected("history is not files".into()),
        )
        .shadowing(),
    ])
    .unwrap();
    let mounted = view.open(&workspace).unwrap();
    let found = mounted.lookup(&path("/a")).unwrap().unwrap();
    assert_eq!(found.owner, Owner::Mount(0));
    assert_eq!(found.shown, Shown::Directory(None));
    let local = mounted.lookup(&path("/a/node_modules/x")).unwrap().unwrap();
    assert_eq!((local.owner, local.shown), (Owner::Mount(2), Shown::Local));
    let walked: Vec<_> = mounted
        .walk(&path("/"))
        .unwrap()
        .map(|found| found.unwrap().0.to_string())
        .collect();
    assert_eq!(walked, ["/a", "/a/node_modules"]);
    let after = Name::new("a").unwrap();
    assert!(
        mounted
            .list(&path("/"), Some(&after), 9)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        mounted.list(&path("/"), None, 10_001).unwrap_err().kind(),
        ErrorKind::LimitExceeded
    );
    for (change, kind, why) in [
        (
            Change::write("/.git/config", "x"),
            ErrorKind::Denied,
            "history is not files",
        ),
        (
            Change::write("/a/node_modules/x", "x"),
            ErrorKind::ReadOnly,
            "runtime-local",
        ),
        (
            Change::remove("/a"),
            ErrorKind::Invalid,
            "a mount is at or below it",
        ),
    ] {
        let error = mounted.route(vec![change.unwrap()]).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// A page goes over what is hidden, however much that is.
#[test]
fn a_large_overlay_is_listed_page_by_page() {
    let workspace = workspace(6);
    let names: Vec<_> = (0..1500).map(|n| format!("/n{n:04}")).collect();
    let all = |part: &dyn Fn(usize) -> bool, name: &dyn Fn(&str) -> String| {
        let copy = copy_with(&workspace, &[]);
        let chosen = names.iter().enumerate().filter(|(n, _)| part(*n));
        let writes = chosen.map(|(_, at)| Change::write(name(at), "").unwrap());
        change(&workspace, At::Copy(copy), writes.collect());
        copy
    };
    let base = all(&|_| true, &str::to_string);
    let base = At::Tree(workspace.tree(At::Copy(base)).unwrap());
    let copy = all(&|n| n % 100 != 7, &|at| format!("/.wh.{}", &at[1..]));
    let overlay = Authority::Overlay { copy, base };
    let view = MountedView::new(vec![Mount::new(path("/"), overlay)]).unwrap();
    let mounted = view.open(&workspace).unwrap();
    let mut found: Vec<Name> = Vec::new();
    loop {
        let page = mounted.list(&path("/"), found.last(), 4).unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|(name, _)| name));
    }
    let expected: Vec<_> = (0..15).map(|n| format!("n{:04}", n * 100 + 7)).collect();
    let found: Vec<_> = found.iter().map(Name::to_string).collect();
    assert_eq!(found, expected);
}
