//! What a sync does: for each path, which side changed since the last one.
//!
//! Nothing is read and nothing is written here. A path that one side changed goes to the
//! other; one that both changed, in different ways, is a conflict, and with it everything
//! below it stays as it is on both sides.

use std::collections::{BTreeMap, BTreeSet};

use workspace_core::{ContentId, Entry, TreePath};

/// What is at a path, as far as a directory on disk and a tree can both have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leaf {
    Directory,
    File {
        content: ContentId,
        executable: bool,
    },
    Symlink(String),
    /// What a tree cannot have: a device, FIFO or socket.
    Special,
}

impl Leaf {
    /// Returns what an entry of a tree is.
    pub(super) fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Directory(_) => Self::Directory,
            Entry::File(file) => Self::File {
                content: file.content,
                executable: file.executable,
            },
            Entry::Symlink(symlink) => Self::Symlink(symlink.target.to_string()),
        }
    }
}

/// What is at each path; the root is not among them.
pub(super) type Leaves = BTreeMap<TreePath, Leaf>;

/// A side of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Copy,
    Directory,
}

/// What becomes of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Both sides have the same.
    Same,
    /// This side gets what the other has, which may be nothing.
    To(Side, Option<Leaf>),
    /// It was removed on one side, and something below it is needed on the other.
    Leave,
    /// Both sides changed it in different ways.
    Conflict,
    /// It is below a conflict, or below what only the copy can have.
    Frozen,
}

/// What was at a path when the sides agreed last, and is on each of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Three<'a> {
    pub(super) base: Option<&'a Leaf>,
    pub(super) directory: Option<&'a Leaf>,
    pub(super) copy: Option<&'a Leaf>,
}

/// The three states that a sync brings together.
pub(super) struct Sides<'a> {
    pub(super) base: &'a Leaves,
    pub(super) directory: &'a Leaves,
    pub(super) copy: &'a Leaves,
    /// What the copy has besides, which stays there with all that is below it.
    pub(super) besides: BTreeSet<TreePath>,
}

/// What becomes of each path.
pub(super) type Steps = BTreeMap<TreePath, Step>;

impl Sides<'_> {
    /// Returns what is at a path.
    pub(super) fn at(&self, path: &TreePath) -> Three<'_> {
        Three {
            base: self.base.get(path),
            directory: self.directory.get(path),
            copy: self.copy.get(path),
        }
    }

    /// Decides what becomes of each path; `taken` says whose side wins where both changed
    /// a path.
    pub(super) fn plan(&self, taken: impl Fn(&TreePath) -> Option<Side>) -> Steps {
        let open = self.decide(|_| None);
        let conflicts: Vec<(TreePath, Side)> = open
            .iter()
            .filter(|(_, step)| **step == Step::Conflict)
            .filter_map(|(path, _)| Some((path.clone(), taken(path)?)))
            .collect();
        if conflicts.is_empty() {
            return open;
        }
        let conflicts: BTreeMap<TreePath, Side> = conflicts.into_iter().collect();
        // What conflicts is taken with all that is below it.
        self.decide(|path| {
            let above = ancestors(path).find_map(|above| conflicts.get(&above));
            conflicts.get(path).or(above).copied()
        })
    }

    fn decide(&self, forced: impl Fn(&TreePath) -> Option<Side>) -> Steps {
        let paths: BTreeSet<&TreePath> = [self.base, self.directory, self.copy]
            .into_iter()
            .flat_map(BTreeMap::keys)
            .collect();
        let mut steps: Steps = paths
            .iter()
            .map(|path| ((*path).clone(), step(self.at(path), forced(path))))
            .collect();
        self.mend(&mut steps);
        freeze(&mut steps, &self.besides);
        steps
    }

    /// Sees to it that whatever is at a path afterwards is in a directory.
    fn mend(&self, steps: &mut Steps) {
        let there: Vec<TreePath> = steps
            .iter()
            .filter(|(path, step)| match step {
                Step::Same => self.at(path).copy.is_some(),
                Step::To(_, leaf) => leaf.is_some(),
                Step::Conflict | Step::Leave | Step::Frozen => true,
            })
            .map(|(path, _)| path.clone())
            .chain(self.besides.iter().cloned())
            .collect();
        for path in there {
            for above in ancestors(&path) {
                let Some(step) = steps.get_mut(&above) else {
                    continue;
                };
                match step {
                    Step::To(_, None) => *step = Step::Leave,
                    Step::To(_, Some(leaf)) if *leaf != Leaf::Directory => *step = Step::Conflict,
                    _ => {}
                }
            }
        }
    }
}

