//! Lists and searches say whether they are complete, around their limits.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use workspace_testkit::{Random, seeds};

use crate::support::Fixture;

/// Goes on as results say until one says that it is complete; checks what each says.
fn all(fixture: &Fixture, tool: &str, first: Value, items: &str, expected: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut arguments = first;
    loop {
        let page = fixture.done(tool, arguments);
        let shown = page[items].as_array().unwrap();
        // A total is of what is left from where a page began, unless it began by an offset.
        let before = match page["offset"].is_null() {
            true => found.len(),
            false => 0,
        };
        assert_eq!(page["total"], expected - before, "{page}");
        assert!(page["at_least"].is_null());
        found.extend(shown.iter().cloned());
        let complete = page["complete"] == true;
        assert_eq!(complete, found.len() == expected, "{page}");
        assert_eq!(complete, page["next"].is_null(), "{page}");
        if complete {
            return found;
        }
        assert!(!shown.is_empty());
        assert_eq!(page["next"]["tool"], tool);
        arguments = page["next"]["arguments"].clone();
    }
}

/// `CAPS=0-9999 cargo nextest run -p workspace-tools caps` tries so many.
#[test]
fn every_page_says_whether_it_is_the_last() {
    for seed in seeds("CAPS", 0..100) {
        let mut random = Random::new(seed);
        let fixture = Fixture::new();
        let mut files = BTreeMap::new();
        for _ in 0..random.below(14) {
            let names = ["a", "b", "c-d", "c", "x.md"];
            let depth = 1 + random.below(3);
            let path: String = (0..depth)
                .map(|_| format!("/{}", names[random.below(4)]))
                .collect();
            let path = format!("{path}.{}", ["md", "rs"][random.below(2)]);
            let text: String = (0..random.below(6))
                .map(|_| ["hit\n", "-\n"][random.below(2)])
                .collect();
            fixture.write(&path, &text);
            files.insert(path, text);
        }
        // Exactly at the limit, one below, one above, and anywhere.
        let limit = |random: &mut Random, total: usize| match random.below(4) {
            0 => total.max(1),
            1 => total.saturating_sub(1).max(1),
            2 => total + 1,
            _ => 1 + random.below(total + 2),
        };
        let wanted: Vec<&String> = files.keys().filter(|path| path.ends_with(".md")).collect();
        let find = json!({ "pattern": "*.md", "limit": limit(&mut random, wanted.len()) });
        let mut found = all(&fixture, "find", find, "paths", wanted.len());
        found.sort_by_key(ToString::to_string);
        let mut expected: Vec<Value> = wanted.iter().map(|path| json!(path)).collect();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(found, expected, "seed {seed}");

        let hits = |text: &str| text.matches("hit").count();
        let total: usize = files.values().map(|text| hits(text)).sum();
        let grep = json!({ "pattern": "hit", "head_limit": limit(&mut random, total) });
        let found = all(&fixture, "grep", grep, "results", total);
        let mut lines: Vec<(String, u64)> = found
            .iter()
            .map(|hit| {
                (
                    hit["path"].as_str().unwrap().to_owned(),
                    hit["line"].as_u64().unwrap(),
                )
            })
            .collect();
        lines.sort();
        let mut expected = Vec::new();
        for (path, text) in &files {
            let numbered = text.lines().enumerate().filter(|(_, line)| *line == "hit");
            expected.extend(numbered.map(|(n, _)| (path.clone(), n as u64 + 1)));
        }
        expected.sort();
        assert_eq!(lines, expected, "seed {seed}");

        let with = files.values().filter(|text| hits(text) > 0).count();
        let limit_of = limit(&mut random, with);
        let grep = json!({ "pattern": "hit", "output_mode": "files_with_matches", "head_limit": limit_of });
        all(&fixture, "grep", grep, "results", with);

        let root = fixture.done("ls", json!({}));
        let entries = root["entries"].as_array().unwrap().len();
        let ls = json!({ "limit": limit(&mut random, entries) });
        assert_eq!(
            json!(all(&fixture, "ls", ls, "entries", entries)),
            root["entries"]
        );
    }
}

#[test]
fn what_is_read_in_parts_is_the_file() {
    let mut text = String::new();
    for n in 0..3_000 {
        text.push_str(&format!("line {n} ü\n"));
    }
    text.push_str(&"€".repeat(150_000));
    let fixture = Fixture::over(&[("/a", &text), ("/empty", "")]);
    let mut read = fixture.done("read", json!({ "path": "a" }));
    let mut all = read["content"].as_str().unwrap().to_owned();
    while !read["next"].is_null() {
        assert_eq!(read["complete"], false);
        read = fixture.next(&read);
        all.push_str(read["content"].as_str().unwrap());
    }
    assert_eq!(all, text);
    // Nothing comes after the last part.
    assert_eq!(read["complete"], true);
    fixture.write("/short", "1\n2\n3\n");
    let last = fixture.done("read", json!({ "path": "short", "offset": 2 }));
    assert_eq!(last["complete"], true);
    assert!(last["next"].is_null());
    let empty = fixture.done("read", json!({ "path": "empty" }));
    assert_eq!(
        (&empty["total_lines"], &empty["complete"]),
        (&json!(0), &json!(true))
    );
}

#[test]
fn a_long_diff_is_cut_and_goes_on() {
    let fixture = Fixture::new();
    let mut patch = String::from("*** Begin Patch\n");
    for n in 0..40 {
        patch.push_str(&format!("*** Add File: f{n:02}\n"));
        (0..100).for_each(|line| patch.push_str(&format!("+line {line}\n")));
    }
    patch.push_str("*** End Patch\n");
    let made = fixture.done("edit", json!({ "patch": patch }));
    assert_eq!(
        (&made["changed_total"], &made["complete"]),
        (&json!(40), &json!(true))
    );
    assert_eq!(made["diff_complete"], false);
    let mut shown = made["diff"].as_str().unwrap().matches("+++ b/").count();
    let mut page = made;
    while !page["next"].is_null() {
        page = fixture.next(&page);
        shown += page["diff"].as_str().unwrap().matches("+++ b/").count();
    }
    assert_eq!(shown, 40);
    fixture.done(
        "write",
        json!({ "path": "long", "content": "x".repeat(2_000_000) }),
    );
    let diff = fixture.done("diff", json!({ "operation": 2 }));
    assert_eq!(diff["diff_complete"], false);
}
