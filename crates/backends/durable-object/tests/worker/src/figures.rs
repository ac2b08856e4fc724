//! Repeated operations, timed by whoever asks for them.

use bytes::Bytes;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use workspace_core::{
    ApplyOptions, At, Change, ChangeOptions, Content, Error, ErrorKind, ForkOptions, Result,
    RevisionMessage, TreePath, Workspace, WriteOptions,
};

fn write(path: &str, content: String) -> Result<Change> {
    Ok(Change::Write {
        path: TreePath::new(path)?,
        content: Content::Bytes(Bytes::from(content)),
        options: WriteOptions {
            create_parents: true,
            ..WriteOptions::default()
        },
    })
}

/// Runs `fill/<files>`, or `<operation>/<times>/<from>`, where `from` tells apart
/// what each call writes.
pub(crate) async fn run(
    workspace: &Workspace,
    storage: JsValue,
    args: &[String],
) -> Result<String> {
    let number = |at: usize| args.get(at).and_then(|text| text.parse::<u64>().ok());
    let (Some(operation), Some(times)) = (args.first(), number(1)) else {
        return Err(Error::new(ErrorKind::Invalid, "run figure"));
    };
    let from = number(2).unwrap_or(0);
    let options = ChangeOptions::default;
    match operation.as_str() {
        "fill" => {
            let all: Vec<u64> = (0..times).collect();
            for files in all.chunks(1_000) {
                let changes = files
                    .iter()
                    .map(|n| write(&format!("/d{}/f{n}", n / 100), format!("file {n}")));
                let changes = changes.collect::<Result<_>>()?;
                workspace.files(At::Head).change(changes, options()).await?;
            }
        }
        "fork" => {
            for _ in 0..times {
                workspace.fork(ForkOptions::default())?;
            }
        }
        "discard" => {
            for copy in workspace.copies(true, None, times as usize)? {
                workspace.discard(copy.id)?;
            }
        }
        "edit" => {
            for n in from..from + times {
                let changes = vec![write("/d0/f0", format!("edit {n}"))?];
                workspace.files(At::Head).change(changes, options()).await?;
            }
        }
        "snapshot" => {
            for n in from..from + times {
                let changes = vec![write("/d0/f0", format!("snapshot {n}"))?];
                workspace.files(At::Head).change(changes, options()).await?;
                workspace.snapshot(RevisionMessage::default())?;
            }
        }
        "apply" | "iteration" | "durable-iteration" => {
            let files = if operation == "apply" { 1 } else { 10 };
            for n in from..from + times {
                let copy = workspace.fork(ForkOptions::default())?.id;
                let changes = (0..files)
                    .map(|file| write(&format!("/d0/f{file}"), format!("{operation} {n} {file}")));
                let changes = changes.collect::<Result<_>>()?;
                workspace
                    .files(At::Copy(copy))
                    .change(changes, options())
                    .await?;
                workspace.apply(copy, ApplyOptions::default())?;
                if operation == "durable-iteration" {
                    sync(&storage).await;
                }
            }
        }
        _ => return Err(Error::new(ErrorKind::NotFound, "run figure").at(operation)),
    }
    Ok(format!("{times}"))
}

/// Waits until everything is on disk.
async fn sync(storage: &JsValue) {
    let sync = Reflect::get(storage, &"sync".into()).expect("storage has sync");
    let promise = sync.unchecked_into::<Function>().call0(storage);
    let promise: Promise = promise.expect("sync returns").unchecked_into();
    JsFuture::from(promise)
        .await
        .expect("the database is on disk");
}
