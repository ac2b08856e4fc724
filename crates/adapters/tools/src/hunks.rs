//! Refused patches: the hunk that is not there, and the patch that would be made.

use serde_json::json;

use crate::edit::Current;
use crate::patch::{self, FilePatch, Hunk, HunkFault};
use crate::refusal::Refusal;
use crate::repair::{MAX_NEXT, around, explain, history};
use crate::stored::State;
use crate::text::{Lines, Near, carry, line_of, near, visible};
use crate::tools::Tools;

/// Refuses a patch of which a hunk cannot be made.
pub(crate) fn refuse_patch(
    tools: &Tools,
    state: &State,
    current: &Current,
    files: &[FilePatch],
    (file, hunk): (usize, usize),
    fault: &HunkFault,
) -> Refusal {
    let Current {
        path,
        file: entry,
        text,
    } = current;
    let Some(FilePatch::Update { hunks, .. }) = files.get(file) else {
        return Refusal::new("text_absent", format!("{path} cannot be patched so")).at(path);
    };
    let Some(wrong) = hunks.get(hunk) else {
        return Refusal::new("text_absent", format!("{path} cannot be patched so")).at(path);
    };
    let join = |lines: Vec<&str>| lines.into_iter().map(|line| format!("{line}\n")).collect();
    let (old, new): (String, String) = (join(wrong.before()), join(wrong.after()));
    let (code, why) = match fault {
        HunkFault::Absent => (
            "text_absent",
            "its lines are not in the file, after what is before",
        ),
        HunkFault::Anchor(_) => ("text_absent", "the line after @@ is not in the file"),
        HunkFault::Anchors(..) => ("text_not_unique", "the line after @@ is at several places"),
        HunkFault::Nowhere => (
            "text_absent",
            "it has no line that is in the file, and ranges do not tell where it goes",
        ),
        HunkFault::Many(_) => ("text_not_unique", "its lines are at several places"),
        HunkFault::TooMuch => (
            "limit_exceeded",
            "the patch has too many hunks or lines for such a file",
        ),
    };
    let mut refusal = Refusal::new(
        code,
        format!("hunk {} of {path}: {why}; no file was patched", hunk + 1),
    )
    .at(path)
    .with("version", entry.content.to_string())
    .with(
        "searched",
        json!({
            "hunk": hunk + 1,
            "bytes": old.len(),
            "lines": wrong.before().len(),
            "first_line": wrong.before().first().map(|line| visible(line, 0, false)),
        }),
    );
    match fault {
        HunkFault::Many(lines) => {
            let told: Vec<_> = lines.iter().map(ToString::to_string).collect();
            refusal = refusal
                .show(format!("They begin on lines {}.", told.join(", ")))
                .show("Say more lines around it, or a line before it after @@.")
                .with("matches", json!({ "lines": lines }));
            let line = lines.first().copied().unwrap_or(1);
            return refusal.next("read", around(path, line, wrong.before().len()));
        }
        HunkFault::Anchor(anchor) => {
            refusal = refusal.show(format!("Searched: {}", visible(anchor, 0, false)));
        }
        HunkFault::Anchors(anchor, lines) => {
            let told: Vec<_> = lines.iter().map(ToString::to_string).collect();
            refusal = refusal
                .show(format!("Searched: {}", visible(anchor, 0, false)))
                .show(format!("It is on lines {}.", told.join(", ")))
                .show("Say the line before or after the place, as one of the hunk's own.")
                .with("matches", json!({ "lines": lines }));
            let line = lines.first().copied().unwrap_or(1);
            return refusal.next("read", around(path, line, 1));
        }
        HunkFault::Nowhere => {
            refusal = refusal.show("Say the line before or after the place, as one of its own.");
            return refusal.next("read", json!({ "path": path.as_str() }));
        }
        HunkFault::TooMuch => return refusal,
        HunkFault::Absent => {}
    }
    // Without its anchors it may be where it is once.
    let mut fixed = None;
    if !old.is_empty() && !wrong.anchors.is_empty() {
        let lines = wrong.lines.clone();
        fixed = Some(Hunk {
            lines,
            ..Hunk::default()
        });
        fixed = fixed.filter(|hunk| patch::apply(text, std::slice::from_ref(hunk)).is_ok());
    }
    let close = near(text, &old);
    if fixed.is_none() {
        refusal = explain(refusal, text, &old, close.as_ref());
        refusal = history(refusal, tools, state, path, Some(&old));
        fixed = close
            .as_ref()
            .and_then(|close| fixed_hunk(text, (&old, &new), close));
    }
    if let Some(fixed) = fixed {
        let mut files = files.to_vec();
        if let Some(FilePatch::Update { hunks, .. }) = files.get_mut(file)
            && let Some(place) = hunks.get_mut(hunk)
        {
            *place = fixed;
            if patch::apply(text, hunks).is_ok() {
                let next = json!({ "patch": patch::written(&files) });
                if next.to_string().len() <= MAX_NEXT {
                    return refusal.next("edit", next);
                }
            }
        }
    }
    let line = close.map(|close| line_of(text, close.range.start));
    match line {
        Some(line) => refusal.next("read", around(path, line, wrong.before().len())),
        None => refusal.next("read", json!({ "path": path.as_str() })),
    }
}

/// Returns the hunk that does to what is closest, by whole lines, what was meant.
fn fixed_hunk(text: &str, (old, new): (&str, &str), close: &Near) -> Option<Hunk> {
    if !close.clear {
        return None;
    }
    let lines = Lines::of(text);
    let (first, last) = (
        lines.at(close.range.start),
        lines.at(close.range.end.checked_sub(1)?),
    );
    let there = text.get(lines.range(first..last + 1))?;
    let carried = carry(old, there, new)?;
    (carried != there).then(|| Hunk::of(there, &carried))
}
