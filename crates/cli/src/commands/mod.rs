//! The commands, a module for each group.

pub(crate) mod changes;
pub(crate) mod checkout;
pub(crate) mod child;
pub(crate) mod conflicts;
pub(crate) mod copies;
pub(crate) mod diff;
pub(crate) mod edit;
pub(crate) mod editor;
pub(crate) mod events;
#[cfg(all(feature = "exec", target_os = "linux"))]
pub(crate) mod exec;
#[cfg(feature = "run")]
pub(crate) mod execute;
pub(crate) mod export;
pub(crate) mod files;
#[cfg(feature = "github")]
mod github;
pub(crate) mod grants;
pub(crate) mod grep;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod listing;
pub(crate) mod maintenance;
pub(crate) mod merging;
pub(crate) mod patch;
pub(crate) mod patching;
pub(crate) mod previews;
pub(crate) mod progress;
pub(crate) mod publish;
pub(crate) mod serve;
