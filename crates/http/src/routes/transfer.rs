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
use workspace_core::{ErrorKind, ImportLimits, ImportOptions, Result, TreePath, View};

use super::{Files, OK};
use crate::body::{Incoming, expect_media_type};
use crate::call::{Answer, Call, On, json};
use crate::calls::Contents;
use crate::operation::{Find, OfPath, Table, ToChange, Told};
use crate::problem::Problem;
use crate::route::Route;
use crate::wire::{Count, ImportedDto};

pub(super) fn all(table: &mut Table) {
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
    table.routes.extend(Files::CURRENT.map(into));
    for place in OfPath::places("{files}/export/{*path}", "export") {
        let about = "Exports a directory as a tar archive";
        table.routes.push(
            Route::new(Method::GET, place.path, place.id, about, export)
                .answers_bytes(OK, "The archive; the directory is its root.", TAR)
                .fails(place.fails)
                .fails(&[ErrorKind::NotFound, ErrorKind::NotADirectory]),
        );
    }
    table.call("import_tar", true, async |on, mut arguments| {
        let view = arguments.subject::<ToChange>(&on)?;
        let body = Incoming::of(arguments.contents()?.body, None, on.clone());
        let query: ImportQuery = arguments.read()?;
        Told::json(&take(on, view, query, || Ok(body)).await?)
    });
    table.call("export_tar", false, async |on, mut arguments| {
        let (view, path) = arguments.subject::<OfPath>(&on)?;
        let Nothing {} = arguments.read()?;
        Ok(Told {
            contents: Some(Contents::Body(archive(&view, &path)?)),
            ..Told::json(&())?
        })
    });
}

/// What an export takes besides a path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

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
    expect_media_type(&call.headers, &[TAR, "application/tar"])?;
    let view = call.on.view_to_change(call.at()?)?;
    json(
        OK,
        &take(call.on.clone(), view, query, || call.incoming()).await?,
    )
}

/// Imports an archive.
async fn take(
    on: On,
    view: View,
    query: ImportQuery,
    body: impl FnOnce() -> Result<Incoming>,
) -> Result<ImportedDto, Problem> {
    let into = TreePath::new(query.into.as_deref().unwrap_or("/"))?;
    let author = on.author(query.actor, query.note);
    let least = |own: u64, asked: Option<Count>| asked.map_or(own, |asked| own.min(asked.get()));
    let limits = ImportLimits::default()
        .entries(least(on.limits.entries, query.max_entries))
        .bytes(least(on.limits.bytes, query.max_bytes))
        .file_bytes(least(on.limits.file_bytes, query.max_file_bytes));
    // What goes over is more than the files: headers, and the padding between.
    let longest = on.limits.bytes.saturating_mul(2);
    let body = body()?.stream(longest)?;
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
    Ok(ImportedDto::new(imported, left_out))
}

async fn export(call: Call) -> Answer {
    let mut response = Response::new(archive(&call.view()?, &call.path()?)?);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TAR));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Returns what is below a path as an archive.
fn archive(view: &View, path: &TreePath) -> Result<Body> {
    let body = SendWrapper::new(tar_stream(view.export(path)?));
    Ok(Body::from_stream(body))
}
