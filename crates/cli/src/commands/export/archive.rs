//! An archive as the target of an export.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt;
use tokio::task::yield_now;
use workspace_archive::{end_mark, padding, tar_header};
use workspace_core::Exported;

use super::Sink;
use super::pieces::Pieces;
use super::zip::ZipTarget;
use crate::exit::Result;

/// Writes entries into an archive.
pub(super) enum ArchiveTarget<'a> {
    Tar(Box<TarTarget<'a>>),
    Zip(Box<ZipTarget<'a>>),
}

/// Writes a tar archive, packed or not.
pub(super) struct TarTarget<'a> {
    pieces: Pieces,
    packer: Packer<'a>,
}

enum Packer<'a> {
    Plain(Sink<'a>),
    Gzip(GzEncoder<Sink<'a>>),
    Zstd(zstd::Encoder<'static, Sink<'a>>),
}

impl<'a> ArchiveTarget<'a> {
    /// Begins a tar archive.
    pub(super) fn tar(sink: Sink<'a>) -> Self {
        Self::packed(Packer::Plain(sink))
    }

    /// Begins a tar archive that gzip packs.
    pub(super) fn tar_gzip(sink: Sink<'a>) -> Self {
        let packer = GzEncoder::new(sink, Compression::default());
        Self::packed(Packer::Gzip(packer))
    }

    /// Begins a tar archive that zstd packs, with its check sum.
    pub(super) fn tar_zstd(sink: Sink<'a>) -> Result<Self> {
        let failing = sink.failing();
        let packer = zstd::Encoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL);
        let mut packer = packer.map_err(|error| failing.because(error))?;
        let summed = packer.include_checksum(true);
        summed.map_err(|error| failing.because(error))?;
        Ok(Self::packed(Packer::Zstd(packer)))
    }

    fn packed(packer: Packer<'a>) -> Self {
        Self::Tar(Box::new(TarTarget {
            pieces: Pieces::default(),
            packer,
        }))
    }

    /// Begins a zip archive.
    pub(super) fn zip(sink: Sink<'a>) -> Self {
        Self::Zip(Box::new(ZipTarget::new(sink)))
    }

    /// Appends an entry.
    pub(super) async fn write(&mut self, exported: Exported) -> Result<()> {
        let target = match self {
            Self::Tar(target) => target,
            Self::Zip(target) => return target.write(exported).await,
        };
        target.put(&tar_header(&exported.path, &exported.entry)?)?;
        if let Some(mut opened) = exported.body {
            while let Some(chunk) = opened.body.try_next().await? {
                target.put(&chunk)?;
                yield_now().await;
            }
            target.put(&end_mark()[..padding(opened.file.size) as usize])?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Tar(mut target) => {
                target.put(&end_mark())?;
                target.finish()
            }
            Self::Zip(target) => target.finish(),
        }
    }
}

impl TarTarget<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let failing = self.packer.sink().failing();
        let packer = &mut self.packer;
        let put = self.pieces.put(bytes, |piece| packer.write(piece));
        put.map_err(|error| failing.because(error))
    }

    fn finish(mut self) -> Result<()> {
        let failing = self.packer.sink().failing();
        let packer = &mut self.packer;
        let ended = self.pieces.end(|piece| packer.write(piece));
        let sink = ended.and_then(|()| match self.packer {
            Packer::Plain(sink) => Ok(sink),
            Packer::Gzip(packer) => packer.finish(),
            Packer::Zstd(packer) => packer.finish(),
        });
        sink.map_err(|error| failing.because(error))?.finish()
    }
}

impl<'a> Packer<'a> {
    fn sink(&self) -> &Sink<'a> {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(packer) => packer.get_ref(),
            Self::Zstd(packer) => packer.get_ref(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.write_all(bytes),
            Self::Gzip(packer) => packer.write_all(bytes),
            Self::Zstd(packer) => packer.write_all(bytes),
        }
    }
}