/// Decides by what is at the path alone.
fn step(three: Three<'_>, forced: Option<Side>) -> Step {
    let Three {
        base,
        directory,
        copy,
    } = three;
    let to_copy = || Step::To(Side::Copy, directory.cloned());
    let to_directory = || Step::To(Side::Directory, copy.cloned());
    match forced {
        _ if directory == copy => Step::Same,
        Some(Side::Directory) if directory != Some(&Leaf::Special) => to_copy(),
        Some(Side::Copy) => to_directory(),
        _ if directory == base => to_directory(),
        // Nobody wants what a tree cannot have; where it is in the way, that is told.
        _ if directory == Some(&Leaf::Special) && copy.is_none() => Step::Leave,
        _ if copy == base && directory != Some(&Leaf::Special) => to_copy(),
        _ => Step::Conflict,
    }
}

/// Leaves alone what is below a conflict, and what is at or below one of these paths.
fn freeze(steps: &mut Steps, besides: &BTreeSet<TreePath>) {
    let conflicts: BTreeSet<TreePath> = steps
        .iter()
        .filter(|(_, step)| **step == Step::Conflict)
        .map(|(path, _)| path.clone())
        .collect();
    if conflicts.is_empty() && besides.is_empty() {
        return;
    }
    let all = besides.contains(&TreePath::root());
    for (path, step) in steps {
        let is_below = |above: TreePath| conflicts.contains(&above) || besides.contains(&above);
        if all || besides.contains(path) || ancestors(path).any(is_below) {
            *step = Step::Frozen;
        }
    }
}

