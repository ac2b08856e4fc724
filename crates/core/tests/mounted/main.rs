//! Mounted views: what is said of them, and generated compositions against a model.

#![allow(clippy::unwrap_used, reason = "tests")]

mod model;
mod rules;

use futures::executor::block_on;
use model::{Files, Kind, Made, MountModel, Of, Outcome, View};
use workspace_core::{
    ApplyOptions, At, Authority, Change, ChangeOptions, CopyId, ErrorKind, Found, Mount, Mounted,
    MountedView, Options, Owner, Shown, TreePath, Workspace,
};
use workspace_testkit::{MemoryBlobs, MemoryMeta, Random, TestContext, seeds};

const NAMES: [&str; 3] = ["a", "b", ".wh.a"];

fn workspace(seed: u64) -> Workspace {
    let context = TestContext::new(seed).context();
    let (meta, blobs) = (MemoryMeta::new(), MemoryBlobs::new());
    Workspace::create(
        Box::new(meta),
        std::sync::Arc::new(blobs),
        context,
        Options::default(),
    )
    .unwrap()
}

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

/// A path of up to `depth` names, with at least `least`.
fn any_path(random: &mut Random, least: usize, depth: usize) -> String {
    let names = least + random.below(depth - least + 1);
    let text: String = (0..names)
        .map(|_| format!("/{}", random.choose(&NAMES).unwrap()))
        .collect();
    if text.is_empty() { "/".into() } else { text }
}

/// Every path of up to four names.
fn universe() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut level = all.clone();
    for _ in 0..4 {
        level = level
            .iter()
            .flat_map(|above| NAMES.map(|name| format!("{above}/{name}")))
            .collect();
        all.extend(level.clone());
    }
    all.into_iter()
        .map(|path| if path.is_empty() { "/".into() } else { path })
        .collect()
}

/// Fills a copy with something, and returns what.
fn fill(workspace: &Workspace, copy: CopyId, random: &mut Random) -> Files {
    let mut files = Files::new();
    for _ in 0..random.below(10) {
        let at = any_path(random, 1, 3);
        let text = format!("{copy} {}", random.below(1000));
        let parent_is_fit =
            model::ancestors(&at).all(|above| !matches!(files.get(&above), Some(Some(_))));
        if !parent_is_fit || files.contains_key(&at) {
            continue;
        }
        for above in model::ancestors(&at) {
            files.entry(above).or_insert(None);
        }
        let change = match random.chance(0.7) {
            true => {
                files.insert(at.clone(), Some(text.clone()));
                Change::write(&*at, text).unwrap().with_parents()
            }
            false => {
                files.insert(at.clone(), None);
                Change::mkdir(&*at).unwrap().with_parents()
            }
        };
        block_on(
            workspace
                .files(At::Copy(copy))
                .change(vec![change], ChangeOptions::default()),
        )
        .unwrap();
    }
    files.remove("/");
    files
}

/// Some trees, and a view of them that the rules allow.
fn compose(workspace: &Workspace, random: &mut Random) -> (MountedView, View) {
    let copy = || workspace.fork(Default::default()).unwrap().id;
    let mut trees = Vec::new();
    for _ in 0..2 {
        let id = copy();
        let files = fill(workspace, id, random);
        let tree = workspace.tree(At::Copy(id)).unwrap();
        // One as a tree that its copy holds, the other as a revision.
        let at = match workspace.apply(id, ApplyOptions::default()) {
            Ok(workspace_core::Applied::Published { revision, .. }) => At::Revision(revision),
            _ => At::Tree(tree),
        };
        trees.push((at, files));
        if let At::Revision(_) = at {
            let clear: Vec<_> = workspace
                .files(At::Head)
                .list(&TreePath::root(), None, 10)
                .unwrap()
                .into_iter()
                .map(|(name, _)| {
                    Change::remove(TreePath::root().join(&name).unwrap())
                        .unwrap()
                        .recursively()
                })
                .collect();
            let head = workspace.files(At::Head);
            block_on(head.change(clear, ChangeOptions::default())).unwrap();
        }
    }
    loop {
        let (mut mounts, mut model) = (Vec::new(), View::default());
        for _ in 0..1 + random.below(4) {
            let prefix = match random.chance(0.4) {
                true => "/".into(),
                false => any_path(random, 1, 2),
            };
            let (authority, of, can) = match random.below(7) {
                0 | 1 => {
                    let id = copy();
                    let files = fill(workspace, id, random);
                    let at = model.trees.len();
                    model.trees.push((Some(id), files));
                    (Authority::Files(At::Copy(id)), Of::Tree(at), true)
                }
                2 => {
                    let (at, files) = random.choose(&trees).unwrap().clone();
                    model.trees.push((None, files));
                    let of = Of::Tree(model.trees.len() - 1);
                    (Authority::Files(at), of, false)
                }
                3 | 4 => {
                    let id = copy();
                    let over = fill(workspace, id, random);
                    let (base, files) = random.choose(&trees).unwrap().clone();
                    model.trees.push((Some(id), model::overlaid(&files, &over)));
                    let of = Of::Overlay(model.trees.len() - 1, files);
                    (Authority::Overlay { copy: id, base }, of, true)
                }
                5 => (Authority::RuntimeLocal, Of::Local, false),
                _ => (Authority::Rejected("not here".into()), Of::Rejected, false),
            };
            let writable = can && random.chance(0.8);
            let mut mount = Mount::new(path(&prefix), authority).shadowing();
            if writable {
                mount = mount.writable();
            }
            mounts.push(mount);
            model.mounts.push(MountModel {
                prefix,
                of,
                writable,
            });
        }
        // What is refused is looked at by itself; here another one is made.
        let Ok(view) = MountedView::new(mounts) else {
            continue;
        };
        model.mounts.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        return (view, model);
    }
}

