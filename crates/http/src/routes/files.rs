//! One file: read, written, removed.

use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use workspace_core::{
    Author, Change, ChangeOptions, Changed, Content, Entry, Error, ErrorKind, File, MAX_MEDIA_TYPE,
    Precondition, Reason, Result, Sought, Stored, Text, TreePath, View, WriteOptions, media_type,
};

use super::site::guess;
use super::{CREATED, Files, OK, changed_dto};
use crate::access::Holder;
use crate::body::{self, Incoming};
use crate::call::{Answer, Call, On, json};
use crate::conditional::{self, etag, is_conditional};
use crate::operation::{Arguments, OfPath, Table, Told};
use crate::passage::Passage;
use crate::problem::Problem;
use crate::route::Route;
use crate::serve::{BYTES, contents, serve};
use crate::wire::{ChangedDto, Count, EntryDto, Millis, WrittenDto};

pub(super) fn all(table: &mut Table) {
    let read = |files: Files, method: Method, rest: &str, id: &str, summary| {
        let route = Route::new(method, files.route(rest), files.id(id), summary, read)
            .header("Range", "One range of bytes.")
            .header(
                "If-Range",
                "The ETag that the range is of; for a date the whole file is sent.",
            )
            .header("If-Match", "ETags, or `*`.")
            .header("If-None-Match", "ETags, or `*`.")
            .header("If-Modified-Since", "A date.")
            .header("If-Unmodified-Since", "A date.")
            .answers_nothing(StatusCode::NOT_MODIFIED, "The caller has it already.")
            .fails(files.fails())
            .fails(&[
                ErrorKind::NotFound,
                ErrorKind::IsADirectory,
                ErrorKind::NotADirectory,
            ])
            .fails(&[ErrorKind::Stale])
            .fails_with(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable");
        match route.method == Method::HEAD {
            true => route.answers_nothing(OK, "What a GET would say about the file."),
            false => route
                .answers_bytes(
                    OK,
                    "The file; its ETag is of its content and media type.",
                    BYTES,
                )
                .answers_bytes(StatusCode::PARTIAL_CONTENT, "The range.", BYTES),
        }
    };
    let write = |files: Files, rest: &str| {
        Route::new(
            Method::PUT,
            files.route(rest),
            files.id("write_file"),
            "Writes a file; its media type is the Content-Type, but for what clients send unasked",
            write,
        )
        .query::<WriteQuery>()
        .header(
            "If-Match",
            "ETags or contents, in quotes, that the file there may have, or `*` for any file.",
        )
        .header(
            "If-None-Match",
            "`*` where nothing may be there, or ETags that it may not have.",
        )
        .header("If-Unmodified-Since", "A date.")
        .bytes(BYTES)
        .fails_with(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        .answers::<WrittenDto>(OK, "A file was there, and now this one is.")
        .answers::<WrittenDto>(CREATED, "Nothing was there, and now this file is.")
        .fails(files.fails())
        .fails(&[
            ErrorKind::NotFound,
            ErrorKind::IsADirectory,
            ErrorKind::NotADirectory,
        ])
        .fails(&[ErrorKind::Stale])
        .fails_with(StatusCode::PRECONDITION_FAILED, "already_exists")
    };
    let remove = |files: Files, rest: &str| {
        Route::new(
            Method::DELETE,
            files.route(rest),
            files.id("remove"),
            "Removes an entry",
            remove,
        )
        .query::<RemoveQuery>()
        .header(
            "If-Match",
            "ETags or contents, in quotes, that the file there may have, or `*` for anything.",
        )
        .header("If-Unmodified-Since", "A date.")
        .answers::<ChangedDto>(OK, "It is gone.")
        .fails(files.fails())
        .fails(&[
            ErrorKind::NotFound,
            ErrorKind::NotADirectory,
            ErrorKind::NotEmpty,
        ])
        .fails(&[ErrorKind::Stale])
        .fails_with(StatusCode::PRECONDITION_FAILED, "already_exists")
    };
    // The root is no file; that it is a directory is told as of any other.
    for rest in ["/files/{*path}", "/files", "/files/"] {
        let documented = rest == "/files/{*path}";
        let told = |route: Route| match documented {
            true => route,
            false => route.undocumented(),
        };
        for files in Files::ALL {
            let summary = "Reads a file, or a range of it";
            let route = read(files, Method::GET, rest, "read_file", summary);
            table.routes.push(told(route));
            let summary = "Tells about a file";
            let route = read(files, Method::HEAD, rest, "look_at_file", summary);
            table.routes.push(told(route));
        }
        for files in Files::CURRENT {
            let changes = [write(files, rest), remove(files, rest)];
            table.routes.extend(changes.map(told));
        }
    }
    table.call("open_file", false, open);
    table.call("write_file", true, write_contents);
}

async fn read(call: Call) -> Answer {
    let path = call.path()?;
    let view = call.view()?;
    // A directory or nothing is told from a file by the facade's own errors.
    let file = file_at(&view, &path).await?;
    serve(&call, &path, &file).await
}

/// Returns the file at a path.
pub(super) async fn file_at(view: &View, path: &TreePath) -> Result<File> {
    match view.stat(path)? {
        Some(Entry::File(file)) => Ok(file),
        _ => {
            view.open(path, None).await?;
            Err(Error::not_found(Sought::Path, "read").at(path))
        }
    }
}

/// Which part of a file is opened.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenArguments {
    #[serde(default)]
    offset: Count,
    length: Option<Count>,
}

/// A file that was opened.
#[derive(Serialize)]
struct OpenedDto {
    size: Count,
    content: String,
    media_type: String,
}

/// Opens a file, or a part of it.
async fn open(on: On, mut arguments: Arguments) -> Result<Told, Problem> {
    let (view, path) = arguments.subject::<OfPath>(&on)?;
    let passes = arguments.passes;
    let OpenArguments { offset, length } = arguments.read()?;
    if length.is_some_and(|length| length.get() == 0) {
        return Err(Error::invalid(Reason::MalformedRange, "read")
            .at(path)
            .because("a length of nothing; expected a number of bytes, at least one")
            .into());
    }
    let file = file_at(&view, &path).await?;
    let start = offset.get();
    if start >= file.size && (start > 0 || length.is_some()) {
        return Err(Problem::range_not_satisfiable(file.size));
    }
    let left = file.size - start;
    let length = length.map_or(left, |length| length.get().min(left));
    let told = OpenedDto {
        size: length.into(),
        content: file.content.to_string(),
        media_type: file
            .media_type
            .as_ref()
            .map_or(BYTES, |kind| kind.as_str())
            .into(),
    };
    let contents = contents(&on.workspace, &file, start..start + length, passes).await?;
    Ok(Told {
        contents: Some(contents),
        ..Told::json(&told)?
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WriteQuery {
    /// Whether to make the directories that are missing above.
    #[serde(default)]
    #[param(required = false)]
    create_parents: bool,
    /// Whether it may be executed; absent keeps what a file there has.
    executable: Option<bool>,
    /// When it was modified; absent for now.
    modified: Option<Millis>,
    /// Its media type, whatever the Content-Type says.
    media_type: Option<String>,
    /// Where it came from; absent keeps it only with the content.
    provenance: Option<String>,
    /// The copy's generation, or head's version, that the caller has seen.
    expect_generation: Option<Count>,
    /// Who writes it, in up to 200 bytes; not heeded from the holder of a grant.
    #[serde(default)]
    #[param(required = false)]
    actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    #[param(required = false)]
    note: String,
}

async fn write(call: Call) -> Answer {
    let path = call.path()?;
    let query: WriteQuery = call.query()?;
    let view = call.view()?;
    let author = call.on.author(query.actor, query.note);
    let headers = call.headers.clone();
    let media_type = match query.media_type.as_deref().map(media_type).transpose()? {
        None => written_media_type(&headers, &path)?,
        said => said,
    };
    let provenance = query.provenance.as_deref().map(Text::new).transpose()?;
    refuse_part(&headers)?;
    let (on, size, passage) = (call.on.clone(), call.body_size(), call.passage.clone());
    let written = Writing {
        on,
        view,
        path,
        how: WriteOptions::default()
            .create_parents(query.create_parents)
            .executable(query.executable)
            .modified(query.modified.map(Into::into))
            .media_type(media_type)
            .provenance(provenance),
        options: options(query.expect_generation, author),
    }
    .write(size, passage, || call.incoming(), &headers);
    let Placing { found, body, tag } =
        written
            .await
            .map_err(|problem| match is_conditional(&headers) {
                true => problem.of_condition(),
                false => problem,
            })?;
    let mut response = json(if found { OK } else { CREATED }, &body)?;
    response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
    Ok(response)
}

/// How a file is written by a call by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteArguments {
    #[serde(default)]
    create_parents: bool,
    executable: Option<bool>,
    modified: Option<Millis>,
    media_type: Option<String>,
    provenance: Option<String>,
    if_content: Option<String>,
    #[serde(default)]
    if_absent: bool,
    expect_generation: Option<Count>,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    note: String,
}

/// Writes a file of contents that come beside the arguments.
async fn write_contents(on: On, mut arguments: Arguments) -> Result<Told, Problem> {
    let (view, path) = arguments.subject::<OfPath>(&on)?;
    let contents = arguments.contents()?;
    let said: WriteArguments = arguments.read()?;
    on.view_to_change(view.at())?;
    let precondition = match (said.if_content, said.if_absent) {
        (None, false) => Precondition::None,
        (Some(content), false) => Precondition::Content(content.parse()?),
        (None, true) => Precondition::Absent,
        (Some(_), true) => {
            return Err(Error::invalid(Reason::Contradiction, "write")
                .at(path)
                .because("a content that is there, and nothing that is there")
                .into());
        }
    };
    let author = on.author(said.actor, said.note);
    let body = Incoming::of(contents.body, None, on.clone());
    let unconditional = HeaderMap::new();
    let writing = Writing {
        on,
        view,
        path,
        how: WriteOptions::default()
            .create_parents(said.create_parents)
            .executable(said.executable)
            .modified(said.modified.map(Into::into))
            .media_type(said.media_type.as_deref().map(media_type).transpose()?)
            .provenance(said.provenance.as_deref().map(Text::new).transpose()?)
            .precondition(precondition),
        options: options(said.expect_generation, author),
    };
    let written = writing.write(contents.size, None, || Ok(body), &unconditional);
    Told::json(&written.await?.body)
}

/// A write of a file.
struct Writing {
    on: On,
    view: View,
    path: TreePath,
    how: WriteOptions,
    options: ChangeOptions,
}

/// What came of it.
struct Placing {
    /// Whether something was there.
    found: bool,
    body: WrittenDto,
    /// The tag of the file, where its writer may read it.
    tag: Option<HeaderValue>,
}

impl Writing {
    /// Writes the body, of `size` bytes where that is known, if the conditions in the
    /// headers hold.
    async fn write(
        self,
        size: Option<u64>,
        passage: Option<Passage>,
        body: impl FnOnce() -> Result<Incoming>,
        conditions: &HeaderMap,
    ) -> Result<Placing, Problem> {
        let workspace = self.on.workspace.clone();
        let placed = self.place(size, passage, body, conditions).await;
        if placed.is_err() {
            // The body may be stored already.
            workspace.let_go().await;
        }
        placed
    }

    async fn place(
        self,
        size: Option<u64>,
        passage: Option<Passage>,
        body: impl FnOnce() -> Result<Incoming>,
        conditions: &HeaderMap,
    ) -> Result<Placing, Problem> {
        let Self {
            on,
            view,
            path,
            how,
            options,
        } = self;
        if !view.grant().writes(&path) {
            return Err(Problem::denied());
        }
        // Before the body is taken: what can be known to fail should not be sent. A small
        // one has been sent already.
        check_condition(conditions, &view, &path)?;
        let small = on.workspace.options().inline_limit as u64;
        if size.is_none_or(|size| size > small) {
            view.check_write(&path, how.clone(), &options)?;
        }
        let stored = store(&on, passage, body()?).await?;
        let content = stored.id();
        let change = Change::Write {
            path: path.clone(),
            content: Content::Stored(stored),
            options: how,
        };
        // And again in the transaction that writes it: nobody comes between.
        let (found, changed) = change_if(conditions, &view, &path, change, options).await?;
        let written = match view.grant().reads(&path) {
            true => view.stat(&path)?,
            false => None,
        };
        // What somebody else wrote since has a tag that its writer was given.
        let file = written.as_ref().and_then(Entry::as_file);
        let file = file.filter(|file| file.content == content);
        Ok(Placing {
            found,
            tag: file.and_then(|file| HeaderValue::try_from(etag(file)).ok()),
            body: WrittenDto {
                path: path.to_string(),
                entry: written.as_ref().map(EntryDto::from),
                changed: changed_dto(changed, on.is_partial()),
            },
        })
    }
}

/// Stores a body.
async fn store(on: &On, passage: Option<Passage>, body: Incoming) -> Result<Stored> {
    let (workspace, limit) = (&on.workspace, on.limits.file_bytes);
    // What no budget has room for is not taken; the commit looks again.
    let left = on.holder.as_ref().map(Holder::left).transpose()?;
    let limit = left.flatten().map_or(limit, |left| limit.min(left));
    let inline = workspace.options().inline_limit as u64;
    match (passage, body.declared(limit)?) {
        (Some(passage), Some(size)) if size > inline => {
            on.ledger.small().await?;
            let reserved = workspace.reserve();
            let content = passage.store(reserved.key().clone(), size).await?;
            let content = content.ok_or_else(|| on.ledger.stalled())?;
            let stored = reserved.stored(content, size);
            on.holder.as_ref().map_or(Ok(()), Holder::check)?;
            Ok(stored)
        }
        _ => workspace.store(Box::pin(body.stream(limit)?)).await,
    }
}

/// Evaluates the conditions of a write by what is there now.
fn check_condition(headers: &HeaderMap, view: &View, path: &TreePath) -> Result<(), Problem> {
    if !is_conditional(headers) {
        return Ok(());
    }
    let found = view.stat(path).map_err(as_of_change)?;
    conditional::write(headers, path, found.as_ref()).map_err(Problem::conditional)
}

/// Makes a change whose conditions hold as it is committed; tells whether something was
/// there. Who may write but not read is told that there was, and may set no condition.
async fn change_if(
    headers: &HeaderMap,
    view: &View,
    path: &TreePath,
    change: Change,
    options: ChangeOptions,
) -> Result<(bool, Changed)> {
    if !view.grant().reads(path) && !is_conditional(headers) {
        return Ok((true, view.change(vec![change], options).await?));
    }
    let mut found = false;
    let holds = |entry: Option<&Entry>| {
        found = entry.is_some();
        conditional::write(headers, path, entry)
    };
    let changed = view.change_if(path, holds, vec![change], options).await?;
    Ok((found, changed))
}

/// Tells that the files cannot be found as the change itself would tell it.
fn as_of_change(error: Error) -> Error {
    if error.operation() != "resolve" {
        return error;
    }
    let mut told = Error::new(error.kind(), "change");
    if let Some(subject) = error.subject() {
        told = told.at(subject);
    }
    match error.detail() {
        Some(detail) => told.because(detail),
        None => told,
    }
}

/// Returns the media type that a writer means. Clients send some without being asked:
/// that of bytes; curl that of a form; `fetch` that of text in UTF-8 for any string,
/// which says nothing about a file whose name says what it is.
///
/// # Errors
/// A form with its envelope, which is not the file; `Invalid` for what is no media
/// type.
fn written_media_type(
    headers: &HeaderMap,
    path: &TreePath,
) -> Result<Option<Text<MAX_MEDIA_TYPE>>, Problem> {
    let Some(kind) = body::media_type(headers) else {
        return Ok(None);
    };
    let value = headers.get(CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    match &*kind {
        BYTES | "application/x-www-form-urlencoded" => Ok(None),
        "multipart/form-data" => Err(Problem::unsupported_media_type(&kind, "the file itself")),
        "text/plain" if text.is_some_and(is_utf8) && says_otherwise(path) => Ok(None),
        _ => Ok(Some(media_type(text.unwrap_or_default())?)),
    }
}

/// Tells whether a name is that of something else than plain text.
fn says_otherwise(path: &TreePath) -> bool {
    guess(path).is_some_and(|kind| !kind.starts_with("text/plain"))
}

/// Tells whether a media type names UTF-8 as its charset.
fn is_utf8(kind: &str) -> bool {
    let parameters = kind.split(';').skip(1);
    let mut parameters = parameters.filter_map(|parameter| parameter.split_once('='));
    parameters.any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset")
            && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

/// A part of a file, taken for the whole, would lose the rest.
fn refuse_part(headers: &HeaderMap) -> Result<()> {
    match headers.contains_key(CONTENT_RANGE) {
        true => Err(Error::invalid(Reason::MalformedHeader, "write")
            .because("a Content-Range, and files are written whole")),
        false => Ok(()),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct RemoveQuery {
    /// Whether a directory goes with all that is in it.
    #[serde(default)]
    #[param(required = false)]
    recursive: bool,
    /// The copy's generation, or head's version, that the caller has seen.
    expect_generation: Option<Count>,
    /// Who removes it, in up to 200 bytes; not heeded from the holder of a grant.
    #[serde(default)]
    #[param(required = false)]
    actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    #[param(required = false)]
    note: String,
}

async fn remove(call: Call) -> Answer {
    let path = call.path()?;
    let query: RemoveQuery = call.query()?;
    let view = call.view()?;
    let change = Change::Remove {
        path: path.clone(),
        recursive: query.recursive,
    };
    let author = call.on.author(query.actor, query.note);
    let options = options(query.expect_generation, author);
    let (_, changed) = change_if(&call.headers, &view, &path, change, options)
        .await
        .map_err(|error| match is_conditional(&call.headers) {
            true => Problem::conditional(error),
            false => error.into(),
        })?;
    json(OK, &changed_dto(changed, call.on.is_partial()))
}

fn options(expect_generation: Option<Count>, author: Author) -> ChangeOptions {
    ChangeOptions::default()
        .author(author)
        .expect_generation(expect_generation.map(Count::get))
}
