//! The host on this machine.

mod files;
mod groups;
mod lower;
mod place;
mod restrict;
mod run;
mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use derive_setters::Setters;
use futures::future::{Either, select};
use workspace_core::{At, Error, ErrorKind, Reason, Result, TreePath, Workspace};

use crate::command::{Command, Ended};
use crate::host::{Host, HostEntry, HostFile, Layer, Showing, Stamp};
use lower::Lower;
use place::Place;
use run::{Asked, Supervised};
use stage::{FilesAre, Spec};

pub use files::Files;
pub use stage::stage;

/// In which way files are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The kernel's overlay over a file system that fetches files when they are looked at.
    OverlayOnFuse,
    /// The kernel's overlay over files that were all written out.
    OverlayOnFiles,
    /// Files that were all written out, and are all looked at by a capture.
    Plain,
}

impl Way {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::OverlayOnFuse => "overlay-on-fuse",
            Self::OverlayOnFiles => "overlay-on-files",
            Self::Plain => "plain",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::OverlayOnFuse, Self::OverlayOnFiles, Self::Plain];
        all.into_iter().find(|way| way.name() == name)
    }
}

/// How a host on this machine is.
#[derive(Debug, Clone, Setters)]
#[non_exhaustive]
pub struct NativeOptions {
    /// The program that [`stage`] is called by, with what it was started with: this one.
    #[setters(into)]
    pub program: PathBuf,
    /// In which way files are there; `None` for the best that the machine allows.
    #[setters(into)]
    pub way: Option<Way>,
    /// What of the machine shows as well, to be read, at the same absolute paths. Programs and
    /// libraries below /usr do in any case; what the box makes itself cannot.
    pub read_only: Vec<PathBuf>,
    /// How many processes a command may have at once.
    pub processes: u64,
    /// How many bytes of memory they may have together, where a control group can be had.
    pub memory: u64,
    /// How many bytes may be in /tmp, and in /dev/shm.
    pub temporary: u64,
}

impl Default for NativeOptions {
    /// 4,096 processes, 4 GiB of memory, 1 GiB of temporary files.
    fn default() -> Self {
        Self {
            program: "/proc/self/exe".into(),
            way: None,
            read_only: Vec::new(),
            processes: 4096,
            memory: 4 << 30,
            temporary: 1 << 30,
        }
    }
}

/// What this machine allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// A box: namespaces of a command's own. Otherwise why not.
    pub boxes: std::result::Result<(), String>,
    /// The kernel's overlay in one, likewise.
    pub overlay: std::result::Result<(), String>,
    /// A file system of ours in one, likewise.
    pub fuse: std::result::Result<(), String>,
    /// Landlock, beside what does not show.
    pub landlock: bool,
    /// Control groups, for memory and processes.
    pub groups: bool,
}

impl Probed {
    /// Returns the best way to have files there; `None` where there can be no box.
    pub fn way(&self) -> Option<Way> {
        match (&self.boxes, &self.overlay, &self.fuse) {
            (Err(_), ..) => None,
            (_, Ok(()), Ok(())) => Some(Way::OverlayOnFuse),
            (_, Ok(()), Err(_)) => Some(Way::OverlayOnFiles),
            (_, Err(_), _) => Some(Way::Plain),
        }
    }
}

/// A sandbox on this machine: a directory with what belongs to it, and a box of namespaces for
/// each command.
///
/// What was changed stays in the directory, whatever becomes of this process: opening it
/// again goes on. One process has it at a time.
#[derive(Debug)]
pub struct Native {
    place: Place,
    way: Way,
    options: NativeOptions,
    files: Files,
    known: BTreeMap<TreePath, Stamp>,
}

