//! Where what has to give way is taken, to be looked at where nobody reaches it by its name.
//!
//! What is not what was seen is somebody's work, and there is no other of it. It goes back;
//! where its name is somebody else's by then, it gets another one beside; and where not even
//! that can be, it stays where it is. Nothing removes a directory with something in it: not
//! this, and no sync or export that comes after one that was killed.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, RenameFlags, linkat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;
use workspace_archive::REPLACED;
use workspace_native::beneath::{self, State};

use crate::commands::export::{make_unique, unique_name};

/// Why something stays that was changed meanwhile.
pub(super) const CHANGED: &str = "it is not as it was seen";

/// Why something stays.
pub(super) type Stays = Cow<'static, str>;

/// A directory that is made where it is needed, and removed on drop where nothing is in it.
pub(super) struct Aside<'a> {
    root: BorrowedFd<'a>,
    made: OnceCell<(OsString, OwnedFd)>,
    next: Cell<u64>,
}

/// Returns how the name of such a directory begins.
fn prefix() -> String {
    format!("{REPLACED}sync-")
}

/// Finds the directories in which killed syncs have left something; removes those in which
/// nothing is.
pub(super) fn left(root: BorrowedFd<'_>) -> io::Result<Vec<OsString>> {
    let prefix = prefix();
    let mut names = beneath::names(root, usize::MAX)?;
    names.retain(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
    names.retain(|name| unlinkat(root, name, AtFlags::REMOVEDIR).is_err());
    Ok(names)
}

impl<'a> Aside<'a> {
    /// For things in the directory `root`.
    pub(super) fn new(root: BorrowedFd<'a>) -> Self {
        Self {
            root,
            made: OnceCell::new(),
            next: Cell::new(0),
        }
    }

    fn directory(&self) -> io::Result<&OwnedFd> {
        if self.made.get().is_none() {
            let made = make_unique(self.root, &prefix())?;
            // Nobody else has set it: this is not shared.
            let _unset = self.made.set(made);
        }
        let made = self.made.get().map(|(_, directory)| directory);
        made.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns a name that nothing has there.
    fn name(&self) -> OsString {
        let next = self.next.get();
        self.next.set(next + 1);
        next.to_string().into()
    }

    /// Removes what has a name in a directory, where `is_found` takes it; says why where it
    /// stays.
    pub(super) fn remove(
        &self,
        above: &OwnedFd,
        name: &OsStr,
        is_found: impl Fn(&State) -> bool,
    ) -> io::Result<Result<(), Stays>> {
        let (aside, taken) = (self.directory()?, self.name());
        renameat(above, name, aside, &taken)?;
        if !self.is_found(&taken, &is_found) {
            return self.give_back(&taken, above, name).map(Err);
        }
        match unlinkat(aside, &taken, AtFlags::empty()) {
            Ok(()) => Ok(Ok(())),
            Err(cause) => {
                self.give_back(&taken, above, name)?;
                Err(cause.into())
            }
        }
    }

    /// Puts what is staged in the place of what has a name in a directory, where `is_found`
    /// takes that; says why where it stays.
    pub(super) fn replace(
        &self,
        (staging, staged): (&OwnedFd, &OsStr),
        above: &OwnedFd,
        name: &OsStr,
        is_found: impl Fn(&State) -> bool,
    ) -> io::Result<Result<(), Stays>> {
        let (aside, new) = (self.directory()?, self.name());
        renameat(staging, staged, aside, &new)?;
        let exchange = || renameat_with(aside, &new, above, name, RenameFlags::EXCHANGE);
        // What is staged is in the copy: nobody misses it here.
        let drop_new = || unlinkat(aside, &new, AtFlags::empty());
        match exchange() {
            Ok(()) if self.is_found(&new, &is_found) => {
                drop_new()?;
                Ok(Ok(()))
            }
            Ok(()) => match exchange() {
                Ok(()) => {
                    drop_new()?;
                    Ok(Err(CHANGED.into()))
                }
                Err(_) => self.give_back(&new, above, name).map(Err),
            },
            // The file system does not know how: for a moment nothing has the name.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                let old = self.name();
                let taken = renameat(above, name, aside, &old);
                if taken.is_err() || !self.is_found(&old, &is_found) {
                    drop_new()?;
                    taken?;
                    return self.give_back(&old, above, name).map(Err);
                }
                match no_replace(aside, &new, above, name) {
                    Ok(true) => {
                        unlinkat(aside, &old, AtFlags::empty())?;
                        Ok(Ok(()))
                    }
                    // Somebody was faster; what was there was seen, and is in the copy.
                    Ok(false) => {
                        drop_new()?;
                        unlinkat(aside, &old, AtFlags::empty())?;
                        Ok(Err(CHANGED.into()))
                    }
                    Err(error) => {
                        self.give_back(&old, above, name)?;
                        drop_new()?;
                        Err(error)
                    }
                }
            }
            // It went meanwhile: somebody removed it.
            Err(Errno::NOENT) => {
                drop_new()?;
                Ok(Err(CHANGED.into()))
            }
            Err(cause) => {
                drop_new()?;
                Err(cause.into())
            }
        }
    }

    fn is_found(&self, taken: &OsStr, is_found: &impl Fn(&State) -> bool) -> bool {
        let aside = self.directory();
        let state = aside.and_then(|aside| State::at(aside, Path::new(taken)));
        // What cannot be looked at is not known.
        state.ok().flatten().is_some_and(|state| is_found(&state))
    }

    /// Gives back what was taken; says where it is.
    fn give_back(&self, taken: &OsStr, above: &OwnedFd, name: &OsStr) -> io::Result<Stays> {
        let aside = self.directory()?;
        if no_replace(aside, taken, above, name).is_ok_and(|is_back| is_back) {
            return Ok(CHANGED.into());
        }
        let shown = |name: &OsStr| name.to_string_lossy().into_owned();
        let beside = unique_name(&format!(
            "{}.workspace-kept-",
            short(&name.to_string_lossy())
        ))?;
        if no_replace(aside, taken, above, &beside).is_ok_and(|is_there| is_there) {
            let why = "it was changed again and again, and what it was meanwhile is beside it";
            return Ok(format!("{why}, in {}", shown(&beside)).into());
        }
        let place = self.made.get().map(|(name, _)| shown(name));
        let place = place.unwrap_or_default();
        let why = "it was changed again and again, and what it was meanwhile is";
        Ok(format!("{why} in {place}/{}", shown(taken)).into())
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        if let Some((name, _)) = self.made.get() {
            // What is in it, and so stays, was told.
            let _stays = unlinkat(self.root, name, AtFlags::REMOVEDIR);
        }
    }
}

/// Cuts a name so that another may follow it.
fn short(name: &str) -> &str {
    let mut end = name.len().min(200);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Gives something a name that nothing has; `false` where something has.
pub(super) fn no_replace(
    from: &OwnedFd,
    old: &OsStr,
    to: &OwnedFd,
    new: &OsStr,
) -> io::Result<bool> {
    match renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // The file system does not know how to leave what came meanwhile; most can link.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            match linkat(from, old, to, new, AtFlags::empty()) {
                Ok(()) => Ok(unlinkat(from, old, AtFlags::empty()).map(|()| true)?),
                Err(Errno::EXIST) => Ok(false),
                Err(_) => match beneath::kind(to, new)? {
                    None => Ok(renameat(from, old, to, new).map(|()| true)?),
                    Some(_) => Ok(false),
                },
            }
        }
        Err(cause) => Err(cause.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd as _;

    use super::*;

    struct Place {
        directory: tempfile::TempDir,
        root: OwnedFd,
    }

    impl Place {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let root = fs::File::open(directory.path()).unwrap().into();
            let place = Self { directory, root };
            place.write("file", "mine");
            place.write("staged", "theirs");
            place
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.directory.path().join(name), text).unwrap();
        }

        /// Lists what is there, without what is in the names that are made up.
        fn there(&self) -> Vec<String> {
            let entries = fs::read_dir(self.directory.path()).unwrap();
            let mut found: Vec<String> = entries
                .map(|entry| {
                    let path = entry.unwrap().path();
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    let name = name.split_once("-kept-").map_or(&*name, |(name, _)| name);
                    format!("{name}={}", fs::read_to_string(&path).unwrap_or_default())
                })
                .collect();
            found.sort();
            found
        }
    }

    /// A program that saved by a rename had the name again before the file could go back to
    /// it, and what was taken was removed with what was staged.
    #[test]
    fn what_had_to_go_back_was_removed_where_its_name_was_taken() {
        let file = OsStr::new("file");
        let place = Place::new();
        let aside = Aside::new(place.root.as_fd());
        let seen = |_: &State| {
            place.write("file", "newer");
            false
        };
        let why = aside.remove(&place.root, file, seen).unwrap().unwrap_err();
        assert!(why.contains("file.workspace-kept-"), "{why}");
        drop(aside);
        assert_eq!(
            place.there(),
            ["file.workspace=mine", "file=newer", "staged=theirs"]
        );
    }

    /// The name was removed before what had taken it could be exchanged again.
    #[test]
    fn what_had_to_be_exchanged_back_was_removed_where_its_name_was_gone() {
        let file = OsStr::new("file");
        let place = Place::new();
        let aside = Aside::new(place.root.as_fd());
        let seen = |_: &State| {
            fs::remove_file(place.directory.path().join("file")).unwrap();
            false
        };
        let staged = (&place.root, OsStr::new("staged"));
        let replaced = aside.replace(staged, &place.root, file, seen).unwrap();
        assert_eq!(replaced, Err(CHANGED.into()));
        drop(aside);
        assert_eq!(place.there(), ["file=mine"]);
    }

    #[test]
    fn what_is_as_it_was_seen_gives_way_and_nothing_else_does() {
        let file = OsStr::new("file");
        let place = Place::new();
        let aside = Aside::new(place.root.as_fd());
        let staged = || (&place.root, OsStr::new("staged"));
        let replaced = aside.replace(staged(), &place.root, file, |_| false);
        assert_eq!(replaced.unwrap(), Err(CHANGED.into()));
        let removed = aside.remove(&place.root, file, |_| false);
        assert_eq!(removed.unwrap(), Err(CHANGED.into()));
        place.write("staged", "theirs");
        let replaced = aside.replace(staged(), &place.root, file, |_| true);
        assert_eq!(replaced.unwrap(), Ok(()));
        drop(aside);
        assert_eq!(place.there(), ["file=theirs"]);
        let aside = Aside::new(place.root.as_fd());
        assert_eq!(aside.remove(&place.root, file, |_| true).unwrap(), Ok(()));
        assert!(aside.remove(&place.root, file, |_| true).is_err());
        drop(aside);
        assert_eq!(place.there(), [""; 0]);
    }

    #[test]
    fn what_a_killed_sync_took_aside_is_found_and_stays() {
        let place = Place::new();
        for (name, holds) in [("1", true), ("2", false)] {
            let name = format!("{}{name}", prefix());
            fs::create_dir(place.directory.path().join(&name)).unwrap();
            if holds {
                place.write(&format!("{name}/0"), "mine");
            }
        }
        let expected = format!("{}1", prefix());
        for _ in 0..2 {
            assert_eq!(left(place.root.as_fd()).unwrap(), [&*expected]);
        }
        assert_eq!(place.there().len(), 3);
    }
}
