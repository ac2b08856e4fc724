//! Standard output: text for people, JSON for programs, never both.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::future::Future;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::exit::{Result, output_error};
use crate::signals::shell;

/// Directories.
pub(crate) const BLUE: Style = AnsiColor::Blue.on_default().bold();
/// Symlinks, and the headers of hunks.
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
/// Executables, and what is new.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// What is gone, and errors.
pub(crate) const RED: Style = AnsiColor::Red.on_default();
/// What identifies: ids, names of copies.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Paths in a search, and file headers in a difference.
pub(crate) const BOLD: Style = Style::new().bold();

/// Where results go.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    colour: bool,
    terminal: bool,
    writer: RefCell<BufWriter<Target>>,
    /// What is told when the pager is left, where there is one.
    notes: RefCell<Option<Vec<String>>>,
}

/// What results are written to.
enum Target {
    Stdout(StdoutLock<'static>),
    Pager(Pager),
    /// The pager has ended.
    Nothing,
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::Pager(pager) => match pager.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    // Where it was never there, this goes where it would have shown it.
                    let Some(unseen) = pager.unseen() else {
                        return Err(error);
                    };
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(&unseen)?;
                    *self = Self::Stdout(stdout);
                    self.write(bytes)
                }
                written => written,
            },
            Self::Nothing => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::Pager(_) | Self::Nothing => Ok(()),
        }
    }
}

/// A program that shows what it reads.
struct Pager {
    program: Child,
    /// Until it is to see the end.
    stdin: Option<ChildStdin>,
    /// What was written so far, as long as it need not have read any of it.
    unread: Option<Vec<u8>>,
}

/// The most that a pipe holds which nobody reads.
const PIPE: usize = 1 << 20;

impl Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(stdin) = &mut self.stdin else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let written = stdin.write(bytes)?;
        if let Some(mut unread) = self.unread.take()
            && unread.len() + written <= PIPE
        {
            unread.extend_from_slice(&bytes[..written]);
            self.unread = Some(unread);
        }
        Ok(written)
    }

    /// Waits until it has ended; returns what it was to show where the shell did not find
    /// it, or could not run it.
    fn unseen(&mut self) -> Option<Vec<u8>> {
        self.stdin = None;
        let ended = self.program.wait().ok()?;
        let is_missing = matches!(ended.code(), Some(126 | 127));
        self.unread.take().filter(|_| is_missing)
    }
}

/// How much is written at once.
const BUFFER: usize = 64 << 10;

