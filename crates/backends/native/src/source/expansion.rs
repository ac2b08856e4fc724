//! How much may come out of an archive for what is in it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use workspace_core::{Error, ErrorKind, Result};

/// As many bytes may come out as this many times those of the archive,
const TIMES: u64 = 1000;
/// and these besides.
const BESIDES: u64 = 1 << 30;

/// Compares what comes out of an archive with what it is made of, so that a small one
/// does not fill a disk.
#[derive(Debug, Clone)]
pub(super) struct Expansion {
    /// How many bytes the archive has, or how many of it have been read; `None` where all
    /// may come out.
    from: Option<Arc<AtomicU64>>,
    out: u64,
}

impl Expansion {
    /// Of an archive of so many bytes.
    pub(super) fn of(bytes: u64) -> Self {
        Self {
            from: Some(Arc::new(AtomicU64::new(bytes))),
            out: 0,
        }
    }

    /// Of whatever.
    pub(super) fn of_any() -> Self {
        Self { from: None, out: 0 }
    }

    /// Counts what is read of an archive whose length is not known.
    pub(super) fn count<R: Read>(&self, reader: R) -> Counted<R> {
        Counted {
            reader,
            read: self.from.clone(),
        }
    }

    /// Returns what counts another way out of the same archive.
    pub(super) fn beside(&self) -> Self {
        Self {
            from: self.from.clone(),
            out: 0,
        }
    }

    /// Counts bytes that come out.
    ///
    /// # Errors
    /// `LimitExceeded`, naming the archive.
    pub(super) fn add(&mut self, bytes: u64, archive: &str) -> Result<()> {
        let Some(from) = &self.from else {
            return Ok(());
        };
        self.out = self.out.saturating_add(bytes);
        let most = from.load(Ordering::Relaxed).saturating_mul(TIMES);
        if self.out <= most.saturating_add(BESIDES) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::LimitExceeded, "read source").at(archive);
        Err(error.because(format_args!(
            "more bytes in all than {TIMES} times those of the archive and {BESIDES}"
        )))
    }
}

/// Counts what is read.
pub(super) struct Counted<R> {
    reader: R,
    read: Option<Arc<AtomicU64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let Some(count) = &self.read {
            count.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_archive_gives_a_gibibyte_and_a_thousand_times_itself() {
        let mut small = Expansion::of(10);
        small.add(BESIDES, "a.tar").unwrap();
        small.add(10 * TIMES, "a.tar").unwrap();
        let error = small.add(1, "a.tar").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        // What is counted as it is read may come out then.
        let growing = Expansion::of(0);
        let mut all = Vec::new();
        growing.count(&[1; 10][..]).read_to_end(&mut all).unwrap();
        growing.beside().add(BESIDES + 10 * TIMES, "-").unwrap();
        assert!(growing.beside().add(BESIDES + 10 * TIMES + 1, "-").is_err());
        Expansion::of_any().add(u64::MAX, "-").unwrap();
    }
}
