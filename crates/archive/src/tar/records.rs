//! The records of extended headers: what POSIX has no field for.

use workspace_core::{
    Error, ErrorKind, MAX_MEDIA_TYPE, MAX_PROVENANCE, Reason, Result, Text, Timestamp,
};

use super::number::{count, time};
use super::sparse::{MAX_REGIONS, Region};
use super::{MEDIA_TYPE, MODIFIED, PROVENANCE};

/// What the extended headers before a member say of it.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// `Some(None)` where the archive says that nobody knows.
    pub(super) modified: Option<Option<Timestamp>>,
    pub(super) media_type: Option<Text<MAX_MEDIA_TYPE>>,
    pub(super) provenance: Option<Text<MAX_PROVENANCE>>,
    pub(super) sparse: SparseRecords,
}

/// What they say of a sparse file, in the three versions that GNU tar has written.
#[derive(Debug, Default)]
pub(super) struct SparseRecords {
    /// Whether they say anything.
    pub(super) any: bool,
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// How many regions there are said to be.
    pub(super) blocks: Option<u64>,
    pub(super) regions: Vec<Region>,
    offset: Option<u64>,
}

impl Records {
    /// Reads an extended header. Of a key that comes twice the last counts.
    ///
    /// # Errors
    /// `Source` for what is no list of records; `Invalid` for a value that cannot be
    /// meant.
    pub(super) fn read(&mut self, header: &[u8]) -> Result<()> {
        for record in Split(header) {
            let (key, value) = record?;
            let wrong = |why: &str| refused(key, value, why);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => {
                    let size = count(value).ok_or_else(|| wrong("no number of bytes"))?;
                    self.size = Some(size);
                }
                b"mtime" => {
                    let time = time(value).ok_or_else(|| wrong("no number of seconds"))?;
                    self.modified = Some(Some(time));
                }
                key if key == MODIFIED.as_bytes() && value.is_empty() => self.modified = Some(None),
                key if key == MEDIA_TYPE.as_bytes() => self.media_type = Some(text(key, value)?),
                key if key == PROVENANCE.as_bytes() => self.provenance = Some(text(key, value)?),
                // Sizes and holes that some readers heed.
                b"SCHILY.realsize" | b"SCHILY.filetype" | b"SUN.holesdata" => {
                    let key = String::from_utf8_lossy(key);
                    return Err(Error::new(ErrorKind::Unsupported, "read source")
                        .because(format_args!("a {key} of a member; readers differ in it")));
                }
                _ => {
                    if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                        self.sparse.record(key, value).map_err(wrong)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl SparseRecords {
    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        self.any = true;
        let number = || count(value).ok_or("no number");
        match key {
            b"major" => self.major = Some(number()?),
            b"minor" => self.minor = Some(number()?),
            b"name" => self.name = Some(value.to_vec()),
            b"size" | b"realsize" => self.size = Some(number()?),
            b"numblocks" => self.blocks = Some(number()?),
            b"offset" => self.offset = Some(number()?),
            b"numbytes" => {
                let offset = self.offset.take().ok_or("no offset before it")?;
                self.region(offset, number()?)?;
            }
            b"map" => {
                let mut numbers = value.split(|byte| *byte == b',');
                self.regions.clear();
                while let Some(offset) = numbers.next() {
                    let length = numbers.next().ok_or("an offset without a length")?;
                    let (offset, length) = (count(offset), count(length));
                    let (offset, length) = offset.zip(length).ok_or("no list of numbers")?;
                    self.region(offset, length)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn region(&mut self, offset: u64, length: u64) -> Result<(), &'static str> {
        if self.regions.len() >= MAX_REGIONS {
            return Err("more regions than a sparse file may have");
        }
        self.regions.push(Region { offset, length });
        Ok(())
    }
}

/// Reads an extended header that is for all members after it, and returns the time that
/// it gives them.
///
/// # Errors
/// As for [`Records::read`]; `Unsupported` for names, targets and sizes, which some
/// readers heed and some do not.
pub(super) fn global_time(header: &[u8]) -> Result<Option<Timestamp>> {
    let mut found = None;
    for record in Split(header) {
        match record? {
            (b"mtime", value) => {
                let time = time(value);
                let time = time.ok_or_else(|| refused(b"mtime", value, "no number of seconds"))?;
                found = Some(time);
            }
            (key, _)
                if matches!(key, b"path" | b"linkpath" | b"size")
                    || key.starts_with(b"GNU.sparse.") =>
            {
                let key = String::from_utf8_lossy(key);
                return Err(Error::new(ErrorKind::Unsupported, "read source")
                    .because(format_args!("a {key} for all members of the archive")));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Splits an extended header into keys and values.
///
/// A record says its own length, so that nothing within a value is taken for another.
struct Split<'a>(&'a [u8]);

impl<'a> Iterator for Split<'a> {
    type Item = Result<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let Some((key, value, rest)) = split(self.0) else {
            self.0 = &[];
            return Some(Err(Error::new(ErrorKind::Source, "read source")
                .because("an extended header that is no list of records")));
        };
        self.0 = rest;
        Some(Ok((key, value)))
    }
}

/// Splits the first record off: `LENGTH KEY=VALUE\n`.
fn split(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(count(&records[..space])?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    (equals > 0).then(|| (&record[..equals], &record[equals + 1..], rest))
}

fn text<const MAX: usize>(key: &[u8], value: &[u8]) -> Result<Text<MAX>> {
    let text = str::from_utf8(value).map_err(|_| refused(key, value, "not UTF-8"))?;
    Text::new(text).map_err(|cause| refused(key, value, cause.detail().unwrap_or_default()))
}

fn refused(key: &[u8], value: &[u8], why: &str) -> Error {
    let shown = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let start: String = text.chars().take(40).collect();
        start.escape_debug().to_string()
    };
    let (key, value) = (shown(key), shown(value));
    Error::invalid(Reason::MalformedArchive, "read source")
        .because(format_args!("{key}={value} in an extended header: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[u8]) -> Result<Records> {
        let mut records = Records::default();
        records.read(header).map(|()| records)
    }

    #[test]
    fn a_record_within_a_value_is_none() {
        let records = read(b"26 comment=x\n13 path=evil\n").unwrap();
        assert_eq!(records.path, None);
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_counts() {
        let records = read(b"12 path=one\n12 path=two\n9 size=2\n9 size=1\n").unwrap();
        assert_eq!(
            (records.path.as_deref(), records.size),
            (Some(&b"two"[..]), Some(1))
        );
    }

    #[test]
    fn what_is_no_list_of_records_is_refused() {
        for bad in [
            &b"x"[..],
            b"12 path=one",
            b"11 path=one\n",
            b"13 path=one\n",
            b"0 path=one\n",
            b"+12 path=one\n",
            b"9 pathone\n",
            b"7 =one\n",
            b"12 path=one\n\0\0",
            b"99999999999999999999999 path=one\n",
        ] {
            assert_eq!(read(bad).unwrap_err().kind(), ErrorKind::Source, "{bad:?}");
        }
        for bad in [
            &b"9 size=x\n"[..],
            b"11 size=-1\n",
            b"8 size=\n",
            b"28 size=9223372036854775808\n",
            b"12 mtime=no\n",
            b"9 mtime=\n",
            b"24 GNU.sparse.map=1,2,3\n",
            b"25 GNU.sparse.numbytes=1\n",
        ] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad:?}: {error}");
        }
    }

    #[test]
    fn what_is_said_of_all_members_is_a_time_at_most() {
        let time = Timestamp::from_millis(7000);
        assert_eq!(
            global_time(b"15 comment=git\n11 mtime=7\n").unwrap(),
            Some(time)
        );
        assert_eq!(global_time(b"15 comment=git\n").unwrap(), None);
        for bad in [
            &b"12 path=all\n"[..],
            b"9 size=1\n",
            b"25 GNU.sparse.realsize=1\n",
        ] {
            assert_eq!(global_time(bad).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