/// What the view shows, in the words of the model.
fn told(found: Option<Found>) -> Option<(Option<usize>, Kind)> {
    let found = found?;
    let owner = match found.owner {
        Owner::View => None,
        Owner::Mount(at) => Some(at),
    };
    let kind = match found.shown {
        Shown::File { file, of_base } => Kind::File(file.content, of_base),
        Shown::Directory(_) => Kind::Directory,
        Shown::Local => Kind::Local,
        Shown::Symlink { .. } => unreachable!("none was made"),
    };
    Some((owner, kind))
}

fn compare(mounted: &Mounted, model: &View, what: &str) {
    for at in universe() {
        let shown = mounted.lookup(&path(&at)).map(told);
        let expected = model.at(&at);
        match (&shown, &expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected, "{what}: {at}"),
            (Err(error), Err(())) => assert_eq!(error.kind(), ErrorKind::Denied, "{what}: {at}"),
            _ => panic!("{what}: {at}: {shown:?}, not {expected:?}"),
        }
        let mut listed = Vec::new();
        let page = loop {
            let after = listed
                .last()
                .map(|(name, _): &(workspace_core::Name, Found)| name.clone());
            match mounted.list(&path(&at), after.as_ref(), 2) {
                Ok(page) if page.is_empty() => break Ok(()),
                Ok(page) => listed.extend(page),
                Err(error) => break Err(error.kind()),
            }
        };
        let names: Vec<_> = listed.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(page.map(|()| names), model.list(&at), "{what}: ls {at}");
        for (name, found) in listed {
            let below = path(&at).join(&name).unwrap();
            assert_eq!(
                mounted.lookup(&below).unwrap(),
                Some(found),
                "{what}: {below}"
            );
        }
    }
    let walked: Vec<_> = mounted
        .walk(&TreePath::root())
        .map(|walk| walk.map(|found| found.unwrap().0.to_string()).collect())
        .unwrap_or_default();
    assert_eq!(walked, model.walk("/"), "{what}: walk");
}

fn any_change(random: &mut Random) -> (Change, Made) {
    let at = any_path(random, 0, 4);
    let to = any_path(random, 0, 3);
    let flag = random.chance(0.5);
    match random.below(5) {
        0 | 1 => {
            let text = format!("new {}", random.below(1000));
            let change = Change::write(&*at, text.clone()).unwrap();
            let change = if flag { change.with_parents() } else { change };
            (change, Made::Write(at, text, flag))
        }
        2 => {
            let change = Change::mkdir(&*at).unwrap();
            let change = if flag { change.with_parents() } else { change };
            (change, Made::Mkdir(at, flag))
        }
        3 => {
            let change = Change::remove(&*at).unwrap();
            let change = if flag { change.recursively() } else { change };
            (change, Made::Remove(at, flag))
        }
        _ => (Change::rename(&*at, &*to).unwrap(), Made::Rename(at, to)),
    }
}

/// `VIEWS=0-9999` compares so many compositions.
#[test]
fn generated_views_are_as_the_model_has_them() {
    let mut refused = 0;
    let mut made = 0;
    for seed in seeds("VIEWS", 0..150) {
        let mut random = Random::new(seed);
        let workspace = workspace(seed);
        let (view, mut model) = compose(&workspace, &mut random);
        let mut mounted = view.open(&workspace).unwrap();
        compare(&mounted, &model, &format!("seed {seed}"));
        for round in 0..6 {
            let (change, asked) = any_change(&mut random);
            let what = format!("seed {seed}, change {round}: {asked:?}");
            let generations = |model: &View| -> Vec<_> {
                let copies = model.trees.iter().filter_map(|(copy, _)| *copy);
                copies
                    .map(|copy| workspace.copy(copy).unwrap().generation)
                    .collect()
            };
            let before = generations(&model);
            let expected = model.change(&asked);
            let changed = block_on(mounted.change(vec![change], ChangeOptions::default()));
            match (&changed, &expected) {
                (Ok(_), Outcome::Nothing) => {}
                (Ok(Some(_)), Outcome::Written) => made += 1,
                (Err(error), Outcome::Refused(kind)) => {
                    assert_eq!(error.kind(), *kind, "{what}: {error}");
                    refused += 1;
                }
                (Err(_), Outcome::Failed) => {}
                _ => panic!("{what}: {changed:?}, not {expected:?}"),
            }
            if !matches!(expected, Outcome::Written) {
                assert_eq!(generations(&model), before, "{what}");
            }
            assert_eq!(
                mounted.moved().unwrap().is_empty(),
                generations(&model) == before,
                "{what}"
            );
            mounted = view.open(&workspace).unwrap();
            compare(&mounted, &model, &what);
        }
    }
    assert!(refused > 0 && made > 0, "{refused} refused, {made} made");
}