impl Output {
    /// Opens standard output. Colour is for terminals only, and not where
    /// `NO_COLOR` is set.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        let stdout = io::stdout();
        let choice = anstream::AutoStream::choice(&stdout);
        Self {
            json,
            quiet,
            colour: choice != anstream::ColorChoice::Never,
            terminal: stdout.is_terminal(),
            writer: RefCell::new(BufWriter::with_capacity(
                BUFFER,
                Target::Stdout(stdout.lock()),
            )),
            notes: RefCell::new(None),
        }
    }

    /// Has a pager show what is written from now on, where that would go to a terminal, and
    /// tells whether one does: that of PAGER, or else `less`. Where there is none, what is
    /// written goes to the terminal all the same.
    pub(crate) fn page(&self) -> bool {
        if !self.terminal || self.json {
            return false;
        }
        let named = std::env::var_os("PAGER");
        let mut command = match &named {
            Some(pager) if pager.is_empty() || pager == "cat" => return false,
            Some(pager) => shell(pager),
            None => Command::new("less"),
        };
        if std::env::var_os("LESS").is_none() {
            // As git has it: it ends where all fits, shows colours, and leaves them there.
            command.env("LESS", "FRX");
        }
        let Ok(mut pager) = command.stdin(Stdio::piped()).spawn() else {
            return false;
        };
        let pager = Pager {
            stdin: pager.stdin.take(),
            program: pager,
            unread: Some(Vec::new()),
        };
        let writer = BufWriter::with_capacity(BUFFER, Target::Pager(pager));
        self.writer.replace(writer);
        self.notes.replace(Some(Vec::new()));
        true
    }

    /// Waits until whoever reads in the pager has left it, or `ended` is done.
    pub(crate) async fn leave_pager(&self, ended: impl Future<Output = ()>) {
        // What it did not take nobody wants.
        let writer = BufWriter::with_capacity(0, Target::Nothing);
        let (target, _not_taken) = self.writer.replace(writer).into_parts();
        if let Target::Pager(mut pager) = target {
            // It sees the end of what there is once nobody can write any more.
            pager.stdin = None;
            let (sender, left) = oneshot::channel();
            std::thread::spawn(move || sender.send(pager.unseen()));
            tokio::select! {
                () = ended => {}
                unseen = left => {
                    let unseen = unseen.ok().flatten().unwrap_or_default();
                    // There is nowhere left to say that this failed.
                    let _unwritten = io::stdout().write_all(&unseen);
                }
            }
        }
        for note in self.notes.take().unwrap_or_default() {
            self.note(note);
        }
    }

    /// Tells whether only results are to be written.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Tells whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Tells whether results go to a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Tells whether progress may be drawn on standard error.
    pub(crate) fn shows_progress(&self) -> bool {
        let is_paged = self.notes.borrow().is_some();
        !self.json && !self.quiet && !is_paged && io::stderr().is_terminal()
    }

    /// Writes bytes as they are: a file's content, a patch.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(output_error)
    }

    /// The same for those who speak of failures in their own way.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        self.writer.borrow_mut().write_all(bytes)
    }

    /// Writes bytes in a style where there is colour. On a terminal control characters are
    /// escaped, in colour or not; in a pipe the bytes are exact.
    pub(crate) fn styled(&self, style: Style, bytes: &[u8]) -> Result<()> {
        let (text, end) = match bytes.strip_suffix(b"\n") {
            Some(text) => (text, "\n"),
            None => (bytes, ""),
        };
        if self.colour {
            self.bytes(style.render().to_string().as_bytes())?;
        }
        match self.terminal {
            true => self.bytes(escaped(&String::from_utf8_lossy(text)).as_bytes())?,
            false => self.bytes(text)?,
        }
        if self.colour {
            self.bytes(style.render_reset().to_string().as_bytes())?;
        }
        self.bytes(end.as_bytes())
    }

    /// Writes a line of a text result. On a terminal, what it would take for a command is
    /// escaped, but for line ends and colours.
    pub(crate) fn line(&self, line: impl Display) -> Result<()> {
        let line = line.to_string();
        let line = match self.terminal {
            true => shown(&line),
            false => line.as_str().into(),
        };
        let mut writer = self.writer.borrow_mut();
        writeln!(writer, "{line}").map_err(output_error)
    }

    /// Writes a line that says what was done; `--quiet` leaves it out.
    pub(crate) fn say(&self, line: impl Display) -> Result<()> {
        if self.quiet || self.json {
            return Ok(());
        }
        self.line(line)
    }

    /// Tells a person what they may not expect, on standard error.
    pub(crate) fn note(&self, line: impl Display) {
        self.note_as(Style::new(), line);
    }

    /// The same, with a colour of its own at its beginning: what it says is escaped, and so would
    /// be a colour within.
    pub(crate) fn note_as(&self, style: Style, line: impl Display) {
        if self.quiet || self.json {
            return;
        }
        let line = line.to_string();
        match &mut *self.notes.borrow_mut() {
            // The screen is the pager's.
            Some(notes) => notes.push(line),
            None => tell(style, "note: ", &line),
        }
    }

    /// Writes a JSON document in one line.
    pub(crate) fn json(&self, shape: &impl Serialize) -> Result<()> {
        let mut writer = self.writer.borrow_mut();
        serde_json::to_writer(&mut *writer, shape)
            .map_err(io::Error::from)
            .and_then(|()| writer.write_all(b"\n"))
            .map_err(output_error)
    }

    /// Writes what was done: `shape` with `--json`, and otherwise a line.
    pub(crate) fn done(&self, shape: &impl Serialize, line: impl Display) -> Result<()> {
        match self.json {
            true => self.json(shape),
            false => self.say(line),
        }
    }

    /// Begins the JSON document `{"name": [...]}` whose items come one by one.
    pub(crate) fn begin_list(&self, name: &str) -> Result<List<'_>> {
        self.bytes(format!("{{\"{name}\":[").as_bytes())?;
        Ok(List {
            output: self,
            empty: true,
        })
    }

    /// Hands everything to the operating system.
    pub(crate) fn flush(&self) -> Result<()> {
        self.writer.borrow_mut().flush().map_err(output_error)
    }

    /// Wraps a text in a style where there is colour.
    pub(crate) fn paint(&self, style: Style, text: impl Display) -> String {
        match self.colour {
            true => format!("{style}{text}{style:#}"),
            false => text.to_string(),
        }
    }

    /// Returns a name or line as it is safe to show: on a terminal control
    /// characters are escaped, in a pipe it is exact.
    pub(crate) fn safe<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.terminal {
            true => escaped(text),
            false => text.into(),
        }
    }
}

