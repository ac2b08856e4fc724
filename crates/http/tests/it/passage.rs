//! Large bodies past the router, by a server that stores them itself.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt as _, StreamExt as _, stream};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use workspace_core::store::BlobStore;
use workspace_core::{
    At, ContentId, Error, ErrorKind, ForkOptions, FsckOptions, Grant, GrantOptions, ImportLimits,
    Options, Scope, TreePath, Workspace,
};
use workspace_http::{Access, Passage, Passed, router};
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};

use crate::server::TOKEN;

const LARGE: &[u8] = &[7; 100];

fn workspace(blobs: &Arc<MemoryBlobs>) -> Workspace {
    let meta = Box::new(MemoryMeta::new());
    let context = TestContext::new(7).context();
    let options = Options::default().inline_limit(64);
    Workspace::create(
        meta,
        Arc::clone(blobs) as Arc<dyn BlobStore>,
        context,
        options,
    )
    .unwrap()
}

fn send(workspace: &Workspace, mut request: Request<Body>, passage: Passage) -> Response<Body> {
    let router = router(
        workspace.clone(),
        Access::trusted(),
        ImportLimits::default(),
    );
    request.extensions_mut().insert(passage);
    block_on(router.oneshot(request)).unwrap()
}

fn put(length: usize, body: Body) -> Request<Body> {
    let request = Request::put("/v1/head/files/a").header("content-length", length);
    request.body(body).unwrap()
}

/// A body that nobody may read.
fn untouched() -> Body {
    let item = || -> Result<Bytes, Error> { panic!("the body was read") };
    Body::from_stream(stream::once(async move { item() }).boxed())
}

fn stores(blobs: &Arc<MemoryBlobs>) -> Passage {
    let blobs = Arc::clone(blobs);
    Passage::new(move |key, size| {
        let blobs = Arc::clone(&blobs);
        async move {
            assert_eq!(size, LARGE.len() as u64);
            let body = stream::iter([Ok(Bytes::from_static(LARGE))]).boxed();
            blobs.put(&key, body).await?;
            Ok(Some(ContentId::of(LARGE)))
        }
        .boxed()
    })
}

/// What fits into a row is not stored elsewhere first.
#[test]
fn a_body_that_fits_into_a_row_is_read() {
    let blobs = Arc::new(MemoryBlobs::new());
    let workspace = workspace(&blobs);
    for size in [63, 64] {
        let refused = Passage::new(|_, _| panic!("it was passed by"));
        let body = Body::from(vec![7; size]);
        let answer = send(&workspace, put(size, body), refused);
        assert!(answer.status().is_success(), "{size}: {answer:?}");
    }
    assert!(block_on(blobs.list(None, 9)).unwrap().is_empty());
}

#[test]
fn a_large_body_passes_the_router_by() {
    let blobs = Arc::new(MemoryBlobs::new());
    let workspace = workspace(&blobs);
    let answer = send(&workspace, put(LARGE.len(), untouched()), stores(&blobs));
    assert_eq!(answer.status(), 201);
    let path = TreePath::new("/a").unwrap();
    let head = workspace.files(At::Head);
    assert_eq!(block_on(head.read(&path)).unwrap(), LARGE);
    let report = block_on(workspace.fsck(FsckOptions::default().contents(true))).unwrap();
    assert_eq!(report.problems, []);

    for (range, expected) in [(None, 0..100), (Some("bytes=10-19"), 10..20)] {
        let mut get = Request::get("/v1/head/files/a");
        if let Some(range) = range {
            get = get.header("range", range);
        }
        let answer = send(&workspace, get.body(Body::empty()).unwrap(), stores(&blobs));
        let passed = answer.extensions().get::<Passed>().unwrap();
        assert_eq!(passed.range, expected);
        assert!(
            block_on(blobs.get(passed.object.key(), 0..1))
                .unwrap()
                .is_some()
        );
        let length = (expected.end - expected.start).to_string();
        assert_eq!(answer.headers()["content-length"], length.as_str());
    }
    let head = Request::head("/v1/head/files/a")
        .body(Body::empty())
        .unwrap();
    assert!(
        send(&workspace, head, stores(&blobs))
            .extensions()
            .get::<Passed>()
            .is_none()
    );
}

