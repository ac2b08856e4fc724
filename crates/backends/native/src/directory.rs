//! A workspace as a directory.
//!
//! ```text
//! workspace.db   the metadata; its being there makes the directory a workspace
//! objects/       the objects, unless they are in a bucket
//! config         where the objects are
//! lock           held while a process has the workspace open
//! reserve        room for what frees some, once the disk is full
//! ```

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use futures::executor::block_on;
use workspace_core::store::{BlobStore, MetaStore, MetaTx};
use workspace_core::{Error, ErrorKind, Options, Result, Sought, Workspace};
use workspace_sql::{SqlMeta, schema_version};

use crate::blobs::ObjectBlobs;
use crate::config::{CONFIG, Objects};
use crate::context::context;
use crate::fault::io_error;
use crate::home::Home;
use crate::lock::{LOCK, Lock};
use crate::reserve::{self, RESERVE};
use crate::sqlite::SqliteConn;

const DATABASE: &str = "workspace.db";
/// The database until it is complete, and what SQLite may leave beside it.
const UNFINISHED: [&str; 4] = [
    "workspace.db.new",
    "workspace.db.new-wal",
    "workspace.db.new-shm",
    "workspace.db.new-journal",
];
/// The database, and what SQLite keeps beside it.
const FINISHED: [&str; 3] = [DATABASE, "workspace.db-wal", "workspace.db-journal"];
/// What SQLite makes beside the database where several have it open, and we do not.
const SHARED: &str = "workspace.db-shm";
const OBJECTS: &str = "objects";

/// Returns the options that suit this machine: contents of up to 1,000,000 bytes
/// in rows. SQLite flushes all rows of a transaction at once, and each object has
/// to be flushed alone, which makes an import of sources several times slower.
pub fn options() -> Options {
    Options::default().inline_limit(1_000_000)
}

/// Creates a workspace in `directory`, which is made where it is missing and
/// must be empty otherwise, and opens it.
///
/// The last step makes it a workspace: after a crash there is either a whole one,
/// or a directory in which `create` can be repeated.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] for a workspace; [`ErrorKind::NotEmpty`] for a
/// directory or bucket prefix that holds something else; [`ErrorKind::Locked`];
/// [`ErrorKind::StorageFull`]; [`ErrorKind::Unavailable`] where the directory
/// cannot be written or the bucket cannot be reached.
pub fn create(
    directory: impl AsRef<Path>,
    objects: &Objects,
    options: Options,
) -> Result<Workspace> {
    let directory = directory.as_ref();
    const OPERATION: &str = "create workspace";
    let failed = io_error(OPERATION, directory);
    let exists = || Error::new(ErrorKind::AlreadyExists, OPERATION).at(directory.display());
    if directory.join(DATABASE).exists() {
        return Err(exists());
    }
    let new = directory.ancestors().take_while(|it| !it.exists());
    let mut made: Vec<&Path> = new.filter_map(Path::parent).collect();
    if made.is_empty() {
        made.extend(directory.parent());
    }
    fs::create_dir_all(directory).map_err(&failed)?;
    refuse_other_files(directory)?;
    let home = Home::open(directory)?;
    refuse_links(&home)?;
    let lock = Lock::take(&home)?;
    // Another process may have been faster.
    if directory.join(DATABASE).exists() {
        return Err(exists());
    }
    for name in UNFINISHED {
        match fs::remove_file(directory.join(name)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
            _ => {}
        }
    }
    let blobs = open_objects(directory, objects)?;
    refuse_other_objects(&blobs)?;
    let mut config = home.open_or_make_file(CONFIG).map_err(&failed)?;
    config
        .set_len(0)
        .and_then(|()| config.write_all(objects.to_config().as_bytes()))
        .and_then(|()| config.sync_all())
        .map_err(&failed)?;

    let unfinished = directory.join(UNFINISHED[0]);
    let meta = SqlMeta::open(SqliteConn::create(&unfinished)?)?;
    // Closing the database moves its log into the file, and does not tell where that
    // fails.
    drop(Workspace::create(
        Box::new(meta),
        Arc::new(blobs),
        context(),
        options,
    )?);
    SqliteConn::open(&unfinished)?.move_log()?;
    let finish = || {
        File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, directory.join(DATABASE))?;
        sync_directory(directory)?;
        // What holds a name that was made.
        made.iter()
            .rev()
            .try_for_each(|above| sync_directory(above))
    };
    finish().map_err(&failed)?;
    open_locked(home, Some(lock), options, Purpose::Work)
}

