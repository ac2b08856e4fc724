//! Grants as tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::store::{GrantRecord, Purpose};
use workspace_core::{Glob, Grant, Result, Scope, TreePath};

use super::{Count, Millis, at_text};

/// What a holder may do, as seen by who hands it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeDto {
    /// The directory that the holder sees as `/`, in up to 1,024 bytes, or 128 where a
    /// grant is narrowed; all unless said.
    #[serde(default = "root")]
    #[schema(required = false)]
    pub root: String,
    /// Globs of what may be read, as seen from the root: `photos/**` is what is in
    /// `/photos`, `*.md`, without a slash, a name at any depth.
    #[serde(default)]
    pub read: Vec<String>,
    /// Globs of what may be written, as seen from the root.
    #[serde(default)]
    pub write: Vec<String>,
    /// Whether what may be written may also be removed or moved away.
    #[serde(default)]
    pub delete: bool,
}

fn root() -> String {
    "/".into()
}

impl ScopeDto {
    /// Reads the scope.
    ///
    /// # Errors
    /// `Invalid`, naming the path or glob that is none.
    pub fn into_core(self) -> Result<Scope> {
        let globs = |globs: &[String]| -> Result<Vec<Glob>> {
            globs.iter().map(|glob| Glob::new(glob)).collect()
        };
        Ok(Scope {
            root: TreePath::new(&self.root)?,
            read: globs(&self.read)?,
            write: globs(&self.write)?,
            delete: self.delete,
        })
    }
}

impl From<&Scope> for ScopeDto {
    fn from(scope: &Scope) -> Self {
        Self {
            root: scope.root.to_string(),
            read: texts(&scope.read),
            write: texts(&scope.write),
            delete: scope.delete,
        }
    }
}

fn texts(globs: &[Glob]) -> Vec<String> {
    globs.iter().map(ToString::to_string).collect()
}

/// A grant to hand out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueDto {
    /// What the holder may do with the files; of head and of a revision, read them.
    pub scope: ScopeDto,
    /// What it is for, in up to 200 bytes.
    #[serde(default)]
    pub label: String,
    /// The name under which the holder's changes are logged, in up to 200 bytes.
    #[serde(default)]
    pub actor: String,
    /// When it expires; absent for as long as the copy is open, or the revision kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// How many bytes the holder may write and copy, in all: those of files, and of each
    /// entry its name, target, media type and provenance; what is written over one another
    /// counts each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Count>,
    /// By how many entries the holder may make the tree grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<Count>,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantDto {
    /// Its identity, in hex.
    pub id: String,
    /// The files that it is bound to: `head`, or `copy:` or `revision:` and an id.
    pub at: String,
    /// What it allows: what all scopes do, each as seen from the one before.
    pub scopes: Vec<ScopeDto>,
    /// What it is for.
    pub label: String,
    /// The name under which the holder's changes are logged.
    pub actor: String,
    /// The grant that it was attenuated from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// When it was issued.
    pub created: Millis,
    /// When it expires; absent for as long as the copy is open, or the revision kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// How many bytes its holder may write and copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Count>,
    /// By how many entries its holder may make the tree grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<Count>,
    /// How many bytes were written and copied, where that is limited: by its holder and
    /// those of all that were attenuated from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_bytes: Option<Count>,
    /// By how many entries they made the tree grow, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_entries: Option<Count>,
}

impl From<&GrantRecord> for GrantDto {
    fn from(record: &GrantRecord) -> Self {
        let budget = record.budget;
        Self {
            id: record.id.to_string(),
            at: at_text(record.at),
            scopes: match &record.purpose {
                Purpose::Files(grant) => grant.scopes().iter().map(ScopeDto::from).collect(),
                Purpose::Site(_) => Vec::new(),
            },
            label: record.label.clone(),
            actor: record.actor.clone(),
            parent: record.parent.map(|parent| parent.to_string()),
            created: record.created.into(),
            expires: record.expires.map(Into::into),
            max_bytes: budget.max_bytes.map(Into::into),
            max_entries: budget.max_entries.map(Into::into),
            used_bytes: budget.max_bytes.map(|_| record.used.bytes.into()),
            used_entries: budget.max_entries.map(|_| record.used.entries.into()),
        }
    }
}

/// A page of grants, in the order of issuing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantPage {
    /// The grants; those that have expired stay until a collection.
    pub grants: Vec<GrantDto>,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A grant that was just issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedDto {
    /// What to give to the holder. It is shown this once.
    pub token: String,
    /// The grant.
    pub grant: GrantDto,
}

/// What revoking a grant led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedDto {
    /// How many grants that were: it, and all that were attenuated from it.
    pub revoked: Count,
}

/// What the holder of a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldDto {
    /// What is allowed: what all of these do.
    pub scopes: Vec<AllowedDto>,
    /// The name under which changes are logged.
    pub actor: String,
    /// When the token expires; absent for as long as the files are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// The copy's generation, or the version of head, which each change raises; 0 for a
    /// revision, which does not change.
    pub generation: Count,
    /// How many bytes may still be written and copied; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_left: Option<Count>,
    /// By how many entries the tree may still be made to grow; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries_left: Option<Count>,
}

/// What a holder may do, as the holder sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AllowedDto {
    /// Globs of what may be read.
    pub read: Vec<String>,
    /// Globs of what may be written.
    pub write: Vec<String>,
    /// Whether what may be written may also be removed or moved away.
    pub delete: bool,
}

impl AllowedDto {
    /// Lists what a grant allows, as its holder sees it.
    ///
    /// # Errors
    /// `Invalid` where its root is deeper than a path can be.
    pub fn list(grant: &Grant) -> Result<Vec<Self>> {
        let seen = grant.as_seen()?.into_iter().map(|scope| Self {
            read: texts(&scope.read),
            write: texts(&scope.write),
            delete: scope.delete,
        });
        Ok(seen.collect())
    }
}

/// A narrower token to make of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttenuateDto {
    /// What its holder may do, of what oneself may, as oneself sees it.
    pub scope: ScopeDto,
    /// When it expires; no later than one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// How many bytes its holder may write and copy, of what oneself may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Count>,
    /// By how many entries its holder may make the tree grow, of what oneself may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<Count>,
}

/// A narrower token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttenuatedDto {
    /// What to give to its holder. It is shown this once.
    pub token: String,
    /// What its holder may do.
    pub view: HeldDto,
}
