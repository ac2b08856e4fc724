//! Bringing two sides together, directory by directory.

use std::collections::{BTreeMap, HashMap};

use crate::conflict::Conflict;
use crate::entry::{Directory, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::path::{Name, TreePath};
use crate::reason::Reason;
use crate::tree::changed::{Which, changed};
use crate::tree::compare::{Budget, Differences, Level, MAX_COMPARED, Next, Pairing};
use crate::tree::decisions::{Decision, Decisions};
use crate::tree::{Nodes, directory_of, edit, lookup};

/// What bringing two sides together led to.
pub(crate) enum Merged {
    /// Both sides' changes, in one tree.
    Tree(Directory),
    /// Some paths were changed on both sides, differently.
    Conflict(Conflict),
}

/// Carries the changes from `base` to `theirs` over to `ours`.
///
/// A path conflicts where both sides changed it and did not arrive at the same
/// (times aside), or where one side put something below a path that the other
/// removed or turned into a file. A time alone is no change: it is carried over
/// where the other side left the file as it was.
///
/// Where one side of a directory is as it was, the other side's is taken as a
/// whole; so it costs what `theirs` changed in directories that both changed, and
/// nothing where a whole side is as it was. What was brought together once is not
/// again: a directory may be at many paths.
///
/// # Errors
/// `LimitExceeded` where it would look at more than [`MAX_COMPARED`] entries.
pub(crate) fn merge(
    nodes: &dyn Nodes,
    base: &TreeId,
    ours: &TreeId,
    theirs: &TreeId,
) -> Result<Merged> {
    if ours == base {
        return directory_of(nodes, theirs).map(Merged::Tree);
    }
    if theirs == base || theirs == ours {
        return directory_of(nodes, ours).map(Merged::Tree);
    }
    let trees = [base, ours, theirs];
    let [base, ours, theirs] = trees.map(|tree| directory_of(nodes, tree));
    let sides = Sides {
        base: base?,
        ours: ours?,
        theirs: theirs?,
    };
    match Merging::over(nodes).run(&sides, None)? {
        Ok(directory) => Ok(Merged::Tree(directory)),
        Err(path) => {
            let mut conflict = changed(nodes, trees, Which::Disagreed)?;
            if conflict.both.count == 0 {
                conflict.both.push(&path);
            }
            Ok(Merged::Conflict(conflict))
        }
    }
}

/// Carries the changes from `base` to `theirs` over to `ours`, with what `decisions` say
/// in place of what conflicts: no conflict may be open.
///
/// # Errors
/// `Invalid` where a directory that one of them needs is a file on the other side;
/// `LimitExceeded` as [`merge`].
pub(crate) fn merge_decided(
    nodes: &dyn Nodes,
    [base, ours, theirs]: [&TreeId; 3],
    decisions: &Decisions,
) -> Result<Directory> {
    let [base, ours, theirs] = [base, ours, theirs].map(|tree| directory_of(nodes, tree));
    let sides = Sides {
        base: base?,
        ours: ours?,
        theirs: theirs?,
    };
    match decisions.here() {
        Some(Decision::Ours) => Ok(sides.ours),
        Some(Decision::Theirs) => Ok(sides.theirs),
        Some(Decision::Entry(_)) => {
            Err(Error::new(ErrorKind::IsADirectory, "rebase").at(TreePath::root()))
        }
        None => Merging::over(nodes)
            .run(&sides, Some(decisions))?
            .map_err(|path| {
                Error::new(ErrorKind::Conflict, "rebase")
                    .at(path)
                    .because("it is left open")
            }),
    }
}

/// How many directories a merge remembers what they came to.
const MAX_MET: usize = 1 << 16;
/// How many edits of one directory are kept before they are written.
const MAX_EDITS: usize = 10_000;

/// One directory on three sides.
struct Sides {
    base: Directory,
    ours: Directory,
    theirs: Directory,
}

impl Sides {
    fn trees(&self) -> [TreeId; 3] {
        [self.base.tree, self.ours.tree, self.theirs.tree]
    }
}

struct Merging<'n, 'd> {
    nodes: &'n dyn Nodes,
    budget: Budget,
    met: HashMap<[TreeId; 3], Directory>,
    /// The directories that are being brought together, each in the one before.
    open: Vec<Open<'d>>,
}

/// A directory that is being brought together.
struct Open<'d> {
    /// Its name in the one before.
    name: Option<Name>,
    trees: [TreeId; 3],
    /// What `theirs` changed in it.
    changes: Level,
    /// What was decided in it.
    decided: Option<&'d Decisions>,
    /// Names in it for which something was decided, and that `theirs` may not have
    /// changed, last first.
    names: Vec<Name>,
    /// Whether it is not there where nothing is in it.
    optional: bool,
    /// What it has come to, without `edits`.
    merged: Directory,
    edits: BTreeMap<Name, Option<Entry>>,
}

