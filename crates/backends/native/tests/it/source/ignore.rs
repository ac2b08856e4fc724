//! What is left out for ignore files is what `git check-ignore` says.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink as link;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use workspace_core::ErrorKind;
use workspace_native::source::{DirectorySource, SourceOptions};

use super::{entries, everything};
use crate::common::refusal;

impl Tree {
    /// Tells whether a rule has an escape before a `**/`: git takes the plain text that a rule
    /// begins with off before it looks at the stars, and text with an escape is none.
    fn has_escaped_stars(&self) -> bool {
        let files = self.rules.values().chain([&self.exclude]);
        let mut lines = files.flat_map(|file| file.split(|byte| *byte == b'\n'));
        lines.any(|line| {
            let stars = line.windows(3).rposition(|three| three == b"**/");
            stars.is_some_and(|at| line[..at].contains(&b'\\'))
        })
    }
}

/// How many trees are tried; the variable says how many in a longer run.
fn trees() -> u32 {
    let asked = std::env::var("IGNORE_TREES").ok();
    asked.map_or(150, |asked| {
        asked.parse().expect("IGNORE_TREES is a number")
    })
}

/// What a path of a generated tree is.
#[derive(Debug, Clone, PartialEq)]
enum Leaf {
    File,
    Directory,
    Symlink,
}

/// What is at `.git` in a directory.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Git {
    /// A repository.
    Whole,
    /// A file that names a repository elsewhere.
    Elsewhere,
    /// No repository, since something is missing.
    Broken,
}

#[derive(Debug, Clone)]
struct Tree {
    leaves: BTreeMap<String, Leaf>,
    /// Files of rules, by their directories' paths.
    rules: BTreeMap<String, Vec<u8>>,
    exclude: Vec<u8>,
    repositories: BTreeMap<String, Git>,
    /// Which directory is imported.
    source: prop::sample::Index,
}

const NAMES: &[&str] = &[
    "a", "b", "ab", "abc", "A", "x.py", "x.py{}", "{a,b}", "{", "}", "a}b", ".x", "#a", "!a",
    "\\a", "a ", " a", "[a]", "[", "]", "a-b", "-", "*", "?", "**", "é", "a\tb", "\t", "a\\", "$a",
    "^",
];

const PIECES: &[&str] = &[
    "a",
    "b",
    "c",
    "ab",
    "A",
    ".",
    "x",
    ".py",
    "{",
    "}",
    ",",
    "{a,b}",
    "*",
    "*",
    "*",
    "**",
    "**/",
    "/**",
    "/",
    "/",
    "/",
    "?",
    "[ab]",
    "[a-c]",
    "[!a]",
    "[^a]",
    "[",
    "]",
    "[]a]",
    "[]-]",
    "[a-",
    "[[:alpha:]]",
    "[[:punct:]]",
    "[[:x:]]",
    "[[a]",
    "[\\]]",
    "[\\a-c]",
    "[--a]",
    "\\",
    "\\\\",
    "\\*",
    "\\ ",
    " ",
    "  ",
    "!",
    "#",
    "\\!",
    "\\#",
    "\t",
    "\r",
    "\0",
    "é",
    "$",
    "-",
    "^",
    "\u{b}",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "ab"]),
        2 => prop::sample::select(NAMES),
    ]
    .prop_map(String::from)
}

fn path(depth: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..=depth).prop_map(|names| names.join("/"))
}

fn rule() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec!["", "", "", "/", "!", "#", "**/", "\\!", "!/"]);
    let end = prop::sample::select(vec!["", "", "", "/", "/**", "/*", " ", "\r", "\\", "\\ "]);
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..5);
    let made = (start, pieces, end)
        .prop_map(|(start, pieces, end)| format!("{start}{}{end}", pieces.concat()).into_bytes());
    let named = (prop::bool::ANY, path(2), prop::bool::ANY).prop_map(|(not, path, directory)| {
        let (not, end) = (if not { "!" } else { "" }, if directory { "/" } else { "" });
        format!("{not}{path}{end}").into_bytes()
    });
    prop_oneof![
        6 => made,
        3 => named,
        1 => Just(b"# caf\xe9".to_vec()),
        1 => Just(b"\xff\xfe".to_vec()),
    ]
}

