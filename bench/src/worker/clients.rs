//! Many clients of one workspace at once.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::served::Served;
use super::{PLAIN, PRODUCTION, start};
use crate::Bench;
use crate::figures::{Limit, Section};
use crate::measure::median;

/// How many there are, and files that they read and write.
const CLIENTS: u64 = 64;
const FILES: u64 = 200;
const BYTES: usize = 1024;
/// Their throughput, and the time of the slowest in twenty, over those of a table.
const THROUGHPUT: f64 = 0.7;
const SLOWEST: f64 = 2.0;

/// Where they ask, and as whom.
struct Side {
    address: String,
    /// What stands before the names of files.
    prefix: String,
    token: String,
}

/// What they had of a few seconds.
struct Had {
    requests_a_second: f64,
    /// Of which one in twenty took longer, in seconds.
    slowest: f64,
    /// Connections that were closed before an answer began.
    closed: u64,
}

/// What one of them had.
#[derive(Default)]
struct One {
    taken: Vec<Duration>,
    closed: u64,
}

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (rounds, seconds) = if bench.quick { (3, 2) } else { (9, 5) };
    let mut section = Section::new(
        "In workerd: many clients",
        format!(
            "{CLIENTS} connections to one workspace of the Worker as it is deployed, each with one request \
             after the other, in turn a read and a write of one of {FILES} files of {BYTES} bytes, for \
             {seconds} seconds; and the same to a Worker whose object keeps path, bytes, type and time in \
             one table and does nothing else, with a token to compare. {rounds} rounds in turn, medians. \
             workerd lets some of many local connections wait for seconds while it serves others, and \
             closes some of those unanswered, with either: a client connects anew then, as those of \
             browsers and libraries do."
        ),
    );
    let (ours, table) = (start(bench, PRODUCTION)?, start(bench, PLAIN)?);
    let served = Served::new(bench, &ours, "clients")?;
    let sides = [
        Side {
            address: ours.address().into(),
            prefix: served.path("/v1/head/files/"),
            token: served.token().into(),
        },
        Side {
            address: table.address().into(),
            prefix: "/table/".into(),
            token: "a-token-of-the-table".into(),
        },
    ];
    for side in &sides {
        let mut connection = Connection::new(side)?;
        for file in 0..FILES {
            connection.write(file, 0)?;
        }
    }
    // Both are compiled before they are compared.
    for side in &sides {
        ask(side, Duration::from_secs(seconds))?;
    }
    let mut had: [Vec<Had>; 2] = Default::default();
    for round in 0..rounds {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            had[which].push(ask(&sides[which], Duration::from_secs(seconds))?);
        }
    }
    let throughput = |which: usize| median(had[which].iter().map(|had| had.requests_a_second));
    let slowest = |which: usize| median(had[which].iter().map(|had| had.slowest));
    section.held(
        "requests a second over those of a table",
        throughput(0) / throughput(1),
        "times",
        Limit::AtLeast(THROUGHPUT),
    );
    section.held(
        "time of the slowest in twenty over that of a table",
        slowest(0) / slowest(1),
        "times",
        Limit::AtMost(SLOWEST),
    );
    section.shown("requests", throughput(0), "a second");
    section.shown("the slowest in twenty", slowest(0) * 1e3, "ms");
    let closed = |which: usize| had[which].iter().map(|had| had.closed).sum::<u64>() as f64;
    section.shown("connections closed unanswered", closed(0), "in all rounds");
    section.shown("the same of a table", closed(1), "in all rounds");
    Ok(section)
}

/// Lets all of them ask for a while.
fn ask(side: &Side, time: Duration) -> Result<Had> {
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let all = thread::scope(|scope| -> Result<One> {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let over = &over;
                scope.spawn(move || -> Result<One> {
                    let mut connection = Connection::new(side)?;
                    let mut taken = Vec::new();
                    for turn in 0.. {
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                        let file = (client * 7_919 + turn * 104_729) % FILES;
                        let start = Instant::now();
                        match (client + turn) % 2 {
                            0 => connection.write(file, client << 32 | turn)?,
                            _ => connection.read(file)?,
                        }
                        taken.push(start.elapsed());
                    }
                    Ok(One {
                        taken,
                        closed: connection.closed,
                    })
                })
            })
            .collect();
        thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        let mut all = One::default();
        for client in clients {
            let one = client.join().expect("a client does not panic")?;
            all.taken.extend(one.taken);
            all.closed += one.closed;
        }
        Ok(all)
    })?;
    let took = began.elapsed().as_secs_f64();
    let mut sorted: Vec<f64> = all.taken.iter().map(Duration::as_secs_f64).collect();
    sorted.sort_by(f64::total_cmp);
    let slowest = sorted.get(sorted.len() * 19 / 20).context("no request")?;
    Ok(Had {
        requests_a_second: sorted.len() as f64 / took,
        slowest: *slowest,
        closed: all.closed,
    })
}

fn connect(side: &Side) -> Result<TcpStream> {
    let stream = TcpStream::connect(&side.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// A connection that is kept.
struct Connection<'s> {
    side: &'s Side,
    stream: TcpStream,
    read: Vec<u8>,
    /// How often it was closed before an answer began.
    closed: u64,
}

/// The most often that a connection is closed before an answer begins, of one request.
const CLOSED: u64 = 10;

impl<'s> Connection<'s> {
    fn new(side: &'s Side) -> Result<Self> {
        Ok(Self {
            side,
            stream: connect(side)?,
            read: Vec::new(),
            closed: 0,
        })
    }

    fn head(&self, method: &str, file: u64) -> String {
        let Side { prefix, token, .. } = self.side;
        format!(
            "{method} {prefix}f{file} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        )
    }

    fn read(&mut self, file: u64) -> Result<()> {
        let head = self.head("GET", file) + "\r\n";
        self.ask(head.as_bytes())
    }

    /// Writes a file that nobody wrote before.
    fn write(&mut self, file: u64, content: u64) -> Result<()> {
        let mut request = self.head("PUT", file).into_bytes();
        let headers = format!("Content-Type: text/plain\r\nContent-Length: {BYTES}\r\n\r\n");
        request.extend(headers.as_bytes());
        request.extend(format!("{content:0BYTES$}").as_bytes());
        self.ask(&request)
    }

    /// Asks, over another connection where this one is closed before an answer begins.
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        for _ in 0..CLOSED {
            let sent = self.stream.write_all(request);
            if sent.is_ok() && self.answer()? {
                return Ok(());
            }
            self.closed += 1;
            self.stream = connect(self.side)?;
        }
        bail!("{CLOSED} connections were closed unanswered")
    }

    /// Reads an answer to its end; whether there was one.
    fn answer(&mut self) -> Result<bool> {
        let mut buffer = [0; 8 << 10];
        loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
                let (status, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
                ensure!(status.contains(" 20"), "{status}");
                let headers: BTreeMap<String, &str> = headers
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .map(|(name, value)| (name.to_ascii_lowercase(), value))
                    .collect();
                let length = headers.get("content-length");
                let length: usize = length.context("an answer without a length")?.parse()?;
                let whole = end + 4 + length;
                if self.read.len() >= whole {
                    self.read.drain(..whole);
                    return Ok(true);
                }
            }
            let came = match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                came => came?,
            };
            if came == 0 && self.read.is_empty() {
                return Ok(false);
            }
            ensure!(came > 0, "the connection was closed in an answer");
            self.read.extend(&buffer[..came]);
        }
    }
}
