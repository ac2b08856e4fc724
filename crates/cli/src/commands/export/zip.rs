//! A zip archive as the target of an export.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

use futures::TryStreamExt;
use jiff::tz::TimeZone;
use tokio::task::yield_now;
use workspace_core::{Entry, Exported, Timestamp};
use zip::result::{ZipError, ZipResult};
use zip::write::{FullFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::pieces::Pieces;
use super::{Failing, Sink};
use crate::exit::Result;

/// The extra field with times in UTC, to the second.
const EXTENDED_TIMESTAMP: u16 = 0x5455;

/// Writes entries into a zip archive, from its first byte to its last.
pub(super) struct ZipTarget<'a> {
    archive: Option<ZipWriter<StreamWriter<Gate<'a>>>>,
    open: Rc<Cell<bool>>,
    failing: Failing,
}

/// Lets bytes through while it is open.
struct Gate<'a> {
    sink: Sink<'a>,
    open: Rc<Cell<bool>>,
}

impl<'a> ZipTarget<'a> {
    /// Begins an archive.
    pub(super) fn new(sink: Sink<'a>) -> Self {
        let open = Rc::new(Cell::new(true));
        Self {
            failing: sink.failing(),
            archive: Some(ZipWriter::new_stream(Gate {
                sink,
                open: Rc::clone(&open),
            })),
            open,
        }
    }

    /// Appends an entry.
    pub(super) async fn write(&mut self, exported: Exported) -> Result<()> {
        let Some(archive) = &mut self.archive else {
            return Ok(());
        };
        let failing = &self.failing;
        let failed = |error: ZipError| failing.because(error.into());
        let path = exported.path.as_str().trim_start_matches('/');
        match &exported.entry {
            Entry::Directory(_) => {
                let options = options(Timestamp::default(), 0o755).map_err(failed)?;
                let added = archive.add_directory(format!("{path}/"), options);
                added.map_err(failed)?;
            }
            Entry::Symlink(symlink) => {
                let options = options(symlink.modified, 0o777).map_err(failed)?;
                let added = archive.add_symlink(path, symlink.target.as_str(), options);
                added.map_err(failed)?;
            }
            Entry::File(file) => {
                let mode = if file.executable { 0o755 } else { 0o644 };
                let options = options(file.modified, mode).map_err(failed)?;
                // Deflate makes what it cannot pack longer, by less than a thousandth.
                let large = file.size >= u64::from(u32::MAX) / 1000 * 999;
                let started = archive.start_file(path, options.large_file(large));
                started.map_err(failed)?;
            }
        }
        if let Some(mut opened) = exported.body {
            let mut pieces = Pieces::default();
            while let Some(chunk) = opened.body.try_next().await? {
                let written = pieces.put(&chunk, |piece| archive.write_all(piece));
                written.map_err(|error| failing.because(error))?;
                yield_now().await;
            }
            let written = pieces.end(|piece| archive.write_all(piece));
            written.map_err(|error| failing.because(error))?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Result<()> {
        let Some(archive) = self.archive.take() else {
            return Ok(());
        };
        let finished = archive.finish();
        let gate = finished.map_err(|error| self.failing.because(error.into()))?;
        gate.into_inner().sink.finish()
    }
}

impl Drop for ZipTarget<'_> {
    /// Shuts the gate, so that an archive that was not finished gets no end: its writer
    /// would write one.
    fn drop(&mut self) {
        self.open.set(false);
    }
}

impl Write for Gate<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.open.get() {
            true => self.sink.write(bytes),
            false => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn options(modified: Timestamp, mode: u32) -> ZipResult<FullFileOptions<'static, 'static>> {
    let mut options = FullFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(mode)
        .last_modified_time(DateTime::default());
    let millis = modified.as_millis();
    let time = jiff::Timestamp::from_millisecond(millis).ok();
    let time = time.map(|time| time.to_zoned(TimeZone::UTC).datetime());
    // From 1980 to 2107; without a zone, taken for UTC as import does.
    if let Some(Ok(time)) = time.map(DateTime::try_from) {
        options = options.last_modified_time(time);
    }
    if let Ok(seconds) = i32::try_from(millis.div_euclid(1000)) {
        // That there is a time of modification, and it.
        let mut field = vec![1];
        field.extend_from_slice(&seconds.to_le_bytes());
        options.add_extra_field(EXTENDED_TIMESTAMP, field, false)?;
    }
    Ok(options)
}
