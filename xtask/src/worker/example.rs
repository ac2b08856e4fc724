//! Plays the loop through `examples/publish`: import, draft, agent, preview,
//! review, publish or discard, restore.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::typescript::{TOKEN, start};
use crate::repository::Repository;
use workspace_workerd::Client;

const HELLO: &str = "<h1>Hello</h1>";
const MORNING: &str = "<h1>Good morning</h1>";

/// Runs it in workerd.
pub(crate) fn run(repository: &Repository, consumer: &Path) -> Result<()> {
    let (workerd, log) = start(repository, "example", &consumer.join("src/index.ts"))?;
    let desk = Desk(workerd.client());
    play(&desk).with_context(|| format!("the example; see {}", log.display()))?;
    println!("examples/publish: published, refused, discarded, undone and restored");
    Ok(())
}

fn play(desk: &Desk) -> Result<()> {
    let imported = desk.put("", &site()?)?;
    same(&imported["files"], &json!(3))?;
    same(&imported["revision"], &json!(1))?;
    desk.shows("live/", HELLO)?;
    publish(desk)?;
    conflict(desk)?;
    undo(desk)?;
    same(
        &desk.post("revisions/1/restore", json!({}))?["revision"],
        &json!(5),
    )?;
    desk.shows("live/", HELLO)?;
    let revisions = desk.get("revisions")?;
    let causes = revisions["revisions"].as_array().context("a list")?;
    let causes: Vec<_> = causes.iter().map(|one| &one["cause"]["kind"]).collect();
    same(
        &json!(causes),
        &json!(["restore", "apply", "apply", "apply", "apply"]),
    )?;
    refusals(desk)
}

/// What an agent drafts is published as it was reviewed, or not at all.
fn publish(desk: &Desk) -> Result<()> {
    let forked = desk.post("drafts", json!({ "name": "summer" }))?;
    let edited = desk.post("drafts/summer/agent", task("Hello", "Good morning"))?;
    same(
        &edited["changed"],
        &json!(["/about/index.html", "/index.html"]),
    )?;
    let preview = desk.preview("summer")?;
    preview.shows("", MORNING)?;
    preview.shows("about/", MORNING)?;
    desk.shows("live/", HELLO)?;
    let status = desk.get("drafts/summer")?;
    same(&status["changes"]["count"], &json!(2))?;
    let stale = json!({ "reviewed": forked["tree"] });
    desk.fails(412, "stale", "drafts/summer/publish", stale)?;
    desk.shows("live/", HELLO)?;
    same(&status["copy"]["tree"], &preview.tree)?;
    let reviewed = json!({ "reviewed": preview.tree });
    let published = desk.post("drafts/summer/publish", reviewed)?;
    same(
        &published,
        &json!({ "outcome": "published", "revision": 2 }),
    )?;
    desk.shows("live/", MORNING)
}

/// Two drafts of the same page: the second is refused, and told why.
fn conflict(desk: &Desk) -> Result<()> {
    for (name, by) in [("spring", "Good day"), ("autumn", "Good evening")] {
        desk.post("drafts", json!({ "name": name }))?;
        desk.post(&format!("drafts/{name}/agent"), task("Good morning", by))?;
    }
    let reviewed = json!({ "reviewed": desk.get("drafts/spring")?["copy"]["tree"] });
    desk.post("drafts/spring/publish", reviewed)?;
    let reviewed = json!({ "reviewed": desk.get("drafts/autumn")?["copy"]["tree"] });
    let refused = desk.fails(409, "conflict", "drafts/autumn/publish", reviewed)?;
    let both = json!(["/about/index.html", "/index.html"]);
    same(&refused["conflict"]["both"]["paths"], &both)?;
    desk.fails(409, "conflict", "drafts/autumn/rebase", json!({}))?;
    desk.preview("autumn")?.shows("", "<h1>Good evening</h1>")?;
    let discarded = desk.post("drafts/autumn/discard", json!({}))?;
    same(&discarded["state"], &json!("discarded"))?;
    desk.shows("live/", "<h1>Good day</h1>")
}

/// An editor takes back one of two edits, and publishes what is left.
fn undo(desk: &Desk) -> Result<()> {
    desk.post("drafts", json!({ "name": "winter" }))?;
    let first = desk.post("drafts/winter/agent", task("Ask us", "Ask nobody"))?;
    let preview = desk.preview("winter")?;
    preview.shows("about/", "<h1>Good day</h1><p>Ask nobody")?;
    desk.post("drafts/winter/agent", task("teal", "never in a page"))?;
    let operation = json!({ "operation": first["operation"] });
    desk.post("drafts/winter/undo", operation)?;
    preview.shows("about/", "<h1>Good day</h1><p>Ask us")?;
    desk.post("drafts/winter/agent", task("Good day", "Good night"))?;
    let reviewed = json!({ "reviewed": desk.get("drafts/winter")?["copy"]["tree"] });
    desk.post("drafts/winter/publish", reviewed)?;
    desk.shows("live/", "<h1>Good night</h1>")
}

