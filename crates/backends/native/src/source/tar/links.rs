//! Hard links: a second name for a member that came before.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use workspace_archive::{Member, MemberKind};
use workspace_core::{Error, ErrorKind, Result, SourceEntry, TreePath};

use super::{Members, Reading};
use crate::source::ahead::{Sink, Stop};
use crate::source::{invalid, source_error};

/// The hard links of an archive that are still to become copies.
///
/// A stream cannot go back to an earlier member, so they come at the end, from a
/// second pass over the archive. A later entry wins, hence a link is forgotten
/// where a later member takes its path.
///
/// They are held until then, their paths up to 64 MiB together.
#[derive(Default)]
pub(super) struct HardLinks {
    links: HashMap<TreePath, Target>,
    /// How many bytes the paths in `links` have.
    bytes: usize,
}

/// The most bytes in the paths of the links that are held.
const MAX_BYTES: usize = 64 << 20;

#[derive(Clone)]
struct Target {
    path: TreePath,
    /// Only members before this one count.
    before: u64,
}

impl HardLinks {
    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Holds a link.
    ///
    /// # Errors
    /// `LimitExceeded` where there are more bytes of paths than may be.
    pub(super) fn add(&mut self, path: TreePath, target: TreePath, number: u64) -> Result<()> {
        self.forget(&path);
        // A link to a link is one to the same member.
        let target = self.links.get(&target).cloned().unwrap_or(Target {
            path: target,
            before: number,
        });
        let bytes = self.bytes + Self::bytes(&path, &target);
        if bytes > MAX_BYTES {
            let error = Error::new(ErrorKind::LimitExceeded, "read source").at(&path);
            return Err(error.because(format_args!(
                "hard links with more than {MAX_BYTES} bytes of paths"
            )));
        }
        self.bytes = bytes;
        self.links.insert(path, target);
        Ok(())
    }

    /// Another member has this path.
    pub(super) fn replaced(&mut self, path: &TreePath) {
        self.forget(path);
    }

    fn forget(&mut self, path: &TreePath) {
        if let Some(target) = self.links.remove(path) {
            self.bytes -= Self::bytes(path, &target);
        }
    }

    fn bytes(path: &TreePath, target: &Target) -> usize {
        path.as_str().len() + target.path.as_str().len()
    }

    /// Turns them round for the second pass.
    pub(super) fn copies(self) -> Copies {
        let mut copies = Copies::default();
        for (path, target) in self.links {
            copies.0.entry(target.path).or_default().push(Copy {
                path,
                before: target.before,
                made: false,
            });
        }
        copies
    }
}

/// The copies to make of each member.
#[derive(Default)]
pub(super) struct Copies(HashMap<TreePath, Vec<Copy>>);

struct Copy {
    path: TreePath,
    before: u64,
    made: bool,
}

impl Copies {
    /// Sends the member under the path of each link to it.
    pub(super) fn make(
        &mut self,
        number: u64,
        member: Member,
        members: &mut Members,
        reading: &mut Reading,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let Some(copies) = self.0.get_mut(&member.path) else {
            return Ok(());
        };
        let mut copies = copies.iter_mut().filter(|copy| number < copy.before);
        let size = match member.kind {
            MemberKind::File { size, .. } => size,
            MemberKind::Symlink { .. } => 0,
            MemberKind::HardLink { .. } => return Ok(()),
            // The file that was there is no more.
            MemberKind::Directory | MemberKind::Special => {
                copies.for_each(|copy| copy.made = false);
                return Ok(());
            }
        };
        let mut entry = SourceEntry::try_from(member)?;
        let failed = {
            let path = entry.path.clone();
            move |cause| source_error(&path, cause)
        };
        let Some(first) = copies.next() else {
            return Ok(());
        };
        let others: Vec<_> = copies.collect();
        // As entries they counted when the links were read.
        let all = size.saturating_mul(1 + others.len() as u64);
        reading.sieve.count_bytes(&entry.path, all)?;
        first.made = true;
        entry.path = first.path.clone();
        sink.entry(entry.clone())?;
        // The bytes pass by once, so they are kept where they are needed again.
        let mut spool = match others.is_empty() {
            true => None,
            false => Some(Spool::new().map_err(&failed)?),
        };
        while let Some(chunk) = members.chunk()? {
            reading.expansion.add(chunk.len() as u64, &reading.name)?;
            if let Some(spool) = &mut spool {
                spool.write(&chunk).map_err(&failed)?;
            }
            sink.chunk(chunk)?;
        }
        let Some(spool) = spool else {
            return Ok(());
        };
        let mut file = spool.whole().map_err(&failed)?;
        for copy in others {
            reading.expansion.add(size, &reading.name)?;
            copy.made = true;
            entry.path = copy.path.clone();
            sink.entry(entry.clone())?;
            file.rewind().map_err(&failed)?;
            sink.bytes(&mut file, size, &failed)?;
        }
        Ok(())
    }

