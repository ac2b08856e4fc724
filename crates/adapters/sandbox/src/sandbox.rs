//! A copy attached to a host.

use workspace_core::store::CopyState;
use workspace_core::{
    At, Author, Authority, CopyId, Error, ErrorKind, MountedView, Reason, Result, TreePath,
    Workspace,
};

use crate::capture::{CaptureLimits, capture};
use crate::command::{Command, Ended};
use crate::host::{Host, Showing};
use crate::plan::Plan;
use crate::reconcile::{Reconciled, reconcile};

/// How often a capture is made again because something was written meanwhile.
const TRIES: usize = 3;

/// A copy that is shown on a host.
///
/// It owns neither: dropping it leaves the files where they are, and attaching the same
/// copy again goes on where that stopped.
pub struct Sandbox<H> {
    workspace: Workspace,
    host: H,
    view: MountedView,
    showing: Showing,
    limits: CaptureLimits,
}

/// What a refresh led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refreshed {
    /// What is shown now.
    pub showing: Showing,
    /// Whether that is something else than before.
    pub moved: bool,
}

impl<H: Host> Sandbox<H> {
    /// Attaches a copy to a host: puts its files there, unless the host shows that copy already,
    /// whose changes are then still there.
    ///
    /// The view has the copy at `/`, writable, and otherwise what is runtime-local or
    /// rejected, which no capture takes.
    ///
    /// # Errors
    /// `AlreadyExists` where the host shows another copy that is open; `Closed` and `NotFound` of
    /// the copy; `Unsupported` for a view of more than one copy; those of the host.
    pub async fn attach(workspace: Workspace, mut host: H, view: MountedView) -> Result<Self> {
        let copy = copy_of(&view)?;
        let record = workspace.status(copy)?.copy;
        let showing = match host.showing().await? {
            Some(showing) if showing.copy == copy => showing,
            Some(other) if is_open(&workspace, other.copy)? => {
                return Err(Error::new(ErrorKind::AlreadyExists, "attach")
                    .at(copy)
                    .because(format!("copy {} is attached there", other.copy)));
            }
            _ => {
                let showing = Showing {
                    copy,
                    tree: record.tree,
                    generation: record.generation,
                };
                host.show(&workspace, &showing).await?;
                showing
            }
        };
        Ok(Self {
            workspace,
            host,
            view,
            showing,
            limits: CaptureLimits::default(),
        })
    }