/// Opens the workspace in `directory`, and keeps other processes out until the
/// last handle of it is dropped.
///
/// # Errors
/// [`ErrorKind::NotFound`] where there is none; [`ErrorKind::Locked`], naming the
/// process that has it open; [`ErrorKind::Unsupported`] for one from a newer
/// version; [`ErrorKind::Corrupt`] where the database is damaged;
/// [`ErrorKind::Unavailable`] where the directory cannot be written, or that of its
/// objects is missing; [`ErrorKind::Denied`] where something in it is a symlink, or no
/// file: whoever made it would choose what is written elsewhere.
pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<Workspace> {
    let home = find(directory.as_ref())?;
    let lock = Lock::take(&home)?;
    open_locked(home, Some(lock), options, Purpose::Work)
}

/// Opens the workspace in `directory` to free room in it, such as by a collection or by
/// discarding copies: it can use what [`open`] keeps free for a day when the disk is full.
///
/// # Errors
/// Those of [`open`].
pub fn open_to_free(directory: impl AsRef<Path>, options: Options) -> Result<Workspace> {
    let home = find(directory.as_ref())?;
    let lock = Lock::take(&home)?;
    open_locked(home, Some(lock), options, Purpose::Free)
}

/// Opens the workspace in `directory` where nothing may be written, such as on a read-only
/// file system or as another user. Keeps writers out, as far as the lock can be read, but
/// nobody who opens it in this way.
///
/// Everything that would change it fails with [`ErrorKind::Unavailable`].
///
/// # Errors
/// Those of [`open`]; [`ErrorKind::Unavailable`] also where a process that wrote it was
/// killed, as its log must be put in order first.
pub fn open_read_only(directory: impl AsRef<Path>, options: Options) -> Result<Workspace> {
    let home = find(directory.as_ref())?;
    let lock = Lock::share(&home)?;
    open_locked(home, lock, options, Purpose::Read)
}

/// What a workspace is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Work,
    Free,
    Read,
}

/// Tells whether a directory is a workspace: whether its database is there, whatever that
/// name stands for.
pub fn is_workspace(directory: impl AsRef<Path>) -> bool {
    directory.as_ref().join(DATABASE).symlink_metadata().is_ok()
}

/// Finds the workspace in a directory, and looks that its files are files.
fn find(directory: &Path) -> Result<Home> {
    refuse_no_workspace(directory)?;
    let home = Home::open(directory)?;
    refuse_links(&home)?;
    Ok(home)
}

/// Refuses a directory in which something is a symlink, or no file.
fn refuse_links(home: &Home) -> Result<()> {
    let mut files = vec![CONFIG, RESERVE, LOCK, SHARED];
    files.extend(FINISHED);
    files.extend(UNFINISHED);
    home.refuse_links(&files, &[OBJECTS])
}

fn refuse_no_workspace(directory: &Path) -> Result<()> {
    let missing = |why| {
        Err(Error::not_found(Sought::Workspace, "open workspace")
            .at(directory.display())
            .because(why))
    };
    if !directory.is_dir() {
        return missing("no such directory");
    }
    if !is_workspace(directory) {
        return missing("the directory is not a workspace");
    }
    Ok(())
}

/// Opens the workspace in `directory`, with the [`options`] of this machine, and
/// creates it where there is none, with its objects beside it.
///
/// # Errors
/// Those of [`open`] and [`create`], but for a workspace that is missing or there.
pub fn open_or_create(directory: impl AsRef<Path>) -> Result<Workspace> {
    let directory = directory.as_ref();
    match open(directory, options()) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    match create(directory, &Objects::Local, options()) {
        // Somebody else was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => open(directory, options()),
        created => created,
    }
}

