//! Where a workspace keeps its objects, as a line of text in its directory.

use std::io::{self, Read as _};

use workspace_core::{Error, ErrorKind, Result};

use crate::fault::io_error;
use crate::home::Home;

pub(crate) const CONFIG: &str = "config";

/// Where the objects of a workspace are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Objects {
    /// In its directory.
    #[default]
    Local,
    /// Below `s3://bucket/prefix`; the rest comes from the environment, see
    /// [`ObjectBlobs::s3`](crate::ObjectBlobs::s3).
    S3(String),
}

impl Objects {
    pub(crate) fn to_config(&self) -> String {
        let place = match self {
            Self::Local => "local",
            Self::S3(url) => url,
        };
        format!(
            "# Where the objects are. Credentials come from the environment.\nobjects = {place}\n"
        )
    }

    pub(crate) fn read(home: &Home) -> Result<Self> {
        /// The most bytes that are read.
        const LONGEST: u64 = 64 << 10;
        let path = home.join(CONFIG);
        let read = |home: &Home| -> io::Result<String> {
            let mut text = String::new();
            let file = home.open_file(CONFIG)?;
            file.take(LONGEST).read_to_string(&mut text)?;
            Ok(text)
        };
        let text = read(home).map_err(io_error("read config", &path))?;
        Self::parse(&text).map_err(|error| error.at(path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let unsupported = |line: &str| {
            Error::new(ErrorKind::Unsupported, "read config")
                .because(format_args!("this release does not know `{line}`"))
        };
        let mut objects = None;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(|| unsupported(line))?;
            objects = match (key.trim(), value.trim()) {
                ("objects", "local") => Some(Self::Local),
                ("objects", url) if url.starts_with("s3://") => Some(Self::S3(url.into())),
                _ => return Err(unsupported(line)),
            };
        }
        // Guessing would make objects look lost.
        objects.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "read config").because("no line `objects = …`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_says_where_objects_are() {
        for objects in [Objects::Local, Objects::S3("s3://bucket/a/b".into())] {
            assert_eq!(Objects::parse(&objects.to_config()).unwrap(), objects);
        }
        for (text, kind) in [
            ("", ErrorKind::Corrupt),
            ("# objects = local", ErrorKind::Corrupt),
            ("objects", ErrorKind::Unsupported),
            ("objects = ftp://x", ErrorKind::Unsupported),
            ("objects = local\nshards = 4", ErrorKind::Unsupported),
        ] {
            assert_eq!(Objects::parse(text).unwrap_err().kind(), kind, "{text:?}");
        }
    }
}
