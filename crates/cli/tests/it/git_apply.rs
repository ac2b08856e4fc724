//! What `Patch` renders turns the old files into the new ones, under `git apply` and under
//! `import`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use workspace_core::{BinaryStyle, Patch, PatchMode, PatchSide, TreePath};

use crate::support::Place;

type Files = BTreeMap<String, (PatchMode, Vec<u8>)>;

fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "[ab]{0,2}\n",
        1 => "[ab]{0,2}\r\n",
        1 => Just("é\u{1}\n".to_string()),
    ];
    let lines = prop::collection::vec(line, 0..30).prop_map(|lines| lines.concat().into_bytes());
    prop_oneof![
        6 => lines.clone(),
        2 => lines.prop_map(|mut bytes| {
            bytes.extend_from_slice(b"no newline");
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..300),
        1 => Just(b"\xff\xfe not UTF-8 \x80\nsecond".to_vec()),
    ]
}

fn file() -> impl Strategy<Value = (PatchMode, Vec<u8>)> {
    let plain = |mode| content().prop_map(move |bytes| (mode, bytes));
    prop_oneof![
        6 => plain(PatchMode::Regular),
        2 => plain(PatchMode::Executable),
        // Dangling: git looks through a symlink that is about to become a directory.
        1 => "[x-z]{1,6}\n?".prop_map(|target| (PatchMode::Symlink, target.into_bytes())),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[abc]",
        1 => prop::sample::select(vec![
            "a b", " b", "x b", "é", "q\"uote", "back\\slash", "tab\t", "line\nbreak", "a ", "\u{7f}",
        ])
        .prop_map(String::from),
    ]
}

/// Paths of up to three names.
fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
}

/// A file never stands above another.
fn files() -> impl Strategy<Value = Files> {
    prop::collection::btree_map(path(), file(), 0..8).prop_map(without_nesting)
}

fn without_nesting(files: Files) -> Files {
    let mut kept = Files::new();
    for (path, file) in files {
        let nested = kept
            .keys()
            .any(|above| path.starts_with(&format!("{above}/")));
        if !nested {
            kept.insert(path, file);
        }
    }
    kept
}

#[derive(Debug, Clone)]
enum Step {
    Edit(usize, Vec<u8>),
    Change(usize, PatchMode),
    Remove(usize),
    Add(String, (PatchMode, Vec<u8>)),
    Rename(usize, String, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop::sample::select(vec![PatchMode::Regular, PatchMode::Executable]);
    prop_oneof![
        (any::<usize>(), content()).prop_map(|(at, bytes)| Step::Edit(at, bytes)),
        (any::<usize>(), mode).prop_map(|(at, mode)| Step::Change(at, mode)),
        any::<usize>().prop_map(Step::Remove),
        (path(), file()).prop_map(|(path, file)| Step::Add(path, file)),
        (any::<usize>(), path(), any::<bool>())
            .prop_map(|(at, to, edit)| Step::Rename(at, to, edit)),
    ]
}

/// Plays the steps; returns the new files and where renamed ones were.
fn play(old: &Files, steps: Vec<Step>) -> (Files, BTreeMap<String, String>) {
    let (mut new, mut renames) = (old.clone(), BTreeMap::new());
    for step in steps {
        let at = |index: usize, files: &Files| {
            let count = files.len().max(1);
            files.keys().nth(index % count).cloned()
        };
        match step {
            Step::Edit(index, bytes) => {
                if let Some((PatchMode::Regular | PatchMode::Executable, old)) =
                    at(index, &new).and_then(|path| new.get_mut(&path))
                {
                    *old = bytes;
                }
            }
            Step::Change(index, mode) => {
                if let Some(file) = at(index, &new).and_then(|path| new.get_mut(&path)) {
                    file.0 = mode;
                }
            }
            Step::Remove(index) => {
                at(index, &new).map(|path| new.remove(&path));
            }
            Step::Add(path, file) => {
                new.insert(path, file);
            }
            Step::Rename(index, to, edit) => {
                let Some(from) = at(index, &new) else {
                    continue;
                };
                if old.contains_key(&from) && !old.contains_key(&to) && !new.contains_key(&to) {
                    let mut file = new.remove(&from).unwrap();
                    if edit && file.0 != PatchMode::Symlink {
                        file.1.extend_from_slice(b"and more\n");
                    }
                    new.insert(to.clone(), file);
                    renames.insert(to, from);
                }
            }
        }
    }
    let new = without_nesting(new);
    // As in a difference, a rename is of a file, and its old path is gone.
    renames.retain(|to, from| {
        let is_file = |files: &Files, path: &String| {
            files
                .get(path)
                .is_some_and(|file| file.0 != PatchMode::Symlink)
        };
        is_file(old, from) && is_file(&new, to) && !new.contains_key(from)
    });
    (new, renames)
}

fn patch(old: &Files, new: &Files, renames: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    let paths: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for path in paths {
        if renames.values().any(|from| from == path) {
            continue;
        }
        let source = renames.get(path);
        let before = old.get(source.unwrap_or(path));
        let after = new.get(path);
        if before == after && source.is_none() {
            continue;
        }
        let tree_path = |path: &String| TreePath::new(&format!("/{path}")).unwrap();
        let (at, from) = (tree_path(path), source.map(tree_path));
        fn side(file: &(PatchMode, Vec<u8>)) -> PatchSide<'_> {
            PatchSide {
                mode: file.0,
                bytes: &file.1,
            }
        }
        let patch = Patch::new(&at, from.as_ref(), before.map(side), after.map(side));
        out.extend(patch.render(BinaryStyle::Whole));
    }
    out
}

