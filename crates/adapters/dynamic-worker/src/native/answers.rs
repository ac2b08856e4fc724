//! The answers to calls, as the typed ones of the world `program`.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::program::bindings::workspace::guest::files;

/// What was answered and is no failure.
pub(super) struct Reply<'a> {
    value: Option<&'a RawValue>,
    contents: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Status {
    Ok,
    Error { error: FailureDto },
}

#[derive(Deserialize)]
struct Valued<'a> {
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct FailureDto {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
enum EntryDto {
    File {
        content: String,
        size: u64,
        executable: bool,
        modified: i64,
        #[serde(default)]
        media_type: Option<String>,
    },
    Directory {
        tree: String,
        files: u64,
        directories: u64,
        bytes: u64,
        longest: u64,
    },
    Symlink {
        target: String,
        modified: i64,
    },
}

/// An entry with its path.
#[derive(Deserialize)]
struct PlacedDto {
    path: String,
    entry: EntryDto,
}

/// An entry with its name in a directory.
#[derive(Deserialize)]
struct NamedDto {
    name: String,
    entry: EntryDto,
}

#[derive(Deserialize)]
struct PageDto<T> {
    entries: Vec<T>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct MatchingDto {
    path: String,
    line: u64,
    text: String,
}

#[derive(Deserialize)]
struct MatchesDto {
    matches: Vec<MatchingDto>,
    #[serde(default)]
    skipped: u64,
    #[serde(default, rename = "leftOut")]
    left_out: u64,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct DifferenceDto {
    path: String,
    #[serde(default)]
    old: Option<EntryDto>,
    #[serde(default)]
    new: Option<EntryDto>,
}

#[derive(Deserialize)]
struct DifferencesDto {
    differences: Vec<DifferenceDto>,
    #[serde(default)]
    next: Option<String>,
}

/// Reads an answer: a value, or a failure.
pub(super) fn read<T>(
    reply: &crate::Reply,
    value: impl FnOnce(Reply<'_>) -> serde_json::Result<T>,
) -> serde_json::Result<Result<T, files::Failure>> {
    match serde_json::from_str(&reply.json)? {
        Status::Error { error } => Ok(Err(files::Failure {
            code: error.code,
            message: error.message,
            path: error.path,
            reason: error.reason,
        })),
        Status::Ok => {
            let valued: Valued<'_> = serde_json::from_str(&reply.json)?;
            let reply = Reply {
                value: valued.value,
                contents: reply.contents.clone(),
            };
            value(reply).map(Ok)
        }
    }
}

impl Reply<'_> {
    fn as_dto<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.value.map_or("null", RawValue::get))
    }

    pub(super) fn nothing(self) -> serde_json::Result<()> {
        Ok(())
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.contents.unwrap_or_default().into()
    }

    pub(super) fn text(self) -> serde_json::Result<String> {
        match self.contents {
            None => self.as_dto(),
            Some(contents) => String::from_utf8(contents.into()).map_err(serde::de::Error::custom),
        }
    }

    pub(super) fn truth(self) -> serde_json::Result<bool> {
        self.as_dto()
    }

    pub(super) fn placed(self) -> serde_json::Result<files::Placed> {
        self.as_dto::<PlacedDto>().map(Into::into)
    }

    pub(super) fn page(self) -> serde_json::Result<files::Page> {
        let page: PageDto<PlacedDto> = self.as_dto()?;
        Ok(files::Page {
            entries: page.entries.into_iter().map(Into::into).collect(),
            next: page.next,
        })
    }

    pub(super) fn listing(self) -> serde_json::Result<files::Listing> {
        let page: PageDto<NamedDto> = self.as_dto()?;
        let entries = page.entries.into_iter().map(|named| files::Named {
            name: named.name,
            entry: named.entry.into(),
        });
        Ok(files::Listing {
            entries: entries.collect(),
            next: page.next,
        })
    }

    pub(super) fn matches(self) -> serde_json::Result<files::Matches> {
        let found: MatchesDto = self.as_dto()?;
        let matches = found.matches.into_iter().map(|matching| files::Matching {
            path: matching.path,
            line: matching.line,
            text: matching.text,
        });
        Ok(files::Matches {
            matches: matches.collect(),
            skipped: found.skipped,
            left_out: found.left_out,
            next: found.next,
        })
    }

    pub(super) fn differences(self) -> serde_json::Result<files::Differences> {
        let found: DifferencesDto = self.as_dto()?;
        let differences = found.differences.into_iter();
        let differences = differences.map(|difference| files::Difference {
            path: difference.path,
            old: difference.old.map(Into::into),
            new: difference.new.map(Into::into),
        });
        Ok(files::Differences {
            differences: differences.collect(),
            next: found.next,
        })
    }
}

impl From<PlacedDto> for files::Placed {
    fn from(placed: PlacedDto) -> Self {
        Self {
            path: placed.path,
            entry: placed.entry.into(),
        }
    }
}

impl From<EntryDto> for files::Entry {
    fn from(entry: EntryDto) -> Self {
        match entry {
            EntryDto::File {
                content,
                size,
                executable,
                modified,
                media_type,
            } => Self::File(files::File {
                content,
                size,
                executable,
                modified,
                media_type,
            }),
            EntryDto::Directory {
                tree,
                files,
                directories,
                bytes,
                longest,
            } => Self::Directory(files::Directory {
                tree,
                files,
                directories,
                bytes,
                longest,
            }),
            EntryDto::Symlink { target, modified } => {
                Self::Symlink(files::Symlink { target, modified })
            }
        }
    }
}