/// A JSON list under way.
pub(crate) struct List<'a> {
    output: &'a Output,
    empty: bool,
}

impl List<'_> {
    /// Writes an item.
    pub(crate) fn item(&mut self, shape: &impl Serialize) -> Result<()> {
        let mut writer = self.output.writer.borrow_mut();
        let comma: &[u8] = if self.empty { b"" } else { b"," };
        self.empty = false;
        writer
            .write_all(comma)
            .and_then(|()| serde_json::to_writer(&mut *writer, shape).map_err(io::Error::from))
            .map_err(output_error)
    }

    /// Ends the list and the document.
    pub(crate) fn end(self) -> Result<()> {
        self.output.bytes(b"]}\n")
    }
}

/// Writes a line to standard error: what it is, coloured on terminals only, and a text in
/// which whatever a terminal would take for a command is escaped. Where nobody reads it
/// there is nobody to tell.
pub(crate) fn tell(style: Style, what: &str, text: &str) {
    let text = escaped(text);
    let mut stderr = anstream::AutoStream::auto(io::stderr());
    let _untold = writeln!(stderr, "{style}{what}{style:#}{text}");
}

/// Tells whether a character is one for the terminal, or changes the order in which those
/// around it are shown.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control() && c != '\t'
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes what [`is_unsafe`].
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let escape = |c: char| match is_unsafe(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escape).collect::<String>().into()
}

/// Escapes what [`is_unsafe`], but neither line ends nor what sets a colour.
fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_unsafe(c)) {
        return text.into();
    }
    let colour = |text: &str| {
        let rest = text.strip_prefix("\u{1b}[")?;
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[end..].starts_with('m').then_some(2 + end + 1)
    };
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = colour(rest).unwrap_or(c.len_utf8());
        let (piece, after) = rest.split_at(length);
        match length > c.len_utf8() || c == '\n' {
            true => shown.push_str(piece),
            false => shown.push_str(&escaped(piece)),
        }
        rest = after;
    }
    shown.into()
}

/// Renders a number of bytes for people.
pub(crate) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Renders a count with its noun.
pub(crate) fn count_text(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_to_one_digit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escaped("a\u{1b}[31mb\té"), "a\\u{1b}[31mb\té");
        assert_eq!(escaped("a\u{202e}b\n"), "a\\u{202e}b\\n");
        assert!(matches!(escaped("plain é"), Cow::Borrowed(_)));
        assert!(matches!(shown("plain é\n"), Cow::Borrowed(_)));
        let text = "\u{1b}[1;31mred\u{1b}[0m\n\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[é";
        let expected = "\u{1b}[1;31mred\u{1b}[0m\n\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{1b}[é";
        assert_eq!(shown(text), expected);
    }
}
