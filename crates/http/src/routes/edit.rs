//! A text file, edited by what is in it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::{
    Change, ChangeOptions, Content, ContentId, Error, ErrorKind, Precondition, Reason, Result,
    TreePath, View, WriteOptions,
};

use super::changed_dto;
use super::files::file_at;
use crate::call::On;
use crate::operation::{Json, Operation, PathToChange, Table, operations};
use crate::problem::Problem;
use crate::wire::{ChangedDto, Count, EntryDto};

/// The most bytes of a file that is edited, before and after.
const MAX_TEXT: usize = 8 << 20;
/// The most bytes that all edits of a call look through.
const MAX_WORK: usize = 256 << 20;
/// The most edits of a call.
const MAX_EDITS: usize = 1_000;
/// What a replacement costs beside its bytes.
const PER_MATCH: usize = 64;
/// In a longer text no near miss is looked for.
const MAX_NEAR: usize = 256 << 10;
/// As many places are named where a text is more than once.
const PLACES: usize = 5;

operations! {
    /// Replaces texts in a file, one edit after the other: each `old` is taken literally and
    /// has to be there once, unless `all` are replaced. All edits or none, as one write, and
    /// only of the file that was read; up to 8 MiB.
    static EDIT: Operation<PathToChange, Json<EditDto>, EditedDto> =
        Operation::post("edit", "{files}/edit/{*path}")
            .answers("The file is edited.")
            .fails(&[
                ErrorKind::NotFound,
                ErrorKind::IsADirectory,
                ErrorKind::NotADirectory,
                ErrorKind::Stale,
            ])
            .leads(&["edits"]);
}

pub(super) fn all(table: &mut Table) {
    table.add(&EDIT, edit);
}

/// How a file is edited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditDto {
    /// The edits; each sees what those before it did.
    pub edits: Vec<ReplacementDto>,
    /// The content that the file must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_content: Option<String>,
    /// The copy's generation, or head's version, that the caller has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_generation: Option<Count>,
    /// Who edits it, in up to 200 bytes; not heeded from the holder of a grant.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub note: String,
}

/// A text to replace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacementDto {
    /// The text that is there, exactly: with its spaces and line ends.
    pub old: String,
    /// What is to be there.
    pub new: String,
    /// Whether to replace it wherever it is; otherwise it has to be there once.
    #[serde(default)]
    pub all: bool,
}

/// What an edit led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EditedDto {
    /// Where.
    pub path: String,
    /// How many texts were replaced.
    pub replaced: Count,
    /// What is there now; absent where somebody removed it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryDto>,
    /// What the change led to.
    pub changed: ChangedDto,
}

async fn edit(
    on: On,
    (view, path): (View, TreePath),
    Json(body): Json<EditDto>,
) -> Result<EditedDto, Problem> {
    let invalid = |reason, why: &str| Error::invalid(reason, "edit").at(&path).because(why);
    if body.edits.is_empty() {
        return Err(invalid(Reason::OutOfRange, "no edit").into());
    }
    let file = file_at(&view, &path).await?;
    let expected = body.if_content.map(|content| content.parse::<ContentId>());
    if let Some(expected) = expected.transpose()?
        && expected != file.content
    {
        let why = format!("its content is {}", file.content);
        return Err(Error::new(ErrorKind::Stale, "edit")
            .at(path)
            .because(why)
            .into());
    }
    if file.size > MAX_TEXT as u64 || body.edits.len() > MAX_EDITS {
        let why = format!("{} edits of {} bytes", body.edits.len(), file.size);
        return Err(Error::new(ErrorKind::LimitExceeded, "edit")
            .at(path)
            .because(why)
            .into());
    }
    let text = Vec::from(on.workspace.read_entry(&file).await?);
    let mut text =
        String::from_utf8(text).map_err(|_| invalid(Reason::NotUtf8, "the file is not UTF-8"))?;
    let (mut replaced, mut work) = (0, 0_usize);
    for (n, edit) in body.edits.iter().enumerate() {
        // Those before may have made it longer.
        work = work.saturating_add(text.len());
        let done = match work > MAX_WORK {
            true => Err(Wrong::TooMuch),
            false => replace(&text, edit),
        };
        let (now, count) = done.map_err(|wrong| wrong.told(n, &path))?;
        work = work.saturating_add((count as usize).saturating_mul(PER_MATCH));
        text = now;
        replaced += count;
    }
    let precondition = Precondition::Content(file.content);
    let change = Change::Write {
        path: path.clone(),
        content: Content::Bytes(Bytes::from(text)),
        options: WriteOptions::default().precondition(precondition),
    };
    let options = ChangeOptions::default()
        .author(on.author(body.actor, body.note))
        .expect_generation(body.expect_generation.map(Count::get));
    let changed = view.change(vec![change], options).await?;
    // Somebody may have removed it since.
    let entry = view.stat(&path)?;
    Ok(EditedDto {
        path: path.to_string(),
        replaced: replaced.into(),
        entry: entry.as_ref().map(EntryDto::from),
        changed: changed_dto(changed, on.is_partial()),
    })
}

/// What is wrong with an edit.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Empty,
    /// It is not there; but on this line, if blanks do not count.
    Absent(Option<usize>),
    /// It is there more than once: on these lines, first of all.
    Many(Vec<usize>),
    TooLong,
    /// All edits look through more than one call may.
    TooMuch,
}