/// A file of rules: lines, with a byte order mark or without, ended or not.
fn rules() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![&b""[..], b"", b"", b"\xef\xbb\xbf", b"\xff\xfe"]);
    let end = prop::sample::select(vec![&b"\n"[..], b"", b"\r\n", b"\r", b" \n"]);
    let lines = prop::collection::vec(rule(), 0..6);
    (start, lines, end)
        .prop_map(|(start, lines, end)| [start, lines.join(&b'\n').as_slice(), end].concat())
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        6 => Just(Leaf::File),
        2 => Just(Leaf::Directory),
        1 => Just(Leaf::Symlink),
    ];
    let git = prop::sample::select(vec![Git::Whole, Git::Elsewhere, Git::Broken]);
    let directory = || prop_oneof![3 => Just(String::new()), 4 => path(2)];
    (
        prop::collection::btree_map(path(4), leaf, 1..14),
        prop::collection::btree_map(directory(), rules(), 1..4),
        prop_oneof![2 => Just(Vec::new()), 1 => rules()],
        prop::collection::btree_map(path(2), git, 0..2),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(leaves, rules, exclude, repositories, source)| Tree {
            leaves,
            rules,
            exclude,
            repositories,
            source,
        })
}

/// Makes a directory; nothing where something else is in the way.
fn make_directory(root: &Path, path: &str) -> bool {
    fs::create_dir_all(root.join(path)).is_ok()
}

fn repository(git: &Path, exclude: &[u8]) {
    for directory in ["objects", "refs", "info"] {
        fs::create_dir_all(git.join(directory)).unwrap();
    }
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("info/exclude"), exclude).unwrap();
}

impl Tree {
    /// Makes the tree in `root`, a repository; returns the directories below it that are
    /// repositories.
    fn make(&self, root: &Path, elsewhere: &Path) -> BTreeSet<String> {
        repository(&root.join(".git"), &self.exclude);
        for (path, leaf) in &self.leaves {
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            if !make_directory(root, above) || root.join(path).exists() {
                continue;
            }
            // What is there already stays.
            let _taken = match leaf {
                Leaf::File => fs::write(root.join(path), ""),
                Leaf::Directory => fs::create_dir(root.join(path)),
                Leaf::Symlink => link(".", root.join(path)),
            };
        }
        for (directory, rules) in &self.rules {
            if root.join(directory).is_dir() && !through_a_symlink(root, directory) {
                fs::write(root.join(directory).join(".gitignore"), rules).unwrap();
            }
        }
        let mut repositories = BTreeSet::new();
        for (number, (directory, git)) in self.repositories.iter().enumerate() {
            if !root.join(directory).is_dir() || through_a_symlink(root, directory) {
                continue;
            }
            let place = root.join(directory).join(".git");
            match git {
                Git::Whole => repository(&place, b"b\n"),
                Git::Elsewhere => {
                    let elsewhere = elsewhere.join(number.to_string());
                    // What is outside of the source is not read.
                    repository(&elsewhere, b"");
                    fs::write(place, format!("gitdir: {}\n", elsewhere.display())).unwrap();
                }
                Git::Broken => fs::create_dir_all(place.join("objects")).unwrap(),
            }
            if *git != Git::Broken {
                repositories.insert(directory.clone());
            }
        }
        repositories
    }
}

fn through_a_symlink(root: &Path, path: &str) -> bool {
    let mut place = root.to_owned();
    path.split('/').any(|name| {
        place.push(name);
        place.is_symlink()
    })
}

/// Returns all paths below a directory, `.git` left out, directories with a `/` at the end.
fn all_below(root: &Path, below: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name == ".git" {
            continue;
        }
        let path = format!("{below}{name}");
        match entry.file_type().unwrap().is_dir() {
            true => {
                found.push(format!("{path}/"));
                all_below(root, &format!("{path}/"), found);
            }
            false => found.push(path),
        }
    }
}

/// Asks git which of the paths below the repository at `top` it ignores.
fn ignored_by_git(top: &Path, paths: &[&str]) -> BTreeSet<String> {
    let mut git = Command::new("git");
    git.args(["check-ignore", "--no-index", "--stdin", "-z", "-v", "-n"])
        .current_dir(top)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = git.spawn().unwrap();
    let asked: String = paths.iter().map(|path| format!("./{path}\0")).collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    let fields: Vec<&[u8]> = output.stdout.split(|&byte| byte == 0).collect();
    let mut ignored = BTreeSet::new();
    for answer in fields.chunks_exact(4) {
        let [_, _, pattern, path] = answer else {
            unreachable!("four fields")
        };
        if !pattern.is_empty() && !pattern.starts_with(b"!") {
            let path = std::str::from_utf8(path).unwrap();
            ignored.insert(path.strip_prefix("./").unwrap_or(path).to_owned());
        }
    }
    ignored
}

/// Returns what git ignores below `root`, each repository asked about its own.
fn ignored(root: &Path, all: &[String], repositories: &BTreeSet<String>) -> BTreeSet<String> {
    let mut ignored = BTreeSet::new();
    let tops = repositories.iter().map(|top| format!("{top}/"));
    let tops: Vec<String> = std::iter::once(String::new()).chain(tops).collect();
    // The deepest repository that a path is below; that of a repository is the outer one.
    let of = |path: &str| {
        let above = tops
            .iter()
            .filter(|top| path.starts_with(*top) && path != **top);
        above.max_by_key(|top| top.len()).unwrap().clone()
    };
    for top in &tops {
        let own = all.iter().filter(|path| of(path) == *top);
        let own: Vec<&str> = own
            .map(|path| path[top.len()..].trim_end_matches('/'))
            .collect();
        if own.is_empty() {
            continue;
        }
        let found = ignored_by_git(&root.join(top), &own);
        ignored.extend(found.into_iter().map(|path| format!("{top}{path}")));
    }
    ignored
}

