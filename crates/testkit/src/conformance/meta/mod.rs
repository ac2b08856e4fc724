//! What a [`MetaStore`] promises.
//!
//! Every function starts by emptying the store, so each can run alone and in any
//! order. Head cannot be deleted; it is left without a revision.

mod collection;
mod contents;
mod copies;
mod events;
mod fixture;
mod grants;
mod head;
mod memos;
mod nodes;
mod operations;
mod revisions;
mod transactions;
mod usage;
mod values;

pub use collection::{collections, many_marks, marks, sweeps, sweeps_beside_writers};
pub use contents::{contents, large_contents, objects};
pub use copies::{copies, copy_moves, copy_names, copy_nesting, copy_pages, copy_times};
pub use events::{event_pages, events};
pub use grants::{grant_pages, grant_tokens, grants};
pub use head::{head, new_store};
pub use memos::{memo_pages, memos};
pub use nodes::{large_nodes, nodes, packs};
pub use operations::{operation_deletion, operation_pages, operations};
pub use revisions::{revision_pages, revisions};
pub use transactions::{errors_roll_back, one_run, rolled_back_marks, transactions_see_themselves};
pub use usage::usage;
pub use values::{integers, limits, metadata, strings};

use workspace_core::store::MetaStore;

/// Asserts everything over a store in which nothing was ever written.
pub fn all(store: &dyn MetaStore) {
    new_store(store);
    head(store);
    nodes(store);
    large_nodes(store);
    packs(store);
    contents(store);
    large_contents(store);
    objects(store);
    copies(store);
    copy_moves(store);
    copy_names(store);
    copy_pages(store);
    copy_times(store);
    copy_nesting(store);
    operations(store);
    operation_pages(store);
    operation_deletion(store);
    revisions(store);
    revision_pages(store);
    events(store);
    event_pages(store);
    grants(store);
    grant_tokens(store);
    grant_pages(store);
    memos(store);
    memo_pages(store);
    collections(store);
    marks(store);
    many_marks(store);
    sweeps(store);
    sweeps_beside_writers(store);
    usage(store);
    one_run(store);
    transactions_see_themselves(store);
    errors_roll_back(store);
    rolled_back_marks(store);
    integers(store);
    strings(store);
    metadata(store);
    limits(store);
}