/// Which entry stays under a name.
enum Kept {
    Ours,
    Theirs,
    /// Both sides have a directory, which differs inside.
    Inside(Sides),
    Neither,
}

impl<'n, 'd> Merging<'n, 'd> {
    fn over(nodes: &'n dyn Nodes) -> Self {
        Self {
            nodes,
            budget: Budget::new(MAX_COMPARED),
            met: HashMap::new(),
            open: Vec::new(),
        }
    }

    /// Returns the directory that the sides come to, or a path that conflicts.
    fn run(
        &mut self,
        sides: &Sides,
        decided: Option<&'d Decisions>,
    ) -> Result<std::result::Result<Directory, TreePath>> {
        self.enter(None, sides, decided)?;
        loop {
            let Some(open) = self.open.last_mut() else {
                return Ok(Ok(Directory::empty()));
            };
            // Even a time: where only one side moved it, it goes along.
            let next = open
                .changes
                .next(self.nodes, |_, _| false, &mut self.budget)?;
            let next = match next {
                None => self.next_decided()?,
                next => next,
            };
            let Some((name, base, theirs)) = next else {
                let Some(done) = self.leave()? else { continue };
                return Ok(Ok(done));
            };
            let Some(open) = self.open.last() else {
                return Ok(Ok(Directory::empty()));
            };
            let ours = lookup(self.nodes, &open.trees[1], name.as_str())?;
            if let Some(decided) = open.decided.and_then(|decided| decided.at(&name)) {
                self.take_decided(name, [base, ours, theirs], decided)?;
                continue;
            }
            match self.choose(&base, &ours, &theirs)? {
                Kept::Ours => {}
                Kept::Theirs => self.put(name, theirs)?,
                Kept::Inside(sides) => match self.met.get(&sides.trees()) {
                    Some(met) => {
                        let met = Entry::Directory(*met);
                        self.put(name, Some(met))?;
                    }
                    None => self.enter(Some(name), &sides, None)?,
                },
                Kept::Neither => return self.path_of(&name).map(Err),
            }
        }
    }

    fn enter(
        &mut self,
        name: Option<Name>,
        sides: &Sides,
        decided: Option<&'d Decisions>,
    ) -> Result<()> {
        self.budget.spend()?;
        let names = decided.into_iter().flat_map(Decisions::names).cloned();
        let mut names: Vec<Name> = names.collect();
        names.reverse();
        self.open.push(Open {
            name,
            trees: sides.trees(),
            changes: Level::over(self.nodes, &sides.base.tree, &sides.theirs.tree)?,
            decided,
            names,
            optional: false,
            merged: sides.ours,
            edits: BTreeMap::new(),
        });
        Ok(())
    }

    /// Returns the next name of the directory entered last for which something was
    /// decided, and that `theirs` did not change.
    fn next_decided(&mut self) -> Result<Option<Pairing>> {
        let nodes = self.nodes;
        let Some(open) = self.open.last_mut() else {
            return Ok(None);
        };
        while let Some(name) = open.names.pop() {
            let [base, _, theirs] = open.trees;
            let base = lookup(nodes, &base, name.as_str())?;
            let theirs = lookup(nodes, &theirs, name.as_str())?;
            // The others were met as changes.
            if base == theirs {
                self.budget.spend()?;
                return Ok(Some((name, base, theirs)));
            }
        }
        Ok(None)
    }

