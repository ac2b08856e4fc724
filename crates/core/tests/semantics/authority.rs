//! What views allow and show, against a flat map of paths and a matcher that tries
//! everything, written from `docs/semantics.md`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use futures::executor::block_on;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use workspace_core::{
    At, Change, Entry, ErrorKind, Glob, Grant, ImportOptions, Precondition, Recorded,
    RevisionMessage, Scope, TreeId, TreePath, View, WriteOptions,
};

use crate::support::{Entries, Fixture, change, path, write, write_with};

const NAMES: [&str; 4] = ["a", "b", "c", "x.md"];

/// Every path with its file's text; `None` for a directory. The root is there.
type Files = BTreeMap<String, Option<String>>;

/// A scope, with its globs as they are written.
#[derive(Debug, Clone)]
struct Narrowing {
    root: &'static str,
    read: Vec<&'static str>,
    write: Vec<&'static str>,
    delete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rights {
    Read,
    Write,
}

fn names(path: &str) -> Vec<&str> {
    path.split('/').filter(|name| !name.is_empty()).collect()
}

/// Tells whether `glob` matches `path` or something above it.
fn matches(glob: &str, path: &str) -> bool {
    let anchored = match glob.strip_prefix('/') {
        Some(rest) => names(rest),
        None => [vec!["**"], names(glob)].concat(),
    };
    names_match(&anchored, &names(path))
}

fn names_match(glob: &[&str], path: &[&str]) -> bool {
    match (glob, path) {
        ([], _) => true,
        (["**", rest @ ..], path) => (0..=path.len()).any(|n| names_match(rest, &path[n..])),
        ([one, rest @ ..], [name, path @ ..]) => {
            let fits = match *one {
                "*" => true,
                "?" => name.chars().count() == 1,
                "*.md" => name.ends_with(".md"),
                "[a-b]" => ["a", "b"].contains(name),
                one => one == *name,
            };
            fits && names_match(rest, path)
        }
        (_, []) => false,
    }
}

fn join(directory: &str, rest: &str) -> String {
    match (directory, rest) {
        ("/", rest) => rest.into(),
        (directory, "/") => directory.into(),
        (directory, rest) => format!("{directory}{rest}"),
    }
}

fn parent(path: &str) -> Option<String> {
    let (parent, name) = path.rsplit_once('/')?;
    (!name.is_empty()).then(|| if parent.is_empty() { "/" } else { parent }.into())
}

fn is_below(path: &str, directory: &str) -> bool {
    names(path).starts_with(&names(directory))
}

/// All paths up to three names below `path`, itself included.
fn below(path: &str) -> Vec<String> {
    let mut all = vec![path.to_string()];
    let mut from = 0;
    for _ in 0..3 {
        let end = all.len();
        for at in from..end {
            let deeper = NAMES.map(|name| join(&all[at], &format!("/{name}")));
            all.extend(deeper);
        }
        from = end;
    }
    all
}

struct Oracle {
    scopes: Vec<Narrowing>,
    files: Files,
}

impl Oracle {
    /// Where the holder's path is in the whole tree.
    fn absolute(&self, path: &str) -> String {
        let scopes = self.scopes.iter().rev();
        scopes.fold(path.into(), |path: String, scope| join(scope.root, &path))
    }

    /// Asks each scope, of the path as its holder sees it.
    fn every(&self, rights: Rights, path: &str, allows: impl Fn(&[&str], &str) -> bool) -> bool {
        let mut path = path.to_string();
        self.scopes.iter().rev().all(|scope| {
            let globs = match rights {
                Rights::Read => &scope.read,
                Rights::Write => &scope.write,
            };
            let allowed = allows(globs, &path);
            path = join(scope.root, &path);
            allowed
        })
    }

    fn covers(&self, rights: Rights, path: &str) -> bool {
        self.every(rights, path, |globs, path| {
            globs.iter().any(|glob| matches(glob, path))
        })
    }

    fn passes(&self, path: &str) -> bool {
        self.every(Rights::Read, path, |globs, path| {
            let below = below(path);
            globs
                .iter()
                .any(|glob| below.iter().any(|path| matches(glob, path)))
        })
    }

    fn deletes(&self, path: &str) -> bool {
        self.covers(Rights::Write, path) && self.scopes.iter().all(|scope| scope.delete)
    }

    fn is_directory(&self, absolute: &str) -> bool {
        self.files.get(absolute).is_some_and(Option::is_none)
    }

