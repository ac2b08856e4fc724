//! Components and modules of WebAssembly as wasmtime compiled them, kept in files, so that the next process
//! maps one instead of compiling it again.
//!
//! A crate of its own for the one thing in it that is `unsafe`: what such a file has is run as
//! it is. A file is taken only of a directory that nobody else can write, and by a name that
//! has the hash of the component, of wasmtime's version and of how it is set up.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::error::Context;
use wasmtime::{Engine, Module, Result, bail};

/// Returns a component, compiled before or now. Where the directory cannot be used, it is
/// compiled and not kept. Of several processes one compiles, and the others wait for it.
///
/// # Errors
/// Those of [`Component::from_binary`].
pub fn component(engine: &Engine, wasm: &[u8], directory: &Path) -> Result<Component> {
    compiled(engine, wasm, directory)
}

/// Returns a module, as [`component`] returns a component.
///
/// # Errors
/// Those of [`Module::from_binary`].
pub fn module(engine: &Engine, wasm: &[u8], directory: &Path) -> Result<Module> {
    compiled(engine, wasm, directory)
}

/// What wasmtime compiles.
trait Compiled: Sized {
    fn compile(engine: &Engine, wasm: &[u8]) -> Result<Self>;
    fn precompile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>>;
    /// # Safety
    /// The file is one that `precompile` made.
    #[allow(unsafe_code)]
    unsafe fn map(engine: &Engine, path: &Path) -> Result<Self>;
}

impl Compiled for Component {
    fn compile(engine: &Engine, wasm: &[u8]) -> Result<Self> {
        Self::from_binary(engine, wasm)
    }

    fn precompile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>> {
        engine.precompile_component(wasm)
    }

    #[allow(unsafe_code)]
    unsafe fn map(engine: &Engine, path: &Path) -> Result<Self> {
        // SAFETY: as it is called.
        unsafe { Self::deserialize_file(engine, path) }
    }
}

impl Compiled for Module {
    fn compile(engine: &Engine, wasm: &[u8]) -> Result<Self> {
        Self::from_binary(engine, wasm)
    }

    fn precompile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>> {
        engine.precompile_module(wasm)
    }

    #[allow(unsafe_code)]
    unsafe fn map(engine: &Engine, path: &Path) -> Result<Self> {
        // SAFETY: as it is called.
        unsafe { Self::deserialize_file(engine, path) }
    }
}

fn compiled<C: Compiled>(engine: &Engine, wasm: &[u8], directory: &Path) -> Result<C> {
    let path = directory.join(name(engine, wasm));
    match load(engine, &path).or_else(|_| kept(engine, wasm, &path)) {
        Ok(compiled) => Ok(compiled),
        Err(_) => C::compile(engine, wasm),
    }
}

/// Returns the name of the file.
fn name(engine: &Engine, wasm: &[u8]) -> String {
    /// A hasher of which the result does not depend on the process.
    struct Stable(Sha256);
    impl Hasher for Stable {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Stable(Sha256::new_with_prefix(wasm));
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let mut name = String::from("engine-");
    for byte in &hasher.0.finalize()[..16] {
        name.push_str(&format!("{byte:02x}"));
    }
    name + ".cwasm"
}

/// Compiles, keeps what that made, and loads it.
fn kept<C: Compiled>(engine: &Engine, wasm: &[u8], path: &Path) -> Result<C> {
    let directory = path.parent().context("a directory")?;
    make(directory)?;
    // Before anything is opened in it: in a directory of somebody else's a name can lead
    // anywhere.
    is_ours(directory)?;
    let lock = lock(&directory.join("lock"))?;
    if let Ok(compiled) = load(engine, path) {
        return Ok(compiled);
    }
    let compiled = C::precompile(engine, wasm)?;
    let unfinished = unfinished(path);
    let _none = fs::remove_file(&unfinished);
    let mut file = created(&unfinished)?;
    file.write_all(&compiled)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    remove_old(directory);
    drop(lock);
    load(engine, path)
}

/// Creates a file that is not there, for this user only, whatever the umask leaves to others.
fn created(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}

/// For so long another process is waited for that compiles.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until no other process compiles.
fn lock(path: &Path) -> Result<File> {
    let file = match created(path) {
        Ok(file) => file,
        Err(_) => {
            is_ours(path)?;
            OpenOptions::new().write(true).open(path)?
        }
    };
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}

/// What was kept for so long is of another version, most likely; where not, it is made again.
const KEPT: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// As many names are looked at.
const LOOKED: usize = 1_000;

/// Removes what is kept for very long.
fn remove_old(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().take(LOOKED);
    for entry in entries.flatten() {
        let is_kept = Path::new(&entry.file_name())
            .extension()
            .is_some_and(|kind| kind == "cwasm");
        let made = entry.metadata().and_then(|metadata| metadata.modified());
        let age = made.ok().and_then(|made| made.elapsed().ok());
        if is_kept && age.is_some_and(|age| age > KEPT) {
            let _next_time = fs::remove_file(entry.path());
        }
    }
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}

fn make(directory: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(directory)?)
}

