//! Texts are merged as git merges them.
//!
//! `MERGES=0-1999 cargo nextest run -p workspace-merge` compares so many.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use workspace_testkit::Random;

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("MERGES") else {
        return 0..300;
    };
    let number = |text: &str| text.parse().expect("MERGES is two numbers: 0-99");
    match asked.split_once('-') {
        Some((first, last)) => number(first)..number(last) + 1,
        None => number(&asked)..number(&asked) + 1,
    }
}

/// Lines of which many are alike, so that what moved is not plain to see.
fn text(random: &mut Random, words: usize) -> Vec<String> {
    let length = 1 + random.below(40);
    (0..length)
        .map(|_| format!("line {}\n", random.below(words)))
        .collect()
}

fn edited(random: &mut Random, base: &[String], ending: &str) -> String {
    let mut lines = base.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(lines.len() + 1);
        match random.below(4) {
            0 => {
                for n in 0..=random.below(3) {
                    let line = format!("line {}{ending}", random.below(30));
                    lines.insert((at + n).min(lines.len()), line);
                }
            }
            1 => drop(lines.drain(at..(at + 1 + random.below(3)).min(lines.len()).max(at))),
            2 if at < lines.len() => lines[at] = format!("edit {}\n", random.below(6)),
            _ if at < lines.len() => lines.insert(at, lines[at].clone()),
            _ => {}
        }
    }
    cut(random, lines.concat())
}

/// Takes the last byte away, at times, which ends the last line.
fn cut(random: &mut Random, mut text: String) -> String {
    if random.below(6) == 0 {
        text.pop();
    }
    text
}

/// Merges as git does; `None` where it has a conflict.
fn by_git(folder: &Path, base: &str, ours: &str, theirs: &str) -> Option<String> {
    for (name, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        fs::write(folder.join(name), text).expect("a file can be written");
    }
    let ran = Command::new("git")
        .args(["merge-file", "-p", "-q", "ours", "base", "theirs"])
        .current_dir(folder)
        .output()
        .expect("git is installed");
    let code = ran.status.code().expect("git was not killed");
    assert!((0..128).contains(&code), "{ran:?}");
    (code == 0).then(|| String::from_utf8(ran.stdout).expect("the texts are UTF-8"))
}

#[test]
fn texts_are_merged_as_git_merges_them() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut clean, mut all) = (0, 0);
    for seed in seeds() {
        let mut random = Random::new(seed);
        let words = [4, 12, 60][random.below(3)];
        let base = text(&mut random, words);
        let ending = ["\n", "\n", "\r\n"][random.below(3)];
        let ours = edited(&mut random, &base, ending);
        let theirs = edited(&mut random, &base, ending);
        let base = cut(&mut random, base.concat());
        let wanted = by_git(folder.path(), &base, &ours, &theirs);
        let merged = workspace_merge::lines(&base, &ours, &theirs);
        assert_eq!(
            merged, wanted,
            "seed {seed}: {base:?}, {ours:?}, {theirs:?}"
        );
        clean += u64::from(wanted.is_some());
        all += 1;
    }
    assert!(clean * 4 > all && clean * 4 < 3 * all, "{clean} of {all}");
}
