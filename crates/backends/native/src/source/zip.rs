//! Zip archives.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use ::zip::read::ZipFile;
use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ExtraField, System, ZipArchive};
use jiff::civil;
use jiff::tz::TimeZone;
use workspace_archive::{Sieve, link_target, member_path};
use workspace_core::{
    Error, ErrorKind, MAX_TARGET, Reason, Result, SourceEntry, SourceKind, Timestamp, TreePath,
};

use super::ahead::{ReadAhead, Sink, Stop};
use super::expansion::Expansion;
use super::{SPECIAL, SourceOptions, invalid, open_file, source_error};

/// The attribute of DOS that says that a name is a volume's.
const LABEL: u32 = 1 << 3;
/// The flag that says that a name is UTF-8.
const UTF_8: u16 = 1 << 11;

/// The members of a zip archive, in the order of its directory.
#[derive(Debug)]
pub struct ZipSource(pub(super) ReadAhead);

impl ZipSource {
    /// Starts to read the archive at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Source`]. While reading:
    /// [`ErrorKind::Invalid`] for a path that is absolute, leaves the archive or is
    /// not UTF-8, for a device, for members that overlap or have the same path, and for
    /// what other readers find in another place; [`ErrorKind::Unsupported`] for
    /// encryption, rarer compression and names in an unknown encoding;
    /// [`ErrorKind::Source`] where it is damaged or cut off;
    /// [`ErrorKind::LimitExceeded`] beyond the limits, or where far more is to come out
    /// than the archive has.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        Self::from_file(open_file(path)?, path.display().to_string(), options)
    }

    /// Reads an archive that cannot be read from its end, such as standard input,
    /// into a temporary file first; `name` is for messages.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`ErrorKind::StorageFull`] where the
    /// temporary file does not fit, [`ErrorKind::LimitExceeded`] where the archive
    /// is larger than `limit` bytes.
    pub fn from_reader(
        reader: impl Read,
        limit: u64,
        name: String,
        options: &SourceOptions,
    ) -> Result<Self> {
        let failed = |cause| source_error(&name, cause);
        let mut file = tempfile::tempfile().map_err(failed)?;
        let size =
            io::copy(&mut reader.take(limit.saturating_add(1)), &mut file).map_err(failed)?;
        if size > limit {
            return Err(Error::new(ErrorKind::LimitExceeded, "read source")
                .at(name)
                .because(format_args!("an archive of more than {limit} bytes in all")));
        }
        file.rewind().map_err(failed)?;
        Self::from_file(file, name, options)
    }

    /// Starts to read an archive that is open, from its start; `name` is for messages.
    pub(super) fn from_file(file: File, name: String, options: &SourceOptions) -> Result<Self> {
        let length = file
            .metadata()
            .map_err(|cause| source_error(&name, cause))?;
        let reading = Reading {
            skip_special: options.skip_special,
            sieve: options.sieve(),
            expansion: match options.any_expansion {
                true => Expansion::of_any(),
                false => Expansion::of(length.len()),
            },
            paths: HashSet::new(),
            name,
        };
        ReadAhead::start(move |sink| reading.run(file, sink)).map(Self)
    }
}

struct Reading {
    skip_special: bool,
    sieve: Sieve,
    expansion: Expansion,
    /// The paths of the members so far.
    paths: HashSet<TreePath>,
    name: String,
}

impl Reading {
    fn failed(&self, cause: ZipError) -> Error {
        let kind = match cause {
            ZipError::UnsupportedArchive(_) => ErrorKind::Unsupported,
            _ => ErrorKind::Source,
        };
        Error::new(kind, "read source")
            .at(&self.name)
            .because(&cause)
            .with_source(cause)
    }

