//! Workspaces on threads of their own, and opened whether they are there or not.

use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::{join_all, pending};
use workspace_core::{At, ErrorKind, ForkOptions, Workspace};
use workspace_native::{Handle, Objects, create, open, open_or_create, options, spawn, spawn_with};

use crate::common::refusal;

fn head(handle: &Handle, text: String) -> workspace_core::Result<String> {
    block_on(handle.run(async move |workspace: Workspace| {
        let files = workspace.files(At::Head);
        files.write("/last", text).await?;
        let read = files.read_now("/last")?;
        Ok(String::from_utf8_lossy(&read).into_owned())
    }))
}

#[test]
fn a_workspace_is_opened_whether_it_is_there_or_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("new");
    let workspace = open_or_create(&path).unwrap();
    workspace.fork(ForkOptions::named("draft")).unwrap();
    assert_eq!(refusal(open_or_create(&path)).kind(), ErrorKind::Locked);
    drop(workspace);
    let workspace = open_or_create(path.to_str().unwrap()).unwrap();
    assert_eq!(workspace.copies(true, None, 9).unwrap().len(), 1);
    std::fs::write(place.path().join("file"), "x").unwrap();
    let full = open_or_create(place.path());
    assert_eq!(refusal(full).kind(), ErrorKind::NotEmpty);
}

#[test]
fn handles_work_from_many_threads() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("site");
    let handle = spawn(&path).unwrap();
    let threads = (0..8).map(|n| {
        let handle = handle.clone();
        thread::spawn(move || head(&handle, n.to_string()).unwrap())
    });
    let threads: Vec<_> = threads.collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), n.to_string());
    }
    let version = handle.run(async |workspace: Workspace| workspace.head());
    assert_eq!(block_on(version).unwrap().version, 8);
    assert_eq!(refusal(open(&path, options())).kind(), ErrorKind::Locked);
    block_on(handle.close());
    drop(open(&path, options()).unwrap());
}

#[test]
fn more_work_than_fits_waits_and_is_done() {
    let place = tempfile::tempdir().unwrap();
    let handle = spawn(place.path().join("site")).unwrap();
    let works = (0..1000).map(|n| {
        handle.run(async move |workspace: Workspace| {
            workspace.head()?;
            Ok(n)
        })
    });
    let done: Vec<usize> = block_on(join_all(works))
        .into_iter()
        .map(|done| done.unwrap())
        .collect();
    assert_eq!(done, (0..1000).collect::<Vec<_>>());
}

#[test]
fn work_that_nobody_waits_for_is_dropped() {
    let place = tempfile::tempdir().unwrap();
    let handle = spawn(place.path().join("site")).unwrap();
    // More than are under way at once: they would be in the way of all others.
    for _ in 0..200 {
        let stuck = handle.run(async |_: Workspace| pending::<workspace_core::Result<()>>().await);
        let soon = polled(stuck);
        assert!(soon.is_none());
    }
    assert_eq!(head(&handle, "there".into()).unwrap(), "there");
    block_on(handle.close());
}

#[test]
fn work_that_is_dropped_before_its_turn_is_not_begun() {
    let place = tempfile::tempdir().unwrap();
    let handle = spawn(place.path().join("site")).unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let other = handle.clone();
    let mut busy = Box::pin(other.run(async move |_: Workspace| {
        wait.recv().unwrap();
        Ok(())
    }));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(busy.as_mut().poll(&mut context).is_pending());
    let write = handle.run(async |workspace: Workspace| {
        let files = workspace.files(At::Head);
        files.write_now("/dropped", "x")
    });
    assert!(polled(write).is_none());
    go.send(()).unwrap();
    block_on(busy).unwrap();
    let head = block_on(handle.run(async |workspace: Workspace| workspace.head()));
    assert_eq!(head.unwrap().version, 0);
}

/// Polls a future a few times, and drops it.
fn polled<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..3 {
        if let std::task::Poll::Ready(out) = future.as_mut().poll(&mut context) {
            return Some(out);
        }
        thread::sleep(Duration::from_millis(1));
    }
    None
}

#[test]
fn errors_of_opening_and_panics_of_work_are_told() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("site");
    let workspace = create(&path, &Objects::Local, options()).unwrap();
    let error = spawn(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    drop(workspace);
    let missing = place.path().join("none");
    let error = spawn_with(move || open(missing, options())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let handle = spawn(&path).unwrap();
    let other = handle.clone();
    let panicked = handle
        .run(async |_: Workspace| -> workspace_core::Result<()> { panic!("in the middle of it") });
    let error = block_on(panicked).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = head(&other, "x".into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    drop(handle);
    block_on(other.close());
    drop(open(&path, options()).unwrap());
}
