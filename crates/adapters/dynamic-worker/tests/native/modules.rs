//! Imports: of the program's own modules, and of nothing else.

use serde_json::json;
use workspace_dynamic_worker::Limits;

use crate::support::{program, run_with, thrown_of, value_of};

#[tokio::test]
async fn modules_import_each_other() {
    let main = "import a, { deep } from './lib/a.js';
        import plain from './lib/plain.js';
        import typed from './typed.ts';
        import data from './data.json' with { type: 'json' };
        export const late = 'late';
        export default async () => [a(), deep, plain, typed, data.x[1], (await import('./lib/deeper/b.js')).up];";
    let code = program(&[
        ("main.js", main),
        (
            "lib/a.js",
            "import { late } from '../main.js'; export { deep } from './deeper/b.js'; export default () => late;",
        ),
        (
            "lib/deeper/b.js",
            "import plain from '../plain.js'; export const deep = 'deep'; export const up = plain;",
        ),
        ("lib/plain.js", "export default 'plain'"),
        ("typed.ts", "export default 'typed'"),
        ("data.json", r#"{"x":[1,2],"__proto__":3}"#),
    ]);
    let execution = run_with(code, "null", &Limits::default()).await;
    let expected = json!(["late", "deep", "plain", "typed", 2, "plain"]);
    assert_eq!(value_of(&execution), expected);
}

#[tokio::test]
async fn nothing_outside_of_the_program_is_imported() {
    let specifiers = [
        "cloudflare:workers",
        "node:fs",
        "fs",
        "/main.js",
        "https://example.com/a.js",
        "data:text/javascript,export default 1",
        "../main.js",
        "./../../main.js",
        "./missing.js",
        "./lib",
        "./lib/",
        ".",
        "",
        "workspace:prelude",
        "./workspace:prelude",
        "./main.js/",
        "./a//b.js",
    ];
    for specifier in specifiers {
        let kinds = [
            format!("import '{specifier}'; export default () => 1"),
            format!("export default async () => (await import('{specifier}')).default"),
        ];
        for source in kinds {
            let code = program(&[("main.js", &source), ("lib/index.js", "export default 1")]);
            let thrown = thrown_of(run_with(code, "null", &Limits::default()).await);
            assert!(
                thrown.message.contains(&format!("\"{specifier}\"")),
                "{source}: {thrown:?}"
            );
        }
    }
}

#[tokio::test]
async fn attributes_say_json_of_json_only() {
    for source in [
        "import a from './main.js' with { type: 'json' }; export default () => 1",
        "import a from './data.json' with { type: 'css' }; export default () => 1",
        "import a from './data.json' with { kind: 'json' }; export default () => 1",
        "import a from './wrong.json'; export default () => 1",
    ] {
        let code = program(&[("main.js", source), ("data.json", "1"), ("wrong.json", "{")]);
        let thrown = thrown_of(run_with(code, "null", &Limits::default()).await);
        assert!(
            ["TypeError", "SyntaxError"].contains(&&*thrown.name),
            "{source}: {thrown:?}"
        );
    }
}
