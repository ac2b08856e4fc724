//! Plays `examples/guestbook`, a Worker in Rust: write, look at it, publish, read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use workspace_workerd::Workerd;

use super::raw::{Answer, Target};
use super::typescript::TOKEN;
use super::{build, dev, wrangler};
use crate::repository::Repository;

pub(crate) const AT: &str = "examples/guestbook";
/// That of the configuration.
const PASSWORD: &str = "a password of the tests";
/// What the platform takes of a Worker is three times as much.
const MOST_GZIPPED: usize = 1_000_000;

/// Runs it in workerd beside the npm package in `consumer`, and has wrangler accept it.
pub(crate) fn run(repository: &Repository, consumer: &Path) -> Result<()> {
    let example = put_together(repository, consumer)?;
    let directory = repository.target.join("worker/guestbook");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    dev::configure(repository, &example.join("worker.mjs"), &directory, TOKEN)?;
    let config = "crates/worker/tests/guestbook.capnp";
    build::copy(&repository.root.join(config), &directory)?;
    let state = directory.join("state");
    let config = directory.join("guestbook.capnp");
    let workerd = Workerd::start(&repository.root, &config, &state, "127.0.0.1:0", &[])?;
    let book = Target {
        address: workerd.address().into(),
        prefix: String::new(),
        token: TOKEN.into(),
    };
    play(&book).with_context(|| format!("the guestbook; see {}", state.display()))?;
    println!("examples/guestbook: written, looked at, refused, published and read");
    wrangler::accepts(repository, &example, &directory)
}

/// Builds it where the npm package is installed; returns where it is put together.
fn put_together(repository: &Repository, consumer: &Path) -> Result<PathBuf> {
    let example = consumer.join("guestbook");
    let built = build::guestbook(repository, &example.join("dist"))?;
    ensure!(
        built < MOST_GZIPPED,
        "the guestbook's wasm has {built} bytes gzipped"
    );
    for name in ["worker.mjs", "wrangler.jsonc"] {
        build::copy(&repository.root.join(AT).join(name), &example)?;
    }
    Ok(example)
}

fn play(book: &Target) -> Result<()> {
    let shown = |text: &str| -> Result<bool> {
        let page = book.anonymous("GET", "/").send()?.expect(200)?;
        Ok(text_of(&page).contains(text))
    };
    ensure!(shown("<form")?, "a guestbook with no entry has a form");
    sign(book, "name=Ada&text=Hello+%3Cb%3Ethere%3C%2Fb%3E")?.expect(200)?;
    let entry = "<h2>Ada</h2><p>Hello &lt;b&gt;there&lt;/b&gt;</p>";
    ensure!(!shown(entry)?, "an entry is shown before it is published");

    book.anonymous("GET", "/desk").send()?.expect(401)?;
    keeper(book, "POST", "/desk/publish", "", "wrong")?.expect(401)?;
    let elsewhere = book
        .anonymous("POST", "/desk/publish")
        .header(&authorization(PASSWORD))
        .header("Sec-Fetch-Site: cross-site");
    elsewhere.send()?.expect(401)?;
    desk(book, "GET", "/desk", "")?.expect(200)?;
    let looked = text_of(&desk(book, "POST", "/desk/preview", "")?.expect(200)?);
    let site = between(&looked, "href=\"", "\"")?;
    let page = book.anonymous("GET", site).send()?.expect(200)?;
    ensure!(text_of(&page).contains(entry), "the preview has the entry");

    // What was not looked at is not published.
    sign(book, "name=Eve&text=Me+too")?.expect(200)?;
    let reviewed = format!("tree={}", between(&looked, "value=\"", "\"")?);
    desk(book, "POST", "/desk/publish", &reviewed)?.expect(409)?;
    ensure!(!shown(entry)?, "what was refused is published");
    let looked = text_of(&desk(book, "POST", "/desk/preview", "")?.expect(200)?);
    let reviewed = format!("tree={}", between(&looked, "value=\"", "\"")?);
    desk(book, "POST", "/desk/publish", &reviewed)?.expect(200)?;
    ensure!(shown(entry)? && shown("Me too")?, "both entries are shown");
    desk(book, "POST", "/desk/publish", &reviewed)?.expect(409)?;

    sign(book, "name=Mallory&text=Spam")?.expect(200)?;
    desk(book, "POST", "/desk/discard", "")?.expect(200)?;
    let nothing = desk(book, "POST", "/desk/preview", "")?.expect(200)?;
    ensure!(text_of(&nothing).contains("Nothing waits"));
    ensure!(!shown("Spam")?, "what was thrown away is shown");
    together(book)?;
    refusals(book)
}

/// Entries that are written at the same time are all there.
fn together(book: &Target) -> Result<()> {
    let names: Vec<String> = (0..8).map(|n| format!("Guest-{n}")).collect();
    std::thread::scope(|scope| {
        let signing = names.iter().map(|name| {
            scope.spawn(move || sign(book, &format!("name={name}&text=Hi"))?.expect(200))
        });
        let signing: Vec<_> = signing.collect();
        signing.into_iter().try_for_each(|one| {
            let signed = one.join().expect("a visitor does not panic");
            signed.map(drop)
        })
    })?;
    let looked = text_of(&desk(book, "POST", "/desk/preview", "")?.expect(200)?);
    let site = between(&looked, "href=\"", "\"")?;
    let page = text_of(&book.anonymous("GET", site).send()?.expect(200)?);
    for name in names {
        ensure!(page.contains(&name), "{name}'s entry is lost");
    }
    Ok(())
}

/// What is not theirs, and what is no entry.
fn refusals(book: &Target) -> Result<()> {
    let long = format!("name=Ada&text={}", "x".repeat(20_000));
    for body in ["", "name=Ada", "name=+&text=x", "name=%ff", &long] {
        sign(book, body)?.expect(400)?;
    }
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/sign", 404),
        ("PROPFIND", "/", 404),
        ("GET", "/workspaces/guestbook/v1/head", 401),
        ("GET", "/workspaces/other/v1/head", 404),
        ("GET", "/workspaces/guestbook/preview/nobody/", 404),
    ] {
        let answer = book.anonymous(method, path).send()?;
        answer
            .expect(status)
            .with_context(|| format!("{method} {path}"))?;
    }
    desk(book, "POST", "/desk/publish", "tree=none")?.expect(400)?;
    Ok(())
}

fn sign(book: &Target, entry: &str) -> Result<Answer> {
    book.anonymous("POST", "/sign")
        .header("Content-Type: application/x-www-form-urlencoded")
        .body(entry)
        .send()
}

/// Does something as the keeper.
fn desk(book: &Target, method: &str, path: &str, form: &str) -> Result<Answer> {
    keeper(book, method, path, form, PASSWORD)
}

fn keeper(book: &Target, method: &str, path: &str, form: &str, password: &str) -> Result<Answer> {
    book.anonymous(method, path)
        .header(&authorization(password))
        .header("Sec-Fetch-Site: same-origin")
        .body(form)
        .send()
}

fn authorization(password: &str) -> String {
    let sent = STANDARD.encode(format!("keeper:{password}"));
    format!("Authorization: Basic {sent}")
}

fn text_of(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Result<&'a str> {
    let found = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    Ok(found.with_context(|| format!("no {before} in {text}"))?.0)
}