    fn run(mut self, file: File, sink: &mut Sink) -> Result<(), Stop> {
        let failed = |cause| self.failed(cause);
        let again = file.try_clone();
        let mut again = again.map_err(|cause| source_error(&self.name, cause))?;
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(failed)?;
        let repeated = archive.has_duplicate_names();
        if repeated || archive.has_overlapping_entries().map_err(failed)? {
            let why = match repeated {
                true => "two members have the same name, and each reader takes another",
                false => "its members overlap",
            };
            return Err(invalid(&self.name, why)
                .for_reason(Reason::MalformedArchive)
                .into());
        }
        // What the archive's directory says of a member and what stands before its
        // bytes is the same, and no member is left out of the directory, also none of
        // another archive before this one, or readers would find different members.
        archive.validate_header_consistency().map_err(failed)?;
        let is_whole = is_whole(&mut again, archive.offset(), archive.comment().len());
        if !is_whole.map_err(|cause| source_error(&self.name, cause))? {
            let why = "something is before its first member or after its end";
            return Err(invalid(&self.name, why).into());
        }
        for index in 0..archive.len() {
            let member = archive.by_index(index);
            let member = member.map_err(|cause| self.failed(cause))?;
            self.member(member, sink)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        mut member: ZipFile<'_, BufReader<File>>,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let name = name(&member)?;
        let path = member_path(&name)?;
        if !self.paths.insert(path.clone()) {
            let why = "two members have the same path, and each reader takes another";
            return Err(invalid(path, why).into());
        }
        self.sieve.count(&path, member.size())?;
        let method = member.compression();
        if !matches!(
            method,
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(Error::new(ErrorKind::Unsupported, "read source")
                .at(path)
                .because(format_args!(
                    "compressed by {method}; only deflate is known"
                ))
                .into());
        }
        // Elsewhere these bits are something else.
        let mode = match member.system() {
            System::Unix | System::Dos => member.unix_mode().unwrap_or(0),
            _ => 0,
        };
        // The kinds of POSIX's `st_mode`.
        let kind = mode & 0o170_000;
        let has_slash = name.ends_with(b"/");
        if has_slash && !matches!(kind, 0 | 0o040_000 | 0o100_000) {
            let why = "its name is a directory's, and it is none";
            return Err(invalid(path, why)
                .for_reason(Reason::MalformedArchive)
                .into());
        }
        if kind == 0o040_000 && !has_slash {
            let why = "a directory without a slash after its name, which some take for a file";
            return Err(invalid(path, why)
                .for_reason(Reason::MalformedArchive)
                .into());
        }
        // What DOS marks so is no file, and is passed over by some.
        if member.system() == System::Dos && member.external_attributes() & LABEL != 0 {
            return Err(invalid(path, "the label of a volume")
                .for_reason(Reason::MalformedArchive)
                .into());
        }
        if has_slash && member.size() > 0 {
            return Err(invalid(path, "a directory with contents")
                .for_reason(Reason::MalformedArchive)
                .into());
        }
        if !self.sieve.takes(&path)? {
            return Ok(());
        }
        match kind {
            _ if has_slash => {
                let kind = SourceKind::Directory;
                sink.entry(SourceEntry { path, kind })?;
            }
            0 | 0o100_000 => {
                let kind = SourceKind::File {
                    size: Some(member.size()),
                    executable: mode & 0o111 != 0,
                    modified: modified(&member),
                    media_type: None,
                    provenance: None,
                };
                let (shown, expected) = (path.clone(), member.size());
                self.expansion.add(expected, &self.name)?;
                sink.entry(SourceEntry { path, kind })?;
                // One that is longer than it says is not read to its end.
                let mut bytes = (&mut member).take(expected.saturating_add(1));
                let read = sink.bytes(&mut bytes, expected, |cause| source_error(&shown, cause))?;
                if read != expected {
                    return Err(cut_short(&shown, read, expected).into());
                }
            }
            0o120_000 => {
                let mut target = Vec::new();
                let most = MAX_TARGET as u64 + 1;
                let read = (&mut member).take(most).read_to_end(&mut target);
                let read = read.map_err(|cause| source_error(&path, cause))? as u64;
                if read != member.size().min(most) {
                    return Err(cut_short(&path, read, member.size()).into());
                }
                let target = link_target(&path, &target)?;
                let modified = modified(&member);
                let kind = SourceKind::Symlink { target, modified };
                sink.entry(SourceEntry { path, kind })?;
            }
            _ if self.skip_special => {}
            _ => return Err(invalid(path, SPECIAL).into()),
        }
        Ok(())
    }
}

/// Tells whether a file is a zip archive from its start to its end, of which `offset` bytes
/// are before what it says is its start: a program that unpacks itself may be there.
fn is_whole(file: &mut File, offset: u64, comment: usize) -> io::Result<bool> {
    let mut mark = [0; 4];
    let end = 22 + i64::try_from(comment).unwrap_or(i64::MAX - 22);
    file.seek(SeekFrom::End(-end))?;
    file.read_exact(&mut mark)?;
    if mark != *b"PK\x05\x06" {
        return Ok(false);
    }
    file.rewind()?;
    file.read_exact(&mut mark)?;
    Ok(offset == 0 || !mark.starts_with(b"PK"))
}

/// A member is not as long as the archive says.
fn cut_short(path: &TreePath, read: u64, expected: u64) -> Error {
    Error::new(ErrorKind::Source, "read source")
        .at(path)
        .because(format_args!("it has {read} bytes, and {expected} are told"))
}

/// Returns the name of a member. Old archivers of DOS and Windows put a backslash between
/// the parts of a path; where they wrote no slash, that is what it means.
///
/// # Errors
/// `Unsupported` for a name that readers take in different ways.
fn name<R: Read>(member: &ZipFile<'_, R>) -> Result<Vec<u8>> {
    let mut name = member.name_raw().to_vec();
    let refused = |why: &str| {
        let shown = String::from_utf8_lossy(member.name_raw());
        let shown: String = shown.chars().take(200).collect();
        let error = Error::new(ErrorKind::Unsupported, "read source");
        Err(error.at(shown.escape_debug()).because(why))
    };
    // The first name that it has in the directory: one in an extra field takes its place.
    let fields = member.extra_data_fields();
    let renamed = fields
        .filter(|field| matches!(field, ExtraField::UnicodePath(_)))
        .count();
    let plain = || name.is_ascii();
    if renamed > 0 && plain() {
        return refused("it has another name in an extra field, which some readers do not heed");
    }
    // Where the archive does not say that it is UTF-8, it is so on Unix by custom.
    let is_utf_8 = member.flags().as_u16() & UTF_8 != 0 || member.system() == System::Unix;
    if !plain() && !is_utf_8 {
        return refused("its name is in an encoding that the archive does not tell");
    }
    if member.system() == System::Unix {
        return Ok(name);
    }
    if matches!(name.as_slice(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return refused("the path begins with a drive");
    }
    match (member.system(), name.contains(&b'/')) {
        (System::Dos, false) => {
            for byte in name.iter_mut().filter(|byte| **byte == b'\\') {
                *byte = b'/';
            }
        }
        (System::Dos, true) => {}
        _ if name.contains(&b'\\') => {
            return refused("a backslash in a name of another system parts it for some readers");
        }
        _ => {}
    }
    Ok(name)
}

/// Returns when a member was modified: in UTC, where the archive has it so; else by the
/// time that all members have, which has no zone and is taken for UTC.
fn modified<R: Read>(member: &ZipFile<'_, R>) -> Option<Timestamp> {
    let in_utc = member.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    if let Some(seconds) = in_utc {
        // Info-ZIP counts in 32 bits, with a sign.
        let seconds = i64::from(seconds.cast_signed());
        return Some(Timestamp::from_millis(seconds * 1000));
    }
    let time = member.last_modified()?;
    let time = civil::DateTime::try_from(time).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(time.timestamp().as_millisecond()))
}