impl Native {
    /// Opens a directory for a sandbox; makes it where it is missing.
    ///
    /// # Errors
    /// `Invalid` for what cannot show; `Locked` while another process has it; `Unsupported` where the machine allows no box,
    /// saying what it refuses; `Source` for what the system says of the directory.
    pub async fn open(directory: &Path, options: NativeOptions) -> Result<Self> {
        options.read_only.iter().try_for_each(|path| shows(path))?;
        let place = Place::open(directory)?;
        // What was changed is there in the way in which it was begun.
        let way = match (place.remembered()?, options.way) {
            (Some((_, way)), _) => way,
            (None, Some(way)) => way,
            (None, None) => {
                let probed = probe_in(&place, &options).await?;
                probed.way().ok_or_else(|| {
                    let why = probed.boxes.err().unwrap_or_default();
                    Error::new(ErrorKind::Unsupported, "open sandbox")
                        .because(format!("this machine allows no box: {why}"))
                })?
            }
        };
        let (files, known) = place.files(way)?;
        Ok(Self {
            place,
            way,
            options,
            files,
            known,
        })
    }

    /// Finds out what this machine allows to a sandbox in a directory.
    ///
    /// # Errors
    /// As for [`open`](Self::open); that something is not allowed is none.
    pub async fn probe(directory: &Path, options: &NativeOptions) -> Result<Probed> {
        probe_in(&Place::open(directory)?, options).await
    }

    /// Returns in which way files are there.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Takes note, durably, that what is changed from now on is only looked at: until the
    /// copy is shown anew, [`is_dry`](Self::is_dry) says so, to whoever opens it next as well.
    ///
    /// # Errors
    /// `Source`.
    pub fn mark_dry(&self) -> Result<()> {
        self.place.mark_dry()
    }

    /// Tells whether what was changed is to be forgotten, and not reconciled.
    ///
    /// # Errors
    /// `Source`.
    pub fn is_dry(&self) -> Result<bool> {
        self.place.is_dry()
    }

    /// Removes the directory, with all that is in it.
    ///
    /// # Errors
    /// `Source`.
    pub fn destroy(self) -> Result<()> {
        self.place.destroy()
    }

    /// Removes the directory of a sandbox that is not open.
    ///
    /// # Errors
    /// `Locked` while a process has it; `Source`.
    pub fn remove(directory: &Path) -> Result<()> {
        Place::open(directory)?.destroy()
    }

    fn spec(&self, files: FilesAre) -> Spec {
        Spec {
            state: self.place.path().to_owned(),
            files,
            read_only: self.options.read_only.clone(),
            groups: Vec::new(),
            network: false,
            temporary: self.options.temporary,
            processes: self.options.processes,
            directory: "/".into(),
            argv: Vec::new(),
            environment: Vec::new(),
        }
    }
}

async fn probe_in(place: &Place, options: &NativeOptions) -> Result<Probed> {
    place.prepare_probe()?;
    let spec = Spec {
        state: place.probe(),
        files: FilesAre::Probe,
        read_only: Vec::new(),
        groups: Vec::new(),
        network: false,
        temporary: options.temporary,
        processes: options.processes,
        directory: "/".into(),
        argv: Vec::new(),
        environment: Vec::new(),
    };
    let asked = Asked {
        program: options.program.clone(),
        spec,
        timeout: Some(Duration::from_secs(10)),
        keep: Some(1024),
        lower: None,
    };
    let told = Supervised::start(asked)?.ended().await?;
    let can = |what: &str| {
        let no = format!("cannot {what} ");
        match told.lines.iter().find_map(|line| line.strip_prefix(&*no)) {
            Some(why) => Err(why.to_owned()),
            None if told.lines.contains(&format!("can {what}")) => Ok(()),
            None => Err(told.why()),
        }
    };
    Ok(Probed {
        boxes: can("box"),
        overlay: can("overlay"),
        fuse: can("fuse"),
        landlock: told.lines.iter().any(|line| line == "landlock yes"),
        groups: groups::Groups::make(options).is_some_and(|groups| groups.remove()),
    })
}

#[async_trait(?Send)]
impl Host for Native {
    async fn showing(&self) -> Result<Option<Showing>> {
        Ok(self.place.remembered()?.map(|(showing, _)| showing))
    }

    async fn show(&mut self, workspace: &Workspace, showing: &Showing) -> Result<()> {
        self.place.forget()?;
        self.place.clear()?;
        let known = match self.way {
            Way::OverlayOnFuse => BTreeMap::new(),
            Way::OverlayOnFiles => {
                let files = workspace.files(At::Tree(showing.tree));
                self.place.write("lower", &files).await?;
                BTreeMap::new()
            }
            Way::Plain => {
                let files = workspace.files(At::Tree(showing.tree));
                self.place.write("files", &files).await?
            }
        };
        self.place.remember(showing, self.way, &known)?;
        (self.files, self.known) = self.place.files(self.way)?;
        Ok(())
    }

