//! Zip archives.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use ::zip::read::{ZipFile, ZipReadOptions};
use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ExtraField, System, ZipArchive};
use workspace_archive::{link_target, member_path};
use workspace_core::{
    Error, ErrorKind, MAX_TARGET, Reason, Result, SourceEntry, SourceKind, Timestamp, TreePath,
};

use super::ahead::{ReadAhead, Sink, Stop};
use super::{SPECIAL, SourceOptions, invalid, open_file, source_error};

/// The members of a zip archive, in the order of its directory.
#[derive(Debug)]
pub struct ZipSource(pub(super) ReadAhead);

impl ZipSource {
    /// Starts to read the archive at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Source`]. While reading:
    /// [`ErrorKind::Invalid`] for a path that is absolute, leaves the archive or is
    /// not UTF-8, for a device, and for members that overlap or have the same name; [`ErrorKind::Unsupported`] for encryption and
    /// rarer compression; [`ErrorKind::Source`] where it is damaged or cut off.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        Self::start(open_file(path)?, path.display().to_string(), options)
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
                .because(format_args!("an archive of more than {limit} bytes")));
        }
        file.rewind().map_err(failed)?;
        Self::start(file, name, options)
    }

    fn start(file: File, name: String, options: &SourceOptions) -> Result<Self> {
        let reading = Reading {
            skip_special: options.skip_special,
            name,
        };
        ReadAhead::start(move |sink| reading.run(file, sink)).map(Self)
    }
}

struct Reading {
    skip_special: bool,
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

    fn run(&self, file: File, sink: &mut Sink) -> Result<(), Stop> {
        let failed = |cause| self.failed(cause);
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
        for index in 0..archive.len() {
            // What the archive's directory says of a member and what stands before its
            // bytes is the same, or readers would find different members.
            let options = ZipReadOptions::new().enforce_header_consistency(true);
            let member = archive.by_index_with_options(index, options);
            self.member(member.map_err(failed)?, sink)?;
        }
        Ok(())
    }

    fn member(
        &self,
        mut member: ZipFile<'_, BufReader<File>>,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let name = name(&member);
        let path = member_path(&name)?;
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
        match mode & 0o170_000 {
            kind if kind == 0o040_000 || name.ends_with(b"/") => {
                if member.size() > 0 {
                    let why = "a directory with contents";
                    return Err(invalid(path, why)
                        .for_reason(Reason::MalformedArchive)
                        .into());
                }
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
                sink.entry(SourceEntry { path, kind })?;
                let read =
                    sink.bytes(&mut member, expected, |cause| source_error(&shown, cause))?;
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

/// A member is not as long as the archive says.
fn cut_short(path: &TreePath, read: u64, expected: u64) -> Error {
    Error::new(ErrorKind::Source, "read source")
        .at(path)
        .because(format_args!("it has {read} bytes, and {expected} are told"))
}

/// Returns the name of a member. Old archivers of DOS and Windows put a backslash between
/// the parts of a path; where they wrote no slash, that is what it means.
fn name<R: Read>(member: &ZipFile<'_, R>) -> Vec<u8> {
    let mut name = member.name_raw().to_vec();
    if member.system() == System::Dos && !name.contains(&b'/') {
        for byte in name.iter_mut().filter(|byte| **byte == b'\\') {
            *byte = b'/';
        }
    }
    name
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
    let days = days_from_epoch(time.year().into(), time.month().into(), time.day().into());
    let minutes = i64::from(time.hour()) * 60 + i64::from(time.minute());
    let seconds = (days * 24 * 60 + minutes) * 60 + i64::from(time.second());
    Some(Timestamp::from_millis(seconds * 1000))
}

/// Counts the days since 1970-01-01 in the Gregorian calendar, by counting
/// months from March on, so that the leap day comes last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::days_from_epoch;

    #[test]
    fn days_are_counted_from_1970() {
        for (date, days) in [
            ((1970, 1, 1), 0),
            ((1980, 1, 1), 3_652),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((2100, 3, 1), 47_541),
            ((2107, 12, 31), 50_402),
        ] {
            assert_eq!(days_from_epoch(date.0, date.1, date.2), days, "{date:?}");
        }
    }
}
