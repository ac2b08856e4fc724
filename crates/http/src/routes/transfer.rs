//! Whole trees in and out, as tar archives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response};
use send_wrapper::SendWrapper;
use serde::Deserialize;
use utoipa::IntoParams;
use workspace_archive::{Sieve, Sifted, TAR, TarSource, tar_stream};
use workspace_core::{ErrorKind, ImportLimits, ImportOptions, TreePath};

use super::{Files, OK};
use crate::body::expect_media_type;
use crate::call::{Answer, Call, json};
use crate::route::Route;
use crate::wire::{Count, ImportedDto};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    let into = |files: Files| {
        let summary = "Imports a tar archive over the files that are there";
        Route::new(
            Method::POST,
            files.route("/import"),
            files.id("import"),
            summary,
            import,
        )
        .query::<ImportQuery>()
        .bytes(TAR)
        .answers::<ImportedDto>(OK, "It is imported.")
        .fails(files.fails())
        .fails(&[
            ErrorKind::NotADirectory,
            ErrorKind::IsADirectory,
            ErrorKind::Conflict,
        ])
        .fails(&[ErrorKind::Closed, ErrorKind::NotFound])
        .fails(&[ErrorKind::Source, ErrorKind::Unsupported])
    };
    routes.extend(Files::CURRENT.map(into));
    for files in Files::ALL {
        for (rest, root) in [("", "_root"), ("/{*path}", "")] {
            let path = files.route(&format!("/export{rest}"));
            let id = files.id(&format!("export{root}"));
            routes.push(
                Route::new(
                    Method::GET,
                    path,
                    id,
                    "Exports a directory as a tar archive",
                    export,
                )
                .answers_bytes(OK, "The archive; the directory is its root.", TAR)
                .fails(files.fails())
                .fails(&[ErrorKind::NotFound, ErrorKind::NotADirectory]),
            );
        }
    }
    routes
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    /// The directory that the archive's root becomes; made where it is missing.
    into: Option<String>,
    /// Whether what is below `into` and not in the archive is removed.
    #[serde(default)]
    #[param(required = false)]
    delete_missing: bool,
    /// Whether what git takes for its own is taken as well, such as `.git/config` or a
    /// repository of another name; otherwise the first is left out, and the second
    /// refused. A workspace's own directory is always left out.
    #[serde(default)]
    #[param(required = false)]
    allow_git: bool,
    /// The most entries to take; no more than the server allows anyway.
    max_entries: Option<Count>,
    /// The most bytes to take in all files.
    max_bytes: Option<Count>,
    /// The most bytes to take in one file.
    max_file_bytes: Option<Count>,
    /// Who imports, in up to 200 bytes; not heeded from the holder of a grant.
    #[serde(default)]
    #[param(required = false)]
    actor: String,
    /// What for, in up to 8 KiB: the operation's note, or the revision's message.
    #[serde(default)]
    #[param(required = false)]
    note: String,
}

async fn import(call: Call) -> Answer {
    let query: ImportQuery = call.query()?;
    let into = query.into.as_deref().unwrap_or("/");
    let into = TreePath::new(into)?;
    expect_media_type(&call.headers, &[TAR, "application/tar"])?;
    let view = call.view_to_change()?;
    let author = call.author(query.actor, query.note);
    let least = |own: u64, asked: Option<Count>| asked.map_or(own, |asked| own.min(asked.get()));
    let limits = ImportLimits::default()
        .entries(least(call.limits.entries, query.max_entries))
        .bytes(least(call.limits.bytes, query.max_bytes))
        .file_bytes(least(call.limits.file_bytes, query.max_file_bytes));
    // What goes over is more than the files: headers, and the padding between.
    let longest = call.limits.bytes.saturating_mul(2);
    let body = call.incoming()?.stream(longest)?;
    let options = ImportOptions::default()
        .into(into)
        .author(author)
        .limits(limits)
        .delete_missing(query.delete_missing);
    let left_out = Arc::new(AtomicU64::new(0));
    let sieve = Sieve::new(limits, query.allow_git, Arc::clone(&left_out));
    let mut source = Sifted::new(Box::new(TarSource::new(body)), sieve);
    let imported = view.import(&mut source, options).await?;
    let left_out = left_out.load(Ordering::Relaxed);
    json(OK, &ImportedDto::new(imported, left_out))
}

async fn export(call: Call) -> Answer {
    let export = call.view()?.export(&call.path()?)?;
    let body = SendWrapper::new(tar_stream(export));
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TAR));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
