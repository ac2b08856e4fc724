//! Repeated operations, timed by whoever asks for them.

use bytes::Bytes;
use js_sys::{ArrayBuffer, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use workspace_core::{
    ApplyOptions, At, Change, ChangeOptions, Content, Error, ErrorKind, ForkOptions, Result,
    RevisionMessage, Timestamp, TreePath, Workspace, WriteOptions,
};

fn write(path: &str, content: String) -> Result<Change> {
    Ok(Change::Write {
        path: TreePath::new(path)?,
        content: Content::Bytes(Bytes::from(content)),
        options: WriteOptions::default()
            .create_parents(true)
            // The same content is the same entry, whenever it is written.
            .modified(Timestamp::from_millis(0)),
    })
}

async fn change(workspace: &Workspace, at: At, changes: Vec<Change>) -> Result<()> {
    let files = workspace.files(at);
    files.change(changes, ChangeOptions::default()).await?;
    Ok(())
}

/// Writes one of two states, from either of which the other is one change away.
async fn turn(workspace: &Workspace, at: At, n: u64) -> Result<()> {
    change(
        workspace,
        at,
        vec![write("/d0/f0", format!("turn {}", n % 2))?],
    )
    .await
}

/// Runs `<operation>/<times>/<from>`, where `from` tells apart what each call
/// writes; for `fill` it is the first file.
pub(crate) async fn run(
    workspace: &Workspace,
    storage: &JsValue,
    args: &[String],
) -> Result<String> {
    let number = |at: usize| args.get(at).and_then(|text| text.parse::<u64>().ok());
    let operation = args.first().map_or("", String::as_str);
    let (times, from) = (number(1).unwrap_or(0), number(2).unwrap_or(0));
    match operation {
        "database-bytes" => return Ok(database_bytes(storage)),
        "memory-bytes" => return Ok(memory_bytes()),
        "fill" => {
            let all: Vec<u64> = (from..from + times).collect();
            for files in all.chunks(1_000) {
                let changes = files
                    .iter()
                    .map(|n| write(&format!("/d{}/f{n}", n / 100), format!("file {n}")));
                change(workspace, At::Head, changes.collect::<Result<_>>()?).await?;
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
        // Copies that `apply` can apply one after the other, for each begins where
        // the one before it leads.
        "draft" => {
            for n in 0..times {
                turn(workspace, At::Head, n).await?;
                let copy = workspace.fork(ForkOptions::default())?.id;
                turn(workspace, At::Copy(copy), n + 1).await?;
            }
            turn(workspace, At::Head, 0).await?;
        }
        "apply" => {
            for copy in workspace.copies(true, None, times as usize)? {
                workspace.apply(copy.id, ApplyOptions::default())?;
            }
        }
        // What `snapshot` does besides, so that it can be subtracted.
        "turn" | "snapshot" => {
            for n in 0..times {
                turn(workspace, At::Head, n).await?;
                if operation == "snapshot" {
                    workspace.snapshot(RevisionMessage::default())?;
                }
            }
        }
        "iteration" | "durable-iteration" => {
            for n in from..from + times {
                let copy = workspace.fork(ForkOptions::default())?.id;
                let changes = (0..10)
                    .map(|file| write(&format!("/d0/f{file}"), format!("{operation} {n} {file}")));
                change(workspace, At::Copy(copy), changes.collect::<Result<_>>()?).await?;
                workspace.apply(copy, ApplyOptions::default())?;
                if operation == "durable-iteration" {
                    sync(storage).await;
                }
            }
        }
        _ => return Err(Error::new(ErrorKind::NotFound, "run figure").at(operation)),
    }
    Ok(times.to_string())
}

/// Returns the size of the object's database, free pages included.
fn database_bytes(storage: &JsValue) -> String {
    let sql = Reflect::get(storage, &"sql".into()).expect("storage has SQL");
    let size = Reflect::get(&sql, &"databaseSize".into()).expect("SQL has a size");
    size.as_f64().expect("a size is a number").to_string()
}

/// Returns how much memory the instance has grown to; it never shrinks.
fn memory_bytes() -> String {
    let buffer = Reflect::get(&wasm_bindgen::memory(), &"buffer".into());
    let buffer = buffer.expect("memory has a buffer").unchecked_into();
    ArrayBuffer::byte_length(&buffer).to_string()
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
