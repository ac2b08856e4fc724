//! Random changes: what a capture makes of them is what is there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use futures::executor::block_on;
use workspace_core::{Author, Change};
use workspace_sandbox::{Exit, Way};
use workspace_testkit::{Random, seeds};

use super::world::{Listing, World, on_disk, run, stdout, ways};

const NAMES: [&str; 4] = ["a", "b", "c", "d e"];

fn any_path(random: &mut Random) -> String {
    let names = (0..1 + random.below(3)).map(|_| *random.choose(&NAMES).unwrap());
    names.collect::<Vec<_>>().join("/")
}

/// A tree to begin with.
fn base(random: &mut Random) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for n in 0..12 {
        let at = format!("/{}", any_path(random));
        let meets = |other: &String| {
            other == &at
                || other.starts_with(&format!("{at}/"))
                || at.starts_with(&format!("{other}/"))
        };
        if !files.iter().any(|(other, _)| meets(other)) {
            files.push((at, format!("base {n}")));
        }
    }
    files
}

/// A random change, as words that both a shell and this program make.
#[derive(Debug)]
enum Op {
    Write(String, String),
    Mkdir(String),
    Remove(String),
    Move(String, String),
    Link(String, String),
    Mode(String, bool),
}

fn op(random: &mut Random, n: usize) -> Op {
    let at = any_path(random);
    match random.below(9) {
        0..=2 => Op::Write(at, format!("new {n}")),
        3 => Op::Mkdir(at),
        4 => Op::Remove(at),
        5 | 6 => Op::Move(at, any_path(random)),
        7 => Op::Link(at, format!("../{}", any_path(random))),
        _ => Op::Mode(at, random.chance(0.5)),
    }
}

/// Makes a change in a directory, or fails.
fn make(root: &Path, op: &Op) -> std::io::Result<()> {
    match op {
        Op::Write(at, text) => fs::write(root.join(at), text),
        Op::Mkdir(at) => fs::create_dir(root.join(at)),
        Op::Remove(at) => match root.join(at).symlink_metadata()?.is_dir() {
            true => fs::remove_dir_all(root.join(at)),
            false => fs::remove_file(root.join(at)),
        },
        Op::Move(from, to) => fs::rename(root.join(from), root.join(to)),
        Op::Link(at, target) => symlink(target, root.join(at)),
        Op::Mode(at, executable) => {
            let mode = if *executable { 0o755 } else { 0o644 };
            match root.join(at).symlink_metadata()?.is_file() {
                true => fs::set_permissions(root.join(at), fs::Permissions::from_mode(mode)),
                false => Ok(()),
            }
        }
    }
}

fn in_shell(op: &Op) -> String {
    match op {
        // Not through a symlink, which may lead out.
        Op::Write(at, text) => format!("[ -L '{at}' ] || printf '{text}' > '{at}'"),
        Op::Mkdir(at) => format!("mkdir '{at}'"),
        Op::Remove(at) => format!("rm -r '{at}'"),
        Op::Move(from, to) => format!("mv -T '{from}' '{to}'"),
        Op::Link(at, target) => format!("ln -sT '{target}' '{at}'"),
        Op::Mode(at, true) => format!("[ -f '{at}' ] && [ ! -L '{at}' ] && chmod 755 '{at}'"),
        Op::Mode(at, false) => format!("[ -f '{at}' ] && [ ! -L '{at}' ] && chmod 644 '{at}'"),
    }
}

fn world(random: &mut Random) -> (World, workspace_core::CopyId) {
    let world = World::new();
    let files = base(random);
    let files: Vec<_> = files.iter().map(|(at, text)| (&**at, &**text)).collect();
    let copy = world.copy(&files);
    let (at, _) = files.first().unwrap();
    world.change(copy, vec![Change::set_executable(*at, true).unwrap()]);
    (world, copy)
}

/// `CAPTURES=0-999` replays so many.
#[test]
fn a_capture_of_a_directory_replayed_on_the_base_is_the_directory() {
    for seed in seeds("CAPTURES", 0..15) {
        let mut random = Random::new(seed);
        let (world, copy) = world(&mut random);
        let mut sandbox = world.attach(copy, "state", Way::Plain);
        let root = world.state("state").join("files");
        for round in 0..3 {
            for n in 0..25 {
                let op = op(&mut random, n);
                // A write through a link would be one elsewhere.
                let is_link = |at: &str| root.join(at).is_symlink();
                if !matches!(&op, Op::Write(at, _) if is_link(at)) {
                    let _cannot = make(&root, &op);
                }
            }
            let what = format!("seed {seed}, round {round}");
            let before = world.listing(copy);
            let expected = on_disk(&root);
            let plan = block_on(sandbox.plan()).unwrap();
            assert_eq!(
                world.listing(copy),
                before,
                "{what}: a plan changes nothing"
            );
            let (made, reconciled) = block_on(sandbox.reconcile(Author::default())).unwrap();
            assert_eq!(made, plan, "{what}");
            assert!(plan.refused.is_empty(), "{what}: {:?}", plan.refused);
            assert_eq!(world.listing(copy), expected, "{what}: {plan:#?}");
            assert_eq!(reconciled.operation.is_some(), before != expected, "{what}");
            // Again, before it is shown anew: there is nothing left to do.
            let (_, again) = block_on(sandbox.reconcile(Author::default())).unwrap();
            assert_eq!(again.operation, None, "{what}");
            block_on(sandbox.refresh()).unwrap();
            assert_eq!(on_disk(&root), expected, "{what}");
            assert!(block_on(sandbox.plan()).unwrap().is_empty(), "{what}");
        }
    }
}

/// `OVERLAYS=0-99` replays so many.
#[test]
fn a_capture_of_an_overlay_replayed_on_the_base_is_what_its_commands_saw() {
    for way in ways() {
        for seed in seeds("OVERLAYS", 0..3) {
            let mut random = Random::new(seed);
            let (world, copy) = world(&mut random);
            let mut sandbox = world.attach(copy, "state", way);
            for round in 0..2 {
                let what = format!("{way:?}, seed {seed}, round {round}");
                let mut script = String::from("exec 2>/dev/null\n");
                for n in 0..30 {
                    script.push_str(&in_shell(&op(&mut random, n)));
                    script.push('\n');
                }
                // What is there, said by another program than ours.
                script.push_str(
                    "find . -mindepth 1 -type d -printf 'd%P\\n'\n\
                     find . -type l -printf 'l%P\\t%l\\n'\n\
                     files() { find . -type f \"$@\" | while IFS= read -r f; do \
                     printf \"$kind%s\\t\" \"${f#./}\"; cat \"$f\"; echo; done; }\n\
                     kind=x; files -perm /111; kind=f; files ! -perm /111\n",
                );
                let ended = run(&sandbox, &script);
                assert_eq!(ended.exit, Exit::Code(0), "{what}");
                let mut expected = Listing::new();
                for line in stdout(&ended).lines() {
                    let (kind, rest) = line.split_at(1);
                    let (at, text) = rest.split_once('\t').unwrap_or((rest, ""));
                    let told = match kind {
                        "d" => "d".to_owned(),
                        "l" => format!("->{text}"),
                        kind => format!("{kind}{text}"),
                    };
                    expected.insert(format!("/{at}"), told);
                }
                let (plan, _) = block_on(sandbox.reconcile(Author::default())).unwrap();
                assert_eq!(world.listing(copy), expected, "{what}: {plan:#?}");
                block_on(sandbox.refresh()).unwrap();
                assert!(block_on(sandbox.plan()).unwrap().is_empty(), "{what}");
            }
        }
    }
}
