//! All operations, as routes and as calls.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use workspace_core::{MemoKey, Repeat, Result};

use super::input::{Fields, Raw, Take, Takes, wrong_arguments};
use super::subject::Named;
use super::{Find, Operation};
use crate::access::Who;
use crate::call::{Answer, Call, On, answered, encoded};
use crate::calls::{Contents, Incoming};
use crate::once::{ABOUT, ARGUMENT, Asked, key_of, named_by};
use crate::problem::Problem;
use crate::route::Route;

/// All routes, and all that can be called by name.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) routes: Vec<Route>,
    pub(crate) calls: Vec<ByName>,
}

/// What can be called by name, without a request.
pub(crate) struct ByName {
    pub(crate) name: &'static str,
    /// Whether it may change something.
    pub(crate) changes: bool,
    pub(crate) handler: Handler,
}

pub(crate) type Handler = Arc<
    dyn Fn(On, Arguments) -> Pin<Box<dyn Future<Output = Result<Told, Problem>>>> + Send + Sync,
>;

/// Finds what an operation is about; returns what does it, of what it takes. With a key it is
/// found where nothing was done under that before.
type Begin = Arc<dyn Fn(On, Named<'_>, Option<MemoKey>) -> Result<Begun, Problem> + Send + Sync>;
/// Resolves to the answer as JSON, and to where what it made is.
type Begun = Box<dyn FnOnce(Raw) -> Pin<Box<dyn Future<Output = Result<Ran, Problem>>>>>;
type Ran = (Vec<u8>, Option<String>);

/// How a call by name says what it is about, and whether it can have a key.
#[derive(Clone, Copy)]
struct Subjects {
    names: &'static [&'static str],
    in_view: bool,
    once: bool,
}

/// How a request comes, and what it is answered with.
#[derive(Clone, Copy)]
struct Over {
    takes: Takes,
    status: StatusCode,
    once: bool,
}

/// Answers a request.
async fn over_http(begin: Begin, over: Over, call: Call) -> Answer {
    let key = match over.once {
        true => key_of(&call.headers)?,
        false => None,
    };
    // What is not there is told before a body is taken.
    let run = begin(call.on.clone(), &|name| call.named(name), key)?;
    let raw = call.raw(over.takes).await?;
    let (json, path) = run(raw).await?;
    Ok(made(over.status, json, path))
}

/// Answers a call by name.
async fn by_name(
    begin: Begin,
    takes: Takes,
    subjects: Subjects,
    on: On,
    mut arguments: Arguments,
) -> Result<Told, Problem> {
    if on.part.is_some() && !subjects.in_view {
        return Err(Problem::denied());
    }
    let key = match subjects.once {
        true => arguments.fields.text(ARGUMENT)?,
        false => None,
    };
    let key = key.map(|key| MemoKey::new(&key)).transpose()?;
    if key.is_some() {
        arguments.fields.0.remove(ARGUMENT);
    }
    let run = begin(on, &|name| arguments.fields.text(name), key)?;
    for name in subjects.names {
        arguments.fields.0.remove(*name);
    }
    let (json, _) = run(takes.arguments(&arguments.fields)?).await?;
    Ok(Told {
        json,
        contents: None,
    })
}

/// What a call by name brings.
pub(crate) struct Arguments {
    pub(crate) fields: Fields,
    /// Contents that go in.
    pub(crate) contents: Option<Incoming>,
    /// Whether contents may go out past this code.
    pub(crate) passes: bool,
}

/// What a call by name answers.
pub(crate) struct Told {
    pub(crate) json: Vec<u8>,
    pub(crate) contents: Option<Contents>,
}