fn imported(source: &Path) -> BTreeSet<String> {
    let options = SourceOptions::default().ignore(true);
    let mut source = DirectorySource::open(source, &options).unwrap();
    let found = entries(&mut source);
    let paths = found.into_iter().map(|(path, _)| path[1..].to_owned());
    paths.filter(|path| !path.is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: trees(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_git_ignores_is_left_out(tree in tree()) {
        prop_assume!(!tree.has_escaped_stars());
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir(&root).unwrap();
        let repositories = tree.make(&root, place.path());
        let mut all = Vec::new();
        all_below(&root, "", &mut all);
        let ignored = ignored(&root, &all, &repositories);
        let stays = |path: &str, from: usize| {
            let ends = path.match_indices('/').map(|(at, _)| at);
            let ends = ends.chain([path.len()]).filter(|&at| at > from);
            ends.into_iter().all(|at| !ignored.contains(&path[..at]))
        };
        let directories = all.iter().filter(|path| path.ends_with('/'));
        // What is imported is taken, whatever git says of it.
        let directories: Vec<&str> = directories
            .map(|path| path.trim_end_matches('/'))
            .filter(|path| stays(path, 0))
            .collect();
        let source = match directories.is_empty() {
            true => "",
            false => *tree.source.get(&directories),
        };
        for source in ["", source] {
            let below = if source.is_empty() { String::new() } else { format!("{source}/") };
            let expected: BTreeSet<String> = all
                .iter()
                .filter_map(|path| path.strip_prefix(&below))
                .map(|path| path.trim_end_matches('/'))
                .filter(|path| !path.is_empty())
                .filter(|path| stays(&format!("{below}{path}"), below.len()))
                .map(String::from)
                .collect();
            prop_assert_eq!(&imported(&root.join(source)), &expected, "below {:?}", source);
        }
    }
}

/// Makes files, each with the directories above it.
fn files(root: &Path, files: &[(&str, &[u8])]) {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

#[test]
fn a_line_that_is_not_utf8_does_not_end_the_rules() {
    let place = tempfile::tempdir().unwrap();
    files(
        place.path(),
        &[
            (".gitignore", b"# caf\xe9\nsecret\n\xff\nbuild/\n"),
            ("secret", b"k"),
            ("build/o", b"o"),
            ("main.c", b"m"),
        ],
    );
    let wanted = [".gitignore", "main.c"].map(String::from).into();
    assert_eq!(imported(place.path()), wanted);
}

/// Rules that other readers take otherwise than git.
#[test]
fn rules_mean_what_they_mean_to_git() {
    for (rules, name, is_left_out) in [
        // Braces are plain characters.
        (&b"*.py{}"[..], "x.py", false),
        (b"{a,b}", "a", false),
        (b"{a,b}", "{a,b}", true),
        (b"a}b", "a}b", true),
        // What comes before the first wildcard is no part of the pattern.
        (b"ab**/**", "ab", true),
        (b"ab**/**", "abc/d/e", true),
        // A tab is a name, and a space at the end is none.
        (b"\t", "\t", true),
        (b"a \nb", "a", true),
        (b"a\\ ", "a ", true),
        // One carriage return is of the end of a line, two are not.
        (b"a\r\n", "a", true),
        (b"a\r\r\n", "a", false),
        (b"a?\r\r\n", "ab", false),
        // A line ends at a NUL, a mark is at the start of a file only.
        (b"a\0b\n", "a", true),
        (b"\xef\xbb\xbfa", "a", true),
        (b"\xff\xfea", "a", false),
    ] {
        let place = tempfile::tempdir().unwrap();
        files(place.path(), &[(".gitignore", rules), (name, b"x")]);
        let found = imported(place.path());
        assert_eq!(!found.contains(name), is_left_out, "{rules:?} and {name:?}");
    }
}

#[test]
fn the_rules_of_a_repository_end_at_another_one() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path();
    repository(&home.join(".git"), b"");
    repository(&home.join("project/.git"), b"");
    files(
        home,
        &[
            (".gitignore", b"src\n"),
            ("project/src/lib.c", b"x"),
            ("other/src/lib.c", b"x"),
        ],
    );
    let wanted = ["src", "src/lib.c"].map(String::from);
    assert_eq!(imported(&home.join("project")), wanted.into());
    let wanted = [
        ".gitignore",
        "other",
        "project",
        "project/src",
        "project/src/lib.c",
    ];
    assert_eq!(imported(home), wanted.map(String::from).into());
    // What is imported is taken, whatever the repository says of it.
    assert_eq!(
        imported(&home.join("other/src")),
        ["lib.c".to_owned()].into()
    );
}

#[test]
fn rules_are_not_read_through_a_symlink() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    files(root, &[("rules", b"*\n"), ("sub/file", b"x")]);
    link("rules", root.join(".gitignore")).unwrap();
    link("../rules", root.join("sub/.gitignore")).unwrap();
    assert_eq!(imported(root).len(), 5);
    assert_eq!(imported(&root.join("sub")).len(), 2);
}

#[test]
fn rules_that_would_take_for_ever_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let read = |rules: &[u8]| {
        fs::write(place.path().join(".gitignore"), rules).unwrap();
        let options = SourceOptions::default().ignore(true);
        everything(&mut DirectorySource::open(place.path(), &options).unwrap())
    };
    read(format!("a\n{}", "*a".repeat(32)).as_bytes()).unwrap();
    let error = refusal(read(format!("a\n{}", "*a".repeat(33)).as_bytes()));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("/.gitignore:2"), "{error}");
    let error = refusal(read(&vec![b'#'; (16 << 20) + 1]));
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().contains("/.gitignore"), "{error}");
}

