//! Repositories made to go wrong: attributes that alter archives or leave out of them, links,
//! submodules, and names that many readers cannot hold. `HOSTILE=0-39` makes as many.

use workspace_core::EntriesOptions;
use workspace_github::{GitHubOptions, Transfer, Why};
use workspace_github_double::{Double, Repo, Route};

use crate::support::{Commit, Numbers, Place, assert_exact, options, read, read_with, seeds};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

/// Makes a repository; the same for the same seed.
fn hostile(double: &Double, seed: u64) -> Repo {
    let mut numbers = Numbers(seed);
    let repo = double.create(&format!("hostile/r{seed}"));
    let mut commit = Commit::on("main", &format!("hostile {seed}"));
    let attributes = [
        "*.id ident",
        "*.subst export-subst",
        "*.gone export-ignore",
        "gone-dir export-ignore",
        "*.crlf eol=crlf",
        "*.auto text=auto eol=crlf",
        "*.u16 working-tree-encoding=UTF-16LE",
        "*.lfs filter=lfs diff=lfs merge=lfs -text",
        "*.bin binary",
        "* text=auto",
    ];
    let mut rules = String::new();
    for rule in attributes {
        if numbers.below(4) > 0 {
            rules.push_str(rule);
            rules.push('\n');
        }
    }
    // Sometimes one that leaves itself out.
    if numbers.below(3) == 0 {
        rules.push_str(".gitattributes export-ignore\n");
    }
    commit = commit.file(".gitattributes", rules);
    let endings = [
        "id", "subst", "gone", "crlf", "auto", "u16", "lfs", "bin", "txt", "",
    ];
    let contents = [
        "$Id$\n",
        "$Id: 0123456789 $ and $Id$\n",
        "$Format:%H %an %d$\n",
        "a\nb\n",
        "a\r\nb\n",
        "h\u{e9}\n",
        "",
        POINTER,
        "no end of line",
        "\u{0}\u{1}binary\u{0}",
    ];
    let directories = [
        "",
        "d/",
        "d/e/",
        "gone-dir/",
        "\u{e9}/",
        "foo/",
        "foo.d/",
        "a b/",
    ];
    let mut names: Vec<Vec<u8>> = Vec::new();
    for at in 0..numbers.below(60) + 5 {
        let stem = match numbers.below(9) {
            0 => format!("n{at}-{}", "x".repeat(numbers.below(235) + 1)).into_bytes(),
            1 => format!("new\nline{at}").into_bytes(),
            2 => [format!("bad{at}-").as_bytes(), b"\xff\xfe"].concat(),
            3 => format!("\u{e9}{at}").into_bytes(),
            4 => format!("-{at}").into_bytes(),
            5 => format!("\"q\\{at}\t").into_bytes(),
            6 => format!(" {at} ").into_bytes(),
            7 => format!("foo-{at}").into_bytes(),
            _ => format!("f{at}").into_bytes(),
        };
        let ending = numbers.one(&endings);
        let dot = if ending.is_empty() { "" } else { "." };
        let mut name = numbers.one(&directories).as_bytes().to_vec();
        name.extend(stem);
        name.extend(dot.bytes());
        name.extend(ending.bytes());
        names.push(name);
    }
    for name in &names {
        commit = match numbers.below(10) {
            0 => commit.put("100755", name, numbers.one(&contents)),
            1 => commit.link(
                name,
                ["run", "../x", &"t".repeat(150), "\u{e9}"][numbers.below(4)],
            ),
            2 if numbers.below(2) == 0 => commit.submodule(name),
            3 if numbers.below(3) == 0 => commit.link(name, b"\xff bad"),
            _ => commit.file(name, numbers.one(&contents)),
        };
    }
    // Directories, files and submodules around the slash in the order of names.
    commit = commit
        .file("foo/z", "1")
        .file("foo.c", "2")
        .file("foo0", "3")
        .submodule("foo+");
    if numbers.below(2) == 0 {
        commit = commit.file(vec![b'n'; 255], "long");
    }
    if numbers.below(2) == 0 {
        commit = commit.file(vec![b'm'; 256], "too long for a tree of ours");
        commit = commit.file([&[b'd'; 256][..], b"/below"].concat(), "also");
    }
    match seed % 8 {
        0 => commit = commit.file("deep/".repeat(1000) + "leaf", "too long a path"),
        2 => commit = commit.file("d/".repeat(1000) + "leaf", "deep"),
        4 => commit = commit.file("d/".repeat(2040) + "leaf", "as long as a path may be"),
        _ => {}
    }
    if seed.is_multiple_of(5) {
        let many = if std::env::var("HOSTILE").is_ok() {
            100_000
        } else {
            3000
        };
        for at in 0..many {
            commit = commit.file(format!("many/{at}"), format!("{}", at % 100));
        }
    }
    commit.make(&repo);
    repo
}