impl Table {
    /// Adds an operation, with what does it.
    pub(crate) fn add<S, I, O, F, Fut>(&mut self, operation: &Operation<S, I, O>, handler: F)
    where
        S: Find,
        I: Take + 'static,
        O: Serialize + ToSchema + 'static,
        F: Fn(On, S::Found, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Problem>> + 'static,
    {
        let begin: Begin = Arc::new(move |on, named, _| {
            let found = S::find(&on, named)?;
            let handler = handler.clone();
            Ok(Box::new(move |raw| {
                let input = I::read(raw);
                Box::pin(async move {
                    let answer = handler(on, found, input?).await?;
                    Ok((encoded(&answer)?, None))
                })
            }))
        });
        self.place(operation, begin);
    }

    /// Adds one that is made once where it has a key, with where what it made is. What it is
    /// about may be gone by the time that it is repeated: what was done is looked up before.
    pub(crate) fn add_once<S, I, O, F, Fut>(
        &mut self,
        operation: &Operation<S, I, O>,
        handler: F,
        path: fn(&O) -> Option<String>,
    ) where
        S: Find,
        I: Take + 'static,
        O: Serialize + DeserializeOwned + ToSchema + 'static,
        F: Fn(On, S::Found, I, Option<Asked>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Repeat<O>, Problem>> + 'static,
    {
        let name = operation.name;
        let begin: Begin = Arc::new(move |on, named, key| {
            let found = S::find(&on, named);
            let (found, subject) = match &key {
                Some(_) => (found, named_by(S::NAMES, named)?),
                None => (Ok(found?), Vec::new()),
            };
            let handler = handler.clone();
            Ok(Box::new(move |raw| {
                let input = I::read(raw);
                Box::pin(async move {
                    let input = input?;
                    let asked = match key {
                        Some(key) => {
                            let (query, body) = (input.query()?, input.body()?.unwrap_or_default());
                            let input = [query.as_bytes(), &body].concat();
                            Some(Asked::new(&on, key, name, &subject, &input)?)
                        }
                        None => None,
                    };
                    let before = match &asked {
                        Some(asked) => asked.before(&on, name)?,
                        None => None,
                    };
                    let told = match before {
                        Some(answer) => Repeat::Again(answer),
                        None => handler(on, found?, input, asked).await?,
                    };
                    Ok(match told {
                        Repeat::First(answer) => (encoded(&answer)?, path(&answer)),
                        Repeat::Again(json) => {
                            let answer = serde_json::from_slice(&json);
                            (json.into(), answer.ok().and_then(|answer| path(&answer)))
                        }
                    })
                })
            }))
        });
        self.place(operation, begin);
    }

    /// Adds the routes of an operation, and its call by name.
    fn place<S, I, O>(&mut self, operation: &Operation<S, I, O>, begin: Begin)
    where
        S: Find,
        I: Take + 'static,
        O: ToSchema,
    {
        let over = Over {
            takes: I::TAKES,
            status: operation.status,
            once: operation.once,
        };
        for place in S::places(operation.path, operation.name) {
            let begin = Arc::clone(&begin);
            let method = operation.method.clone();
            let route = Route::new(
                method,
                place.path,
                place.id,
                operation.about,
                move |call: Call| over_http(Arc::clone(&begin), over, call),
            );
            let route = match operation.once {
                true => route
                    .header("Idempotency-Key", ABOUT)
                    .fails_with(StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
                false => route,
            };
            self.routes.push(
                I::described(route)
                    .answers::<O>(operation.status, operation.answer)
                    .fails(place.fails)
                    .fails(operation.fails)
                    .of(operation.name, operation.leads),
            );
        }
        if Who::of(operation.path) != Who::Root {
            return;
        }
        let told = Subjects {
            names: S::NAMES,
            in_view: S::IN_VIEW,
            once: operation.once,
        };
        let changes = operation.method != axum::http::Method::GET;
        self.call(operation.name, changes, move |on, arguments| {
            by_name(Arc::clone(&begin), I::TAKES, told, on, arguments)
        });
    }

    /// Adds what can be called by name, and is no operation of one route.
    pub(crate) fn call<F, Fut>(&mut self, name: &'static str, changes: bool, handler: F)
    where
        F: Fn(On, Arguments) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Told, Problem>> + 'static,
    {
        self.calls.push(ByName {
            name,
            changes,
            handler: Arc::new(move |on, arguments| Box::pin(handler(on, arguments))),
        });
    }
}

impl Arguments {
    /// Returns what they are about, and takes it out of them.
    pub(crate) fn subject<S: Find>(&mut self, on: &On) -> Result<S::Found, Problem> {
        if on.part.is_some() && !S::IN_VIEW {
            return Err(Problem::denied());
        }
        let found = S::find(on, &|name| self.fields.text(name))?;
        for name in S::NAMES {
            self.fields.0.remove(*name);
        }
        Ok(found)
    }

    /// Returns the contents that are to go in.
    pub(crate) fn contents(&mut self) -> Result<Incoming> {
        self.contents
            .take()
            .ok_or_else(|| wrong_arguments("contents are missing"))
    }

    /// Reads them as what an operation takes.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T> {
        self.fields.read()
    }
}

impl Told {
    /// Tells a value.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self {
            json: encoded(value)?,
            contents: None,
        })
    }
}

/// Returns an answer in JSON, and where what it made is.
fn made(status: StatusCode, json: Vec<u8>, path: Option<String>) -> Response<Body> {
    let mut response = answered(status, json);
    let path = path.and_then(|path| HeaderValue::try_from(path).ok());
    let headers = response.headers_mut();
    headers.extend(path.map(|path| (LOCATION, path)));
    response
}
