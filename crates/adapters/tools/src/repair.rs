//! Refused edits: what was closest, who changed it, and the call that would succeed.

use std::ops::Range;

use serde_json::{Value, json};
use workspace_core::TreePath;

use crate::authors::changed_by;
use crate::edit::Current;
use crate::refusal::Refusal;
use crate::stored::State;
use crate::text::{
    self, Fault, Faulty, Lens, Lines, Near, Places, Replacement, carry, first_difference, line_of,
    near, places, visible,
};
use crate::tools::Tools;

/// The longest arguments that are made ready, in bytes of JSON.
pub(crate) const MAX_NEXT: usize = 32 << 10;
/// So many edits that cannot be made are explained.
const EXPLAINED: usize = 5;
/// So much of the closest region is shown, in bytes.
const MAX_REGION: usize = 2_000;
/// A shorter text is not taken for an edit that was made already.
const TELLING: usize = 8;
/// So many lines around a place are read.
const AROUND: usize = 10;

/// Returns the arguments of a call that makes edits.
pub(crate) fn arguments(path: &TreePath, edits: &[Replacement]) -> Value {
    let fields = |edit: &Replacement| {
        let mut fields = json!({ "old_string": edit.old, "new_string": edit.new });
        if edit.all {
            fields["replace_all"] = true.into();
        }
        if let Some(line) = edit.line {
            fields["line"] = line.into();
        }
        fields
    };
    match edits {
        [one] => {
            let mut fields = fields(one);
            fields["path"] = path.as_str().into();
            fields
        }
        several => {
            let edits: Vec<Value> = several.iter().map(fields).collect();
            json!({ "path": path.as_str(), "edits": edits })
        }
    }
}

/// Refuses edits of which some cannot be made.
pub(crate) fn refuse(
    tools: &Tools,
    state: &State,
    current: &Current,
    edits: &[Replacement],
    faulty: &[Faulty],
) -> Refusal {
    let Current { path, file, text } = current;
    let Some((first, edit)) = faulty
        .first()
        .and_then(|first| Some((first, edits.get(first.index)?)))
    else {
        return Refusal::new("text_absent", format!("{path} cannot be edited so")).at(path);
    };
    let (code, why) = match &first.fault {
        Fault::Empty => (
            "malformed_text",
            "old_string is empty: to add to a file, replace a line with itself and what is new"
                .to_owned(),
        ),
        Fault::Same => (
            "no_change",
            "old_string and new_string are the same".to_owned(),
        ),
        Fault::Absent => ("text_absent", format!("old_string is not in {path}")),
        Fault::Many(places) => (
            "text_not_unique",
            format!("old_string is in {path} {} times", count(places)),
        ),
        Fault::Elsewhere(places) => (
            "text_not_unique",
            format!(
                "old_string does not begin once on line {}, but {} times elsewhere",
                edit.line.unwrap_or_default(),
                count(places)
            ),
        ),
        Fault::Overlaps(other) => (
            "overlap",
            format!("it overlaps edit {}: make one of both", other + 1),
        ),
    };
    let whole = match edits.len() {
        1 => why,
        all => format!("edit {} of {all}: {why}", first.index + 1),
    };
    let lines = edit.old.lines().count();
    let mut refusal = Refusal::new(code, whole)
        .at(path)
        .with("version", file.content.to_string())
        .with(
            "searched",
            json!({
                "edit": first.index + 1,
                "bytes": edit.old.len(),
                "lines": lines,
                "first_line": visible(edit.old.lines().next().unwrap_or_default(), 0, false),
            }),
        )
        .with(
            "failed",
            faulty
                .iter()
                .map(|faulty| faulty.index + 1)
                .collect::<Vec<_>>(),
        );
    if lines > 1 {
        let first = visible(edit.old.lines().next().unwrap_or_default(), 0, false);
        refusal = refusal.show(format!(
            "Searched: {} bytes, {lines} lines, the first: {first}",
            edit.old.len()
        ));
    }

    let mut fixed = edits.to_vec();
    let mut all_fixed = true;
    for (n, faulty) in faulty.iter().enumerate() {
        let Some(edit) = edits.get(faulty.index) else {
            continue;
        };
        if n >= EXPLAINED {
            all_fixed = false;
            break;
        }
        let fix = match &faulty.fault {
            Fault::Absent => {
                let close = near(text, &edit.old);
                if n == 0 {
                    refusal = explain(refusal, text, &edit.old, close.as_ref());
                    refusal = history(refusal, tools, state, path, Some(&edit.old));
                    refusal = made_already(refusal, text, edit);
                }
                close.and_then(|close| fix(text, edit, &close))
            }
            _ => None,
        };
        match (fix, fixed.get_mut(faulty.index)) {
            (Some(fix), Some(place)) => *place = fix,
            _ => all_fixed = false,
        }
    }
    if all_fixed && text::replace(text, &fixed).is_ok() {
        let next = arguments(path, &fixed);
        if next.to_string().len() <= MAX_NEXT {
            return refusal.next("edit", next);
        }
    }
    match &first.fault {
        Fault::Many(places) | Fault::Elsewhere(places) => {
            refusal = choices(refusal, current, edits, first.index, places);
            if let [only] = places.lines(text).as_slice() {
                let mut fixed = edits.to_vec();
                if let Some(edit) = fixed.get_mut(first.index) {
                    edit.line = Some(*only);
                }
                if text::replace(text, &fixed).is_ok() {
                    return refusal.next("edit", arguments(path, &fixed));
                }
            }
            let line = places.lines(text).first().copied().unwrap_or(1);
            refusal.next("read", around(path, line, lines))
        }
        Fault::Empty if text.is_empty() && edits.len() == 1 => refusal.next(
            "write",
            json!({ "path": path.as_str(), "content": edit.new }),
        ),
        _ => {
            let close = near(text, &edit.old);
            if let Some(close) = close.as_ref().filter(|close| close.count > 1) {
                refusal = close_choices(refusal, current, edits, first.index, close);
            }
            let line = close.map(|close| line_of(text, close.range.start));
            match line {
                Some(line) => refusal.next("read", around(path, line, lines)),
                None => refusal.next("read", json!({ "path": path.as_str() })),
            }
        }
    }
}

