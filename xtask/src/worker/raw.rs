//! HTTP by hand: requests that no client would send.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A server, and the workspace on it that is called.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    /// What stands before `/v1`.
    pub(crate) prefix: String,
    pub(crate) token: String,
}

/// A request that is being put together.
pub(crate) struct Request<'a> {
    target: &'a Target,
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
    /// What the header says, where that is not the body's length.
    declared: Option<String>,
}

/// An answer. Status 0 is none: the connection was closed without one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Target {
    /// Begins a request with the target's token; `path` comes after the prefix.
    pub(crate) fn call(&self, method: &str, path: &str) -> Request<'_> {
        self.anonymous(method, path)
            .header(&format!("Authorization: Bearer {}", self.token))
    }

    /// Begins a request without a token.
    pub(crate) fn anonymous(&self, method: &str, path: &str) -> Request<'_> {
        self.hosted(method, path, "Host: test")
    }

    /// Begins a request without a token to another host.
    pub(crate) fn hosted(&self, method: &str, path: &str, host: &str) -> Request<'_> {
        Request {
            target: self,
            line: format!("{method} {}{path} HTTP/1.1", self.prefix),
            headers: vec![host.into(), "Connection: close".into()],
            body: Vec::new(),
            declared: None,
        }
    }

    /// Returns the same workspace at another address.
    pub(crate) fn moved(&self, address: &str) -> Self {
        Self {
            address: address.into(),
            ..self.clone()
        }
    }

    /// Returns the same server with another workspace.
    pub(crate) fn at(&self, prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
            ..self.clone()
        }
    }
}

impl Request<'_> {
    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push(line.into());
        self
    }

    /// Asks for a WebSocket.
    pub(crate) fn upgrading(mut self) -> Self {
        self.headers.retain(|line| line != "Connection: close");
        for line in [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            self.headers.push(line.into());
        }
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type: application/json")
            .body(body.to_string())
    }

    /// Says another length than the body has, or none for a chunked body.
    pub(crate) fn declared(mut self, length: &str) -> Self {
        self.declared = Some(length.into());
        self
    }

    /// Sends it and reads the answer.
    pub(crate) fn send(self) -> Result<Answer> {
        self.exchange(false)
    }

    /// Sends it, and no more: the body ends here, whatever was declared.
    pub(crate) fn cut(self) -> Result<Answer> {
        self.exchange(true)
    }

    fn exchange(self, cut: bool) -> Result<Answer> {
        let mut stream = TcpStream::connect(&self.target.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut head = self.line.clone();
        for line in &self.headers {
            head.push_str("\r\n");
            head.push_str(line);
        }
        match self.declared.as_deref() {
            Some("chunked") => head.push_str("\r\nTransfer-Encoding: chunked"),
            Some(length) => head.push_str(&format!("\r\nContent-Length: {length}")),
            None => head.push_str(&format!("\r\nContent-Length: {}", self.body.len())),
        }
        head.push_str("\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        // A server that has said no need not listen any more.
        let _refused = stream.write_all(&bytes);
        if cut {
            let _gone = stream.shutdown(Shutdown::Write);
        }
        let mut answer = Vec::new();
        let mut buffer = [0; 64 << 10];
        // Not every connection is closed by the server, although it was asked to.
        while !ended(&answer, self.line.starts_with("HEAD ")) {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => answer.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    bail!("no answer in a minute: {}", self.line)
                }
                Err(_) => break,
            }
        }
        Answer::parse(&answer)
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            let (head, body) = (String::new(), Vec::new());
            return Ok(Self {
                status: 0,
                head,
                body,
            });
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).context("an answer has a status")?;
        let mut body = bytes[end + 4..].to_vec();
        if head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked")
        {
            body = unchunked(&body);
        }
        Ok(Self {
            status: status.parse()?,
            head,
            body,
        })
    }

    /// Fails unless it has this status.
    pub(crate) fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "expected {status}: {}\n{}",
            self.head,
            String::from_utf8_lossy(&self.body)
        );
        Ok(self)
    }

    /// Fails unless it is a problem document of this status and code.
    pub(crate) fn problem(self, status: u16, code: &str) -> Result<()> {
        let answer = self.expect(status)?;
        let problem = answer.json()?;
        ensure!(
            answer.head.contains("application/problem+json") && problem["code"] == code,
            "expected {code}: {problem}"
        );
        Ok(())
    }

    /// Returns the value of a header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| String::from_utf8_lossy(&self.body).into_owned())
    }
}

/// Tells whether an answer is there as a whole.
fn ended(answer: &[u8], bodiless: bool) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap_or_default();
    if bodiless || ["101", "204", "304"].contains(&status) {
        return true;
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => answer.len() >= end + 4 + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}

/// Joins the chunks of a body, as far as it came.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        rest = &rest[end + 2..];
        if size == 0 || rest.len() < size {
            break;
        }
        body.extend_from_slice(&rest[..size]);
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    body
}
