//! Reading ahead on a thread.

use std::io::{self, Read};
use std::iter::Peekable;
use std::{fmt, thread, vec};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::executor::block_on;
use futures::{SinkExt, StreamExt};
use workspace_core::{Error, ErrorKind, Result, SourceEntry};

/// The most bytes in one chunk.
const CHUNK: usize = 256 << 10;
/// What goes over at once: many small files, or a piece of a large one.
const BATCH_ITEMS: usize = 256;
const BATCH_BYTES: usize = 512 << 10;
/// How many batches may wait.
const BATCHES: usize = 4;

enum Item {
    Entry(SourceEntry),
    Chunk(Bytes),
    Failed(Error),
    End,
}

/// The receiving end: entries and chunks in the order in which they were read.
pub(super) struct ReadAhead {
    batches: mpsc::Receiver<Vec<Item>>,
    items: Peekable<vec::IntoIter<Item>>,
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").finish_non_exhaustive()
    }
}

impl ReadAhead {
    /// Runs `read` on a thread, which ends with it or when this is dropped.
    pub(super) fn start(
        read: impl FnOnce(&mut Sink) -> Result<(), Stop> + Send + 'static,
    ) -> Result<Self> {
        let (sender, batches) = mpsc::channel(BATCHES);
        let run = move || {
            let mut sink = Sink {
                sender,
                batch: Vec::new(),
                bytes: 0,
            };
            let last = match read(&mut sink) {
                Ok(()) => Item::End,
                Err(Stop::Failed(error)) => Item::Failed(error),
                Err(Stop::Abandoned) => return,
            };
            sink.batch.push(last);
            // Whoever dropped the other end does not want to know.
            let _abandoned = sink.flush();
        };
        thread::Builder::new()
            .name("workspace-source".into())
            .spawn(run)
            .map_err(|cause| super::source_error("reading thread", cause))?;
        Ok(Self {
            batches,
            items: Vec::new().into_iter().peekable(),
        })
    }

    /// Returns the next item where it is one that `wanted` takes.
    async fn next_if(&mut self, wanted: impl Fn(&Item) -> bool) -> Result<Option<Item>> {
        while self.items.peek().is_none() {
            let Some(batch) = self.batches.next().await else {
                // The thread panicked, or somebody reads on after the end.
                return Err(Error::new(ErrorKind::Source, "read source")
                    .because("the reading thread has ended"));
            };
            self.items = batch.into_iter().peekable();
        }
        Ok(self.items.next_if(wanted))
    }

    pub(super) async fn next(&mut self) -> Result<Option<SourceEntry>> {
        loop {
            match self.next_if(|item| !matches!(item, Item::End)).await? {
                Some(Item::Entry(entry)) => return Ok(Some(entry)),
                Some(Item::Failed(error)) => return Err(error),
                Some(Item::Chunk(_)) => {}
                Some(Item::End) | None => return Ok(None),
            }
        }
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let wanted = |item: &Item| matches!(item, Item::Chunk(_) | Item::Failed(_));
        match self.next_if(wanted).await? {
            Some(Item::Chunk(chunk)) => Ok(Some(chunk)),
            Some(Item::Failed(error)) => Err(error),
            _ => Ok(None),
        }
    }
}

/// Why reading stops early.
pub(super) enum Stop {
    Failed(Error),
    /// Nobody reads any more.
    Abandoned,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The sending end. Waits where the import is behind.
pub(super) struct Sink {
    sender: mpsc::Sender<Vec<Item>>,
    batch: Vec<Item>,
    bytes: usize,
}

impl Sink {
    pub(super) fn entry(&mut self, entry: SourceEntry) -> Result<(), Stop> {
        self.push(Item::Entry(entry), 0)
    }

    /// Sends a file's bytes to the end of `reader`, and returns how many they
    /// were. `expected` is how many there should be, and is not trusted.
    pub(super) fn bytes(
        &mut self,
        reader: &mut dyn Read,
        expected: u64,
        failed: impl Fn(io::Error) -> Error,
    ) -> Result<u64, Stop> {
        let mut total = 0;
        loop {
            let left = usize::try_from(expected.saturating_sub(total)).unwrap_or(CHUNK);
            let size = left.clamp(32, CHUNK);
            let mut chunk = Vec::with_capacity(size);
            let taken = reader.take(size as u64).read_to_end(&mut chunk);
            let read = taken.map_err(&failed)?;
            if read > 0 {
                total += read as u64;
                self.chunk(chunk.into())?;
            }
            if read < size {
                return Ok(total);
            }
        }
    }

    /// Sends some bytes of a file.
    pub(super) fn chunk(&mut self, chunk: Bytes) -> Result<(), Stop> {
        let bytes = chunk.len();
        self.push(Item::Chunk(chunk), bytes)
    }

    fn push(&mut self, item: Item, bytes: usize) -> Result<(), Stop> {
        self.batch.push(item);
        self.bytes += bytes;
        if self.batch.len() >= BATCH_ITEMS || self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        block_on(self.sender.feed(batch)).map_err(|_| Stop::Abandoned)
    }
}