impl Wrong {
    fn told(self, n: usize, path: &TreePath) -> Error {
        let (reason, why) = match self {
            Self::Empty => (Reason::MalformedText, "`old` is empty".to_owned()),
            Self::Absent(None) => (Reason::TextAbsent, "`old` is not in the file".to_owned()),
            Self::Absent(Some(line)) => {
                let why = format!("`old` is not in the file, but on line {line} with other blanks");
                (Reason::TextAbsent, why)
            }
            Self::Many(lines) => {
                let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
                let why = format!(
                    "`old` is in the file more than once, on lines {}: say more of what is around \
                     it, or `all`",
                    lines.join(", ")
                );
                (Reason::TextNotUnique, why)
            }
            Self::TooMuch => {
                return Error::new(ErrorKind::LimitExceeded, "edit")
                    .at(path)
                    .because(format!(
                        "edit {}: all edits look through more than {MAX_WORK} bytes",
                        n + 1
                    ));
            }
            Self::TooLong => {
                return Error::new(ErrorKind::LimitExceeded, "edit")
                    .at(path)
                    .because(format!("edit {}: more than {MAX_TEXT} bytes", n + 1));
            }
        };
        Error::invalid(reason, "edit")
            .at(path)
            .because(format!("edit {}: {why}", n + 1))
    }
}

/// Replaces a text; returns how often.
fn replace(text: &str, edit: &ReplacementDto) -> Result<(String, u64), Wrong> {
    let ReplacementDto { old, new, all } = edit;
    if old.is_empty() {
        return Err(Wrong::Empty);
    }
    let Some(first) = text.find(old.as_str()) else {
        return Err(Wrong::Absent(but_for_blanks(text, old)));
    };
    let count = match all {
        true => text.matches(old.as_str()).count(),
        false => 1,
    };
    if !all {
        // Also where it overlaps itself: nobody can say which is meant.
        let mut places = vec![first];
        let mut at = first;
        while let Some(width) = text[at..].chars().next().map(char::len_utf8)
            && let Some(next) = text[at + width..].find(old.as_str())
            && places.len() < PLACES
        {
            at += width + next;
            places.push(at);
        }
        if places.len() > 1 {
            let line = |at: &usize| 1 + text[..*at].matches('\n').count();
            return Err(Wrong::Many(places.iter().map(line).collect()));
        }
    }
    let grown = new.len().saturating_mul(count);
    if (text.len() - old.len() * count).saturating_add(grown) > MAX_TEXT {
        return Err(Wrong::TooLong);
    }
    Ok((text.replacen(old.as_str(), new, count), count as u64))
}

/// Returns the line on which a text begins, if blanks at the ends of lines do not count.
fn but_for_blanks(text: &str, old: &str) -> Option<usize> {
    if text.len() > MAX_NEAR || old.len() > MAX_NEAR {
        return None;
    }
    let wanted = || old.trim().lines().map(str::trim);
    let first = wanted().next().filter(|line| !line.is_empty())?;
    let lines = || text.lines().map(str::trim);
    let mut starts = lines().enumerate().filter(|(_, line)| *line == first);
    // A few: lines that are all alike would be compared with one another.
    let found = starts.by_ref().take(20).find(|(at, _)| {
        let mut there = lines().skip(*at);
        wanted().all(|line| there.next() == Some(line))
    });
    found.map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, old: &str, new: &str, all: bool) -> Result<(String, u64), Wrong> {
        let (old, new) = (old.to_owned(), new.to_owned());
        replace(text, &ReplacementDto { old, new, all })
    }

    #[test]
    fn a_text_is_replaced_where_it_is_once() {
        let done = |text: &str, n| Ok((text.to_owned(), n));
        assert_eq!(edited("a b c", "b", "$1\\", false), done("a $1\\ c", 1));
        assert_eq!(edited("a b b", "b", "", true), done("a  ", 2));
        assert_eq!(edited("ää", "ä", "ö", true), done("öö", 2));
        assert_eq!(edited("x", "x", "xx", true), done("xx", 1));
    }

    #[test]
    fn what_is_not_there_once_is_told_with_its_lines() {
        assert_eq!(edited("a", "", "b", false), Err(Wrong::Empty));
        assert_eq!(edited("a", "b", "c", true), Err(Wrong::Absent(None)));
        let twice = Wrong::Many(vec![1, 3]);
        assert_eq!(edited("b\na\nb\n", "b", "c", false), Err(twice));
        assert_eq!(
            edited("aaa", "aa", "c", false),
            Err(Wrong::Many(vec![1, 1]))
        );
        assert_eq!(
            edited("äää", "ää", "c", false),
            Err(Wrong::Many(vec![1, 1]))
        );
        let blanks = edited("if x {\n    y();\n}\n", "if x {\n  y();\n}", "", false);
        assert_eq!(blanks, Err(Wrong::Absent(Some(1))));
    }

    #[test]
    fn what_would_grow_without_end_is_refused_before() {
        let text = "a".repeat(1 << 20);
        let long = "b".repeat(1 << 20);
        assert_eq!(edited(&text, "a", &long, true), Err(Wrong::TooLong));
    }
}
