//! An operation as one value: its name, method and path, what it takes and answers, how it
//! fails. From it come its routes, its call over RPC, its call in the [`Client`], its part
//! of the document, and what is generated from that: declarations in TypeScript, tables.
//!
//! [`Client`]: crate::Client

mod input;
mod subject;
mod table;

use std::fmt;
use std::marker::PhantomData;

use axum::http::{Method, StatusCode};
use workspace_core::ErrorKind;

pub(crate) use input::{Fields, Raw, Takes, wrong_arguments};
pub use input::{Input, Json, MaybeJson, Query};
pub(crate) use subject::{Find, Named, at_of};
pub use subject::{
    OfCopy, OfFiles, OfGrant, OfPath, OfPreview, OfRevision, PathToChange, Subject, ToChange,
};
pub(crate) use table::{Arguments, ByName, Table, Told};

/// An operation of a workspace: what its path names, `S`, what it takes besides, `I`, and
/// what it answers, `O`.
pub struct Operation<S, I, O> {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) about: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) answer: &'static str,
    pub(crate) fails: &'static [ErrorKind],
    pub(crate) leads: &'static [&'static str],
    pub(crate) once: bool,
    types: PhantomData<fn(S, I) -> O>,
}

impl<S, I, O> Operation<S, I, O> {
    /// Describes an operation that changes nothing.
    pub(crate) const fn get(name: &'static str, path: &'static str) -> Self {
        Self::new(Method::GET, name, path)
    }

    /// Describes one that may change something.
    pub(crate) const fn post(name: &'static str, path: &'static str) -> Self {
        Self::new(Method::POST, name, path)
    }

    /// Describes an operation; `{files}` in its path is every place of the files that its
    /// subject may be about.
    pub(crate) const fn new(method: Method, name: &'static str, path: &'static str) -> Self {
        Self {
            name,
            method,
            path,
            about: "",
            status: StatusCode::OK,
            answer: "",
            fails: &[],
            leads: &[],
            once: false,
            types: PhantomData,
        }
    }

    /// Says what it does.
    pub(crate) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Says what it answers.
    pub(crate) const fn answers(mut self, answer: &'static str) -> Self {
        self.answer = answer;
        self
    }

    /// Says what it made.
    pub(crate) const fn makes(mut self, answer: &'static str) -> Self {
        self.status = StatusCode::CREATED;
        self.answer = answer;
        self
    }

    /// Can fail so, besides what any can meet.
    pub(crate) const fn fails(mut self, fails: &'static [ErrorKind]) -> Self {
        self.fails = fails;
        self
    }

    /// Takes these fields of its input as arguments of their own, in languages that have
    /// arguments by position.
    pub(crate) const fn leads(mut self, leads: &'static [&'static str]) -> Self {
        self.leads = leads;
        self
    }

    /// Can be made once, for a key.
    pub(crate) const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Returns its name, in snake_case: that of the method over RPC is the same in camelCase.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<S, I, O> fmt::Debug for Operation<S, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Declares operations, each with its documentation, which is what the document and the
/// declarations say of it as well.
macro_rules! operations {
    ($($(#[doc = $about:literal])+ static $id:ident: $kind:ty = $made:expr;)+) => {
        $(
            $(#[doc = $about])+
            pub static $id: $kind = $made.about(concat!($($about),+));
        )+
    };
}
pub(crate) use operations;