#[test]
fn a_name_that_git_leaves_out_need_not_be_utf8() {
    let place = tempfile::tempdir().unwrap();
    files(place.path(), &[(".gitignore", b"build\n*.bad\n")]);
    fs::create_dir(place.path().join("build")).unwrap();
    for name in [&b"build/\xff"[..], b"\xff.bad"] {
        fs::write(place.path().join(OsStr::from_bytes(name)), "").unwrap();
    }
    assert_eq!(imported(place.path()), [".gitignore".to_owned()].into());
}

fn mkfifo(place: &Path) {
    let made = Command::new("mkfifo").arg(place).status().unwrap();
    assert!(made.success());
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    for (name, is_nested) in [
        ("info/exclude", true),
        ("commondir", true),
        ("info/exclude", false),
        ("commondir", false),
    ] {
        let place = tempfile::tempdir().unwrap();
        let sub = place.path().join("sub");
        let git = sub.join(".git");
        repository(&git, b"");
        let _missing = fs::remove_file(git.join(name));
        mkfifo(&git.join(name));
        let source = if is_nested { place.path() } else { &sub };
        let (told, end) = std::sync::mpsc::channel();
        let source = source.to_owned();
        std::thread::spawn(move || {
            let options = SourceOptions::default().ignore(true);
            let read = DirectorySource::open(&source, &options)
                .and_then(|mut source| everything(&mut source).map(drop));
            told.send(read.err().map(|error| error.kind()))
        });
        let end = end.recv_timeout(std::time::Duration::from_secs(20));
        assert_eq!(end, Ok(Some(ErrorKind::Source)), "{name} {is_nested}");
    }
}

#[test]
fn no_rules_are_read_outside_of_the_source() {
    let place = tempfile::tempdir().unwrap();
    let elsewhere = place.path().join("elsewhere");
    repository(&elsewhere, b"secret\n");
    let sub = place.path().join("source/sub");
    fs::create_dir_all(&sub).unwrap();
    fs::write(sub.join("secret"), "").unwrap();
    let options = SourceOptions::default().ignore(true).allow_git(false);
    let found = || {
        let mut source = DirectorySource::open(&place.path().join("source"), &options).unwrap();
        let found = entries(&mut source);
        found.iter().any(|(path, _)| path == "/sub/secret")
    };
    fs::write(
        sub.join(".git"),
        format!("gitdir: {}\n", elsewhere.display()),
    )
    .unwrap();
    assert!(found());
    fs::remove_file(sub.join(".git")).unwrap();
    repository(&sub.join(".git"), b"");
    fs::remove_file(sub.join(".git/info/exclude")).unwrap();
    link(
        elsewhere.join("info/exclude"),
        sub.join(".git/info/exclude"),
    )
    .unwrap();
    let mut source = DirectorySource::open(&place.path().join("source"), &options).unwrap();
    assert_eq!(refusal(everything(&mut source)).kind(), ErrorKind::Source);
}

#[test]
fn rules_have_a_limit() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join(".gitignore"), "a\n".repeat(32 << 10)).unwrap();
    let options = SourceOptions::default().ignore(true);
    let read = || everything(&mut DirectorySource::open(place.path(), &options).unwrap());
    assert!(read().is_ok());
    fs::write(
        place.path().join(".gitignore"),
        "a\n".repeat((32 << 10) + 1),
    )
    .unwrap();
    assert_eq!(refusal(read()).kind(), ErrorKind::LimitExceeded);
}
