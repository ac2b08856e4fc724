//! The desk: one object, at which entries wait in a draft until the keeper publishes them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use futures::lock::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use worker::{
    Body, Date, DurableObject, Env, HttpRequest, Request, Response, Result, State, durable_object,
};
use workspace_core::store::{CopyRecord, Site};
use workspace_core::{
    ApplyOptions, At, Change, ChangeOptions, Content, Error, ErrorKind, ForkOptions,
    RevisionMessage, Timestamp, TreeId, TreePath, WriteOptions,
};
use workspace_http::Client;
use workspace_worker::StubTransport;

use crate::{BOOK, WORKSPACE, failed, page};

/// The draft's name: there is one at a time.
const DRAFT: &str = "entries";
/// The most bytes of a form, of a name, and of what somebody says.
const MAX_FORM: usize = 16 << 10;
const MAX_NAME: usize = 80;
const MAX_TEXT: usize = 2_000;
/// For how long a preview can be looked at.
const PREVIEW: Duration = Duration::from_secs(60 * 60);

/// What a visitor writes.
#[derive(Deserialize)]
struct Entry {
    name: String,
    text: String,
}

/// What the keeper has looked at.
#[derive(Deserialize)]
struct Reviewed {
    tree: String,
}

/// The one desk. It holds nothing that is not in the workspace.
#[durable_object(fetch)]
#[derive(Debug)]
pub(crate) struct Desk {
    env: Env,
    /// Held while a draft is read and written: an entry is never written over another.
    writing: Mutex<()>,
}

impl DurableObject for Desk {
    fn new(_: State, env: Env) -> Self {
        let writing = Mutex::new(());
        Self { env, writing }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let request: HttpRequest = request.try_into()?;
        let client = workspace_worker::client(&self.env, BOOK).map_err(failed)?;
        let path = request.uri().path().to_owned();
        let answered = match (request.method().as_str(), &*path) {
            ("POST", "/sign") => self.sign(&client, request.into_body()).await,
            ("GET", "/desk") => waiting(&client).await,
            ("POST", "/desk/preview") => preview(&client).await,
            ("POST", "/desk/publish") => publish(&client, request.into_body()).await,
            ("POST", "/desk/discard") => discard(&client).await,
            _ => return page::told(404, "There is no such page."),
        };
        match answered {
            Ok(response) => response,
            Err(error) => refused(&error),
        }
    }
}

/// A page, or what failed before there was one.
type Answered = std::result::Result<Result<Response>, Error>;
type Book = Client<StubTransport>;

impl Desk {
    /// Puts an entry into the draft, which is forked where there is none.
    async fn sign(&self, client: &Book, body: Body) -> Answered {
        let Some(Entry { name, text }) = form(body).await else {
            return Ok(page::told(400, "That is no entry."));
        };
        let (name, text) = (name.trim(), text.trim());
        if name.is_empty() || text.is_empty() || name.len() > MAX_NAME || text.len() > MAX_TEXT {
            return Ok(page::told(
                400,
                "An entry has a name and a text, neither of them long.",
            ));
        }
        let _writing = self.writing.lock().await;
        let draft = match draft(client).await? {
            Some(draft) => draft,
            None => client.fork(ForkOptions::named(DRAFT)).await?,
        };
        let (at, path) = (At::Copy(draft.id), TreePath::new(page::PATH)?);
        let found = match client.read(at, &path).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => page::EMPTY.into(),
            Err(error) => return Err(error),
        };
        let Some(written) = page::with_entry(&found, name, text) else {
            return Ok(page::told(409, "The guestbook has no place for entries."));
        };
        let write = Change::Write {
            path,
            content: Content::Bytes(written.into()),
            options: WriteOptions::default(),
        };
        client
            .change(at, vec![write], ChangeOptions::default())
            .await?;
        Ok(page::told(
            200,
            "Thank you. It is shown once the keeper has read it.",
        ))
    }
}

/// Says whether something waits, and asks for a look at it.
async fn waiting(client: &Book) -> Answered {
    let look = "<p>Entries wait.\n<form method=\"post\" action=\"/desk/preview\">\
                <button>Look at them</button></form>";
    Ok(match draft(client).await? {
        Some(_) => page::framed(200, look),
        None => page::told(200, "Nothing waits."),
    })
}

/// Shows the draft at a URL of its own, and asks what to do with exactly what it is now.
async fn preview(client: &Book) -> Answered {
    let Some(draft) = draft(client).await? else {
        return Ok(page::told(200, "Nothing waits."));
    };
    let expires = Date::now().as_millis() + PREVIEW.as_millis() as u64;
    let expires = Timestamp::from_millis(expires as i64);
    let preview = client
        .issue_preview(At::Copy(draft.id), &Site::default(), Some(expires))
        .await?;
    let site = format!("{}{}", WORKSPACE.trim_end_matches('/'), preview.path);
    Ok(page::framed(
        200,
        &format!(
            "<p><a href=\"{site}\" target=\"_blank\">What it would be</a>\n\
             <form method=\"post\" action=\"/desk/publish\">\
             <input type=\"hidden\" name=\"tree\" value=\"{}\"><button>Publish that</button></form>\n\
             <form method=\"post\" action=\"/desk/discard\"><button>Throw it away</button></form>",
            preview.tree
        ),
    ))
}

/// Publishes the draft, where it is what the keeper has looked at.
async fn publish(client: &Book, body: Body) -> Answered {
    let reviewed = form::<Reviewed>(body).await;
    let Some(tree) = reviewed.and_then(|reviewed| reviewed.tree.parse::<TreeId>().ok()) else {
        return Ok(page::told(400, "Look at it first."));
    };
    let Some(draft) = draft(client).await? else {
        return Ok(page::told(409, "Nothing waits any more."));
    };
    let options = ApplyOptions::default()
        .message(RevisionMessage::from("new entries"))
        .expect_tree(tree);
    client.apply(draft.id, options).await?;
    Ok(page::told(200, "Published."))
}

async fn discard(client: &Book) -> Answered {
    if let Some(draft) = draft(client).await? {
        client.discard(draft.id).await?;
    }
    Ok(page::told(200, "Thrown away."))
}

/// Returns the draft; `None` where nobody has written since the last one was published.
async fn draft(client: &Book) -> workspace_core::Result<Option<CopyRecord>> {
    match client.find_copy(DRAFT).await {
        Ok(draft) => Ok(Some(draft)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a form; `None` where it is none, or too long.
async fn form<T: DeserializeOwned>(mut body: Body) -> Option<T> {
    let mut bytes = BytesMut::new();
    while let Ok(Some(chunk)) = body.try_next().await {
        let chunk: Bytes = chunk;
        if bytes.len() + chunk.len() > MAX_FORM {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_urlencoded::from_bytes(&bytes).ok()
}

/// Says what to do where the workspace refuses.
fn refused(error: &Error) -> Result<Response> {
    let (status, sentence) = match error.kind() {
        ErrorKind::Stale => (409, "Somebody wrote since you looked. Look again."),
        ErrorKind::Conflict => (409, "The guestbook has changed under the draft."),
        ErrorKind::Unavailable => (503, "It did not work. Try again."),
        _ => return Err(worker::Error::RustError(error.to_string())),
    };
    page::told(status, sentence)
}