fn write(root: &Path, files: &Files) {
    for (path, (mode, bytes)) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if *mode == PatchMode::Symlink {
            symlink(OsStr::from_bytes(bytes), &path).unwrap();
            continue;
        }
        fs::write(&path, bytes).unwrap();
        let bits = if *mode == PatchMode::Executable {
            0o755
        } else {
            0o644
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
    }
}

fn read(root: &Path, below: &str, files: &mut Files) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        let file = if kind.is_dir() {
            read(root, &format!("{path}/"), files);
            continue;
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            (PatchMode::Symlink, target.as_os_str().as_bytes().to_vec())
        } else {
            let executable = entry.metadata().unwrap().permissions().mode() & 0o100 != 0;
            let mode = if executable {
                PatchMode::Executable
            } else {
                PatchMode::Regular
            };
            (mode, fs::read(entry.path()).unwrap())
        };
        files.insert(path, file);
    }
}

fn git_apply(root: &Path, arguments: &[&str], patch: &[u8]) -> Result<(), String> {
    let mut child = Command::new("git")
        .args(["apply", "--whitespace=nowarn"])
        .args(arguments)
        .current_dir(root)
        .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(patch).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Imports the files into a workspace, and the patch after them.
fn check_import(old: &Files, new: &Files, patch: &[u8]) {
    let text = String::from_utf8_lossy(patch);
    let place = Place::new();
    write(&place.path("in"), old);
    fs::create_dir_all(place.path("in")).unwrap();
    place.ok(&["import", "in"]);
    place.file("x.patch", patch);
    let ran = place.run(&["import", "x.patch"]);
    assert_eq!(ran.code, 0, "{text}{}", ran.stderr);
    place.ok(&["export", "out"]);
    let mut files = Files::new();
    read(&place.path("out"), "", &mut files);
    assert_eq!(&files, new, "{text}");
}

fn check(old: &Files, new: &Files, renames: &BTreeMap<String, String>) {
    let patch = patch(old, new, renames);
    if patch.is_empty() {
        return assert_eq!(old, new);
    }
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), old);
    let files = || {
        let mut files = Files::new();
        read(directory.path(), "", &mut files);
        files
    };
    let text = String::from_utf8_lossy(&patch);
    let applied = git_apply(directory.path(), &[], &patch);
    assert_eq!(applied, Ok(()), "{text}");
    assert_eq!(&files(), new, "{text}");
    // It takes longer, and half of them do.
    if patch.len().is_multiple_of(2) {
        check_import(old, new, &patch);
    }
    // Where git restores a deleted file it forgets the mode.
    let modeless = |files: &Files| {
        let bytes =
            |(path, (_, bytes)): (&String, &(PatchMode, Vec<u8>))| (path.clone(), bytes.clone());
        files.iter().map(bytes).collect::<Vec<_>>()
    };
    let reversed = git_apply(directory.path(), &["-R"], &patch);
    assert_eq!(reversed, Ok(()), "reversed\n{text}");
    assert_eq!(modeless(&files()), modeless(old), "reversed\n{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn git_and_an_import_apply_the_patch_of_any_two_trees(
        old in files(),
        steps in prop::collection::vec(step(), 1..8),
    ) {
        let (new, renames) = play(&old, steps);
        check(&old, &new, &renames);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn git_and_an_import_apply_the_patch_of_long_files(
        edits in prop::collection::vec((0..60_000usize, 0..3usize), 1..40),
    ) {
        let lines: Vec<String> = (0..60_000).map(|n| format!("{}\n", n % 40_000)).collect();
        let mut edited = lines.clone();
        for (at, kind) in edits {
            match kind {
                0 => edited[at] = "edited\n".into(),
                1 => edited[at].clear(),
                _ => edited[at].push_str("more\n"),
            }
        }
        let file = |lines: &[String]| {
            let bytes = lines.concat().into_bytes();
            Files::from([("long".to_string(), (PatchMode::Regular, bytes))])
        };
        check(&file(&lines), &file(&edited), &BTreeMap::new());
    }
}