fn open_locked(
    home: Home,
    mut lock: Option<Lock>,
    options: Options,
    purpose: Purpose,
) -> Result<Workspace> {
    let directory = home.path();
    let objects = Objects::read(&home)?;
    let path = directory.join(DATABASE);
    if purpose == Purpose::Free {
        reserve::release(directory);
    }
    let conn = match purpose {
        Purpose::Read => SqliteConn::open_read_only(&path)?,
        Purpose::Work | Purpose::Free => SqliteConn::open(&path)?,
    };
    if schema_version(&conn)? == 0 {
        return Err(Error::new(ErrorKind::Corrupt, "open workspace")
            .at(path.display())
            .because("the database holds no workspace"));
    }
    if purpose == Purpose::Work {
        reserve::keep(&home);
    }
    if let (Some(lock), true) = (&mut lock, purpose != Purpose::Read) {
        lock.tell();
    }
    let meta = LockedMeta {
        meta: SqlMeta::open(conn)?,
        directory: directory.to_owned(),
        short_log: Cell::new(false),
        _lock: lock,
    };
    if purpose != Purpose::Read {
        meta.look_for_room()?;
    }
    // Made anew it would be empty, and what was in it would count as lost.
    if objects == Objects::Local && !directory.join(OBJECTS).is_dir() {
        return Err(Error::new(ErrorKind::Unavailable, "open workspace")
            .at(directory.join(OBJECTS).display())
            .because("the directory of its objects is missing; if it was empty, make it"));
    }
    let blobs = open_objects(directory, &objects)?;
    Workspace::open(Box::new(meta), Arc::new(blobs), context(), options)
}

fn open_objects(directory: &Path, objects: &Objects) -> Result<ObjectBlobs> {
    match objects {
        Objects::Local => ObjectBlobs::local(&directory.join(OBJECTS)),
        Objects::S3(url) => ObjectBlobs::s3(url),
    }
}

/// A first `create` that crashed may have left its own files; all others are
/// somebody's.
fn refuse_other_files(directory: &Path) -> Result<()> {
    let failed = io_error("create workspace", directory);
    for entry in fs::read_dir(directory).map_err(&failed)? {
        let name = entry.map_err(&failed)?.file_name();
        // Another process may be creating the same workspace.
        if FINISHED.iter().any(|finished| name == *finished) {
            return Err(
                Error::new(ErrorKind::AlreadyExists, "create workspace").at(directory.display())
            );
        }
        let ours = [CONFIG, OBJECTS, RESERVE, LOCK].iter().chain(&UNFINISHED);
        if !ours.into_iter().any(|ours| name == *ours) {
            return Err(Error::new(ErrorKind::NotEmpty, "create workspace")
                .at(directory.display())
                .because(format_args!("it holds {}", name.display())));
        }
    }
    Ok(())
}

/// Objects of nobody would be collected as garbage, so they must not be another
/// workspace's.
fn refuse_other_objects(blobs: &ObjectBlobs) -> Result<()> {
    // On a thread of its own, as this one may be inside an executor.
    let listed = thread::scope(|scope| {
        let listing = scope.spawn(|| block_on(blobs.list(None, 1)));
        listing.join().expect("listing does not panic")
    });
    match listed?.first() {
        None => Ok(()),
        Some(found) => Err(Error::new(ErrorKind::NotEmpty, "create workspace")
            .at(&found.key)
            .because("there are objects where the new workspace would keep its own")),
    }
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    // The parent of a relative name is the empty path.
    let here = Path::new(".");
    let named = !directory.as_os_str().is_empty();
    File::open(if named { directory } else { here })?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Releases the lock after the database is closed.
struct LockedMeta {
    meta: SqlMeta<SqliteConn>,
    directory: PathBuf,
    /// Whether the log is kept short, as the disk is nearly full.
    short_log: Cell<bool>,
    _lock: Option<Lock>,
}

impl LockedMeta {
    /// Keeps the log short while the disk is nearly full: when it is full, a long one
    /// could not be moved into the database, and so would give back no room.
    fn look_for_room(&self) -> Result<()> {
        let short = reserve::is_nearly_full(&self.directory);
        if self.short_log.replace(short) != short {
            self.meta.conn().keep_log_short(short)?;
        }
        Ok(())
    }
}

impl MetaStore for LockedMeta {
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.meta.read(body)
    }

    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.meta.write(body)?;
        // What is committed stays committed.
        let _as_before = self.look_for_room();
        Ok(())
    }

    fn write_unsynced(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.meta.write_unsynced(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_finished_meanwhile_is_there() {
        let place = tempfile::tempdir().unwrap();
        for (name, kind) in [
            ("config", None),
            ("workspace.db.new", None),
            ("workspace.db", Some(ErrorKind::AlreadyExists)),
            ("other", Some(ErrorKind::NotEmpty)),
        ] {
            let file = place.path().join(name);
            fs::write(&file, "").unwrap();
            let found = refuse_other_files(place.path()).err();
            assert_eq!(found.map(|error| error.kind()), kind, "{name}");
            fs::remove_file(file).unwrap();
        }
    }
}
