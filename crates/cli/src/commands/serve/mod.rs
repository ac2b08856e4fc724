//! `serve`: the workspace over HTTP.

mod linger;
mod log;
mod room;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::{Extension, Router};
use futures::{FutureExt as _, StreamExt as _, stream};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use workspace_core::{Error, ErrorKind, ImportLimits};
use workspace_http::{Access, Bodies, Origins, Pulse, Timer};
use workspace_native::Reserve;

use crate::exit::{Outcome, Result, io_error};
use crate::run::{Run, read_tokens};

/// How long requests under way may take to end, once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How often a stream of events shows that it is alive.
const PULSE: Duration = Duration::from_secs(15);
/// How long a request's head may take to come.
const HEAD: Duration = Duration::from_secs(30);
/// As many bodies are taken at a time, of the root token's holder, and again of all
/// holders of grants; and as many of over 256 KiB, which hold up to 16 MiB each.
const BODIES: usize = 1024;
const LARGE_BODIES: usize = 64;
/// The most bytes of a request's head: more than the longest path, note and
/// token need.
const MAX_HEAD: usize = 128 << 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to listen at; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// An origin, like https://app.example, whose pages may ask from a browser, with a
    /// token that they have; more than once for more
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
}

/// What the first line says.
#[derive(Serialize)]
struct ServingShape<'a> {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// Serves the workspace, and writes a line for each request to standard error, unless
/// `--quiet` says not to, until it is told to stop, by SIGINT or SIGTERM; a second
/// one, or ten seconds, end what is still under way. It stays on this thread,
/// which owns the workspace.
pub(crate) async fn serve(run: &Run, args: &Serve) -> Result<Outcome> {
    run.local_only("serve")?;
    let given = run
        .global
        .token_file
        .as_deref()
        .map(read_tokens)
        .transpose()?;
    let generated = match &given {
        Some(_) => None,
        None => Some(new_token()?),
    };
    let token = given.as_deref().or(generated.as_deref());
    let access = Access::root(token.unwrap_or_default())?;
    let origins = Origins::new(&args.origin.join(" "))?;
    let workspace = run.open()?;
    let (tell, told) = watch::channel(());
    let reserve = Reserve::of(run.directory()?);
    let service = workspace_http::router(workspace, access, ImportLimits::default())
        .layer(axum::middleware::from_fn_with_state(reserve, room::request));
    let service = origins
        .admit(service)
        .layer(Extension(pulse(told)))
        .layer(Extension(Bodies::new(BODIES, LARGE_BODIES)))
        .layer(Extension(Timer::new(|time| {
            tokio::time::sleep(time).boxed()
        })));
    let service = match run.out.is_quiet() {
        true => service,
        false => {
            log::start(run.out.is_json());
            service.layer(axum::middleware::from_fn(log::request))
        }
    };

    let failed = |error| io_error("listen", Path::new(&args.listen.to_string()), error);
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    let mut signals = Signals::new().map_err(failed)?;
    let token = generated.as_deref();
    match run.out.is_json() {
        true => run.out.json(&ServingShape { url, token })?,
        false => run.out.line(match token {
            Some(token) => format!("{url} token {token}"),
            None => url,
        })?,
    }
    // Whoever reads this waits for it, and not for the server to end.
    run.out.flush()?;

    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => answer(stream, service.clone(), &connections),
                // Too many open files, mostly: some will close.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            () = signals.next() => break,
        }
    }
    drop(listener);
    // A stream of events that is gone already needs not be told.
    let _ = tell.send(());
    tokio::select! {
        () = connections.shutdown() => {}
        () = signals.next() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
    Ok(Outcome::Done)
}

/// Answers what comes over a connection, as a task of this thread's.
fn answer(stream: TcpStream, service: Router, connections: &GracefulShutdown) {
    let service = tower::util::MapRequest::new(service, linger::over);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD);
    // Answers go out when they are there, however small.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(service);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection.into_owned());
    tokio::spawn(async move {
        // Whoever broke it off has nobody left to be told.
        let _ = connection.await;
    });
}

/// Ticks until the server is told to stop: streams of events would not end
/// otherwise.
fn pulse(told: watch::Receiver<()>) -> Pulse {
    Pulse::new(move || {
        let start = tokio::time::Instant::now() + PULSE;
        let timer = tokio::time::interval_at(start, PULSE);
        stream::unfold((timer, told.clone()), |(mut timer, mut told)| async {
            tokio::select! {
                _ = timer.tick() => Some(((), (timer, told))),
                _ = told.changed() => None,
            }
        })
        .boxed()
    })
}

/// Makes a token of 256 random bits.
fn new_token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "make token")
            .because("the system has no random numbers")
            .with_source(std::io::Error::other(error))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The signals that end the server.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    /// Waits for one of them.
    async fn next(&mut self) {
        #[cfg(unix)]
        let terminated = self.terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<Option<()>>();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
    }
}
