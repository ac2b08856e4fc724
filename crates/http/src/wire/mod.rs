//! What goes over the wire as JSON: types of its own, so that neither side of the
//! contract moves by accident.
//!
//! Ids are hex text, times are milliseconds since the Unix epoch, and integers
//! stay within what JavaScript carries exactly.

mod change;
mod copy;
mod entry;
mod event;
mod grant;
mod preview;
mod report;
mod revision;

pub use change::{
    ChangeDto, ChangedDto, ChangesDto, ImportedDto, MAX_JSON, TextOrBase64, WrittenDto,
};
pub use copy::{
    ConflictingDto, ConflictsDto, CopyDto, CopyPage, CopyStateDto, ForkDto, OperationCauseDto,
    OperationDto, OperationPage, OverlapDto, OverlapOfDto, OverlapsDto, RebaseDto, RebasedDto,
    RenameDto, ResolutionDto, StatusDto, TakeDto, UndoDto, UndoneDto,
};
pub use entry::{
    DifferenceDto, DifferencePage, EntryDto, EntryPage, ListedDto, PlacedDto, WalkPage,
};
pub use event::{EventDto, EventKindDto, EventPage};
pub use grant::{
    AllowedDto, AttenuateDto, AttenuatedDto, GrantDto, GrantPage, HeldDto, IssueDto, IssuedDto,
    RevokedDto, ScopeDto,
};
pub use preview::{IssuedPreviewDto, PreviewDto, PreviewOfDto, PreviewPage};
pub use report::{
    CollectedDto, FsckDto, GarbageDto, HealthDto, ProblemFoundDto, ReceiptDto, UsageDto,
};
pub use revision::{
    AllAppliedDto, ApplyAllDto, ApplyDto, HeadDto, MessageDto, OutcomeDto, PruneDto, PrunedDto,
    PublishedDto, RevisionCauseDto, RevisionDto, RevisionPage, TogetherDto,
};

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use workspace_core::{At, Timestamp};

/// Says which files are meant, in one word.
pub(crate) fn at_text(at: At) -> String {
    match at {
        At::Head => "head".into(),
        At::Copy(id) => format!("copy:{id}"),
        At::Revision(id) => format!("revision:{id}"),
        At::Tree(id) => format!("tree:{id}"),
    }
}

/// The largest integer that JavaScript carries exactly: 2^53 − 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A size or a number of things, from 0 to 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Count(u64);

impl Count {
    /// Wraps a number, clamped to 2^53 − 1.
    pub fn new(number: u64) -> Self {
        Self(number.min(MAX_INTEGER))
    }

    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for Count {
    fn from(number: u64) -> Self {
        Self::new(number)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            number @ ..=MAX_INTEGER => Ok(Self(number)),
            _ => Err(de::Error::custom("an integer above 2^53 - 1")),
        }
    }
}

impl PartialSchema for Count {
    fn schema() -> RefOr<Schema> {
        integer("A size or a number of things.", 0).into()
    }
}

impl ToSchema for Count {
    fn name() -> Cow<'static, str> {
        "Count".into()
    }
}

/// A time in milliseconds since 1970-01-01 00:00 UTC, between ±(2^53 − 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Millis(i64);

impl From<Timestamp> for Millis {
    fn from(time: Timestamp) -> Self {
        Self(time.as_millis())
    }
}

impl From<Millis> for Timestamp {
    fn from(time: Millis) -> Self {
        Timestamp::from_millis(time.0)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = i64::deserialize(deserializer)?;
        match millis.unsigned_abs() {
            ..=MAX_INTEGER => Ok(Self(millis)),
            _ => Err(de::Error::custom("a time beyond 2^53 - 1 milliseconds")),
        }
    }
}

impl PartialSchema for Millis {
    fn schema() -> RefOr<Schema> {
        let what = "A time in milliseconds since 1970-01-01 00:00 UTC.";
        integer(what, -Timestamp::MAX_MILLIS).into()
    }
}

impl ToSchema for Millis {
    fn name() -> Cow<'static, str> {
        "Millis".into()
    }
}

fn integer(what: &'static str, least: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some(what))
        .minimum(Some(least))
        .maximum(Some(Timestamp::MAX_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_stay_within_what_javascript_carries() {
        assert_eq!(
            serde_json::to_string(&Count::new(u64::MAX)).unwrap(),
            "9007199254740991"
        );
        assert!(serde_json::from_str::<Count>("9007199254740991").is_ok());
        for bad in ["9007199254740992", "-1", "1.5", "\"1\""] {
            assert!(serde_json::from_str::<Count>(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Millis>("-9007199254740991").is_ok());
        for bad in [
            "9007199254740992",
            "-9007199254740992",
            "-9223372036854775808",
        ] {
            assert!(serde_json::from_str::<Millis>(bad).is_err(), "{bad}");
        }
    }
}