/// Whatever is not there, or not theirs.
fn refusals(desk: &Desk) -> Result<()> {
    let reviewed = json!({ "reviewed": "0".repeat(64) });
    desk.fails(404, "not_found", "drafts/nothing/publish", reviewed)?;
    desk.fails(404, "not_found", "drafts/nothing/agent", task("a", "b"))?;
    desk.fails(404, "not_found", "revisions/99/restore", json!({}))?;
    desk.fails(400, "invalid", "revisions/newest/restore", json!({}))?;
    for (method, path, status) in [
        ("GET", "live/nothing.html", 404),
        ("GET", "live/%2e%2e%2fother", 400),
        ("GET", "live//index.html", 400),
        ("GET", "drafts/nothing", 404),
        ("POST", "drafts/nothing/preview", 404),
        ("GET", "drafts/%E0%A4%A", 400),
        ("POST", "drafts", 400),
        ("DELETE", "drafts/winter", 404),
    ] {
        let (found, said) = desk.send(method, path, true, b"")?;
        let text = String::from_utf8_lossy(&said);
        ensure!(
            found == status,
            "{method} {path}: {found}, not {status}: {text}"
        );
    }
    // Nothing is published that nobody says to have looked at.
    for body in ["", "{}", "null", "[]", r#"{"reviewed": null}"#] {
        let path = "drafts/winter/publish";
        let (status, _) = desk.send("POST", path, true, body.as_bytes())?;
        ensure!(status == 400, "{path} of {body:?}: {status}");
    }
    for path in ["drafts/nothing", "revisions"] {
        let (status, _) = desk.send("GET", path, false, b"")?;
        ensure!(status == 401, "{path} without a token: {status}");
    }
    for site in ["..%2fdemo", "%2e%2e", "demo%00", "Demo"] {
        let (status, _) = desk
            .0
            .send("GET", &format!("/sites/{site}/live/"), None, b"")?;
        ensure!(status == 404, "a site named {site}: {status}");
    }
    Ok(())
}

/// The files of a small site.
fn site() -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in [
        ("index.html", HELLO),
        ("about/index.html", "<h1>Hello</h1><p>Ask us.</p>"),
        ("style.css", "h1 { color: teal }"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes())?;
    }
    Ok(archive.into_inner()?)
}

fn task(replace: &str, by: &str) -> Value {
    json!({ "replace": replace, "by": by })
}

fn same(found: &Value, expected: &Value) -> Result<()> {
    ensure!(found == expected, "{found}, not {expected}");
    Ok(())
}

/// The desk of one site, for an editor.
struct Desk(Client);

impl Desk {
    fn send(&self, method: &str, path: &str, token: bool, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let path = format!("/sites/demo/{path}");
        self.0.send(method, &path, token.then_some(TOKEN), body)
    }

    fn succeed(&self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        let (status, said) = self.send(method, path, true, body)?;
        let text = String::from_utf8_lossy(&said);
        ensure!(status == 200, "{method} {path}: {status}: {text}");
        serde_json::from_slice(&said).with_context(|| format!("{method} {path}: {text}"))
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.succeed("GET", path, b"")
    }

    fn put(&self, path: &str, body: &[u8]) -> Result<Value> {
        self.succeed("PUT", path, body)
    }

    fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.succeed("POST", path, body.to_string().as_bytes())
    }

    /// Posts what is refused, and returns how.
    fn fails(&self, status: u16, code: &str, path: &str, body: Value) -> Result<Value> {
        let (found, said) = self.send("POST", path, true, body.to_string().as_bytes())?;
        let text = String::from_utf8_lossy(&said);
        ensure!(
            found == status,
            "POST {path}: {found}, not {status}: {text}"
        );
        let failure: Value = serde_json::from_slice(&said)?;
        ensure!(failure["code"] == code, "POST {path}: {text}, not {code}");
        Ok(failure)
    }

    /// Looks at a page as a visitor does.
    fn shows(&self, path: &str, page: &str) -> Result<()> {
        shows(&self.0, &format!("/sites/demo/{path}"), page)
    }

    /// Has a draft shown as a site.
    fn preview(&self, draft: &str) -> Result<Preview> {
        let issued = self.post(&format!("drafts/{draft}/preview"), json!({}))?;
        Ok(Preview {
            client: self.0.clone(),
            url: issued["url"]
                .as_str()
                .context("a preview has a URL")?
                .into(),
            tree: issued["tree"].clone(),
        })
    }
}

/// A draft as a site, for whoever has its URL.
struct Preview {
    client: Client,
    url: String,
    tree: Value,
}

impl Preview {
    fn shows(&self, path: &str, page: &str) -> Result<()> {
        shows(&self.client, &format!("{}{path}", self.url), page)
    }
}

/// Looks at a page without a token.
fn shows(client: &Client, path: &str, page: &str) -> Result<()> {
    let (status, said) = client.send("GET", path, None, b"")?;
    let text = String::from_utf8_lossy(&said);
    ensure!(
        status == 200 && text.starts_with(page),
        "{path}: {status}: {text}"
    );
    Ok(())
}
