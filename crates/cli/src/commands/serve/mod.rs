//! `serve`: the workspace over HTTP.

mod linger;
mod log;
mod patience;
mod room;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use futures::{FutureExt as _, StreamExt as _, stream};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use workspace_core::{Error, ErrorKind, ImportLimits};
use workspace_http::{Access, Bodies, Origins, Pulse, Timer};
use workspace_native::Reserve;

use crate::exit::{Outcome, Result, io_error};
use crate::random;
use crate::run::{Run, read_tokens};
use crate::signals::Signals;
use patience::{Patience, Patient};

/// How long requests under way may take to end, once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How often a stream of events shows that it is alive.
const PULSE: Duration = Duration::from_secs(15);
/// How long a request's head may take to come, and bytes of an answer to be taken.
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(30),
    answer: Duration::from_secs(60),
};
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
    /// An origin, like `https://app.example`, whose pages may ask from a browser, with a
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
    let room = axum::middleware::from_fn_with_state((reserve, access.clone()), room::request);
    let service = workspace_http::router(workspace, access, ImportLimits::default()).layer(room);
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
    let places = Arc::new(Semaphore::new(places()));
    loop {
        tokio::select! {
            accepted = accept(&listener, &places) => match accepted {
                Ok((stream, place)) => {
                    answer(stream, place, service.clone(), PATIENCE, &connections);
                }
                // Too many open files, mostly: some will close.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            _ = signals.next() => break,
        }
    }
    drop(listener);
    // A stream of events that is gone already needs not be told.
    let _ = tell.send(());
    tokio::select! {
        () = connections.shutdown() => {}
        _ = signals.next() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
    Ok(Outcome::Done)
}

/// Waits for a connection, and before that for a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Returns how many connections are answered at a time: half of the files that may be
/// open, so that the other half is left for the database and what is read.
fn places() -> usize {
    #[cfg(unix)]
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let most = None;
    usize::try_from(most.unwrap_or(8192) / 2)
        .unwrap_or(usize::MAX)
        .clamp(8, 4096)
}

/// Answers what comes over a connection, as a task of this thread's.
fn answer(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    service: Router,
    patience: Patience,
    connections: &GracefulShutdown,
) {
    let service = tower::util::MapRequest::new(service, linger::over);
    // Of HTTP/2 only the first bytes could be waited for with a limit.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(MAX_HEAD);
    // Answers go out when they are there, however small.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, patience.answer);
    let service = TowerToHyperService::new(service);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection.into_owned());
    tokio::spawn(async move {
        // Whoever broke it off has nobody left to be told.
        let _ = connection.await;
        drop(place);
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
    random::hex::<32>().map_err(|error| {
        Error::new(ErrorKind::Unavailable, "make token")
            .because("the system has no random numbers")
            .with_source(error)
            .into()
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::*;

    const SHORT: Patience = Patience {
        head: Duration::from_millis(200),
        answer: Duration::from_millis(300),
    };

    /// Serves on this thread while `talk` runs on another one.
    fn serve_while<T: Send + 'static>(
        service: Router,
        talk: impl FnOnce(SocketAddr) -> T + Send + 'static,
    ) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let places = Arc::new(Semaphore::new(100));
            let connections = GracefulShutdown::new();
            let mut talk = tokio::task::spawn_blocking(move || talk(address));
            loop {
                tokio::select! {
                    done = &mut talk => return done.unwrap(),
                    accepted = accept(&listener, &places) => {
                        let (stream, place) = accepted.unwrap();
                        answer(stream, place, service.clone(), SHORT, &connections);
                    }
                }
            }
        })
    }

    #[test]
    fn a_connection_on_which_no_request_comes_is_closed() {
        let service = Router::new().route("/", get(|| async { "here" }));
        serve_while(service, |address| {
            for sent in [
                &b""[..],
                b"P",
                b"PRI * HTTP/2.0\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
                b"GET / HTTP/1.1\r\nHost: x\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            ] {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                let longest = Some(Duration::from_secs(20));
                stream.set_read_timeout(longest).unwrap();
                stream.write_all(sent).unwrap();
                let mut told = Vec::new();
                // It ends, cleanly or not; a time-out would be of another kind.
                let end = stream.read_to_end(&mut told).map_err(|error| error.kind());
                assert!(
                    matches!(end, Ok(_) | Err(io::ErrorKind::ConnectionReset)),
                    "{end:?} after {:?}",
                    String::from_utf8_lossy(sent)
                );
            }
        });
    }

    #[test]
    fn an_answer_that_nobody_takes_is_broken_off() {
        struct Held(Option<oneshot::Sender<()>>);
        impl Drop for Held {
            fn drop(&mut self) {
                let _ = self.0.take().map(|told| told.send(()));
            }
        }
        let (told, dropped) = oneshot::channel();
        let held = std::sync::Mutex::new(Some(Held(Some(told))));
        let held = Arc::new(held);
        let service = Router::new().route(
            "/",
            get(move || {
                let held = held.lock().unwrap().take();
                let body = stream::repeat_with(move || {
                    let _held = &held;
                    Ok::<_, io::Error>(Bytes::from_static(&[7; 65536]))
                });
                async move { Body::from_stream(body) }
            }),
        );
        serve_while(service, |address| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            // What is sent is dropped although this end stays open and reads nothing.
            dropped.blocking_recv().unwrap();
            drop(stream);
        });
    }

    #[test]
    fn connections_leave_files_for_the_database() {
        assert!((8..=4096).contains(&places()));
    }
}
