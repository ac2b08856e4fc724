//! Edits as agents get them wrong, and a client that has nothing but the refusal to get them
//! right with the next call.
//!
//! `REPAIRS=0-1999 cargo nextest run -p workspace-tools repairs --no-capture` makes so many
//! and tells the figures.

use serde_json::{Value, json};
use workspace_testkit::{Random, seeds};

use futures::executor::block_on;

use crate::support::{Fixture, tools};

const WORDS: &[&str] = &[
    "alpha", "beta", "count", "delta", "error", "file", "great", "handle", "index", "joined",
    "kind", "list", "match", "number", "option", "parse", "query", "result", "state", "total",
];

/// A line, apart from how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    id: usize,
    level: usize,
    text: String,
    /// Whether spaces come after it, where those are written.
    trailing: bool,
    /// Whether it is new, and so written as whoever brings it writes.
    plain: bool,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    indent: &'static str,
    end: &'static str,
    bom: bool,
    trailing: bool,
    /// Whether letters with accents are two characters, and quotes and dashes typographic.
    fancy: bool,
}

const PLAIN: Format = Format {
    indent: "    ",
    end: "\n",
    bom: false,
    trailing: false,
    fancy: false,
};

fn written(lines: &[Line], format: Format) -> String {
    let mut text = String::new();
    if format.bom {
        text.push('\u{feff}');
    }
    for line in lines {
        text.push_str(&format.indent.repeat(line.level));
        let mut body = line.text.clone();
        if format.fancy && !line.plain {
            body = body
                .replace('é', "e\u{301}")
                .replace(" - ", " – ")
                .replace("'", "’");
        }
        text.push_str(&body);
        if line.trailing && format.trailing {
            text.push_str("  ");
        }
        text.push_str(format.end);
    }
    text
}

fn word(random: &mut Random) -> &'static str {
    WORDS[random.below(WORDS.len())]
}

fn line(random: &mut Random, id: usize, level: usize) -> Line {
    let text = match random.below(7) {
        0 => format!("fn {}_{id}({}: u32) {{", word(random), word(random)),
        1 => format!(
            "let {}_{} = {}.{}();",
            word(random),
            random.below(30),
            word(random),
            word(random)
        ),
        2 => format!(
            "// it's the {} - {} of café {}",
            word(random),
            word(random),
            word(random)
        ),
        3 => format!("return {} + {};", word(random), random.below(100)),
        4 => "}".into(),
        5 => format!(
            "if {}({}) == {} {{",
            word(random),
            word(random),
            random.below(9)
        ),
        _ => format!(
            "{}(\"{}\", {});",
            word(random),
            word(random),
            random.below(1_000)
        ),
    };
    Line {
        id,
        level,
        text,
        trailing: random.chance(0.3),
        plain: false,
    }
}

/// A change of one line, by its id.
#[derive(Debug, Clone)]
enum Change {
    /// Its last letters become these.
    Reword(usize, String),
    InsertAfter(usize, Line),
    Delete(usize),
}

impl Change {
    fn line(&self) -> usize {
        match self {
            Self::Reword(id, _) | Self::InsertAfter(id, _) | Self::Delete(id) => *id,
        }
    }

    fn made(&self, lines: &[Line]) -> Vec<Line> {
        let mut made = Vec::new();
        for line in lines {
            match self {
                Self::Delete(id) if *id == line.id => {}
                Self::Reword(id, with) if *id == line.id => made.push(Line {
                    text: format!("{} {with}", line.text),
                    ..line.clone()
                }),
                Self::InsertAfter(id, new) if *id == line.id => {
                    made.push(line.clone());
                    made.push(new.clone());
                }
                _ => made.push(line.clone()),
            }
        }
        made
    }
}

