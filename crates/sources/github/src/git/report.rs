//! What `receive-pack` answers to a push.

use super::answer::told;
use super::line::{Lines, Packet, shown};
use crate::error::{Error, Kind, Result};

/// The most bytes of a report, and of what the other side says beside it.
const MAX_REPORT: usize = 256 << 10;

/// What came of a push, as the other side says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Why the pack was not taken; `None` where it was.
    pub unpack: Option<String>,
    /// Each ref, and why it was not changed; `None` where it was.
    pub refs: Vec<(String, Option<String>)>,
    /// What the other side says to a person: rules that were broken, where to open a pull
    /// request.
    pub messages: String,
}

/// Reads the answer to [`push_request`](super::push_request) as it comes in. Holds up to
/// 256 KiB.
#[derive(Debug, Default)]
pub struct PushAnswer {
    outer: Lines,
    inner: Inner,
}

#[derive(Debug, Default)]
struct Inner {
    lines: Lines,
    report: Report,
    unpacked: bool,
    reported: bool,
    done: bool,
    held: usize,
}

impl PushAnswer {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Altered` for what is no such answer, `LimitExceeded`, and what the other side says.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let inner = &mut self.inner;
        self.outer.push(bytes, |packet| inner.band(packet))
    }

    /// Returns the report, once all of it came.
    ///
    /// # Errors
    /// `Truncated`: the push may have been taken or not.
    pub fn finish(self) -> Result<Report> {
        self.outer.finish()?;
        let inner = self.inner;
        match inner.unpacked && inner.reported {
            true => Ok(inner.report),
            false => Err(Error::new(Kind::Truncated, "push").because("no whole report came")),
        }
    }
}

impl Inner {
    fn band(&mut self, packet: Packet<'_>) -> Result<()> {
        let line = match packet {
            Packet::Data(line) => line,
            Packet::Flush => {
                // Without bands it ends the report as well.
                self.done = true;
                self.reported |= self.unpacked && self.lines.finish().is_ok();
                return Ok(());
            }
            Packet::Delimiter | Packet::End => return Ok(()),
        };
        self.held += line.len();
        if self.held > MAX_REPORT {
            return Err(Error::limit(
                "push",
                format!("more than {MAX_REPORT} bytes of a report"),
            ));
        }
        if let Some(why) = line.strip_prefix(b"ERR ") {
            return Err(told("push", why));
        }
        match line.split_first() {
            Some((1, report)) => {
                let mut lines = std::mem::take(&mut self.lines);
                let taken = lines.push(report, |packet| match packet {
                    Packet::Data(line) => self.line(line),
                    Packet::Flush => {
                        self.reported = true;
                        Ok(())
                    }
                    Packet::Delimiter | Packet::End => Ok(()),
                });
                self.lines = lines;
                taken
            }
            Some((2, text)) => {
                self.report
                    .messages
                    .push_str(&String::from_utf8_lossy(text));
                Ok(())
            }
            Some((3, why)) => Err(told("push", why)),
            // An old server without bands.
            Some(_) => self.line(line),
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if let Some(state) = line.strip_prefix(b"unpack ") {
            self.unpacked = true;
            self.report.unpack = (state != b"ok").then(|| shown(state));
        } else if let Some(name) = line.strip_prefix(b"ok ") {
            self.report.refs.push((shown(name), None));
        } else if let Some(rest) = line.strip_prefix(b"ng ") {
            let mut parts = rest.splitn(2, |byte| *byte == b' ');
            let name = shown(parts.next().unwrap_or_default());
            let why = shown(parts.next().unwrap_or_default());
            self.report.refs.push((name, Some(why)));
        } else {
            let why = format!("a report that is none: {}", shown(line));
            return Err(Error::malformed("push", why));
        }
        Ok(())
    }
}