/// Returns the directories that a path is in, the nearest first, without the root.
pub(super) fn ancestors(path: &TreePath) -> impl Iterator<Item = TreePath> {
    let above = |path: &TreePath| path.parent().filter(|parent| !parent.is_root());
    std::iter::successors(above(path), move |path| above(path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(text: &str) -> Leaf {
        Leaf::File {
            content: ContentId::of(text.as_bytes()),
            executable: false,
        }
    }

    /// Reads `a=1 d/ d/b=2`: files with a content, and directories.
    fn leaves(text: &str) -> Leaves {
        let leaf = |word: &str| match word.split_once('=') {
            Some((path, content)) => (path.to_owned(), file(content)),
            None => (word.trim_end_matches('/').to_owned(), Leaf::Directory),
        };
        text.split_whitespace()
            .map(leaf)
            .map(|(path, leaf)| (TreePath::new(&format!("/{path}")).unwrap(), leaf))
            .collect()
    }

    /// Plans, and writes down what is no [`Step::Same`].
    fn planned(base: &str, directory: &str, copy: &str, taken: Option<Side>) -> String {
        let (base, directory, copy) = (leaves(base), leaves(directory), leaves(copy));
        let sides = Sides {
            base: &base,
            directory: &directory,
            copy: &copy,
            besides: BTreeSet::new(),
        };
        let told = |(path, step): (TreePath, Step)| match step {
            Step::Same => None,
            Step::To(Side::Copy, leaf) => Some((path, if leaf.is_some() { ">" } else { ">-" })),
            Step::To(Side::Directory, leaf) => {
                Some((path, if leaf.is_some() { "<" } else { "<-" }))
            }
            Step::Leave => Some((path, ".")),
            Step::Conflict => Some((path, "!")),
            Step::Frozen => Some((path, "~")),
        };
        let steps = sides.plan(|_| taken).into_iter().filter_map(told);
        let words: Vec<String> = steps.map(|(path, sign)| format!("{sign}{path}")).collect();
        words.join(" ")
    }

    #[test]
    fn each_side_gets_what_the_other_changed() {
        for (base, directory, copy, expected) in [
            ("a=1", "a=1", "a=1", ""),
            ("a=1", "a=2", "a=1", ">/a"),
            ("a=1", "a=1", "a=2", "</a"),
            ("a=1", "", "a=1", ">-/a"),
            ("a=1", "a=1", "", "<-/a"),
            ("", "a=1", "", ">/a"),
            ("", "", "a=1", "</a"),
            ("a=1", "a=2", "a=2", ""),
            ("a=1", "a=2", "a=3", "!/a"),
            ("a=1", "", "a=3", "!/a"),
            ("a=1", "a=2", "", "!/a"),
            ("", "a=1", "a=2", "!/a"),
            // A directory that is removed where something is needed in it.
            ("d/ d/a=1", "", "d/ d/a=1", ">-/d >-/d/a"),
            ("d/ d/a=1", "", "d/ d/a=2", "./d !/d/a"),
            ("d/ d/a=1", "", "d/ d/a=1 d/b=1", "./d >-/d/a </d/b"),
            ("d/ d/a=1", "d/ d/a=1 d/b=1", "", "./d <-/d/a >/d/b"),
            // One that became a file.
            ("d/ d/a=1", "d=1", "d/ d/a=1", ">/d >-/d/a"),
            ("d/ d/a=1", "d=1", "d/ d/a=2", "!/d ~/d/a"),
            ("d/ d/a=1", "d=1", "d/ d/a=1 d/b=1", "!/d ~/d/a ~/d/b"),
            ("d=1", "d=1", "d/ d/a=1", "</d </d/a"),
            ("d=1", "d=2", "d/ d/a=1", "!/d ~/d/a"),
            // A name in between does not come between a directory and what is in it.
            (
                "d/ d-a=1 d/a=1",
                "d=1 d-a=2",
                "d/ d-a=1 d/a=2",
                "!/d >/d-a ~/d/a",
            ),
        ] {
            let found = planned(base, directory, copy, None);
            assert_eq!(found, expected, "{base} | {directory} | {copy}");
        }
    }

    /// A directory was removed with what the directory on disk could not have.
    #[test]
    fn what_only_the_copy_can_have_stays_with_what_it_is_in() {
        let (base, copy) = (leaves("d/ d/e/ d/a=1 r/ r/a=1"), leaves("d/ d/e/ d/a=1 r/"));
        let plan = |directory: &str| {
            let directory = leaves(directory);
            let besides = ["/d/e/.git", "/r"].map(|it| TreePath::new(it).unwrap());
            let sides = Sides {
                base: &base,
                directory: &directory,
                copy: &copy,
                besides: besides.into(),
            };
            let steps = sides.plan(|_| None);
            let step = |path: &str| steps[&TreePath::new(path).unwrap()].clone();
            ["/d", "/d/e", "/d/a", "/r/a"].map(step)
        };
        let gone = || Step::To(Side::Copy, None);
        assert_eq!(
            plan("r/ r/a=1"),
            [Step::Leave, Step::Leave, gone(), Step::Frozen]
        );
        let [d, e, a, _] = plan("d=1 r/ r/a=1");
        assert_eq!([d, e, a], [Step::Conflict, Step::Frozen, Step::Frozen]);
    }

    #[test]
    fn a_side_is_taken_where_both_changed_and_nowhere_else() {
        let all = ["a=1 b=1 c=1", "a=2 b=2 c=1", "a=3 b=1 c=2"];
        for (taken, expected) in [
            (Side::Copy, "</a >/b </c"),
            (Side::Directory, ">/a >/b </c"),
        ] {
            assert_eq!(planned(all[0], all[1], all[2], Some(taken)), expected);
        }
        let kinds = ["d/ d/a=1", "d=1", "d/ d/a=2"];
        for (taken, expected) in [(Side::Copy, "</d </d/a"), (Side::Directory, ">/d >-/d/a")] {
            assert_eq!(planned(kinds[0], kinds[1], kinds[2], Some(taken)), expected);
        }
    }

    #[test]
    fn what_a_tree_cannot_have_is_left_and_told_where_it_is_in_the_way() {
        let fifo = |text: &str| {
            let path = TreePath::new(text).unwrap();
            Leaves::from([(path, Leaf::Special)])
        };
        let (base, copy, special) = (leaves("a=1"), leaves("a=1"), fifo("/a"));
        let plan = |base: &Leaves, copy: &Leaves, taken| {
            let sides = Sides {
                base,
                directory: &special,
                copy,
                besides: BTreeSet::new(),
            };
            sides.plan(|_| taken).remove(&TreePath::new("/a").unwrap())
        };
        assert_eq!(plan(&base, &copy, None), Some(Step::Conflict));
        assert_eq!(
            plan(&base, &copy, Some(Side::Directory)),
            Some(Step::Conflict)
        );
        let nothing = Leaves::new();
        assert_eq!(plan(&nothing, &nothing, None), Some(Step::Leave));
        assert_eq!(plan(&base, &nothing, None), Some(Step::Leave));
    }

    /// Files and directories, each in a directory.
    fn state() -> impl Strategy<Value = Leaves> {
        let path = prop::collection::vec("[ab]", 1..4).prop_map(|names| names.join("/"));
        prop::collection::vec((path, prop::option::of("[12]")), 0..6).prop_map(|entries| {
            let mut leaves = Leaves::new();
            for (path, content) in entries {
                let path = TreePath::new(&format!("/{path}")).unwrap();
                let is_below_file = ancestors(&path)
                    .any(|above| leaves.get(&above).is_some_and(|it| *it != Leaf::Directory));
                if is_below_file || leaves.contains_key(&path) {
                    continue;
                }
                for above in ancestors(&path) {
                    leaves.insert(above, Leaf::Directory);
                }
                let leaf = content.map_or(Leaf::Directory, |text| file(&text));
                leaves.insert(path, leaf);
            }
            leaves
        })
    }

    /// Carries a plan out for one side, as long as nothing is in the way.
    fn carried_out(mut leaves: Leaves, steps: &Steps, side: Side) -> Leaves {
        for (path, step) in steps.iter().rev() {
            if let Step::To(to, None) = step
                && *to == side
            {
                let is_used = |it: &TreePath| it != path && it.starts_with(path);
                assert!(
                    !leaves.keys().any(is_used),
                    "{path} is removed with what is in it"
                );
                leaves.remove(path);
            }
        }
        for (path, step) in steps {
            if let Step::To(to, Some(leaf)) = step
                && *to == side
            {
                for above in ancestors(path) {
                    let there = leaves.entry(above).or_insert(Leaf::Directory);
                    assert_eq!(*there, Leaf::Directory, "{path} is put into a file");
                }
                leaves.insert(path.clone(), leaf.clone());
            }
        }
        for (path, leaf) in &leaves {
            if *leaf != Leaf::Directory {
                let is_below = |it: &TreePath| it != path && it.starts_with(path);
                assert!(
                    !leaves.keys().any(is_below),
                    "{path} is a file with entries"
                );
            }
        }
        leaves
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Whatever the three are, nothing that one side changed is lost, and what is
        /// carried out is a tree.
        #[test]
        fn nothing_that_was_changed_is_lost(base in state(), directory in state(), copy in state()) {
            let sides = Sides { base: &base, directory: &directory, copy: &copy, besides: BTreeSet::new() };
            let steps = sides.plan(|_| None);
            let new_copy = carried_out(copy.clone(), &steps, Side::Copy);
            let new_directory = carried_out(directory.clone(), &steps, Side::Directory);
            for (changed, then, other) in [
                (&directory, &new_directory, &new_copy),
                (&copy, &new_copy, &new_directory),
            ] {
                for (path, leaf) in changed.iter().filter(|(path, leaf)| base.get(path) != Some(leaf)) {
                    prop_assert_eq!(then.get(path), Some(leaf), "{} is not what it was made", path);
                    let is_open = matches!(steps[path], Step::Conflict | Step::Frozen);
                    prop_assert!(is_open || other.get(path) == Some(leaf), "{} is not carried", path);
                }
            }
            // Without a conflict both sides end up alike, but for directories.
            if !steps.values().any(|step| *step == Step::Conflict) {
                let files = |leaves: &Leaves| {
                    let mut files = leaves.clone();
                    files.retain(|_, leaf| *leaf != Leaf::Directory);
                    files
                };
                prop_assert_eq!(files(&new_copy), files(&new_directory));
            }
        }

        /// With a side taken nothing is left open.
        #[test]
        fn a_side_that_is_taken_ends_every_conflict(base in state(), directory in state(), copy in state()) {
            let sides = Sides { base: &base, directory: &directory, copy: &copy, besides: BTreeSet::new() };
            for side in [Side::Copy, Side::Directory] {
                let steps = sides.plan(|_| Some(side));
                prop_assert!(!steps.values().any(|step| matches!(step, Step::Conflict | Step::Frozen)));
                carried_out(copy.clone(), &steps, Side::Copy);
                carried_out(directory.clone(), &steps, Side::Directory);
            }
        }
    }
}