    /// Sets what one capture may come to.
    #[must_use]
    pub fn with_limits(mut self, limits: CaptureLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the host.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Returns what the host shows.
    pub fn showing(&self) -> Showing {
        self.showing
    }

    /// Returns how many generations the copy is ahead of what is shown.
    ///
    /// # Errors
    /// `Closed` and `NotFound` of the copy.
    pub fn behind(&self) -> Result<u64> {
        let copy = self.workspace.status(self.showing.copy)?.copy;
        Ok(copy.generation.saturating_sub(self.showing.generation))
    }

    /// Runs a command. What it leaves is captured by whoever asks for it, however it ended.
    ///
    /// # Errors
    /// Those of the host: that the command failed is none.
    pub async fn run(&self, command: &Command) -> Result<Ended> {
        self.host.run(&self.workspace, command).await
    }

    /// Looks at what was changed, and changes nothing. Commands that run are held meanwhile,
    /// where the host can.
    ///
    /// # Errors
    /// `LimitExceeded` for more than [`CaptureLimits`] say; those of the host and the stores.
    pub async fn plan(&self) -> Result<Plan> {
        self.held(|| self.look()).await
    }

    /// Brings what was changed into the copy: all of the plan as one operation, or nothing. Returns
    /// the plan as well.
    ///
    /// Where the copy moved since, what somebody else changed at other paths stays.
    ///
    /// # Errors
    /// `Conflict`, with the paths, where somebody else changed the same; `Closed` and `NotFound` of
    /// the copy; `Stale` where files are written again and again meanwhile; those of
    /// [`plan`](Self::plan).
    pub async fn reconcile(&self, author: Author) -> Result<(Plan, Reconciled)> {
        self.held(|| async {
            let mut left = TRIES;
            loop {
                let plan = self.look().await?;
                let (host, showing) = (&self.host, &self.showing);
                let made = reconcile(host, &self.workspace, showing, &plan, author.clone()).await;
                left -= 1;
                match made {
                    Err(error) if error.kind() == ErrorKind::Stale && left > 0 => {}
                    made => return made.map(|made| (plan, made)),
                }
            }
        })
        .await
    }

    /// Shows the copy as it is now.
    ///
    /// # Errors
    /// `Conflict` where something was changed that is not in the copy, also what no capture
    /// takes (refused, ignored): it would be lost. `Closed`
    /// and `NotFound` of the copy; those of [`plan`](Self::plan) and of the host.
    pub async fn refresh(&mut self) -> Result<Refreshed> {
        let copy = self.workspace.status(self.showing.copy)?.copy;
        let showing = Showing {
            copy: copy.id,
            tree: copy.tree,
            generation: copy.generation,
        };
        let plan = self.plan().await?;
        let now = self.workspace.files(At::Tree(copy.tree));
        for step in &plan.steps {
            let is_in_copy = match (now.stat(&step.path)?, step.what.leaf()) {
                (Some(entry), Some(leaf)) => leaf.is(&entry),
                (entry, None) => {
                    // Something may have taken its place.
                    let replaced = |other: &&crate::Step| {
                        other.path == step.path && other.what.leaf().is_some()
                    };
                    entry.is_none() || plan.steps.iter().any(|other| replaced(&other))
                }
                (None, Some(_)) => false,
            };
            if !is_in_copy {
                return Err(Error::new(ErrorKind::Conflict, "refresh")
                    .at(&step.path)
                    .because("it was changed here, and is not in the copy: reconcile first"));
            }
        }
        let moved = showing.tree != self.showing.tree;
        let is_other = moved || showing.generation != self.showing.generation;
        let refused = plan.refused.iter().map(|it| (&*it.path, &*it.why));
        let ignored = (plan.ignored.iter()).map(|it| (it.path.as_str(), it.why));
        if (is_other || !plan.is_empty())
            && let Some((path, why)) = refused.chain(ignored).next()
        {
            return Err(Error::new(ErrorKind::Conflict, "refresh")
                .at(path)
                .because(format!("it would be lost, for no copy can have it: {why}")));
        }
        if is_other || !plan.is_empty() {
            self.host.show(&self.workspace, &showing).await?;
            self.showing = showing;
        }
        Ok(Refreshed { showing, moved })
    }

    /// Shows the copy as it is now, and forgets what was changed here.
    ///
    /// # Errors
    /// `Closed` and `NotFound` of the copy; those of the host.
    pub async fn reset(&mut self) -> Result<Showing> {
        let copy = self.workspace.status(self.showing.copy)?.copy;
        let showing = Showing {
            copy: copy.id,
            tree: copy.tree,
            generation: copy.generation,
        };
        self.host.show(&self.workspace, &showing).await?;
        self.showing = showing;
        Ok(showing)
    }

    async fn look(&self) -> Result<Plan> {
        // After a failed refresh, all of it would count as deleted.
        if self.host.showing().await? != Some(self.showing) {
            return Err(Error::new(ErrorKind::Stale, "capture")
                .at(self.showing.copy)
                .because("the host shows something else, or nothing: attach it again"));
        }
        let (host, view) = (&self.host, &self.view);
        capture(host, &self.workspace, view, &self.showing, self.limits).await
    }

    /// Holds commands while something is looked at; they go on whatever came of it.
    async fn held<T, F: Future<Output = Result<T>>>(&self, body: impl FnOnce() -> F) -> Result<T> {
        self.host.freeze().await?;
        let made = body().await;
        self.host.thaw().await?;
        made
    }
}

fn is_open(workspace: &Workspace, copy: CopyId) -> Result<bool> {
    match workspace.copy(copy) {
        Ok(copy) => Ok(copy.state == CopyState::Open),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the copy that a view has at its root.
fn copy_of(view: &MountedView) -> Result<CopyId> {
    let mut found = None;
    for mount in view.mounts() {
        match mount.authority() {
            Authority::Files(At::Copy(copy))
                if *mount.prefix() == TreePath::root()
                    && mount.root().is_root()
                    && mount.is_writable() =>
            {
                found = Some(*copy);
            }
            Authority::RuntimeLocal | Authority::Rejected(_) => {}
            _ => {
                return Err(Error::new(ErrorKind::Unsupported, "attach")
                    .at(mount.prefix())
                    .because("a sandbox shows one copy, at /, with what is runtime-local in it"));
            }
        }
    }
    found.ok_or_else(|| {
        Error::invalid(Reason::Contradiction, "attach")
            .at("/")
            .because("no copy is mounted there, writable")
    })
}

impl<H> std::fmt::Debug for Sandbox<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("showing", &self.showing)
            .finish_non_exhaustive()
    }
}
