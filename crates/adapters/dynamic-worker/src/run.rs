//! A run: what code does to the files, as one change or none.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use workspace_core::{At, CopyId, DiffOptions, Grant, TreePath, Workspace};
use workspace_http::wire::DifferenceDto;
use workspace_http::{Body, Calls, Contents, Incoming};

use crate::contract::{Arguments, Does, MAX_ARGUMENTS, Method};
use crate::limits::Limits;
use crate::outcome::{Denied, Limit, Paths};
use crate::reply::{Failure, Reply};

/// The most bytes that `readFile` and `readText` hand over at once.
const MAX_READ: u64 = 16 << 20;
/// As many paths are told of what was read or written, and as many refusals.
const TOLD: usize = 1_000;
/// And so many bytes of them, as JSON.
const TOLD_BYTES: usize = 64 << 10;
/// A page of differences has so many unless it is said.
const PAGE: usize = 1_000;
const MAX_PAGE: u64 = 10_000;

/// A run that goes on: its files, and what it has taken of them so far.
#[derive(Debug)]
pub(crate) struct Files {
    workspace: Workspace,
    /// The copy that it works in.
    copy: CopyId,
    /// What it began with.
    base: At,
    grant: Grant,
    /// The same as the contract's calls take it.
    part: String,
    limits: Limits,
    open: Cell<bool>,
    taken: RefCell<Taken>,
}

/// What a run has taken.
#[derive(Debug, Default, Clone)]
pub(crate) struct Taken {
    pub(crate) calls: u32,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    pub(crate) limit: Option<Limit>,
    pub(crate) read: Told<String>,
    pub(crate) denied: Told<Denied>,
}

/// Some of what there was, and how much there was.
#[derive(Debug, Clone)]
pub(crate) struct Told<T> {
    all: BTreeSet<T>,
    bytes: usize,
    more: u64,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self {
            all: BTreeSet::new(),
            bytes: 0,
            more: 0,
        }
    }
}

impl Told<String> {
    /// Returns those of some paths.
    pub(crate) fn of_paths(paths: impl Iterator<Item = String>) -> Self {
        let mut told = Self::default();
        for path in paths {
            let bytes = as_json(&path);
            told.add(path, bytes);
        }
        told
    }
}