    /// What shows at a path: the text of a file, `/` for a directory, `-` for one that
    /// is only on the way.
    fn stat(&self, path: &str) -> Result<Option<String>, ErrorKind> {
        let absolute = self.absolute(path);
        if self.covers(Rights::Read, path) {
            let found = self.files.get(&absolute).cloned();
            return Ok(found.map(|text| text.unwrap_or("/".into())));
        }
        match self.passes(path) && self.is_directory(&absolute) {
            true => Ok(Some("-".into())),
            false => Err(ErrorKind::Denied),
        }
    }

    fn children(&self, path: &str) -> Vec<(String, String)> {
        let absolute = self.absolute(path);
        let children = self.files.keys().filter_map(|child| {
            let name = names(child).last()?.to_string();
            (parent(child).as_ref() == Some(&absolute)).then_some(name)
        });
        let shown = children.filter_map(|name| {
            let shown = self.stat(&join(path, &format!("/{name}")));
            Some((name, shown.ok().flatten()?))
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort();
        shown
    }

    fn list(&self, path: &str) -> Result<Vec<(String, String)>, ErrorKind> {
        let (reads, absolute) = (self.covers(Rights::Read, path), self.absolute(path));
        match self.files.get(&absolute) {
            Some(None) if reads || self.passes(path) => Ok(self.children(path)),
            _ if !reads => Err(ErrorKind::Denied),
            Some(_) => Err(ErrorKind::NotADirectory),
            None => Err(ErrorKind::NotFound),
        }
    }

    fn walk(&self, path: &str) -> Result<Vec<(String, String)>, ErrorKind> {
        let mut found = Vec::new();
        for (name, shown) in self.list(path)? {
            let at = join(path, &format!("/{name}"));
            let enters = self.is_directory(&self.absolute(&at));
            found.push((at.clone(), shown));
            if enters {
                found.extend(self.walk(&at)?);
            }
        }
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<String, ErrorKind> {
        if !self.covers(Rights::Read, path) {
            return Err(ErrorKind::Denied);
        }
        match self.files.get(&self.absolute(path)) {
            Some(Some(text)) => Ok(text.clone()),
            Some(None) => Err(ErrorKind::IsADirectory),
            None => Err(ErrorKind::NotFound),
        }
    }

    /// What a change comes to; `at` can be written where `can_write`.
    fn change(&mut self, asked: &Asked, can_write: bool) -> Result<(), ErrorKind> {
        let (reads, writes) = (Rights::Read, Rights::Write);
        let onto = |oracle: &Self, to: &str, replace: bool| match replace {
            true => oracle.deletes(to),
            false => oracle.covers(writes, to),
        };
        let (allowed, target) = match asked {
            Asked::Write(at, _, absent) => (
                self.covers(writes, at) && (!absent || self.covers(reads, at)),
                at,
            ),
            Asked::Mkdir(at, _) => (self.covers(writes, at), at),
            Asked::Remove(at, _) => (self.deletes(at), at),
            Asked::Rename(from, to, replace) => (
                self.deletes(from) && self.covers(reads, from) && onto(self, to, *replace),
                to,
            ),
            Asked::Copy(from, to, replace) => {
                (self.covers(reads, from) && onto(self, to, *replace), to)
            }
            Asked::DeleteMissing(into) => (self.deletes(into) && self.covers(reads, into), into),
        };
        if !allowed {
            return Err(ErrorKind::Denied);
        }
        if !can_write {
            return Err(ErrorKind::ReadOnly);
        }
        if !matches!(asked, Asked::DeleteMissing(_)) && !self.rests(target) {
            return Err(ErrorKind::Denied);
        }
        self.make(asked)
    }

    /// Tells whether all above `path` is there that a change may not make.
    fn rests(&self, path: &str) -> bool {
        let mut inside = Vec::new();
        let mut above = parent(path);
        while let Some(directory) = above {
            above = parent(&directory);
            inside.push(directory);
        }
        let made = |path: &String| self.covers(Rights::Write, path) || self.passes(path);
        let stays = inside.iter().filter(|path| !made(path));
        let mut stays: Vec<String> = stays.map(|path| self.absolute(path)).collect();
        let mut above = parent(&self.absolute("/"));
        while let Some(directory) = above {
            above = parent(&directory);
            stays.push(directory);
        }
        stays.iter().all(|path| self.is_directory(path))
    }

    fn put(&mut self, at: &str, text: Option<String>, parents: bool) -> Result<(), ErrorKind> {
        let mut missing = Vec::new();
        let mut above = parent(at);
        while let Some(directory) = above {
            match self.files.get(&directory) {
                Some(None) => break,
                Some(Some(_)) => return Err(ErrorKind::NotADirectory),
                None => above = parent(&directory),
            }
            missing.push(directory);
        }
        if !missing.is_empty() && !parents {
            return Err(ErrorKind::NotFound);
        }
        self.files
            .extend(missing.into_iter().map(|path| (path, None)));
        self.files.insert(at.into(), text);
        Ok(())
    }

    fn subtree(&self, at: &str) -> Files {
        let inside = self.files.iter().filter(|(path, _)| is_below(path, at));
        inside
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect()
    }

    fn make(&mut self, asked: &Asked) -> Result<(), ErrorKind> {
        match asked {
            Asked::Write(at, parents, absent) => {
                let at = self.absolute(at);
                match self.files.get(&at) {
                    Some(None) => return Err(ErrorKind::IsADirectory),
                    Some(_) if *absent => return Err(ErrorKind::AlreadyExists),
                    _ => {}
                }
                self.put(&at, Some("new".into()), *parents)
            }
            Asked::Mkdir(at, parents) => {
                let at = self.absolute(at);
                match self.files.get(&at) {
                    Some(None) if *parents => Ok(()),
                    Some(_) => Err(ErrorKind::AlreadyExists),
                    None => self.put(&at, None, *parents),
                }
            }
            Asked::Remove(at, recursive) => {
                let at = self.absolute(at);
                let inside = self.subtree(&at);
                match at.as_str() {
                    "/" => Err(ErrorKind::Invalid),
                    _ if inside.is_empty() => Err(ErrorKind::NotFound),
                    _ if inside.len() > 1 && !recursive => Err(ErrorKind::NotEmpty),
                    _ => {
                        self.files.retain(|path, _| !inside.contains_key(path));
                        Ok(())
                    }
                }
            }
            Asked::Rename(from, to, replace) | Asked::Copy(from, to, replace) => {
                let (from, to) = (self.absolute(from), self.absolute(to));
                let moves = matches!(asked, Asked::Rename(..));
                let inside = self.subtree(&from);
                let kind = inside.get(&from).ok_or(ErrorKind::NotFound)?.is_none();
                if moves && from == to {
                    return Ok(());
                }
                if is_below(&to, &from) {
                    return Err(ErrorKind::Invalid);
                }
                match self.files.get(&to).map(Option::is_none) {
                    Some(_) if !replace => return Err(ErrorKind::AlreadyExists),
                    Some(true) if !kind => return Err(ErrorKind::IsADirectory),
                    Some(false) if kind => return Err(ErrorKind::NotADirectory),
                    Some(true) if self.subtree(&to).len() > 1 => return Err(ErrorKind::NotEmpty),
                    _ => {}
                }
                self.put(&to, inside[&from].clone(), false)?;
                if moves {
                    self.files.retain(|path, _| !inside.contains_key(path));
                }
                let moved = inside.into_iter().map(|(path, text)| {
                    let rest = path.strip_prefix(&from).unwrap_or_default().to_string();
                    (format!("{to}{rest}"), text)
                });
                self.files.extend(moved);
                Ok(())
            }
            Asked::DeleteMissing(into) => {
                let into = self.absolute(into);
                self.files
                    .retain(|path, _| !is_below(path, &into) || *path == into);
                Ok(())
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Asked {
    /// Where, with parents, where absent only.
    Write(String, bool, bool),
    Mkdir(String, bool),
    Remove(String, bool),
    Rename(String, String, bool),
    Copy(String, String, bool),
    DeleteMissing(String),
}

fn ask(view: &View, asked: &Asked) -> Result<(), ErrorKind> {
    let batch = match asked.clone() {
        Asked::Write(at, create_parents, absent) => {
            let options = WriteOptions::default()
                .create_parents(create_parents)
                .precondition(match absent {
                    true => Precondition::Absent,
                    false => Precondition::None,
                });
            write_with(&at, "new", options)
        }
        Asked::Mkdir(at, parents) => Change::Mkdir {
            path: path(&at),
            parents,
        },
        Asked::Remove(at, recursive) => Change::Remove {
            path: path(&at),
            recursive,
        },
        Asked::Rename(from, to, replace) => Change::Rename {
            from: path(&from),
            to: path(&to),
            replace,
        },
        Asked::Copy(from, to, replace) => Change::Copy {
            from: path(&from),
            to: path(&to),
            replace,
        },
        Asked::DeleteMissing(into) => {
            let options = ImportOptions::default()
                .into(path(&into))
                .delete_missing(true);
            let imported = block_on(view.import(&mut Entries::new(vec![]), options));
            return imported.map(|_| ()).map_err(|error| error.kind());
        }
    };
    let changed = change(view, vec![batch]);
    changed.map(|_| ()).map_err(|error| error.kind())
}

fn shown(view: &View, at: &str, entry: &Entry) -> String {
    match entry {
        Entry::File(_) => {
            let bytes = block_on(view.read(&path(at))).unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        }
        Entry::Symlink(_) => unreachable!("there are none"),
        // An empty directory and one on the way look the same.
        Entry::Directory(found) if found.tree == TreeId::empty() => "-".into(),
        Entry::Directory(_) => "/".into(),
    }
}

/// What an oracle shows, with an empty directory as it looks.
fn as_shown(oracle: &Oracle, at: &str, text: String) -> String {
    let empty = text == "/" && oracle.subtree(&oracle.absolute(at)).len() == 1;
    if empty { "-".into() } else { text }
}

fn compare(view: &View, oracle: &Oracle, at: &str) -> Result<(), TestCaseError> {
    let here = path(at);
    let kind = |error: workspace_core::Error| error.kind();
    let stat = view.stat(&here).map_err(kind);
    let stat = stat.map(|entry| entry.map(|entry| shown(view, at, &entry)));
    let expected = oracle
        .stat(at)
        .map(|text| text.map(|text| as_shown(oracle, at, text)));
    prop_assert_eq!(stat, expected, "stat {}", at);

    let list = view.list(&here, None, 99).map_err(kind);
    let list = list.map(|page| {
        let entries = page.into_iter().map(|(name, entry)| {
            let at = join(at, &format!("/{name}"));
            (name.to_string(), shown(view, &at, &entry))
        });
        entries.collect::<Vec<_>>()
    });
    let expected = oracle.list(at).map(|children| {
        let children = children.into_iter().map(|(name, text)| {
            let at = join(at, &format!("/{name}"));
            (name, as_shown(oracle, &at, text))
        });
        children.collect::<Vec<_>>()
    });
    prop_assert_eq!(list, expected, "list {}", at);

    let walk = view.walk(&here).map_err(kind);
    let walk = walk.map(|walk| {
        let found = walk.map(|found| {
            let (path, entry) = found.unwrap();
            let text = shown(view, path.as_str(), &entry);
            (path.to_string(), text)
        });
        found.collect::<Vec<_>>()
    });
    let expected = oracle.walk(at).map(|found| {
        let found = found.into_iter().map(|(at, text)| {
            let text = as_shown(oracle, &at, text);
            (at, text)
        });
        found.collect::<Vec<_>>()
    });
    prop_assert_eq!(walk, expected, "walk {}", at);

    let read = block_on(view.read(&here)).map_err(kind);
    let read = read.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    prop_assert_eq!(read, oracle.read(at), "read {}", at);
    Ok(())
}

fn paths() -> impl Strategy<Value = String> {
    let names = proptest::collection::vec(prop::sample::select(NAMES.to_vec()), 0..4);
    names.prop_map(|names| format!("/{}", names.join("/")))
}

fn globs() -> impl Strategy<Value = Vec<&'static str>> {
    let glob = prop::sample::select(vec![
        "**", "/**", "/", "/a", "/a/*", "/a/**/c", "*.md", "/b/?", "/[a-b]/c", "/a/b", "b", "/*/b",
    ]);
    proptest::collection::vec(glob, 0..4)
}

fn scopes() -> impl Strategy<Value = Vec<Narrowing>> {
    let scope = (
        prop::sample::select(vec!["/", "/", "/a", "/a/b"]),
        globs(),
        globs(),
        prop::bool::weighted(0.8),
    );
    let scope = scope.prop_map(|(root, read, write, delete)| Narrowing {
        root,
        read,
        write,
        delete,
    });
    proptest::collection::vec(scope, 1..4)
}

fn asked() -> impl Strategy<Value = Asked> {
    let flag = any::<bool>;
    prop_oneof![
        3 => (paths(), flag(), prop::bool::weighted(0.2)).prop_map(|(at, p, a)| Asked::Write(at, p, a)),
        2 => (paths(), flag()).prop_map(|(at, parents)| Asked::Mkdir(at, parents)),
        2 => (paths(), flag()).prop_map(|(at, recursive)| Asked::Remove(at, recursive)),
        2 => (paths(), paths(), flag()).prop_map(|(from, to, r)| Asked::Rename(from, to, r)),
        2 => (paths(), paths(), flag()).prop_map(|(from, to, r)| Asked::Copy(from, to, r)),
        1 => paths().prop_map(Asked::DeleteMissing),
    ]
}

/// The grant of some scopes.
fn granted(scopes: &[Narrowing]) -> Grant {
    let globs = |globs: &[&str]| globs.iter().map(|glob| Glob::new(glob).unwrap()).collect();
    scopes.iter().fold(Grant::all(), |grant, scope| {
        grant.attenuate(Scope {
            root: path(scope.root),
            read: globs(&scope.read),
            write: globs(&scope.write),
            delete: scope.delete,
        })
    })
}

/// Fills head; returns what is there.
fn fill(fixture: &Fixture, files: &BTreeSet<String>) -> Files {
    let mut all = Files::from([("/".into(), None)]);
    for file in files {
        let view = fixture.workspace.files(At::Head);
        // A file in place of a directory, or below a file, is left out.
        let _left_out = change(&view, vec![write(file, file)]);
    }
    for (path, text) in fixture.state(At::Head) {
        all.insert(path, (text != "/").then_some(text));
    }
    all
}

fn state(fixture: &Fixture, at: At) -> Files {
    let mut all = Files::from([("/".into(), None)]);
    for (path, text) in fixture.state(at) {
        all.insert(path, (text != "/").then_some(text));
    }
    all
}

#[test]
fn a_view_shows_and_allows_what_its_scopes_do() {
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 400,
            failure_persistence: None,
            ..Config::default()
        },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let counts = [const { Cell::new(0) }; 4];
    let count = |at: usize| counts[at].set(counts[at].get() + 1);
    let files = proptest::collection::btree_set(paths(), 0..9);
    let script = (
        scopes(),
        files,
        proptest::collection::vec((asked(), paths()), 1..8),
        0..4_usize,
    );
    let checked = runner.run(&script, |(scopes, files, script, place)| {
        let fixture = Fixture::new();
        let files = fill(&fixture, &files);
        let at = match place {
            0 => At::Head,
            1 => At::Copy(fixture.fork()),
            2 => {
                match fixture
                    .workspace
                    .snapshot(RevisionMessage::default())
                    .unwrap()
                {
                    Recorded::Published(revision) => At::Revision(revision),
                    Recorded::Unchanged(_) => At::Head,
                }
            }
            _ => At::Tree(fixture.workspace.tree(At::Head).unwrap()),
        };
        let can_write = matches!(at, At::Head | At::Copy(_));
        let view = fixture.workspace.view(at, granted(&scopes));
        let mut oracle = Oracle { scopes, files };
        compare(&view, &oracle, "/")?;
        for (asked, look) in script {
            let expected = oracle.change(&asked, can_write);
            prop_assert_eq!(ask(&view, &asked), expected, "{:?} at {}", asked, at);
            match expected {
                Ok(()) => count(0),
                Err(ErrorKind::Denied) => count(1),
                Err(_) => count(2),
            }
            prop_assert_eq!(&state(&fixture, at), &oracle.files, "{:?}", asked);
            compare(&view, &oracle, &look)?;
            count(usize::from(oracle.stat(&look).is_ok()) * 3);
        }
        Ok(())
    });
    checked.unwrap();
    let reached = counts.each_ref().map(Cell::get);
    assert!(reached.iter().all(|count| *count > 100), "{reached:?}");
}

#[test]
fn the_oracle_knows_what_it_says() {
    for (glob, path, expected) in [
        ("*.md", "/a/x.md/b", true),
        ("/a", "/b/a", false),
        ("/a/**/c", "/a/c", true),
        ("/", "/a", true),
        ("b", "/a/b/c", true),
    ] {
        assert_eq!(matches(glob, path), expected, "{glob} {path}");
        let real = Glob::new(glob).unwrap();
        assert_eq!(real.matches(&TreePath::new(path).unwrap()), expected);
    }
    assert_eq!(below("/").len(), 85);
    assert_eq!(parent("/a"), Some("/".into()));
    assert_eq!(parent("/"), None);
}
