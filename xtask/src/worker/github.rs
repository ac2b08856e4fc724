//! `workspace-github` inside an object, against the double that stands for GitHub.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use workspace_workerd::Workerd;

use crate::command::Program;
use crate::repository::Repository;

const DOUBLE: &str = "workspace-github-double";
const TOKEN: &str = "ghp_of_the_gate";

/// The double, which ends with this.
struct Double(Child);

impl Drop for Double {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Imports a repository into an object and pushes it back from there.
pub(crate) fn run(repository: &Repository, workerd: &Workerd) -> Result<()> {
    Program::cargo()
        .args(["build", "--quiet", "-p", DOUBLE])
        .run()?;
    let place = repository.target.join("worker/github");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    let bare = place.join("gate/sample.git");
    fs::create_dir_all(&bare)?;
    sample(&bare)?;
    let mut child = Command::new(repository.target.join("debug").join(DOUBLE))
        .arg(&place)
        .args(["0", TOKEN])
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the double")?;
    let out = child.stdout.take().context("its output")?;
    let _double = Double(child);
    let mut url = String::new();
    BufReader::new(out).read_line(&mut url)?;
    let port = url.trim().rsplit(':').next().context("its port")?;
    let client = workerd.client();
    let said = client.pass(&format!("/github/github/{port}/{TOKEN}/gate/sample/back"))?;
    let tree = |name: &str| git(&bare, &["rev-parse", &format!("{name}^{{tree}}")]);
    ensure!(
        tree("back")? == tree("main")?,
        "what came back is another tree"
    );
    git(&bare, &["fsck", "--strict", "--full"])?;
    println!("GitHub, there and back: {said}");
    Ok(())
}

/// A repository whose archive is not what is in it.
fn sample(bare: &Path) -> Result<()> {
    git(
        bare,
        &["init", "--quiet", "--bare", "--initial-branch=main"],
    )?;
    for setting in [
        "uploadpack.allowFilter",
        "uploadpack.allowAnySHA1InWant",
        "http.receivepack",
        "receive.fsckObjects",
    ] {
        git(bare, &["config", setting, "true"])?;
    }
    let mut stream = b"commit refs/heads/main\ncommitter C <c@x> 1 +0000\ndata 1\nm\n".to_vec();
    let mut put = |mode: &str, path: &str, bytes: &str| {
        stream.extend(format!("M {mode} inline {path}\ndata {}\n{bytes}\n", bytes.len()).bytes());
    };
    put(
        "100644",
        ".gitattributes",
        "*.c ident\n*.gone export-ignore\n*.crlf eol=crlf\n",
    );
    put("100644", "a.c", "$Id$\n");
    put("100644", "b.gone", "gone\n");
    put("100644", "c.crlf", "a\nb\n");
    put("100755", "run", "#!/bin/sh\n");
    put("120000", "link", "run");
    for at in 0..500 {
        put(
            "100644",
            &format!("d{}/f{at}", at % 20),
            &format!("file {at}\n").repeat(at),
        );
    }
    let mut child = Command::new("git")
        .current_dir(bare)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .context("starting git")?;
    child
        .stdin
        .take()
        .context("its input")?
        .write_all(&stream)?;
    ensure!(child.wait()?.success(), "git fast-import failed");
    Ok(())
}

fn git(bare: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git").current_dir(bare).args(args).output()?;
    ensure!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