impl<T: Ord> Told<T> {
    /// Adds one that takes so many bytes.
    fn add(&mut self, one: T, bytes: usize) {
        if self.all.contains(&one) {
            return;
        }
        if self.all.len() < TOLD && self.bytes + bytes <= TOLD_BYTES {
            self.bytes += bytes;
            self.all.insert(one);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn into_parts(self) -> (Vec<T>, u64) {
        (self.all.into_iter().collect(), self.more)
    }
}

impl Files {
    pub(crate) fn new(
        workspace: Workspace,
        copy: CopyId,
        base: At,
        grant: Grant,
        part: String,
        limits: Limits,
    ) -> Self {
        Self {
            workspace,
            copy,
            base,
            grant,
            part,
            limits,
            open: Cell::new(true),
            taken: RefCell::default(),
        }
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(crate) fn copy(&self) -> CopyId {
        self.copy
    }

    /// Ends it: who kept its files has nothing from now on.
    pub(crate) fn close(&self) -> Taken {
        self.open.set(false);
        self.taken.borrow().clone()
    }

    /// Calls a method. Whatever is wrong is in the reply.
    pub(crate) async fn call(
        &self,
        calls: &Calls,
        method: &str,
        arguments: &str,
        contents: Option<Bytes>,
    ) -> Reply {
        let answered = self.answer(calls, method, arguments, contents).await;
        let refused = answered.as_ref().err().map(|failure| &*failure.code);
        if matches!(refused, Some("denied" | "read_only")) {
            let path = answered.as_ref().err().and_then(|error| error.path.clone());
            let method: String = method.chars().take(100).collect();
            let bytes = as_json(&method) + path.as_deref().map_or(0, as_json);
            let mut taken = self.taken.borrow_mut();
            taken.denied.add(Denied { method, path }, bytes);
        }
        Reply::of(answered)
    }

    async fn answer(
        &self,
        calls: &Calls,
        name: &str,
        arguments: &str,
        contents: Option<Bytes>,
    ) -> Result<(Value, Option<Bytes>), Failure> {
        if !self.open.get() {
            return Err(Failure::of("closed", "the run has ended"));
        }
        self.count(contents.as_ref().map_or(0, Bytes::len) + arguments.len())?;
        if arguments.len() > MAX_ARGUMENTS {
            let why = format!(
                "arguments of {} bytes, of up to {MAX_ARGUMENTS}",
                arguments.len()
            );
            return Err(Failure::of("limit_exceeded", why));
        }
        let method = Method::named(name).ok_or_else(|| {
            let name: String = name.chars().take(100).collect();
            Failure::malformed(format!("there is no method `{name}`"))
        })?;
        let said = method.read(arguments).map_err(Failure::malformed)?;
        if contents.is_some() != (method.does == Does::Write) {
            let why = match method.does {
                Does::Write => "contents are missing".to_owned(),
                _ => format!("`{name}` takes no contents"),
            };
            return Err(Failure::malformed(why));
        }
        let told = said.text("path").or_else(|| said.text("from"));
        let answered = self.done(calls, method, said, contents).await;
        let (value, contents) = answered.map_err(|failure| failure.about(told.as_deref()))?;
        if matches!(method.does, Does::Read | Does::ReadText) || name == "edit" {
            if let Some(path) = told {
                let bytes = as_json(&path);
                self.taken.borrow_mut().read.add(path, bytes);
            }
        } else if name == "grep" {
            self.read_lines_of(&value);
        }
        if method.writes() {
            return Ok((Value::Null, None));
        }
        Ok((value, contents))
    }

    async fn done(
        &self,
        calls: &Calls,
        method: &Method,
        said: Arguments<'_>,
        contents: Option<Bytes>,
    ) -> Result<(Value, Option<Bytes>), Failure> {
        match method.does {
            Does::Diff => Ok((self.diff(&said)?, None)),
            Does::Exists => match self.ask(calls, "stat", said, None).await {
                Ok(_) => Ok((true.into(), None)),
                Err(failure)
                    if failure.code == "not_found" || failure.code == "not_a_directory" =>
                {
                    Ok((false.into(), None))
                }
                Err(failure) => Err(failure),
            },
            Does::Read | Does::ReadText => {
                let (_, bytes) = self.ask(calls, "open_file", said, None).await?;
                let bytes = bytes.unwrap_or_default();
                match method.does {
                    Does::Read => Ok((Value::Null, Some(bytes))),
                    _ => match std::str::from_utf8(&bytes) {
                        Ok(text) => Ok((text.into(), None)),
                        Err(_) => Err(Failure {
                            reason: Some("not_utf8".into()),
                            ..Failure::of("invalid", "not UTF-8")
                        }),
                    },
                }
            }
            Does::Write => {
                let operation = method.operation(said);
                self.ask(calls, "write_file", operation, contents).await
            }
            Does::Call(operation) => self.ask(calls, operation, said, None).await,
            Does::Change(_) => {
                let operation = method.operation(said);
                self.ask(calls, "change", operation, None).await
            }
        }
    }

    /// Calls an operation of the contract, as who has a part of the run's copy.
    async fn ask(
        &self,
        calls: &Calls,
        operation: &str,
        mut arguments: Arguments<'_>,
        contents: Option<Bytes>,
    ) -> Result<(Value, Option<Bytes>), Failure> {
        arguments.set("copy", format!("\"{}\"", self.copy));
        let arguments = arguments.to_json();
        let given = contents.map(|bytes| Incoming {
            size: Some(bytes.len() as u64),
            body: Body::from(bytes),
        });
        let called = calls.call(operation, &arguments, Some(&self.part), given, false);
        let called = called
            .await
            .map_err(|failed| Failure::of_problem(&failed.json))?;
        let value: Value = serde_json::from_slice(&called.json).unwrap_or_default();
        let Some(contents) = called.contents else {
            self.count_read(called.json.len() as u64)?;
            return Ok((value, None));
        };
        let size = value.get("size").and_then(Value::as_u64).unwrap_or(0);
        if size > MAX_READ {
            let why = format!("{size} bytes, and {MAX_READ} are read at once");
            return Err(Failure::of("limit_exceeded", why));
        }
        self.count_read(size)?;
        let Contents::Body(body) = contents else {
            return Err(Failure::of(
                "unavailable",
                "the contents cannot be read here",
            ));
        };
        match body.collect().await {
            Ok(collected) => Ok((value, Some(collected.to_bytes()))),
            Err(error) => Err(Failure::of("corrupt", error.to_string())),
        }
    }

    /// Lists what the run has changed, where it may read.
    fn diff(&self, said: &Arguments<'_>) -> Result<Value, Failure> {
        let limit = match said.number("limit") {
            None => PAGE,
            Some(limit @ 1..=MAX_PAGE) => limit as usize,
            Some(limit) => {
                return Err(Failure {
                    reason: Some("out_of_range".into()),
                    ..Failure::of(
                        "invalid",
                        format!("`limit`: {limit}, expected 1 to {MAX_PAGE}"),
                    )
                });
            }
        };
        let after = said.text("after");
        let after = after.map(|after| TreePath::new(&after).and_then(|at| self.grant.resolve(&at)));
        let after = after.transpose().map_err(Failure::of_error)?;
        let (differences, next) = self.changed(after, limit)?;
        let mut page = json!({ "differences": differences });
        if let (Some(next), Some(page)) = (next, page.as_object_mut()) {
            page.insert("next".into(), next.to_string().into());
        }
        Ok(page)
    }

    /// Returns up to `limit` of what differs from what the run began with, and what comes
    /// after it.
    fn changed(
        &self,
        mut after: Option<TreePath>,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<TreePath>), Failure> {
        let options = DiffOptions::default().renames(false);
        let mut found = Vec::new();
        loop {
            let (from, to) = (self.base, At::Copy(self.copy));
            let page = self
                .workspace
                .diff_page(from, to, &options, after.as_ref(), limit + 1)
                .map_err(Failure::of_error)?;
            // Whatever of it is shown.
            self.count_read(100 * (1 + page.len() as u64))?;
            let whole = page.len() <= limit;
            for mut difference in page.into_iter().take(limit) {
                if found.len() == limit {
                    let next = after.and_then(|after| self.grant.locate(&after));
                    return Ok((found, next));
                }
                after = Some(difference.path.clone());
                let Some(path) = self.grant.locate(&difference.path) else {
                    continue;
                };
                if self.grant.reads(&path) {
                    difference.path = path;
                    found.push(camel(&DifferenceDto::from(&difference)));
                }
            }
            if whole {
                return Ok((found, None));
            }
        }
    }

    /// Returns the paths that were written, as the run sees them.
    pub(crate) fn written(&self) -> Paths {
        let options = DiffOptions::default().renames(false);
        let page =
            self.workspace
                .diff_page(self.base, At::Copy(self.copy), &options, None, TOLD + 1);
        // Too much to be compared is too much to be told.
        let (page, more) = match page {
            Ok(page) => (page, 0),
            Err(_) => (Vec::new(), 1),
        };
        let mut told = Told::default();
        for difference in &page {
            if let Some(path) = self.grant.locate(&difference.path) {
                let path = path.to_string();
                let bytes = as_json(&path);
                told.add(path, bytes);
            }
        }
        let (paths, beyond) = told.into_parts();
        Paths {
            paths,
            more: more + beyond,
        }
    }

    fn read_lines_of(&self, page: &Value) {
        let matches = page.get("matches").and_then(Value::as_array);
        let mut taken = self.taken.borrow_mut();
        for path in matches
            .into_iter()
            .flatten()
            .filter_map(|one| one["path"].as_str())
        {
            taken.read.add(path.into(), as_json(path));
        }
    }

    /// Counts a call, and the bytes that it brings.
    fn count(&self, bytes: usize) -> Result<(), Failure> {
        let mut taken = self.taken.borrow_mut();
        taken.calls = taken.calls.saturating_add(1);
        taken.bytes_written += bytes as u64;
        let over = match () {
            () if taken.calls > self.limits.calls => Limit::Calls,
            () if taken.bytes_read + taken.bytes_written > self.limits.bytes => Limit::Bytes,
            () => return Ok(()),
        };
        taken.limit.get_or_insert(over);
        Err(Failure::of(
            "limit_exceeded",
            "the run has used up its limit",
        ))
    }

    fn count_read(&self, bytes: u64) -> Result<(), Failure> {
        let mut taken = self.taken.borrow_mut();
        taken.bytes_read += bytes;
        if taken.bytes_read + taken.bytes_written > self.limits.bytes {
            taken.limit.get_or_insert(Limit::Bytes);
            return Err(Failure::of(
                "limit_exceeded",
                "the run has used up its limit",
            ));
        }
        Ok(())
    }

    /// Returns the limit that it has come to, of those that are counted here.
    pub(crate) fn limit(&self) -> Option<Limit> {
        self.taken.borrow().limit
    }
}

/// Returns how many bytes a text has in an outcome: of what is escaped there six for one.
fn as_json(text: &str) -> usize {
    serde_json::to_string(text).map_or(text.len(), |json| json.len())
}

/// A difference as over RPC: its names are in camelCase.
fn camel(difference: &DifferenceDto) -> Value {
    workspace_http::camel_case(difference)
}
