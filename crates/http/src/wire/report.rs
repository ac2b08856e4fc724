//! What upkeep reports.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::store::StoreUsage;
use workspace_core::{FsckReport, Receipt, UpkeepStep};

use super::Count;

/// That the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthDto {
    /// Always `ok`.
    pub status: String,
    /// The version of the server.
    pub version: String,
}

/// What the stores hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageDto {
    /// Nodes of directories.
    pub nodes: Count,
    /// Bytes of encoded nodes.
    pub node_bytes: Count,
    /// Contents in rows.
    pub inline_contents: Count,
    /// Bytes of contents in rows.
    pub inline_bytes: Count,
    /// Contents in the blob store.
    pub object_contents: Count,
    /// Bytes of contents in the blob store.
    pub object_bytes: Count,
    /// Copies, closed ones included.
    pub copies: Count,
    /// Operations of all copies.
    pub operations: Count,
    /// Revisions.
    pub revisions: Count,
}

impl From<StoreUsage> for UsageDto {
    fn from(usage: StoreUsage) -> Self {
        Self {
            nodes: usage.nodes.into(),
            node_bytes: usage.node_bytes.into(),
            inline_contents: usage.inline_contents.into(),
            inline_bytes: usage.inline_bytes.into(),
            object_contents: usage.object_contents.into(),
            object_bytes: usage.object_bytes.into(),
            copies: usage.copies.into(),
            operations: usage.operations.into(),
            revisions: usage.revisions.into(),
        }
    }
}

/// What a call cost the stores; in the header `workspace-receipt` of its answer.
/// Bodies that are streamed are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptDto {
    /// Rows read, other than nodes.
    pub rows_read: Count,
    /// Rows written or deleted, other than nodes.
    pub rows_written: Count,
    /// Nodes read.
    pub nodes_read: Count,
    /// Nodes written or deleted.
    pub nodes_written: Count,
    /// Transactions that wrote.
    pub commits: Count,
    /// Calls to the blob store.
    pub blob_calls: Count,
    /// Bytes read.
    pub bytes_read: Count,
    /// Bytes written.
    pub bytes_written: Count,
}

impl From<Receipt> for ReceiptDto {
    fn from(receipt: Receipt) -> Self {
        Self {
            rows_read: receipt.rows_read.into(),
            rows_written: receipt.rows_written.into(),
            nodes_read: receipt.nodes_read.into(),
            nodes_written: receipt.nodes_written.into(),
            commits: receipt.commits.into(),
            blob_calls: receipt.blob_calls.into(),
            bytes_read: receipt.bytes_read.into(),
            bytes_written: receipt.bytes_written.into(),
        }
    }
}

/// What a step of a collection did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectedDto {
    /// Whether the collection is complete; otherwise there are more steps.
    pub done: bool,
    /// Copies that had expired and were discarded in this step.
    pub expired: Count,
    /// Closed copies that were remembered long enough and were deleted in this step.
    pub forgotten: Count,
    /// Nodes deleted, since the collection began.
    pub nodes: Count,
    /// Contents deleted, since the collection began.
    pub contents: Count,
    /// Objects deleted in this step.
    pub objects: Count,
}

impl From<UpkeepStep> for CollectedDto {
    fn from(step: UpkeepStep) -> Self {
        let collected = step.collected.unwrap_or_default();
        Self {
            done: collected.done,
            expired: step.expired.into(),
            forgotten: step.forgotten.into(),
            nodes: collected.nodes.into(),
            contents: collected.contents.into(),
            objects: collected.objects.into(),
        }
    }
}

/// What an integrity check looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FsckDto {
    /// Trees that something keeps.
    pub roots: Count,
    /// Distinct directories.
    pub directories: Count,
    /// Distinct nodes.
    pub nodes: Count,
    /// Distinct contents.
    pub contents: Count,
    /// Objects in the blob store.
    pub objects: Count,
    /// Bytes of contents that were read and compared.
    pub verified_bytes: Count,
    /// What nothing refers to.
    pub garbage: GarbageDto,
    /// What is wrong; empty where all is well. At most the first 1,000.
    pub problems: Vec<ProblemFoundDto>,
    /// How many things are wrong.
    pub problem_count: Count,
    /// About how many of them something was done.
    pub repaired: Count,
}

/// What is stored and nothing refers to; the next collection deletes it. It is no
/// problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GarbageDto {
    /// Nodes.
    pub nodes: Count,
    /// Contents.
    pub contents: Count,
    /// Objects in the blob store.
    pub objects: Count,
}

/// Something that is wrong with what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemFoundDto {
    /// The node, content or row that it is about.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
    /// What was done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<String>,
}

impl From<&FsckReport> for FsckDto {
    fn from(report: &FsckReport) -> Self {
        let problems = report.problems.iter();
        Self {
            roots: report.roots.into(),
            directories: report.directories.into(),
            nodes: report.nodes.into(),
            contents: report.contents.into(),
            objects: report.objects.into(),
            verified_bytes: report.verified_bytes.into(),
            garbage: GarbageDto {
                nodes: report.garbage.nodes.into(),
                contents: report.garbage.contents.into(),
                objects: report.garbage.objects.into(),
            },
            problems: problems
                .map(|problem| ProblemFoundDto {
                    subject: problem.subject.clone(),
                    detail: problem.detail.clone(),
                    repair: problem.repair.clone(),
                })
                .collect(),
            problem_count: report.problem_count.into(),
            repaired: report.repaired.into(),
        }
    }
}
