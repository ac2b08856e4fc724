//! Git's commits: read as far as an import needs them, and written.

use std::fmt::Write as _;

use super::id::ObjectId;
use crate::error::{Error, Result};

/// The most bytes of a commit.
pub const MAX_COMMIT: usize = 4 << 20;

/// What an import needs of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree.
    pub tree: ObjectId,
    /// The commits that it follows, the first first.
    pub parents: Vec<ObjectId>,
    /// When it was committed, in seconds since 1970; `None` where it does not say.
    pub time: Option<i64>,
}

impl Commit {
    /// Reads the bytes of a commit object.
    ///
    /// # Errors
    /// `Altered` where it is none.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let malformed = |why: &'static str| Error::malformed("read commit", why);
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let tree = lines
            .next()
            .and_then(|line| line.strip_prefix(b"tree "))
            .and_then(ObjectId::parse)
            .ok_or_else(|| malformed("it names no tree"))?;
        let (mut parents, mut time) = (Vec::new(), None);
        for line in lines.take_while(|line| !line.is_empty()) {
            if let Some(parent) = line.strip_prefix(b"parent ") {
                let parent = ObjectId::parse(parent);
                parents.push(parent.ok_or_else(|| malformed("a parent that is no id"))?);
            } else if line.starts_with(b"committer ") {
                time = seconds(line);
            }
        }
        Ok(Self {
            tree,
            parents,
            time,
        })
    }
}

/// Returns the time at the end of the line that says who committed.
fn seconds(line: &[u8]) -> Option<i64> {
    let after = line.iter().rposition(|byte| *byte == b'>')?;
    let text = str::from_utf8(&line[after + 1..]).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Who wrote, or committed, something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    name: String,
    email: String,
}

impl Person {
    /// Checks a name and an address.
    ///
    /// # Errors
    /// `Invalid` where git could not hold one: it is empty, longer than 1,000 bytes, or has
    /// `<`, `>` or a control character.
    pub fn new(name: &str, email: &str) -> Result<Self> {
        for (what, text) in [("name", name), ("address", email)] {
            let odd = |c: char| c.is_control() || matches!(c, '<' | '>');
            let trimmed = text.trim_matches(|c: char| c.is_whitespace() || ".,:;\"'".contains(c));
            if trimmed.is_empty() || text.len() > 1000 || text.contains(odd) {
                return Err(Error::invalid(
                    "name person",
                    format!("a {what} that git cannot hold: {}", text.escape_debug()),
                ));
            }
        }
        Ok(Self {
            name: name.trim().into(),
            email: email.trim().into(),
        })
    }
}

/// When something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// Seconds since 1970, none before.
    pub seconds: u64,
    /// Minutes east of UTC, of the clock that the writer looks at.
    pub offset: i16,
}

/// A commit that is to be.
#[derive(Debug, Clone)]
pub struct NewCommit<'a> {
    /// Its tree.
    pub tree: ObjectId,
    /// The commits that it follows.
    pub parents: &'a [ObjectId],
    /// Who wrote what changed, and when.
    pub author: (&'a Person, When),
    /// Who made the commit, and when.
    pub committer: (&'a Person, When),
    /// What it is for. Ends in one newline, whatever it ends in.
    pub message: &'a str,
    /// Who else wrote it: `Co-authored-by` lines.
    pub co_authors: &'a [Person],
}

impl NewCommit<'_> {
    /// Writes the bytes of the commit object.
    ///
    /// # Errors
    /// `Invalid` where the message has a NUL or more than 1 MiB, and for more than 100 who
    /// wrote it.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let invalid = |why: &'static str| Error::invalid("write commit", why);
        if self.message.contains('\0') {
            return Err(invalid("a message with a NUL"));
        }
        if self.message.len() > 1 << 20 {
            return Err(invalid("a message of more than 1 MiB"));
        }
        if self.co_authors.len() > 100 {
            return Err(invalid("more than 100 co-authors"));
        }
        let mut text = format!("tree {}\n", self.tree);
        for parent in self.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        for (role, (person, when)) in [("author", self.author), ("committer", self.committer)] {
            let Person { name, email } = person;
            let (sign, minutes) = (if when.offset < 0 { '-' } else { '+' }, when.offset.abs());
            let zone = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
            let seconds = when.seconds;
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{role} {name} <{email}> {seconds} {zone}");
        }
        let message = self.message.replace("\r\n", "\n");
        text.push('\n');
        text.push_str(message.trim_end());
        text.push('\n');
        if !self.co_authors.is_empty() {
            let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
            let trailers = message.trim_end().contains("\n\n")
                && last.lines().all(|line| {
                    line.split_once(": ")
                        .is_some_and(|(key, _)| !key.contains(' '))
                });
            if !trailers {
                text.push('\n');
            }
        }
        for Person { name, email } in self.co_authors {
            let _ = writeln!(text, "Co-authored-by: {name} <{email}>");
        }
        Ok(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_as_it_was_written() {
        let id = |byte| ObjectId::from_bytes([byte; 20]);
        let ada = Person::new(" Ada ", "ada@x").unwrap();
        let bo = Person::new("Bo", "bo@x").unwrap();
        let at = |seconds, offset| When { seconds, offset };
        let mut commit = NewCommit {
            tree: id(1),
            parents: &[id(2), id(3)],
            author: (&ada, at(5, -90)),
            committer: (&bo, at(7, 120)),
            message: "subject\r\n\nbody\n\n",
            co_authors: std::slice::from_ref(&bo),
        };
        let bytes = commit.bytes().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.ends_with(
            "author Ada <ada@x> 5 -0130\ncommitter Bo <bo@x> 7 +0200\n\nsubject\n\nbody\n\n\
             Co-authored-by: Bo <bo@x>\n"
        ));
        let read = Commit::read(&bytes).unwrap();
        assert_eq!((read.tree, read.parents), (id(1), vec![id(2), id(3)]));
        assert_eq!(read.time, Some(7));
        commit.message = "subject\n\nSigned-off-by: C <c@x>";
        let text = String::from_utf8(commit.bytes().unwrap()).unwrap();
        assert!(text.ends_with("Signed-off-by: C <c@x>\nCo-authored-by: Bo <bo@x>\n"));
    }

    #[test]
    fn people_that_git_cannot_hold_are_refused() {
        for (name, email) in [
            ("", "a@x"),
            ("a<b", "a@x"),
            ("a\nb", "a@x"),
            ("a", " ."),
            ("a", "a>"),
        ] {
            assert!(Person::new(name, email).is_err(), "{name:?} {email:?}");
        }
    }

    #[test]
    fn what_is_no_commit_is_refused() {
        for text in [
            "",
            "tree x",
            "parent",
            "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent z",
        ] {
            assert!(Commit::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