    pub(super) fn refuse_dangling(&self) -> Result<()> {
        let all = self.0.iter().flat_map(|(target, copies)| {
            copies
                .iter()
                .map(move |copy| (&copy.path, target, copy.made))
        });
        let dangling = all.filter(|(_, _, made)| !made);
        match dangling.min_by_key(|(path, _, _)| path.as_str()) {
            None => Ok(()),
            Some((path, target, _)) => {
                let why = format!("a hard link to {target}, which is no file before it");
                Err(invalid(path, &why))
            }
        }
    }
}

/// The bytes of a member in a file without a name. Zeros take no room in it, so that it
/// is no longer than what the archive holds of the member.
struct Spool {
    file: File,
    length: u64,
}

impl Spool {
    fn new() -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        Ok(Self { file, length: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        match bytes.iter().all(|byte| *byte == 0) {
            true => self.file.seek(SeekFrom::Start(self.length)).map(drop),
            false => self.file.write_all(bytes),
        }
    }

    fn whole(self) -> io::Result<File> {
        self.file.set_len(self.length)?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).expect("the tests' paths are valid")
    }

    #[cfg(unix)]
    #[test]
    fn holes_take_no_room_where_bytes_are_kept() {
        use std::io::Read as _;
        use std::os::unix::fs::MetadataExt as _;
        let mut spool = Spool::new().unwrap();
        for _ in 0..1000 {
            spool.write(&[0; 65536]).unwrap();
        }
        spool.write(b"end").unwrap();
        spool.write(&[0; 65536]).unwrap();
        let mut file = spool.whole().unwrap();
        let found = file.metadata().unwrap();
        assert_eq!(found.len(), 1001 * 65536 + 3);
        assert!(found.blocks() * 512 < 1 << 20, "{} blocks", found.blocks());
        let mut all = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut all).unwrap();
        assert_eq!(&all[1000 * 65536..][..3], b"end");
        assert_eq!(all.iter().filter(|byte| **byte != 0).count(), 3);
    }

    #[test]
    fn the_paths_of_links_are_held_up_to_a_limit() {
        let long = format!("/{}", "n".repeat(255)).repeat(15);
        let target = path(&format!("{long}/a"));
        let mut links = HardLinks::default();
        let mut held = 0;
        let error = loop {
            match links.add(path(&format!("{long}/{held}")), target.clone(), 1) {
                Ok(()) => held += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
        assert!(links.bytes <= MAX_BYTES && links.bytes + 8192 > MAX_BYTES);
        // What is replaced makes room.
        links.replaced(&path(&format!("{long}/7")));
        links
            .add(path(&format!("{long}/x")), target, 1)
            .expect("there is room");
        for n in 0..held {
            links.replaced(&path(&format!("{long}/{n}")));
        }
        links.replaced(&path(&format!("{long}/x")));
        assert_eq!((links.bytes, links.is_empty()), (0, true));
    }
}
