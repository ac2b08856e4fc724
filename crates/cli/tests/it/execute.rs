//! `run`: delegated code from a terminal.

use serde_json::json;

use crate::support::{Place, Ran};

const NOTE: &str = "export default async ({ WORKSPACE }, line) => {
  const { value } = await WORKSPACE.readText('/notes.md');
  await WORKSPACE.writeFile('/notes.md', value + line + '\\n');
  console.warn('wrote', line);
  return { lines: value.split('\\n').length };
};
";

/// A place with a draft that has notes.
fn place() -> Place {
    let place = Place::new();
    place.file("notes.md", "one\n");
    place.file("note.js", NOTE);
    place.ok(&["put", "/notes.md", "notes.md"]);
    place.ok(&["fork", "draft"]);
    place
}

/// Runs code, with the engine kept between tests: to compile it takes a while.
fn ran(place: &Place, arguments: &[&str]) -> Ran {
    let mut command = place.command();
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    Ran::of(command.arg("run").args(arguments).output().unwrap())
}

const ALL: [&str; 6] = [
    "note.js",
    "-c",
    "draft",
    "--read=**",
    "--write=**",
    "--input=\"two\"",
];

#[test]
fn code_is_run_over_a_copy_and_tells_what_came_of_it() {
    let place = place();
    let told = ran(&place, &ALL);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert_eq!(told.stdout, "{\n  \"lines\": 2\n}\n");
    assert!(told.stderr.contains("wrote two"), "{}", told.stderr);
    assert!(
        told.stderr.contains("operation 1: 1 path written"),
        "{}",
        told.stderr
    );
    assert_eq!(place.ok(&["cat", "/notes.md", "-c", "draft"]), "one\ntwo\n");
    assert_eq!(place.ok(&["cat", "/notes.md"]), "one\n");
}

#[test]
fn a_run_of_the_same_id_is_told_again_and_not_made_again() {
    let place = place();
    let mut arguments = ALL.to_vec();
    arguments.extend(["--id", "first", "--json"]);
    let first = ran(&place, &arguments).stdout;
    assert_eq!(ran(&place, &arguments).stdout, first);
    assert_eq!(place.ok(&["cat", "/notes.md", "-c", "draft"]), "one\ntwo\n");
    arguments[5] = "--input=\"three\"";
    assert_eq!(ran(&place, &arguments).code, 2);
}

#[test]
fn what_was_not_granted_is_denied_and_told() {
    let place = place();
    let told = ran(&place, &["note.js", "-c", "draft", "--read=**"]);
    assert!(
        told.stderr.contains("denied: writeFile /notes.md"),
        "{}",
        told.stderr
    );
    assert_eq!(place.ok(&["cat", "/notes.md", "-c", "draft"]), "one\n");
}

#[test]
fn code_that_fails_keeps_nothing_and_says_where() {
    let place = place();
    for (code, source, said) in [
        (
            1,
            "export default async ({ WORKSPACE }) => {\n  await WORKSPACE.writeFile('/x', 'x');\n  throw new RangeError('no');\n};",
            "RangeError: no (bad.js:3)",
        ),
        (13, "export default () => { for (;;); };", "limit"),
        (1, "export default 1;", "default export"),
    ] {
        place.file("bad.js", source);
        let told = ran(
            &place,
            &[
                "bad.js",
                "-c",
                "draft",
                "--read=**",
                "--write=**",
                "--timeout=200ms",
            ],
        );
        assert_eq!(told.code, code, "{}", told.stderr);
        assert!(told.stderr.contains(said), "{}", told.stderr);
    }
    assert_eq!(place.run(&["cat", "/x", "-c", "draft"]).code, 3);
}

#[test]
fn modules_beside_it_can_be_imported() {
    let place = place();
    place.file("tool/main.js", "import { twice } from './lib/twice.js';\nimport data from './data.json' with { type: 'json' };\nexport default () => twice(data.n);\n");
    place.file("tool/lib/twice.js", "export const twice = (n) => 2 * n;\n");
    place.file("tool/data.json", json!({ "n": 21 }).to_string());
    let told = ran(
        &place,
        &[
            "tool/main.js",
            "tool/lib/twice.js",
            "tool/data.json",
            "-c",
            "draft",
        ],
    );
    assert_eq!(told.stdout, "42\n", "{}", told.stderr);
    let beside = ran(&place, &["tool/main.js", "note.js", "-c", "draft"]);
    assert_eq!(beside.code, 2, "{}", beside.stderr);
}

#[test]
fn code_needs_a_copy() {
    let place = place();
    assert_eq!(ran(&place, &["note.js"]).code, 2);
    assert_eq!(ran(&place, &["note.js", "-c", "nobody"]).code, 3);
    assert_eq!(ran(&place, &["missing.js", "-c", "draft"]).code, 3);
    assert_eq!(
        place
            .run(&["run", "note.js", "-c", "draft", "--input", "{"])
            .code,
        2
    );
}
