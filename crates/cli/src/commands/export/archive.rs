//! A tar archive as the target of an export.

use std::io;

use futures::TryStreamExt;
use tar::{Builder, EntryType, Header};
use workspace_core::{Entry, Exported, Timestamp};

use super::Sink;
use crate::exit::{Result, output_error};

/// The unit that an archive is written in, in bytes.
const BLOCK: u64 = 512;

/// Writes entries into a tar archive (GNU format).
pub(super) struct TarTarget<'a> {
    archive: Builder<Sink<'a>>,
}

impl<'a> TarTarget<'a> {
    /// Begins an archive.
    pub(super) fn new(sink: Sink<'a>) -> Self {
        Self {
            archive: Builder::new(sink),
        }
    }

    /// Appends an entry.
    pub(super) async fn write(&mut self, exported: Exported) -> Result<()> {
        let path = exported.path.as_str().trim_start_matches('/');
        let mut header = Header::new_gnu();
        let modified = match &exported.entry {
            Entry::File(file) => {
                header.set_entry_type(EntryType::Regular);
                header.set_mode(if file.executable { 0o755 } else { 0o644 });
                header.set_size(file.size);
                file.modified
            }
            Entry::Directory(_) => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                Timestamp::default()
            }
            Entry::Symlink(symlink) => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                symlink.modified
            }
        };
        header.set_mtime(u64::try_from(modified.as_millis() / 1000).unwrap_or(0));
        let appended = match &exported.entry {
            // As it is, where it fits; long ones have an entry of their own.
            Entry::Symlink(symlink) => {
                let target = symlink.target.as_str();
                match header.set_link_name_literal(target) {
                    Ok(()) => self.archive.append_data(&mut header, path, io::empty()),
                    Err(_) => self.archive.append_link(&mut header, path, target),
                }
            }
            // The builder pads what it copies: nothing. The body follows below.
            _ => self.archive.append_data(&mut header, path, io::empty()),
        };
        appended.map_err(|error| self.archive.get_ref().failure(error))?;
        if let Some(mut opened) = exported.body {
            let mut written = 0;
            while let Some(chunk) = opened.body.try_next().await? {
                written += chunk.len() as u64;
                self.archive.get_mut().put(&chunk)?;
            }
            let padding = written.next_multiple_of(BLOCK) - written;
            self.archive
                .get_mut()
                .put(&[0; BLOCK as usize][..padding as usize])?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Result<()> {
        if let Err(error) = self.archive.finish() {
            return Err(self.archive.get_ref().failure(error));
        }
        // The archive is at its end: this writes nothing more.
        let sink = self.archive.into_inner().map_err(output_error)?;
        sink.finish()
    }
}