    /// Puts what was decided for a name, or enters the directory in which something was.
    fn take_decided(
        &mut self,
        name: Name,
        [base, ours, theirs]: [Option<Entry>; 3],
        decided: &'d Decisions,
    ) -> Result<()> {
        match decided.here() {
            Some(Decision::Ours) => return Ok(()),
            Some(Decision::Theirs) => return self.put(name, theirs),
            Some(Decision::Entry(entry)) => return self.put(name, Some(entry.clone())),
            None => {}
        }
        for (side, whole) in [(&ours, Decision::Ours), (&theirs, Decision::Theirs)] {
            let file = side.as_ref().is_some_and(|it| it.as_directory().is_none());
            if file && decided.all(&whole) {
                return match whole {
                    Decision::Ours => Ok(()),
                    _ => self.put(name, theirs.clone()),
                };
            }
            if file {
                return Err(Error::invalid(Reason::Contradiction, "rebase")
                    .at(self.path_of(&name)?)
                    .because(
                        "one side has a directory there, the other a file: take one of them",
                    ));
            }
        }
        let optional = ours.is_none() || theirs.is_none();
        let [base, ours, theirs] =
            [&base, &ours, &theirs].map(|side| directory(side).unwrap_or_else(Directory::empty));
        let sides = Sides { base, ours, theirs };
        self.enter(Some(name), &sides, Some(decided))?;
        if let Some(open) = self.open.last_mut() {
            open.optional = optional;
        }
        Ok(())
    }

    /// Writes the directory entered last; returns it where it is the root.
    fn leave(&mut self) -> Result<Option<Directory>> {
        let Some(open) = self.open.pop() else {
            return Ok(None);
        };
        let written = edit(self.nodes, &open.merged, open.edits)?;
        let Some(name) = open.name else {
            return Ok(Some(written));
        };
        if self.met.len() < MAX_MET && open.decided.is_none() {
            self.met.insert(open.trees, written);
        }
        let gone = open.optional && written.tree == TreeId::empty();
        self.put(name, (!gone).then_some(Entry::Directory(written)))?;
        Ok(None)
    }

    fn put(&mut self, name: Name, entry: Option<Entry>) -> Result<()> {
        if let Some(open) = self.open.last_mut() {
            open.edits.insert(name, entry);
            if open.edits.len() >= MAX_EDITS {
                let edits = std::mem::take(&mut open.edits);
                open.merged = edit(self.nodes, &open.merged, edits)?;
            }
        }
        Ok(())
    }

    fn path_of(&self, name: &Name) -> Result<TreePath> {
        let above = self.open.iter().filter_map(|open| open.name.as_ref());
        above
            .chain([name])
            .try_fold(TreePath::root(), |path, name| path.join(name))
    }

    /// Decides on a name under which `base` and `theirs` are not the same.
    fn choose(
        &mut self,
        base: &Option<Entry>,
        ours: &Option<Entry>,
        theirs: &Option<Entry>,
    ) -> Result<Kept> {
        if ours == base {
            return Ok(Kept::Theirs);
        }
        if ours == theirs {
            return Ok(Kept::Ours);
        }
        let was = directory(base);
        Ok(match (directory(ours), directory(theirs)) {
            (Some(ours), Some(theirs)) => Kept::Inside(Sides {
                base: was.unwrap_or_else(Directory::empty),
                ours,
                theirs,
            }),
            (None, None) if same(ours, theirs) || same(theirs, base) => Kept::Ours,
            (None, None) if same(ours, base) => Kept::Theirs,
            (None, None) => Kept::Neither,
            // One side has made it something else, or has removed it.
            (Some(ours), None) => match was {
                Some(was) if self.puts_nothing(&was, &ours)? => Kept::Theirs,
                None if same(theirs, base) => Kept::Ours,
                _ => Kept::Neither,
            },
            (None, Some(theirs)) => match was {
                Some(was) if self.puts_nothing(&was, &theirs)? => Kept::Ours,
                None if same(ours, base) => Kept::Theirs,
                _ => Kept::Neither,
            },
        })
    }

    /// Tells whether all that changed is gone.
    fn puts_nothing(&mut self, from: &Directory, to: &Directory) -> Result<bool> {
        let budget = std::mem::replace(&mut self.budget, Budget::new(0));
        let mut differences = Differences::between(self.nodes, &from.tree, &to.tree, budget)?;
        let nothing = loop {
            match differences.step(self.nodes)? {
                None => break true,
                Some(Next::Difference((_, _, None))) => {}
                Some(Next::Difference(_)) => break false,
                Some(Next::Below(below)) if below.new.is_none() => {}
                Some(Next::Below(below)) => differences.enter(self.nodes, &below)?,
            }
        };
        self.budget = differences.into_budget();
        Ok(nothing)
    }
}

fn directory(entry: &Option<Entry>) -> Option<Directory> {
    entry.as_ref().and_then(Entry::as_directory).copied()
}

/// Tells whether both are the same but for the time.
fn same(one: &Option<Entry>, other: &Option<Entry>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.same_but_time(other),
        _ => false,
    }
}
