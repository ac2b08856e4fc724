//! What a program can tell of an error beyond its kind: why an input is invalid, what was
//! not found, and how a source failed.

use std::fmt;

/// Makes an enum of a table of its variants and their stable codes.
macro_rules! codes {
    (
        $(#[$about:meta])*
        $name:ident {
            $($(#[$doc:meta])* $variant:ident = $code:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every one, for tables that must be total.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns its stable, machine-readable code.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// Returns the one whose [`code`](Self::code) is `code`.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.code() == code)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

codes! {
    /// Why an input is [`Invalid`](crate::ErrorKind::Invalid).
    ///
    /// The set is closed: projections hand it on as it is, and their types name all of it.
    Reason {
        /// It is no path, or no name of an entry.
        MalformedPath = "malformed_path",
        /// A path or a name has more bytes than it may have.
        PathTooLong = "path_too_long",
        /// It is the root, which is neither removed nor moved.
        Root = "root",
        /// A directory was to go into itself.
        IntoItself = "into_itself",
        /// Another kind of entry stands where a file is needed.
        NotAFile = "not_a_file",
        /// A pattern of paths is none, or exceeds a limit of patterns.
        MalformedGlob = "malformed_glob",
        /// A text is empty, too long, or has characters that it may not have.
        MalformedText = "malformed_text",
        /// It cannot be the name of a copy or a workspace.
        MalformedName = "malformed_name",
        /// It is no media type.
        MalformedMediaType = "malformed_media_type",
        /// It is no id, hash or number of anything.
        MalformedId = "malformed_id",
        /// A token, or a password, is one that cannot be.
        MalformedToken = "malformed_token",
        /// A URL, or the path in it, is none.
        MalformedUrl = "malformed_url",
        /// A parameter of a query is unknown, missing or wrong.
        MalformedQuery = "malformed_query",
        /// A header is not what it should be.
        MalformedHeader = "malformed_header",
        /// A body is not of the form that it should have.
        MalformedBody = "malformed_body",
        /// A body is not as long as it said.
        WrongLength = "wrong_length",
        /// An archive is none, or contradicts itself.
        MalformedArchive = "malformed_archive",
        /// A source has an entry that a tree cannot hold.
        UnfitEntry = "unfit_entry",
        /// A range ends before it starts, or is beyond the end.
        MalformedRange = "malformed_range",
        /// A number is less or more than it may be.
        OutOfRange = "out_of_range",
        /// An argument of a call is of the wrong type, missing or not understood.
        MalformedArgument = "malformed_argument",
        /// Two things were asked for of which only one can be.
        Contradiction = "contradiction",
        /// A setting of the environment is wrong.
        MalformedSetting = "malformed_setting",
        /// A secret would be sent where others can read it.
        Insecure = "insecure",
        /// A time at which something is to end is over already.
        InThePast = "in_the_past",
        /// A content was not stored, or not in this workspace.
        UnknownContent = "unknown_content",
        /// A content is too large for a call that does not wait.
        NotInline = "not_inline",
        /// A pattern of texts is none, or too long.
        MalformedPattern = "malformed_pattern",
        /// A text that is to be replaced is not there.
        TextAbsent = "text_absent",
        /// A text that is to be replaced is there more than once.
        TextNotUnique = "text_not_unique",
        /// A text is not UTF-8.
        NotUtf8 = "not_utf8",
        /// An operation is one that cannot be undone.
        NotUndoable = "not_undoable",
        /// Something is decided where nothing conflicts.
        NoConflict = "no_conflict",
        /// A key for repeating a call is none.
        MalformedKey = "malformed_key",
        /// A key for repeating a call was used for another call.
        KeyReused = "key_reused",
    }
}

codes! {
    /// What was [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// The set is closed, as that of [`Reason`].
    Sought {
        /// An entry of a tree.
        Path = "path",
        /// A working copy.
        Copy = "copy",
        /// A revision.
        Revision = "revision",
        /// A tree by its id.
        Tree = "tree",
        /// An operation of a copy.
        Operation = "operation",
        /// A grant.
        Grant = "grant",
        /// A preview.
        Preview = "preview",
        /// The workspace itself.
        Workspace = "workspace",
        /// An object of the blob store.
        Object = "object",
        /// A file or directory outside, that is read or written; a repository, or what is
        /// meant by a reference to it.
        Source = "source",
    }
}

codes! {
    /// How a [`Source`](crate::ErrorKind::Source) failed.
    ///
    /// The set is closed, as that of [`Reason`].
    Failure {
        /// It lets nobody in with these credentials, or not to this.
        Denied = "denied",
        /// It was asked too often; the error may say when to ask again.
        RateLimited = "rate_limited",
        /// It could not be reached, or failed by itself.
        Upstream = "upstream",
        /// What it gave ends before its end.
        Truncated = "truncated",
        /// What it gave is not what it says it is.
        Altered = "altered",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Returns the sources of all crates, without their tests.
    fn sources() -> Vec<(PathBuf, String)> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (mut found, mut left) = (Vec::new(), vec![crates]);
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && !["tests", "testkit", "node_modules", "dist"].contains(&&*name)
                {
                    left.push(path);
                } else if name.ends_with(".rs") && name != "tests.rs" {
                    let text = fs::read_to_string(&path).unwrap();
                    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                    found.push((path, code.split_whitespace().collect()));
                }
            }
        }
        found
    }

    /// Whoever makes such an error says why, or of what.
    #[test]
    fn no_error_is_made_without_its_reason() {
        let sources = sources();
        assert!(sources.len() > 200, "{}", sources.len());
        for (path, code) in sources {
            // Here the constructors themselves are, and what a server says is read.
            let own = path.ends_with("core/src/error.rs") || path.ends_with("client/read.rs");
            for kind in ["Invalid", "NotFound"] {
                let made = [
                    format!("Error::new(ErrorKind::{kind},"),
                    format!("error(ErrorKind::{kind})."),
                ];
                let found = made.iter().find(|made| code.contains(*made));
                let said = code.contains(&format!("error(ErrorKind::{kind}).for_reason("))
                    || code.contains(&format!("error(ErrorKind::{kind}).of("));
                assert!(
                    own || said || found.is_none(),
                    "{}: {found:?}",
                    path.display()
                );
            }
        }
    }

    #[test]
    fn codes_are_told_apart_and_read_back() {
        for one in Reason::ALL {
            assert_eq!(Reason::from_code(one.code()), Some(*one));
        }
        for one in Sought::ALL {
            assert_eq!(Sought::from_code(one.code()), Some(*one));
        }
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|one| one.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for one in Failure::ALL {
            assert_eq!(Failure::from_code(one.code()), Some(*one));
        }
        let codes: BTreeSet<_> = Sought::ALL.iter().map(|one| one.code()).collect();
        assert_eq!(codes.len(), Sought::ALL.len());
        assert_eq!(Reason::from_code("path"), None);
    }
}