async fn is_exact(place: &Place, repo: &Repo, options: GitHubOptions) {
    let github = place.asked(options);
    place.routes();
    let address = format!("github:{}", repo.name).parse().unwrap();
    let snapshot = github.open(&address).await.unwrap();
    let found = read(&snapshot).await.unwrap();
    let unheld = snapshot.inexact(&EntriesOptions::default()).await.unwrap();
    assert_exact(repo, "main", &found, &unheld);
    assert_eq!(
        snapshot.tree().await.unwrap().to_string(),
        repo.rev("main^{tree}")
    );
    // Three, one redirect, and one for each 128 that the archive does not have right.
    let routes = place.routes();
    let most = 4 + snapshot.repaired().div_ceil(128);
    if routes.contains(&Route::Tarball) {
        assert!(
            routes.len() <= most,
            "{}: {routes:?}, at most {most}",
            repo.name
        );
    }
}

#[tokio::test]
async fn hostile_repositories_come_as_they_are() {
    let place = Place::new().await;
    for seed in seeds("HOSTILE", 0..9) {
        let repo = hostile(&place.double, seed);
        is_exact(&place, &repo, options().transfer(Transfer::Archive)).await;
        is_exact(&place, &repo, options().transfer(Transfer::Ids)).await;
    }
}

/// Each attribute by itself, so that it is known what an archive does.
#[tokio::test]
async fn each_attribute_that_alters_an_archive_is_made_good() {
    let place = Place::new().await;
    for (number, (rule, name, content, repaired)) in [
        ("*.c ident", "a.c", "$Id$\n", 1),
        ("*.c export-subst", "a.c", "$Format:%H$\n", 1),
        ("*.c export-ignore", "a.c", "gone\n", 1),
        ("d export-ignore", "d/a", "gone\n", 1),
        ("*.c eol=crlf", "a.c", "a\nb\n", 1),
        ("*.c working-tree-encoding=UTF-16LE", "a.c", "abc\n", 1),
        ("*.c filter=lfs -text", "a.c", POINTER, 0),
        ("* text=auto", "a.c", "a\nb\n", 0),
        (".gitattributes export-ignore", "a.c", "a", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let repo = place.double.create(&format!("octo/a{number}"));
        let commit = Commit::on("main", "x").file(".gitattributes", format!("{rule}\n"));
        commit.file(name, content).file("z", "z").make(&repo);
        let github = place.asked(options().transfer(Transfer::Archive));
        let address = format!("github:{}", repo.name).parse().unwrap();
        let snapshot = github.open(&address).await.unwrap();
        assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
        assert_eq!(snapshot.repaired(), repaired, "{rule}");
    }
}

#[tokio::test]
async fn what_a_tree_cannot_hold_is_told_with_its_reason() {
    let place = Place::new().await;
    let repo = place.double.create("octo/odd");
    Commit::on("main", "odd")
        .file("good", "good")
        .file(b"bad\xff", "1")
        .file(b"d\xff/a", "2")
        .link("broken", b"\xff")
        .link("nothing", "")
        .submodule("sub")
        .make(&repo);
    let snapshot = place.open("github:octo/odd").await.unwrap();
    let found = read(&snapshot).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["good"]);
    let unheld = snapshot.inexact(&EntriesOptions::default()).await.unwrap();
    let told: Vec<_> = unheld
        .iter()
        .map(|one| (one.path.as_slice(), one.why))
        .collect();
    let expected: [(&[u8], Why); 5] = [
        (b"bad\xff", Why::Name),
        (b"broken", Why::Target),
        (b"d\xff", Why::Name),
        (b"nothing", Why::Target),
        (b"sub", Why::Submodule),
    ];
    assert_eq!(told, expected);
    let lines = workspace_core::Snapshot::unheld(&snapshot, EntriesOptions::default());
    let lines = lines.await.unwrap().unwrap();
    let lines: Vec<serde_json::Value> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines[0]["path_base64"], "YmFk/w==");
    assert_eq!(lines[4]["path"], "sub");
    assert_eq!(lines[4]["mode"], "160000");
    assert_eq!(lines[4]["why"], "submodule");
    let lazy = EntriesOptions::default().lazy(true);
    assert_eq!(read_with(&snapshot, lazy).await.unwrap().len(), 1);
}
