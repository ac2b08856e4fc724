//! The metadata store of a workspace over any synchronous SQLite connection.
//!
//! [`SqlMeta`] implements [`MetaStore`](workspace_core::store::MetaStore) with
//! one schema and one list of migrations. A backend brings [`SqlConn`], which is
//! small enough for the SQL of a Durable Object and for SQLite itself, so that
//! the statements tested natively are those that run there.
//!
//! - [`SqlConn`], [`SqlValue`], [`OnRow`], [`Body`]: what a backend implements.
//! - [`error_kind`]: the table from SQLite's result codes to error kinds.
//! - [`SqlMeta`]: what it gets for it. [`MAX_ROW`] and
//!   [`MAX_CONTENT`] are its limits.
//! - [`schema_version`], [`SCHEMA_VERSION`]: what a database holds, and what
//!   this build writes.

mod conn;
mod marks;
mod meta;
mod pack;
mod record;
mod row;
mod schema;
mod tx;

pub use conn::{Body, OnRow, SqlConn, SqlValue, error_kind};
pub use meta::SqlMeta;
pub use schema::{SCHEMA_VERSION, schema_version};
pub use tx::{MAX_CONTENT, MAX_ROW};