#[derive(Debug, Default)]
struct Tally {
    made: usize,
    refused: usize,
    repaired: usize,
    wrong: usize,
    left: Vec<(u64, &'static str)>,
}

#[test]
fn what_is_refused_is_repaired_with_the_next_call() {
    let mut tally = Tally::default();
    for seed in seeds("REPAIRS", 0..300) {
        attempt(seed, &mut tally);
    }
    let Tally {
        made,
        refused,
        repaired,
        wrong,
        left,
    } = &tally;
    #[allow(clippy::print_stderr, reason = "figures that are asked for")]
    {
        eprintln!(
            "{made} made at once, {refused} refused, {repaired} repaired, {wrong} wrong: {left:?}"
        );
    }
    assert_eq!(*wrong, 0, "{left:?}");
    assert!(
        repaired * 100 >= refused * 95,
        "{repaired} of {refused}: {left:?}"
    );
    assert!(
        refused * 2 > *made,
        "most are to be wrong: {refused} and {made}"
    );
}

fn attempt(seed: u64, tally: &mut Tally) {
    let random = &mut Random::new(seed);
    let mut level = 0;
    let mut lines: Vec<Line> = Vec::new();
    for id in 0..20 + random.below(60) {
        let next = line(random, id, level);
        level = match (next.text.ends_with('{'), random.below(4)) {
            (true, _) => (level + 1).min(5),
            (false, 0) => level.saturating_sub(1),
            _ => level,
        };
        lines.push(next);
    }
    // What is edited, as the agent saw it.
    let first = random.below(lines.len() - 6);
    let count = 1 + random.below(6);
    let block = lines[first..first + count].to_vec();
    let at = &block[random.below(count)];
    let fresh = lines.len();
    let meant = match random.below(4) {
        0 => Change::InsertAfter(
            at.id,
            Line {
                trailing: false,
                plain: true,
                ..line(random, fresh, at.level)
            },
        ),
        1 if count > 1 => Change::Delete(at.id),
        _ => Change::Reword(at.id, format!("// {} {}", word(random), random.below(99))),
    };
    let mut format = PLAIN;
    format.indent = ["    ", "  ", "\t"][random.below(3)];
    let mut seen = format;
    let mut now = lines.clone();
    let (kind, by) = match random.below(12) {
        0 => ("exact", None),
        1 => {
            (format.indent, seen.indent) = ("\t", "    ");
            ("tabs", None)
        }
        2 => {
            (format.indent, seen.indent) = ("  ", "\t");
            ("spaces", None)
        }
        3 => {
            format.end = "\r\n";
            ("crlf", None)
        }
        4 => {
            format.bom = true;
            ("bom", None)
        }
        5 => {
            format.fancy = true;
            ("characters", None)
        }
        6 => {
            format.trailing = true;
            ("trailing", None)
        }
        7 => {
            (format.end, format.indent, format.trailing) = ("\r\n", "\t", true);
            seen.indent = "  ";
            ("several", None)
        }
        8 => {
            // The block is there twice more.
            let copies: Vec<Line> = block
                .iter()
                .map(|line| Line {
                    id: line.id + 1_000,
                    ..line.clone()
                })
                .collect();
            let place = random.below(first + 1);
            now.splice(place..place, copies);
            ("ambiguous", None)
        }
        kind => {
            // Somebody, or the agent itself, changed another line of what is around.
            let others: Vec<&Line> = block
                .iter()
                .filter(|line| line.id.abs_diff(meant.line()) > 1)
                .collect();
            let near = others.get(random.below(others.len().max(1)));
            let other = match near {
                Some(line) => line.id,
                None => lines[(first + count + 3).min(lines.len() - 1)].id,
            };
            // At times the very same line, of which nobody can say what it should become.
            let other = if count > 1 && random.chance(0.04) {
                meant.line()
            } else {
                other
            };
            let change = match random.below(3) {
                0 => Change::InsertAfter(other, line(random, fresh + 1, 1)),
                1 if other != meant.line() => Change::Delete(other),
                _ => Change::Reword(other, format!("/* {} */", word(random))),
            };
            let by = if kind < 10 { "peer" } else { "agent" };
            (if kind < 10 { "stale" } else { "own" }, Some((change, by)))
        }
    };
    seen.end = "\n";
    (seen.bom, seen.fancy, seen.trailing) = (false, false, false);
    let fixture = Fixture::over(&[("/src/file.rs", &written(&now, format))]);
    if let Some((change, by)) = &by {
        now = change.made(&now);
        let write = json!({ "path": "src/file.rs", "content": written(&now, format) });
        let tools = tools(&fixture.workspace, fixture.copy, by);
        assert!(block_on(tools.call("write", &write, "earlier")).is_ok());
    }
    let before = written(&now, format);
    let expected = written(&meant.made(&now), format);

    let strip = |text: String, cut: bool| match cut {
        true => text.trim_end_matches('\n').to_owned(),
        false => text,
    };
    let cut = random.chance(0.5) && !matches!(meant, Change::Delete(_));
    let old = strip(written(&block, seen), cut);
    let new = strip(written(&meant.made(&block), seen), cut);
    let path = "src/file.rs";
    let arguments = match random.below(4) {
        0 => json!({ "file_path": path, "old_string": old, "new_string": new }),
        1 => json!({ "path": path, "edits": [{ "oldText": old, "newText": new }] }),
        2 if kind != "ambiguous" && !cut => json!({ "patch": patch(path, &old, &new) }),
        _ => json!({ "path": path, "old_string": old, "new_string": new }),
    };
    let is_patch = !arguments["patch"].is_null();
    let made = fixture.call("edit", arguments);
    let mut text = fixture.text("/src/file.rs");
    if made.is_ok() {
        tally.made += 1;
    } else {
        tally.refused += 1;
        assert_eq!(text, before, "seed {seed}: a refusal changed something");
        let next = repair(&made.value, &now, block[0].id);
        if let Some(next) = next {
            let repaired = fixture.call("edit", next);
            assert!(
                repaired.is_ok(),
                "seed {seed} {kind}: {}\n{}",
                made.text,
                repaired.text
            );
            text = fixture.text("/src/file.rs");
        }
    }
    let right = match made.is_ok() {
        // What is there once, exactly, is replaced by exactly what was said.
        true if !is_patch => {
            before.matches(&old).count() == 1 && text == before.replace(&old, &new)
        }
        _ => text == expected,
    };
    match right {
        true if !made.is_ok() => tally.repaired += 1,
        true => {}
        false if !made.is_ok() && text == before => tally.left.push((seed, kind)),
        false => {
            tally.wrong += 1;
            tally.left.push((seed, kind));
            #[allow(clippy::print_stderr, reason = "what went wrong")]
            {
                eprintln!(
                    "seed {seed} {kind}: {}\n{old:?}\n{new:?}\n{expected}\n---\n{text}",
                    made.text
                );
            }
        }
    }
}

fn patch(path: &str, old: &str, new: &str) -> String {
    let mut patch = format!("*** Begin Patch\n*** Update File: {path}\n@@\n");
    old.lines()
        .for_each(|line| patch.push_str(&format!("-{line}\n")));
    new.lines()
        .for_each(|line| patch.push_str(&format!("+{line}\n")));
    patch + "*** End Patch\n"
}

/// Reads a refusal: the call that it has ready, or of several the one for the line that was
/// meant, which whoever edits it knows.
fn repair(refusal: &Value, now: &[Line], meant: usize) -> Option<Value> {
    if let Some(choices) = refusal["choices"].as_array() {
        let line = now.iter().position(|line| line.id == meant)? + 1;
        let choice = choices.iter().find(|choice| choice["line"] == line)?;
        return Some(choice["arguments"].clone());
    }
    let next = &refusal["next"];
    (next["tool"] == "edit").then(|| next["arguments"].clone())
}
