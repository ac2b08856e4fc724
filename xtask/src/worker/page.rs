//! The page for people: one document with its style and script in it, and a
//! policy under which a browser runs these and nothing else.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::typescript::{TOKEN, start};
use crate::command::Program;
use crate::repository::Repository;

/// Writes `page.js`, from which the Worker takes both, and its declaration.
pub(crate) fn build(sources: &Path, output: &Path) -> Result<()> {
    let script = Program::new("node_modules/.bin/esbuild")
        .args([sources.join("main.ts")])
        .args(["--bundle", "--format=esm", "--target=es2023"])
        .args(["--log-level=warning"])
        .read()?;
    let read = |name: &str| {
        fs::read_to_string(sources.join(name)).with_context(|| format!("reading {name}"))
    };
    let style = read("style.css")?;
    let mut html = read("index.html")?;
    for (element, open, content) in [
        ("style", "<style>", &style),
        ("script", "<script type=\"module\">", &script),
    ] {
        let close = format!("</{element}>");
        let empty = format!("{open}{close}");
        ensure!(!content.contains(&close), "the {element} ends itself");
        ensure!(html.contains(&empty), "there is no place for the {element}");
        html = html.replace(&empty, &format!("{open}{content}{close}"));
    }
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(&script),
        hash(&style),
    );
    let module = format!(
        "export const html = {};\nexport const policy = {};\n",
        json!(html),
        json!(policy)
    );
    fs::write(output.join("page.js"), module)?;
    let types = "export declare const html: string;\nexport declare const policy: string;\n";
    fs::write(output.join("page.d.ts"), types)?;
    Ok(())
}

/// Checks its types, and plays it against the built Worker: in a Chromium, or in
/// a DOM without a browser.
pub(crate) fn test(repository: &Repository, built: &Path, chromium: Option<&str>) -> Result<()> {
    Program::new("node_modules/.bin/tsc")
        .args(["--project", "crates/worker/page"])
        .run()?;
    let (workerd, log) = start(repository, "page", &built.join("worker.js"))?;
    let start = Instant::now();
    Program::new("node")
        .args(["crates/worker/tests/page.mjs"])
        .args([format!("http://{}", workerd.address()), TOKEN.into()])
        .args(chromium)
        .run()
        .with_context(|| format!("the page; see {}", log.display()))?;
    println!("the page: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Names what is allowed by its hash.
fn hash(content: &str) -> String {
    format!(
        "'sha256-{}'",
        STANDARD.encode(Sha256::digest(content.as_bytes()))
    )
}
