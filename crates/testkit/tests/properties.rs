//! What holds of every tree, path and glob.

use std::cell::Cell;

use futures::executor::block_on;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use workspace_core::{At, ChangeOptions, Context, Name, Options, TreeId, TreePath, Workspace};
use workspace_testkit::model::{Edit, Files};
use workspace_testkit::{MemoryStorage, Storage, TestContext, strategies};

fn workspace() -> Workspace {
    let storage = MemoryStorage::new();
    let context: Context = TestContext::new(1).context();
    let options = Options::default().inline_limit(64);
    Workspace::create(storage.meta(), storage.blobs(), context, options).expect("new storage")
}

fn make(workspace: &Workspace, edits: &[Edit]) -> TreeId {
    let changes = edits.iter().map(Edit::to_change).collect();
    let files = workspace.files(At::Head);
    let changed = block_on(files.change(changes, ChangeOptions::default()));
    changed.expect("the edits fit together").tree
}

/// A tree, its edits, and the same in another order.
fn shuffled() -> impl Strategy<Value = (Files, Vec<Edit>, Vec<Edit>)> {
    strategies::tree(60).prop_flat_map(|(files, edits)| {
        let other = Just(edits.clone()).prop_shuffle();
        (Just(files), Just(edits), other)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same entries have the same id, in whatever order and batches they
    /// were written, and whatever was there in between.
    #[test]
    fn a_tree_is_what_it_holds(
        (files, edits, other) in shuffled(),
        (_, detour) in strategies::tree(20),
        batch in 1..30usize,
    ) {
        let straight = workspace();
        let wanted = make(&straight, &edits);

        let winding = workspace();
        for (n, some) in other.chunks(batch).enumerate() {
            make(&winding, some);
            let aside = TreePath::new(&format!("/aside{n}")).unwrap();
            let within = detour.iter().filter_map(|edit| moved(edit, &aside));
            make(&winding, &within.collect::<Vec<_>>());
            let gone = winding.files(At::Head).stat(&aside).unwrap().is_some();
            make(&winding, &gone.then(|| Edit::Remove(aside, true)).into_iter().collect::<Vec<_>>());
        }
        let found = winding.tree(At::Head).unwrap();
        prop_assert_eq!(found, wanted, "{} entries", files.len());

        let walk = winding.files(At::Head).walk(&TreePath::root()).unwrap();
        prop_assert_eq!(walk.count(), files.len());
    }
}

/// What parses is kept as it is, and is made of names.
#[test]
fn a_path_is_never_normalized() {
    let reached = Reached::of(100);
    reached.run(&strategies::hostile_text(), 10, |text| {
        let Ok(path) = TreePath::new(&text) else {
            return Ok(false);
        };
        prop_assert_eq!(path.as_str(), &text);
        prop_assert!(path.segments().all(|name| Name::new(name).is_ok()));
        let rebuilt = path
            .segments()
            .try_fold(TreePath::root(), |path, name| path.join(&Name::new(name)?));
        prop_assert_eq!(rebuilt.unwrap(), path);
        Ok(true)
    });
}

/// A glob that matches a path matches what is below, and may match below whatever is
/// above.
#[test]
fn a_match_reaches_down() {
    let reached = Reached::of(400);
    let strategy = (strategies::glob(), strategies::path(4), strategies::name());
    reached.run(&strategy, 10, |(glob, path, name)| {
        let Ok(below) = path.join(&name) else {
            return Ok(false);
        };
        if glob.matches(&path) {
            prop_assert!(glob.matches(&below));
        }
        if glob.matches(&below) {
            prop_assert!(glob.may_match_below(&path));
        }
        Ok(glob.matches(&below))
    });
}

/// Counts the cases that reach what a property is about.
struct Reached {
    cases: u32,
    count: Cell<u32>,
}

impl Reached {
    fn of(cases: u32) -> Self {
        let count = Cell::new(0);
        Self { cases, count }
    }

    /// Runs the cases; `test` tells of each whether it looked. One in `share` has to.
    fn run<S: Strategy>(
        &self,
        strategy: &S,
        share: u32,
        test: impl Fn(S::Value) -> Result<bool, TestCaseError>,
    ) {
        // The same cases each time, as a share of random ones may fall short by chance.
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(ProptestConfig::with_cases(self.cases), rng);
        let outcome = runner.run(strategy, |value| {
            let looked = test(value)?;
            self.count.set(self.count.get() + u32::from(looked));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        let (count, cases) = (self.count.get(), self.cases);
        assert!(count * share >= cases, "{count} of {cases} cases looked");
    }
}

/// The same edit below another directory.
fn moved(edit: &Edit, below: &TreePath) -> Option<Edit> {
    Some(match edit.clone() {
        Edit::Write(path, bytes, options) => Edit::Write(path.below(below).ok()?, bytes, options),
        Edit::Mkdir(path, parents) => Edit::Mkdir(path.below(below).ok()?, parents),
        Edit::Symlink(path, target, parents) => {
            Edit::Symlink(path.below(below).ok()?, target, parents)
        }
        _ => return None,
    })
}
