//! Imports from GitHub, for which a double stands.

use serde_json::json;
use tokio::runtime::Runtime;
use workspace_github_double::{Double, Fault, Repo, What};

use crate::support::{Place, Ran, also_behind_a_url};

const TOKEN: &str = "ghp_of_a_person";

/// A server, and the threads that it runs on.
struct GitHub {
    double: Double,
    repo: Repo,
    _runtime: Runtime,
}

impl GitHub {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let double = runtime.block_on(Double::start()).unwrap();
        double.allow(TOKEN);
        let repo = double.create("octo/hello");
        let files = [
            ("100644", ".gitattributes", "*.c ident\n"),
            ("100644", "a.c", "$Id$\n"),
            ("100755", "bin/run", "#!/bin/sh\n"),
            ("120000", "link", "bin/run"),
        ];
        repo.commit("main", &files);
        Self {
            double,
            repo,
            _runtime: runtime,
        }
    }

    fn import(&self, place: &Place, address: &str, options: &[&str]) -> Ran {
        let mut command = place.command();
        // The double's is git itself.
        command.env("GITHUB_TOKEN", TOKEN);
        command.args(["import", address, "--github-url", self.double.url()]);
        Ran::of(command.args(options).output().unwrap())
    }
}

also_behind_a_url!(
    a_repository_is_imported_as_it_is,
    a_directory_of_a_repository_is_imported_into_a_directory,
);

#[test]
fn a_repository_is_imported_as_it_is() {
    let (github, place) = (GitHub::new(), Place::new());
    github.double.hide("octo/hello");
    let ran = github.import(&place, "github:octo/hello@main", &["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let tree = github.repo.rev("main^{tree}");
    let expected = json!({ "commit": github.repo.rev("main"), "tree": tree });
    assert_eq!(said["github"], expected);
    assert_eq!((&said["files"], &said["symlinks"]), (&json!(3), &json!(1)));
    assert_eq!(place.ok(&["cat", "/a.c"]), "$Id$\n");
}

#[test]
fn a_directory_of_a_repository_is_imported_into_a_directory() {
    let (github, place) = (GitHub::new(), Place::new());
    let ran = github.import(&place, "github:octo/hello:bin", &["--into", "/x"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(place.ok(&["cat", "/x/run"]), "#!/bin/sh\n");
}

#[test]
fn what_is_not_imported_is_named() {
    let (github, place) = (GitHub::new(), Place::new());
    let module = format!("160000,{},sub", "1".repeat(40));
    github.repo.git(&["read-tree", "main"]);
    github
        .repo
        .git(&["update-index", "--add", "--cacheinfo", &module]);
    let tree = github.repo.git(&["write-tree"]);
    let commit = github.repo.git(&["commit-tree", "-m", "x", &tree]);
    github.repo.git(&["update-ref", "refs/heads/sub", &commit]);
    let ran = github.import(&place, "github:octo/hello@sub", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1 submodule not imported: sub"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_fails_is_told_and_leaves_nothing() {
    let (github, place) = (GitHub::new(), Place::new());
    for (address, code, text) in [
        ("github:octo", 2, "expected OWNER/REPOSITORY"),
        ("github:octo/hello@a..b", 2, "git has no ref of that name"),
        (
            "github:octo/hello@no",
            3,
            "no branch, tag or pull request of that name",
        ),
        ("github:octo/hello:no", 3, "no directory of the commit"),
    ] {
        let ran = github.import(&place, address, &[]);
        assert_eq!(ran.code, code, "{address}: {}", ran.stderr);
        assert!(ran.stderr.contains(text), "{address}: {}", ran.stderr);
    }
    github.double.fault(Fault::always(What::UsedUp(100_000)));
    let ran = github.import(&place, "github:octo/hello", &[]);
    assert_eq!(ran.code, 18, "{}", ran.stderr);
    assert!(ran.stderr.contains("again at "), "{}", ran.stderr);
    assert!(!ran.stderr.contains(TOKEN), "{}", ran.stderr);
    assert_eq!(place.ok(&["ls", "/"]), "");
    // In clear to another machine.
    let ran = Ran::of(
        place
            .command()
            .env("GITHUB_TOKEN", TOKEN)
            .args([
                "import",
                "github:octo/hello",
                "--github-url",
                "http://203.0.113.1",
            ])
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("in clear"), "{}", ran.stderr);
}
