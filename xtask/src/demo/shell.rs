//! Commands as a person would type them, with what came out and how long it took.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many lines of an output are shown.
const LINES: usize = 12;
/// How many characters of a line are shown.
const COLUMNS: usize = 110;

/// A directory in which commands run one after another.
pub(super) struct Shell {
    program: PathBuf,
    directory: PathBuf,
    ran: u32,
    spent: Duration,
}

impl Shell {
    /// Works in `directory`, where `workspace` is `program`.
    pub(super) fn new(program: &Path, directory: &Path) -> Self {
        Self {
            program: program.to_path_buf(),
            directory: directory.to_path_buf(),
            ran: 0,
            spent: Duration::ZERO,
        }
    }

    /// Says what comes next.
    pub(super) fn say(&self, text: &str) {
        println!("\n# {text}");
    }

    /// Runs `workspace` with these arguments; fails where it fails.
    pub(super) fn workspace(&mut self, args: &[&str]) -> Result<String> {
        self.expect(0, "workspace", args, None)
    }

    /// Runs `workspace` with something on its standard input.
    pub(super) fn workspace_reading(&mut self, input: &str, args: &[&str]) -> Result<String> {
        self.expect(0, "workspace", args, Some(input))
    }

    /// Runs `workspace`, which must refuse with this exit code.
    pub(super) fn workspace_refuses(&mut self, code: i32, args: &[&str]) -> Result<String> {
        self.expect(code, "workspace", args, None)
    }

    /// Runs another program; fails where it fails.
    pub(super) fn other(&mut self, program: &str, args: &[&str]) -> Result<String> {
        self.expect(0, program, args, None)
    }

    /// Tells how many commands ran, and how long they took.
    pub(super) fn summary(&self) -> String {
        format!("{} commands in {}", self.ran, shown(self.spent))
    }

    fn expect(
        &mut self,
        code: i32,
        program: &str,
        args: &[&str],
        input: Option<&str>,
    ) -> Result<String> {
        let words: Vec<String> = [program]
            .iter()
            .chain(args)
            .map(|word| quoted(word))
            .collect();
        let line = words.join(" ");
        match input {
            Some(input) => println!("$ echo {} | {line}", quoted(input.trim_end())),
            None => println!("$ {line}"),
        }
        let start = Instant::now();
        let output = self.run(program, args, input)?;
        let took = start.elapsed();
        self.ran += 1;
        self.spent += took;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        show(&text);
        show(&String::from_utf8_lossy(&output.stderr));
        println!("    ({})", shown(took));
        if output.status.code() != Some(code) {
            bail!(
                "`{line}` ended with {}, not with code {code}",
                output.status
            );
        }
        Ok(text)
    }

    fn run(&self, program: &str, args: &[&str], input: Option<&str>) -> Result<Output> {
        let path = match program {
            "workspace" => self.program.as_path(),
            other => Path::new(other),
        };
        let mut child = Command::new(path)
            .args(args)
            .current_dir(&self.directory)
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", path.display()))?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            stdin.write_all(input.as_bytes())?;
        }
        Ok(child.wait_with_output()?)
    }
}

fn show(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    // One line more is not worth a line that says so.
    let shown = if lines.len() <= LINES + 1 {
        lines.len()
    } else {
        LINES
    };
    for line in &lines[..shown] {
        match line.char_indices().nth(COLUMNS) {
            Some((at, _)) => println!("    {}…", &line[..at]),
            None => println!("    {line}"),
        }
    }
    if shown < lines.len() {
        println!("    … {} more lines", lines.len() - shown);
    }
}

/// Writes a time as a person would.
fn shown(time: Duration) -> String {
    match time.as_millis() {
        0..1000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}

/// Writes a word so that a shell reads it as one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        for (word, expected) in [
            ("a/b.txt", "a/b.txt"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("*.rs", "'*.rs'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