/// Maps a file of a directory of ours.
fn load<C: Compiled>(engine: &Engine, path: &Path) -> Result<C> {
    is_ours(path.parent().context("a directory")?)?;
    is_ours(path)?;
    // SAFETY: the file is of this user, and nobody else can write it or put another in its
    // place. This crate wrote it whole before it had this name, and writes none that has one.
    // wasmtime looks by itself whether it is of this version and set-up, and what it is.
    #[allow(unsafe_code)]
    unsafe {
        C::map(engine, path)
    }
}

/// Tells whether nobody else can write a file or a directory.
#[cfg(unix)]
fn is_ours(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = fs::symlink_metadata(path)?;
    let own = rustix::process::geteuid().as_raw();
    let others_write = metadata.mode() & 0o022 != 0;
    if metadata.is_symlink() || metadata.uid() != own || others_write {
        bail!("{} can be written by somebody else", path.display());
    }
    Ok(())
}

/// Tells whether it is there: who can write it is not known here.
#[cfg(not(unix))]
fn is_ours(path: &Path) -> Result<()> {
    bail!("whether {} is ours is not known", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component: a header.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn files(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_component_is_compiled_once() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("a/b");
        let engine = Engine::default();
        component(&engine, EMPTY, &directory).unwrap();
        let kept = directory.join(name(&engine, EMPTY));
        let written = fs::metadata(&kept).unwrap().modified().unwrap();
        component(&engine, EMPTY, &directory).unwrap();
        assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), written);
        assert_eq!(files(&directory).len(), 2);
    }

    #[test]
    fn a_module_is_kept_as_a_component_is_and_neither_taken_for_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let wasm = b"\0asm\x01\0\0\0";
        module(&engine, wasm, directory.path()).unwrap();
        let path = directory.path().join(name(&engine, wasm));
        assert!(load::<Module>(&engine, &path).is_ok());
        assert!(load::<Component>(&engine, &path).is_err());
        assert!(component(&engine, wasm, directory.path()).is_err());
    }

    #[test]
    fn a_set_up_has_a_file_of_its_own() {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let other = Engine::new(&config).unwrap();
        assert_ne!(name(&Engine::default(), EMPTY), name(&other, EMPTY));
        assert_eq!(
            name(&Engine::default(), EMPTY),
            name(&Engine::default(), EMPTY)
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_write_is_not_taken() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let path = directory.path().join(name(&engine, EMPTY));
        component(&engine, EMPTY, directory.path()).unwrap();
        assert!(load::<Component>(&engine, &path).is_ok());
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        set(&path, 0o620).unwrap();
        assert!(load::<Component>(&engine, &path).is_err());
        set(&path, 0o600).unwrap();
        set(directory.path(), 0o777).unwrap();
        assert!(load::<Component>(&engine, &path).is_err());
        assert!(component(&engine, EMPTY, directory.path()).is_ok());
        set(directory.path(), 0o700).unwrap();
        let elsewhere = directory.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(load::<Component>(&engine, &path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn with_an_umask_that_leaves_files_to_the_group_it_was_compiled_each_time() {
        use std::os::unix::fs::MetadataExt as _;

        let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o002));
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("a/b");
        let engine = Engine::default();
        component(&engine, EMPTY, &directory).unwrap();
        rustix::process::umask(umask);
        let path = directory.join(name(&engine, EMPTY));
        assert!(load::<Component>(&engine, &path).is_ok());
        for name in files(&directory) {
            let mode = fs::metadata(directory.join(&name)).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_in_a_directory_of_somebody_else() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let precious = directory.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        let theirs = directory.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        let unfinished = unfinished(Path::new(&name(&engine, EMPTY)));
        for name in [Path::new("lock"), &unfinished] {
            symlink(&precious, theirs.join(name)).unwrap();
        }
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&theirs, open).unwrap();
        component(&engine, EMPTY, &theirs).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert_eq!(files(&theirs).len(), 2);
        // Nor through a link in one that is ours.
        fs::set_permissions(&theirs, fs::Permissions::from_mode(0o700)).unwrap();
        component(&engine, EMPTY, &theirs).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
    }

    #[test]
    fn what_is_no_component_is_an_error_and_a_file_of_something_else_is_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        assert!(component(&engine, b"nothing", directory.path()).is_err());
        let path = directory.path().join(name(&engine, EMPTY));
        for wrong in ["", "nothing"] {
            fs::write(&path, wrong).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            }
            component(&engine, EMPTY, directory.path()).unwrap();
            assert!(load::<Component>(&engine, &path).is_ok());
        }
    }
}
