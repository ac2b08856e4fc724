//! An archive as the target of an export.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt;
use workspace_archive::{end_mark, padding, tar_header};
use workspace_core::Exported;

use super::Sink;
use super::zip::ZipTarget;
use crate::exit::Result;

/// Writes entries into an archive.
pub(super) enum ArchiveTarget<'a> {
    Tar(Packer<'a>),
    Zip(Box<ZipTarget<'a>>),
}

/// Writes a tar archive, packed or not.
pub(super) enum Packer<'a> {
    Plain(Sink<'a>),
    Gzip(Box<GzEncoder<Sink<'a>>>),
    Zstd(Box<zstd::Encoder<'static, Sink<'a>>>),
}

impl<'a> ArchiveTarget<'a> {
    /// Begins a tar archive.
    pub(super) fn tar(sink: Sink<'a>) -> Self {
        Self::Tar(Packer::Plain(sink))
    }

    /// Begins a tar archive that gzip packs.
    pub(super) fn tar_gzip(sink: Sink<'a>) -> Self {
        let packer = GzEncoder::new(sink, Compression::default());
        Self::Tar(Packer::Gzip(Box::new(packer)))
    }

    /// Begins a tar archive that zstd packs, with its check sum.
    pub(super) fn tar_zstd(sink: Sink<'a>) -> Result<Self> {
        let failed = sink.failing();
        let packer = zstd::Encoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL);
        let mut packer = packer.map_err(|error| failed.because(error))?;
        let summed = packer.include_checksum(true);
        summed.map_err(|error| failed.because(error))?;
        Ok(Self::Tar(Packer::Zstd(Box::new(packer))))
    }

    /// Begins a zip archive.
    pub(super) fn zip(sink: Sink<'a>) -> Self {
        Self::Zip(Box::new(ZipTarget::new(sink)))
    }

    /// Appends an entry.
    pub(super) async fn write(&mut self, exported: Exported) -> Result<()> {
        let packer = match self {
            Self::Tar(packer) => packer,
            Self::Zip(target) => return target.write(exported).await,
        };
        packer.put(&tar_header(&exported.path, &exported.entry)?)?;
        if let Some(mut opened) = exported.body {
            while let Some(chunk) = opened.body.try_next().await? {
                packer.put(&chunk)?;
            }
            packer.put(&end_mark()[..padding(opened.file.size) as usize])?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Tar(mut packer) => {
                packer.put(&end_mark())?;
                packer.finish()
            }
            Self::Zip(target) => target.finish(),
        }
    }
}

impl Packer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let (written, sink): (io::Result<()>, &Sink<'_>) = match self {
            Self::Plain(sink) => return sink.put(bytes),
            Self::Gzip(packer) => (packer.write_all(bytes), packer.get_ref()),
            Self::Zstd(packer) => (packer.write_all(bytes), packer.get_ref()),
        };
        written.map_err(|error| sink.failing().because(error))
    }

    fn finish(self) -> Result<()> {
        let (failed, sink) = match self {
            Self::Plain(sink) => return sink.finish(),
            Self::Gzip(packer) => (packer.get_ref().failing(), packer.finish()),
            Self::Zstd(packer) => (packer.get_ref().failing(), packer.finish()),
        };
        sink.map_err(|error| failed.because(error))?.finish()
    }
}
