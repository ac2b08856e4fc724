//! The stores keep what the storage traits promise.

use crate::common::S3Server;
use futures::executor::block_on;
use workspace_native::{ObjectBlobs, SqliteConn};
use workspace_sql::SqlMeta;
use workspace_testkit::conformance;

#[test]
fn sqlite_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let conn = SqliteConn::create(&directory.path().join("workspace.db")).unwrap();
    conformance::meta::all(&SqlMeta::open(conn).unwrap());
}

#[test]
fn a_directory_of_objects_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobs::local(directory.path()).unwrap();
    block_on(conformance::blobs::all(&blobs));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_of_objects_conforms_under_tokio() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobs::local(directory.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(conformance::blobs::all(&blobs));
}

#[test]
fn a_bucket_conforms() {
    let server = S3Server::start();
    let blobs = server.blobs("s3://bucket/some/prefix/");
    block_on(blobs.check()).unwrap();
    block_on(conformance::blobs::all(&blobs));
}
