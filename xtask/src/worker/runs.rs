//! Delegated code in workerd: the corpus, and what hangs or takes too much.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use workspace_corpus::Came;
use workspace_workerd::{Client, Workerd};

use super::typescript;
use crate::repository::Repository;

/// What is left to a run beyond its limit, beside a tenth of it.
const GRACE: Duration = Duration::from_millis(1_000);

/// Runs all programs of the corpus.
pub(super) fn run(repository: &Repository, consumer: &Path) -> Result<()> {
    let entry = consumer.join("src/tests/corpus.ts");
    let (workerd, _) = typescript::start(repository, "corpus", &entry)?;
    let client = workerd.client();
    let tree = workspace_corpus::tree()?;
    let began = Instant::now();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for program in workspace_corpus::programs()? {
        let began = Instant::now();
        let came = ask(&client, &tree, &program.modules, &program.options)?;
        let limit = program
            .options
            .get("limits")
            .and_then(|it| it["millis"].as_u64());
        let limit = Duration::from_millis(limit.unwrap_or(10_000));
        if began.elapsed() > limit + limit / 10 + GRACE {
            wrong.push(format!("{}: took {:?}", program.name, began.elapsed()));
        }
        if let Err(error) = program.check(&came) {
            wrong.push(error.to_string());
        }
        count += 1;
    }
    ensure!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    println!(
        "{count} programs: as they should be ({:.1} s)",
        began.elapsed().as_secs_f64()
    );
    goes_on(&workerd, &client, &tree)
}

/// Runs one over a copy of the tree.
fn ask(
    client: &Client,
    tree: &[Value],
    program: &[(String, String)],
    options: &Map<String, Value>,
) -> Result<Came> {
    let body = json!({
        "workspace": "corpus", "tree": tree, "program": program, "options": options,
    });
    let (status, body) = client.send("POST", "/", None, body.to_string().as_bytes())?;
    let text = String::from_utf8_lossy(&body);
    ensure!(status == 200, "{status}: {text}");
    let came: Value = serde_json::from_str(&text)?;
    let outcome = &came["outcome"];
    match outcome["status"] == "ok" {
        true => Ok(Came::Of(outcome["value"].clone())),
        false => {
            let code = outcome["error"]["code"].as_str();
            Ok(Came::Refused(code.context("an error has a code")?.into()))
        }
    }
}

/// After a process that was killed for what ran in it, the next run answers.
fn goes_on(workerd: &Workerd, client: &Client, tree: &[Value]) -> Result<()> {
    let one = |source: &str, limits: Value| -> Result<(Value, Duration)> {
        let program = [("main.js".to_owned(), source.to_owned())];
        let options = Map::from_iter([("limits".to_owned(), limits)]);
        let began = Instant::now();
        match ask(client, tree, &program, &options)? {
            Came::Of(outcome) => Ok((outcome, began.elapsed())),
            Came::Refused(code) => anyhow::bail!("refused: {code}"),
        }
    };
    let process = workerd
        .sandbox()
        .context("code is run in a process of its own")?;
    let limits = json!({ "millis": 200 });
    let (outcome, took) = one("export default () => { for (;;); };", limits)?;
    ensure!(outcome["limit"] == "time", "{outcome}");
    ensure!(workerd.sandbox() != Some(process), "it was not killed");
    let (outcome, next) = one("export default () => 1;", json!({}))?;
    ensure!(outcome["value"] == 1, "{outcome}");
    println!("a loop ended after {took:?}, and the run after it took {next:?}");
    let bomb = "export default () => { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); };";
    let (outcome, took) = one(bomb, json!({}))?;
    ensure!(outcome["limit"] == "memory", "{outcome}");
    let (outcome, next) = one("export default () => 2;", json!({}))?;
    ensure!(outcome["value"] == 2, "{outcome}");
    println!("a memory bomb ended after {took:?}, and the run after it took {next:?}");
    Ok(())
}
