//! A program of the world `program`: does what its input names.

use futures::future::join_all;

use world::workspace::guest::console::{Level, line};
use world::workspace::guest::files::{
    self, Entry, Failure, Paging, Replacement, Searching, Writing,
};

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod world {
    use super::Exports;

    wit_bindgen::generate!({ path: "../../wit", world: "program" });
    export!(Exports);
}

struct Exports;

const ALL: Paging = Paging {
    after: None,
    limit: None,
};

const PLAIN: Writing = Writing {
    executable: None,
    media_type: None,
    create_parents: None,
};

impl world::Guest for Exports {
    async fn run(input: String) -> Result<String, String> {
        // The input is a JSON string without escapes.
        match input.trim_matches('"') {
            "warm" => warm().await.map_err(told),
            "files" => every_method().await.map_err(told),
            "many" => many().await.map_err(told),
            "fails" => files::read_file("missing".into())
                .await
                .map(|_| "null".into())
                .map_err(told),
            "console" => {
                line(Level::Warn, "said");
                Ok("null".into())
            }
            "flood" => {
                for _ in 0..100_000 {
                    line(Level::Log, "said again");
                }
                Ok("null".into())
            }
            "throws" => Err("no more".into()),
            "wrong" => Ok("{".into()),
            "large" => Ok(format!("\"{}\"", "x".repeat(2 << 20))),
            "deep" => Ok("[".repeat(101) + &"]".repeat(101)),
            "panics" => panic!("at once"),
            // What is no text, and what is nowhere in its memory.
            "text" => {
                let bytes = std::hint::black_box([0xff, 0xfe]);
                // SAFETY: it is not; it is handed to the host, which looks.
                line(Level::Log, unsafe { std::str::from_utf8_unchecked(&bytes) });
                Ok("null".into())
            }
            "pointer" => {
                let nowhere = std::ptr::without_provenance(std::hint::black_box(0xffff_0000));
                // SAFETY: it is not; it is handed to the host, which looks.
                line(Level::Log, unsafe {
                    std::str::from_utf8_unchecked(std::slice::from_raw_parts(nowhere, 0x8000))
                });
                Ok("null".into())
            }
            "edits" => match edits(1_001).await {
                Err(failure) => Ok(format!("\"{}\"", failure.code)),
                Ok(()) => Ok("null".into()),
            },
            // As the host has them these are more than it may write.
            "hoard" => edits(1_300_000).await.map(|()| "null".into()).map_err(told),
            "spins" => loop {
                std::hint::black_box(0);
            },
            "grows" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 20]);
                    std::hint::black_box(&all);
                }
            }
            "recurses" => Ok(deeper(std::hint::black_box(0)).to_string()),
            "waits" => {
                std::future::pending::<()>().await;
                Ok("null".into())
            }
            _ => Ok(input),
        }
    }
}

// As deep as it goes: the argument is there so that it is no loop.
#[allow(unconditional_recursion, clippy::only_used_in_recursion)]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(depth + 1)) + 1
}

fn told(failure: Failure) -> String {
    let path = failure.path.unwrap_or_default();
    let reason = failure.reason.unwrap_or_default();
    format!("{} {path} {reason}: {}", failure.code, failure.message)
}

/// Makes so many edits, which take next to nothing here.
async fn edits(count: usize) -> Result<(), Failure> {
    let edit = || Replacement {
        old: String::new(),
        new: String::new(),
        all: None,
    };
    let edits = std::iter::repeat_with(edit).take(count).collect();
    files::edit("a.txt".into(), edits).await
}

async fn warm() -> Result<String, Failure> {
    let bytes = files::read_file("a.txt".into()).await?;
    files::write_file("b.txt".into(), bytes, PLAIN).await?;
    Ok("null".into())
}

async fn many() -> Result<String, Failure> {
    let reads = (0..10).map(|n| files::read_text(format!("{n}.txt")));
    let texts: Result<Vec<String>, Failure> = join_all(reads).await.into_iter().collect();
    Ok(format!("\"{}\"", texts?.concat()))
}

fn shown(entry: &Entry) -> String {
    match entry {
        Entry::File(file) => {
            let media_type = file.media_type.as_deref().unwrap_or("-");
            let (executable, modified) = (file.executable, file.modified);
            format!(
                "file {} {} {executable} {modified} {media_type}",
                file.content, file.size
            )
        }
        Entry::Directory(directory) => {
            let (files, directories) = (directory.files, directory.directories);
            format!(
                "directory {} {files} {directories} {} {}",
                directory.tree, directory.bytes, directory.longest
            )
        }
        Entry::Symlink(symlink) => format!("symlink {} {}", symlink.target, symlink.modified),
    }
}

/// Calls each method, and says what it answers.
async fn every_method() -> Result<String, Failure> {
    let say = |text: String| line(Level::Log, &text);
    let paging = || Paging {
        after: Some("a".into()),
        limit: Some(7),
    };
    say(format!("{:?}", files::read_file("f".into()).await?));
    say(files::read_text("f".into()).await?);
    let writing = Writing {
        executable: Some(true),
        media_type: Some("text/x".into()),
        create_parents: Some(false),
    };
    files::write_file("f".into(), vec![0, 255], writing).await?;
    let edit = Replacement {
        old: "a".into(),
        new: "b".into(),
        all: Some(true),
    };
    files::edit("f".into(), vec![edit]).await?;
    files::list(None, ALL).await?;
    let listing = files::list(Some("d".into()), paging()).await?;
    for named in &listing.entries {
        say(format!("{}: {}", named.name, shown(&named.entry)));
    }
    say(format!("next {:?}", listing.next));
    let page = files::glob("**".into(), Some("d".into()), ALL).await?;
    for placed in &page.entries {
        say(format!("{}: {}", placed.path, shown(&placed.entry)));
    }
    say(format!("next {:?}", page.next));
    let placed = files::stat("f".into()).await?;
    say(format!("{}: {}", placed.path, shown(&placed.entry)));
    say(files::exists("f".into()).await?.to_string());
    let searching = Searching {
        path: Some("d".into()),
        glob: Some("*.md".into()),
        literal: Some(true),
        ignore_case: Some(true),
    };
    let found = files::grep("x".into(), searching, paging()).await?;
    for matching in &found.matches {
        say(format!(
            "{}:{}:{}",
            matching.path, matching.line, matching.text
        ));
    }
    let (skipped, left_out) = (found.skipped, found.left_out);
    say(format!("skipped {skipped} left out {left_out} next {:?}", found.next));
    files::mkdir("d".into()).await?;
    files::delete("d".into()).await?;
    files::move_("a".into(), "b".into(), Some(true)).await?;
    files::copy("a".into(), "b".into(), None).await?;
    for difference in &files::diff(paging()).await?.differences {
        let old = difference.old.as_ref().map(shown);
        let new = difference.new.as_ref().map(shown);
        say(format!("{}: {old:?} {new:?}", difference.path));
    }
    Ok("null".into())
}