#[test]
fn what_is_small_or_of_unknown_length_goes_through() {
    let blobs = Arc::new(MemoryBlobs::new());
    let workspace = workspace(&blobs);
    let refuses = || Passage::new(|_, _| panic!("the body was stored past the router"));
    assert_eq!(
        send(&workspace, put(5, Body::from("small")), refuses()).status(),
        201
    );
    let get = Request::get("/v1/head/files/a")
        .body(Body::empty())
        .unwrap();
    let body = send(&workspace, get, refuses()).into_body();
    assert_eq!(block_on(body.collect()).unwrap().to_bytes(), "small");
    let unknown = Request::put("/v1/head/files/a")
        .body(Body::from(LARGE))
        .unwrap();
    assert_eq!(send(&workspace, unknown, refuses()).status(), 200);
}

#[test]
fn a_body_that_fails_past_the_router_changes_nothing() {
    let blobs = Arc::new(MemoryBlobs::new());
    let workspace = workspace(&blobs);
    send(&workspace, put(5, Body::from("small")), stores(&blobs));
    for kind in [
        ErrorKind::Invalid,
        ErrorKind::Source,
        ErrorKind::Unavailable,
    ] {
        let fails =
            Passage::new(move |_, _| async move { Err(Error::new(kind, "read body")) }.boxed());
        let answer = send(&workspace, put(LARGE.len(), untouched()), fails);
        assert_eq!(answer.status(), workspace_http::status(kind));
    }
    let path = TreePath::new("/a").unwrap();
    let head = workspace.files(At::Head);
    assert_eq!(block_on(head.read(&path)).unwrap(), "small");
}

/// The body of a holder went past the router while the grant was revoked.
#[test]
fn a_large_body_of_a_revoked_holder_is_not_committed() {
    for revoked in [false, true] {
        let blobs = Arc::new(MemoryBlobs::new());
        let workspace = workspace(&blobs);
        let copy = workspace.fork(ForkOptions::default()).unwrap().id;
        let all = || vec!["**".parse().unwrap()];
        let grant = Grant::all().attenuate(Scope {
            root: TreePath::root(),
            read: all(),
            write: all(),
            delete: true,
        });
        let issued = workspace
            .issue_grant(At::Copy(copy), grant, GrantOptions::default())
            .unwrap();
        let access = Access::root(TOKEN).unwrap();
        let router = router(workspace.clone(), access, ImportLimits::default());
        let uri = format!("/v1/grants/{}", issued.grant.id);
        let (root, stored) = (router.clone(), Arc::clone(&blobs));
        let passage = Passage::new(move |key, _| {
            let (root, uri, stored) = (root.clone(), uri.clone(), Arc::clone(&stored));
            async move {
                let body = stream::iter([Ok(Bytes::from_static(LARGE))]).boxed();
                stored.put(&key, body).await?;
                if revoked {
                    assert_eq!(crate::server::delete(root, &uri).await, 200);
                }
                Ok(Some(ContentId::of(LARGE)))
            }
            .boxed()
        });
        let mut request = Request::put("/v1/view/files/a")
            .header("content-length", LARGE.len())
            .header("authorization", format!("Bearer {}", issued.token))
            .body(untouched())
            .unwrap();
        request.extensions_mut().insert(passage);
        let answer = block_on(router.oneshot(request)).unwrap();
        let found = workspace
            .files(At::Copy(copy))
            .stat(&TreePath::new("/a").unwrap());
        let expected = if revoked { (401, false) } else { (201, true) };
        assert_eq!(
            (answer.status().as_u16(), found.unwrap().is_some()),
            expected
        );
    }
}