/// Returns the arguments that read the lines around one.
pub(crate) fn around(path: &TreePath, line: usize, lines: usize) -> Value {
    json!({
        "path": path.as_str(),
        "offset": line.saturating_sub(AROUND).max(1),
        "limit": (lines + 2 * AROUND).min(2_000),
    })
}

fn count(places: &Places) -> String {
    match places.count >= 1_000 {
        true => "1000 or more".into(),
        false => places.count.to_string(),
    }
}

/// Tells what is closest, and where it begins to differ.
pub(crate) fn explain(refusal: Refusal, text: &str, old: &str, close: Option<&Near>) -> Refusal {
    if text.len() > text::MAX_NEAR {
        return refusal.show(format!(
            "What is closest is looked for in files of up to {} bytes.",
            text::MAX_NEAR
        ));
    }
    let Some(close) = close else {
        return refusal
            .with("closest", Value::Null)
            .show("Nothing in the file is close to it.");
    };
    let region = text.get(close.range.clone()).unwrap_or_default();
    let start = line_of(text, close.range.start);
    let (wanted, there) = (Lines::of(old), Lines::of(region));
    let end = start + there.len().max(1) - 1;
    let shown = region
        .get(..region.floor_char_boundary(MAX_REGION))
        .unwrap_or(region);
    let mut told = json!({
        "start_line": start,
        "end_line": end,
        "differs_in": close.lens.map(Lens::code),
        "text": shown,
        "text_complete": shown.len() == region.len(),
    });
    let differs =
        (0..wanted.len().max(there.len())).find(|line| wanted.whole(*line) != there.whole(*line));
    let mut refusal = match close.lens {
        Some(lens) => refusal.show(format!(
            "Closest: lines {start}-{end}, the same but for {}.",
            lens.told()
        )),
        None => refusal.show(format!("Closest: lines {start}-{end}.")),
    };
    if let Some(line) = differs {
        let (yours, files) = (wanted.whole(line), there.whole(line));
        let at = first_difference(yours, files).unwrap_or(0);
        let codes = matches!(close.lens, Some(Lens::Characters));
        let (yours, files) = (visible(yours, at, codes), visible(files, at, codes));
        let shown = |line: &str| {
            if line.is_empty() {
                "(none)".to_owned()
            } else {
                line.into()
            }
        };
        refusal = refusal
            .show(format!(
                "First difference: line {}, byte {}.",
                start + line,
                at + 1
            ))
            .show(format!("  yours: {}", shown(&yours)))
            .show(format!("  file:  {}", shown(&files)))
            .show("  (→ tab, · space at an end, ␍ carriage return, ␊ line end)");
        told["line"] = (start + line).into();
        told["byte"] = (at + 1).into();
        told["yours"] = yours.into();
        told["file"] = files.into();
    }
    if close.count > 1 {
        let lines = close.ranges.iter().map(|range| line_of(text, range.start));
        let lines: Vec<usize> = lines.collect();
        refusal = refusal.show(format!("It is so at {} places.", close.count));
        told["places"] = json!({ "count": close.count, "lines": lines });
    }
    refusal.with("closest", told)
}

