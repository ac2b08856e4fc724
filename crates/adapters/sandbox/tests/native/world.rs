//! A workspace in memory, and sandboxes of its copies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use workspace_core::{
    At, Authority, Change, ChangeOptions, CopyId, Entry, ForkOptions, Mount, MountedView, Options,
    TreePath, Workspace,
};
use workspace_sandbox::{Command, Ended, Native, NativeOptions, Sandbox, Way};
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};

/// Path to `d`, `->target`, or `f` or `x` (executable) and the content.
pub(crate) type Listing = BTreeMap<String, String>;

pub(crate) struct World {
    pub(crate) workspace: Workspace,
    pub(crate) meta: MemoryMeta,
    pub(crate) place: tempfile::TempDir,
}

pub(crate) fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let (meta, blobs) = (MemoryMeta::new(), MemoryBlobs::new());
        let workspace = Workspace::create(
            Box::new(meta.clone()),
            Arc::new(blobs),
            TestContext::new(1).context(),
            Options::default(),
        );
        Self {
            workspace: workspace.unwrap(),
            meta,
            place: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn copy(&self, files: &[(&str, &str)]) -> CopyId {
        let copy = self.workspace.fork(ForkOptions::default()).unwrap().id;
        let write = |(at, text): &(&str, &str)| Change::write(*at, *text).unwrap().with_parents();
        self.change(copy, files.iter().map(write).collect());
        copy
    }

    pub(crate) fn change(&self, copy: CopyId, changes: Vec<Change>) {
        let files = self.workspace.files(At::Copy(copy));
        block_on(files.change(changes, ChangeOptions::default())).unwrap();
    }

    pub(crate) fn options(way: Way) -> NativeOptions {
        NativeOptions::default()
            .program(env!("CARGO_BIN_EXE_workspace-box"))
            .way(way)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn attach(&self, copy: CopyId, name: &str, way: Way) -> Sandbox<Native> {
        let options = Self::options(way);
        let host = block_on(Native::open(&self.state(name), options)).unwrap();
        let view = view(copy);
        block_on(Sandbox::attach(self.workspace.clone(), host, view)).unwrap()
    }

    /// Returns all that a copy has.
    pub(crate) fn listing(&self, copy: CopyId) -> Listing {
        let walk = self
            .workspace
            .files(At::Copy(copy))
            .walk(&TreePath::root())
            .unwrap();
        walk.map(|found| {
            let (path, entry) = found.unwrap();
            let told = match entry {
                Entry::Directory(_) => "d".into(),
                Entry::Symlink(link) => format!("->{}", link.target),
                Entry::File(file) => {
                    let bytes = block_on(self.workspace.read_entry(&file)).unwrap();
                    let mode = if file.executable { "x" } else { "f" };
                    format!("{mode}{}", String::from_utf8_lossy(&bytes))
                }
            };
            (path.to_string(), told)
        })
        .collect()
    }
}

/// A copy at `/`, with something runtime-local in it, and git's own rejected.
pub(crate) fn view(copy: CopyId) -> MountedView {
    let files = Authority::Files(At::Copy(copy));
    MountedView::new(vec![
        Mount::new(TreePath::root(), files).writable(),
        Mount::new(path("/local"), Authority::RuntimeLocal).shadowing(),
        Mount::new(path("/.git"), Authority::Rejected("git's own".into())).shadowing(),
    ])
    .unwrap()
}

/// Returns all that a directory has, as it is walked.
pub(crate) fn on_disk(root: &Path) -> Listing {
    use std::os::unix::fs::PermissionsExt as _;

    let mut all = Listing::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let at = entry.unwrap().path();
            let metadata = at.symlink_metadata().unwrap();
            let told = if metadata.is_dir() {
                left.push(at.clone());
                "d".into()
            } else if metadata.is_symlink() {
                format!("->{}", at.read_link().unwrap().display())
            } else {
                let is_executable = metadata.permissions().mode() & 0o111 != 0;
                let mode = if is_executable { "x" } else { "f" };
                format!("{mode}{}", std::fs::read_to_string(&at).unwrap())
            };
            let below = at.strip_prefix(root).unwrap();
            all.insert(format!("/{}", below.display()), told);
        }
    }
    all
}

/// Returns the ways that this machine has, after a word on those that it has not.
pub(crate) fn ways() -> Vec<Way> {
    let place = tempfile::tempdir().unwrap();
    let options = World::options(Way::Plain);
    let probed = block_on(Native::probe(&place.path().join("probe"), &options)).unwrap();
    let mut ways = Vec::new();
    if let Err(why) = &probed.boxes {
        println!("skipped: no box here: {why}");
        return ways;
    }
    ways.push(Way::Plain);
    match (&probed.overlay, &probed.fuse) {
        (Err(why), _) => println!("skipped in part: no overlay here: {why}"),
        (Ok(()), Err(why)) => {
            println!("skipped in part: no FUSE here: {why}");
            ways.push(Way::OverlayOnFiles);
        }
        (Ok(()), Ok(())) => ways.extend([Way::OverlayOnFiles, Way::OverlayOnFuse]),
    }
    ways
}

pub(crate) fn shell(script: &str) -> Command {
    Command::new(["sh", "-c", script])
        .keep(1 << 20)
        .timeout(Duration::from_secs(60))
}

pub(crate) fn stdout(ended: &Ended) -> String {
    String::from_utf8_lossy(&ended.stdout.bytes).into_owned()
}

pub(crate) fn run(sandbox: &Sandbox<Native>, script: &str) -> Ended {
    block_on(sandbox.run(&shell(script))).unwrap()
}
