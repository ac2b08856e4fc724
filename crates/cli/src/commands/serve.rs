//! `serve`: the workspace over HTTP.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use axum::Extension;
use futures::{StreamExt as _, stream};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use workspace_core::{Error, ErrorKind, ImportLimits};
use workspace_http::{Access, Pulse};

use crate::exit::{Outcome, Result, io_error};
use crate::run::Run;

/// How long requests under way may take to end, once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How often a stream of events shows that it is alive.
const PULSE: Duration = Duration::from_secs(15);

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to listen at; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Read the token from this file [default: a new one, which is printed]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What the first line says.
#[derive(Serialize)]
struct ServingShape<'a> {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// Serves the workspace until it is told to stop, by SIGINT or SIGTERM; a second
/// one, or ten seconds, end what is still under way. It stays on this thread,
/// which owns the workspace.
pub(crate) async fn serve(run: &Run, args: &Serve) -> Result<Outcome> {
    let given = args.token_file.as_deref().map(read_token).transpose()?;
    let generated = match &given {
        Some(_) => None,
        None => Some(new_token()?),
    };
    let token = given.as_deref().or(generated.as_deref());
    let access = Access::root(token.unwrap_or_default())?;
    let workspace = run.workspace()?.clone();
    let (tell, mut told) = watch::channel(());
    let pulse = pulse(told.clone());
    let service =
        workspace_http::router(workspace, access, ImportLimits::default()).layer(Extension(pulse));

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

    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        // A sender that is gone says the same.
        let _ = told.changed().await;
    });
    let mut serving = pin!(serving.into_future());
    tokio::select! {
        ended = &mut serving => {
            ended.map_err(failed)?;
            return Ok(Outcome::Done);
        }
        () = signals.next() => {}
    }
    let _ = tell.send(());
    tokio::select! {
        ended = &mut serving => ended.map_err(failed)?,
        () = signals.next() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
    Ok(Outcome::Done)
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

fn read_token(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| io_error("read token", file, error))?;
    Ok(text.trim().to_string())
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