/// Tells who changed the file.
pub(crate) fn history(
    refusal: Refusal,
    tools: &Tools,
    state: &State,
    path: &TreePath,
    old: Option<&str>,
) -> Refusal {
    match changed_by(tools, state, path, old) {
        Some(by) => refusal.show(by.told()).with("changed_by", by.value()),
        None => refusal,
    }
}

/// Tells where the new text is already.
fn made_already(refusal: Refusal, text: &str, edit: &Replacement) -> Refusal {
    if edit.new.trim().len() < TELLING {
        return refusal;
    }
    let there = places(text, &edit.new);
    match (there.count, there.lines(text).first()) {
        (1, Some(line)) => refusal
            .show(format!("new_string is there already, on line {line}."))
            .with("new_string_line", *line),
        _ => refusal,
    }
}

/// Returns the replacement that does to what is closest what was meant.
fn fix(text: &str, edit: &Replacement, close: &Near) -> Option<Replacement> {
    // Where it is said on which line, that one of several is meant.
    let meant = |range: &&Range<usize>| edit.line == Some(line_of(text, range.start));
    let range = close.ranges.iter().find(meant);
    let range = range.or(Some(&close.range).filter(|_| close.clear || edit.all))?;
    let there = text.get(range.clone())?;
    let exact = places(text, there).count;
    if edit.all && exact != close.count.max(1) {
        return None;
    }
    fix_at(text, edit, range)
}

/// Returns the replacement that does to what is at a place what was meant.
fn fix_at(text: &str, edit: &Replacement, range: &Range<usize>) -> Option<Replacement> {
    let there = text.get(range.clone())?;
    let new = carry(&edit.old, there, &edit.new)?;
    let several = !edit.all && places(text, there).count > 1;
    (new != there).then(|| Replacement {
        old: there.into(),
        new,
        all: edit.all,
        line: several.then(|| line_of(text, range.start)),
    })
}

/// Tells the places that are alike but for what a lens overlooks, each with the call that makes
/// there what was meant.
fn close_choices(
    refusal: Refusal,
    current: &Current,
    edits: &[Replacement],
    index: usize,
    close: &Near,
) -> Refusal {
    let Current { path, text, .. } = current;
    let (mut choices, mut bytes) = (Vec::new(), 0);
    for range in &close.ranges {
        let mut edits = edits.to_vec();
        let fixed = edits.get(index).and_then(|edit| fix_at(text, edit, range));
        if let (Some(fixed), Some(place)) = (fixed, edits.get_mut(index)) {
            *place = fixed;
        }
        if text::replace(text, &edits).is_err() {
            continue;
        }
        let arguments = arguments(path, &edits);
        bytes += arguments.to_string().len();
        if bytes > MAX_NEXT {
            break;
        }
        let line = line_of(text, range.start);
        choices.push(json!({ "line": line, "tool": "edit", "arguments": arguments }));
    }
    match choices.is_empty() {
        true => refusal,
        false => refusal.with("choices", choices),
    }
}

/// Tells the places at which an edit could be made, each with the call that makes it there.
fn choices(
    refusal: Refusal,
    current: &Current,
    edits: &[Replacement],
    index: usize,
    places: &Places,
) -> Refusal {
    let Current { path, text, .. } = current;
    let lines = Lines::of(text);
    let numbers = places.lines(text);
    let mut refusal = refusal.with(
        "matches",
        json!({
            "count": places.count,
            "at_least": places.count >= 1_000,
            "lines": numbers,
        }),
    );
    let (mut choices, mut bytes) = (Vec::new(), 0);
    for number in numbers {
        let before = visible(lines.get(number.saturating_sub(2)), 0, false);
        let line = visible(lines.get(number - 1), 0, false);
        refusal = refusal.show(match number {
            1 => format!("  line 1: {line}"),
            _ => format!("  line {number}: {line}   (after: {before})"),
        });
        let mut edits = edits.to_vec();
        if let Some(edit) = edits.get_mut(index) {
            edit.line = Some(number);
        }
        if text::replace(text, &edits).is_err() {
            continue;
        }
        let arguments = arguments(path, &edits);
        bytes += arguments.to_string().len();
        if bytes > MAX_NEXT {
            break;
        }
        choices.push(json!({ "line": number, "tool": "edit", "arguments": arguments }));
    }
    refusal
        .show("Say which by `line`, by more of the text around it, or take all by `replace_all`.")
        .with("choices", choices)
}
