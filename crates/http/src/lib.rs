//! The HTTP contract of a workspace: one router, served natively and inside a
//! Durable Object alike. It knows no server and no runtime.
//!
//! - [`router`]: all routes, under `/v1`, over a workspace.
//! - [`Access`]: who may call: the holder of the root token, and the holders of
//!   grants. Nothing is open by default.
//! - [`Client`]: the other side, over any [`Transport`], in the types of the core.
//! - [`Operation`], [`operations`]: each of them as one value; [`Calls`]: the same by name,
//!   without a request.
//! - [`Pulse`]: what a server keeps streams of events alive by, and ends them.
//! - [`Bodies`], [`Timer`]: how many bodies are taken at a time, and what ends those that
//!   do not come.
//! - [`Origins`]: pages of other origins that may ask.
//! - [`RequestId`]: how a server names a request, in its answer and in its log.
//! - [`wire`]: what goes over the wire as JSON.
//! - [`ProblemDto`], [`status`]: failures as problem documents with stable codes.
//! - [`OPENAPI`]: the OpenAPI 3.1 document, made of the routes by [`openapi`].
//! - [`Passage`], [`Passed`]: large bodies past the router, for servers that can.
//! - [`within_preview`]: previews at hosts of their own; [`within_site`]: a site of files that
//!   a server shows by itself.
//!
//! Files are bodies, streamed in both directions; whole trees are tar archives.
//! Below `/v1/view` a grant's token leads to its part of a copy; it leads nowhere
//! else.
//!
//! | | |
//! |---|---|
//! | `/v1/head`, `/v1/copies/{copy}`, `/v1/revisions/{revision}`, `/v1/trees/{tree}`, `/v1/view` | what it is |
//! | … `/files/{path}` | GET, HEAD, PUT, DELETE |
//! | … `/list/{path}`, `/stat/{path}`, `/walk/{path}`, `/export/{path}` | GET |
//! | … `/glob/{path}`, `/grep/{path}` | GET |
//! | … `/changes`, `/edit/{path}`, `/import` | POST |
//! | `/v1/copies/{copy}/…` | `status`, `operations`, `apply`, `rebase`, `undo`, `discard` |
//! | `/v1/events` | what has changed, in pages or as server-sent events |
//! | `…/grants` of head, copies, revisions and views, `/v1/grants/{grant}` | tokens |
//! | `/v1/previews`, `/preview/{token}/` | a tree as a site, for browsers |
//! | `/v1/diff`, `/v1/usage`, `/v1/gc`, `/v1/fsck` | the whole |

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod access;
mod api;
mod body;
mod call;
mod calls;
mod client;
mod conditional;
mod ledger;
mod once;
mod openapi;
mod operation;
mod origins;
mod own_host;
mod passage;
mod problem;
mod pulse;
mod request_id;
mod route;
mod routes;
mod serve;
pub mod wire;

pub use access::Access;
pub use api::{absent, router};
pub use axum::body::Body;
pub use calls::{Called, Calls, Contents, Failed, Incoming, camel_case};
pub use client::{Client, RemoteEvents, RemoteExport, RemoteWalk, Transport, Written};
pub use ledger::{Bodies, Timer};
pub use openapi::{OPENAPI, openapi};
pub use operation::{
    Input, Json, MaybeJson, OfCopy, OfFiles, OfGrant, OfPath, OfPreview, OfRevision, Operation,
    PathToChange, Query, Subject, ToChange,
};
pub use origins::Origins;
pub use own_host::within_preview;
pub use passage::{Passage, Passed};
pub use problem::{ConflictDto, PROBLEM_JSON, PathListDto, ProblemDto, problem, status};
pub use pulse::Pulse;
pub use request_id::{REQUEST, RequestId};
pub use route::{RECEIPT, Routed};
pub use routes::site::within_site;

/// Every operation, as a value: what [`Client::call`] takes.
pub mod operations {
    pub use crate::routes::changes::CHANGE;
    pub use crate::routes::copies::*;
    pub use crate::routes::diff::*;
    pub use crate::routes::edit::*;
    pub use crate::routes::events::EventsQuery;
    pub use crate::routes::grants::*;
    pub use crate::routes::listing::*;
    pub use crate::routes::previews::*;
    pub use crate::routes::revisions::*;
    pub use crate::routes::search::*;
    pub use crate::routes::upkeep::*;
}