    fn layer(&self) -> Layer {
        self.files.layer()
    }

    fn known(&self, path: &TreePath) -> Option<Stamp> {
        self.known.get(path).copied()
    }

    async fn list(&self, directory: &TreePath, limit: usize) -> Result<Vec<HostEntry>> {
        self.files.list(directory, limit)
    }

    async fn open(&self, file: &TreePath) -> Result<HostFile> {
        self.files.read(file)
    }

    async fn stamp(&self, file: &TreePath) -> Result<Option<Stamp>> {
        self.files.stamp(file)
    }

    /// Nothing runs but while [`run`](Host::run) does, which has this host to itself.
    async fn freeze(&self) -> Result<bool> {
        Ok(true)
    }

    async fn thaw(&self) -> Result<()> {
        Ok(())
    }

    async fn run(&self, workspace: &Workspace, command: &Command) -> Result<Ended> {
        use std::os::unix::ffi::OsStrExt as _;

        let Some((showing, _)) = self.place.remembered()? else {
            return Err(Error::new(ErrorKind::Stale, "run").because("nothing is shown there"));
        };
        self.place.clear_work()?;
        let mut spec = self.spec(match self.way {
            Way::OverlayOnFuse => FilesAre::OverlayOnFuse,
            Way::OverlayOnFiles => FilesAre::OverlayOnFiles,
            Way::Plain => FilesAre::Plain,
        });
        let groups = groups::Groups::make(&self.options);
        spec.groups = groups.iter().flat_map(groups::Groups::paths).collect();
        spec.network = command.network == crate::Network::Host;
        if let Some(directory) = &command.directory {
            spec.directory = directory.as_str().into();
        }
        let bytes = |text: &std::ffi::OsString| text.as_bytes().to_vec();
        spec.argv = command.argv.iter().map(bytes).collect();
        let variables = command.environment.iter();
        spec.environment = variables
            .map(|(name, value)| (bytes(name), bytes(value)))
            .collect();
        let root = workspace
            .files(At::Tree(showing.tree))
            .stat(&TreePath::root())?;
        let (lower, answers) = match (self.way, root) {
            (Way::OverlayOnFuse, Some(root)) => {
                let (lower, answers) = Lower::new(root, 0);
                (Some(lower), Some(answers))
            }
            _ => (None, None),
        };
        let supervised = Supervised::start(Asked {
            program: self.options.program.clone(),
            spec,
            timeout: command.timeout,
            keep: command.keep,
            lower,
        })?;
        let told = match answers {
            None => supervised.ended().await,
            Some(answers) => {
                let ended = std::pin::pin!(supervised.ended());
                let served = std::pin::pin!(answers.serve(workspace));
                match select(ended, served).await {
                    Either::Left((ended, _)) => ended,
                    Either::Right(((), ended)) => ended.await,
                }
            }
        };
        if let Some(groups) = groups {
            groups.remove();
        }
        told?.into_ended()
    }
}

/// Refuses what cannot show: it has to be an absolute path, and none of those where a box has
/// what it makes itself, or the copy, whose symlinks would be followed on the way.
fn shows(path: &Path) -> Result<()> {
    use std::path::Component;

    let why = if !path.is_absolute() {
        "only an absolute path can show"
    } else if path.components().any(|it| it == Component::ParentDir) {
        "a path with `..` cannot show"
    } else if path == Path::new("/") || path == Path::new("/tmp") {
        "a box has one of its own"
    } else if ["/workspace", "/proc", "/dev", "/.old"]
        .iter()
        .any(|own| path.starts_with(own))
    {
        "a box has its own there"
    } else {
        return Ok(());
    };
    Err(Error::invalid(Reason::Contradiction, "open sandbox")
        .at(path.display())
        .because(why))
}

/// Makes a directory that nobody else looks into.
fn make_private(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
