//! `SqlMeta` keeps what `MetaStore` promises.

use crate::common::MemoryConn;
use workspace_sql::SqlMeta;
use workspace_testkit::conformance;

#[test]
fn sql_meta_conforms() {
    conformance::meta::all(&SqlMeta::open(MemoryConn::new()).unwrap());
}
