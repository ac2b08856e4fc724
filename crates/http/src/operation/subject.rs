//! What the path of an operation names.

use workspace_core::store::CopyRecord;
use workspace_core::{At, CopyId, ErrorKind, GrantId, Reason, Result, RevisionId, TreePath, View};

use super::input::wrong_arguments;
use crate::call::On;
use crate::problem::Problem;
use crate::routes::Files;

/// What the path of an operation names: a copy, a revision, files, or nothing, `()`.
pub trait Subject {
    /// Returns the path of its request, of the template of an [`Operation`](super::Operation).
    fn fill(&self, template: &str) -> String;
}

/// An open or closed copy, by its id, or by the name that it has while it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfCopy(pub String);

/// A revision, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfRevision(pub RevisionId);

/// A grant, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfGrant(pub GrantId);

/// A preview, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfPreview(pub GrantId);

/// Files that a token can be bound to: head's, a copy's, or a revision's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfFiles(pub At);

/// Files to change: head's or a copy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToChange(pub At);

/// A path of files that can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathToChange(pub At, pub TreePath);

/// A path of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfPath(pub At, pub TreePath);

impl From<CopyId> for OfCopy {
    fn from(id: CopyId) -> Self {
        Self(id.to_string())
    }
}

/// Looks up what a request, or a caller, means by a name.
pub(crate) type Named<'a> = &'a dyn Fn(&str) -> Result<Option<String>>;

/// A place where an operation is served.
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) fails: &'static [ErrorKind],
}

impl Place {
    /// Returns where an operation about these files is served, of its path and name.
    fn of(files: Files, path: &str, name: &str) -> Self {
        Self {
            path: files.placed(path),
            id: files.id(name),
            fails: files.fails(),
        }
    }
}

/// How a server finds it.
pub(crate) trait Find: Subject + 'static {
    /// What it finds.
    type Found;
    /// The arguments by which it is named over RPC.
    const NAMES: &'static [&'static str] = &[];
    /// Whether whoever sees a part of the files only may ask.
    const IN_VIEW: bool = false;

    /// Finds it.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`.
    fn find(on: &On, named: Named<'_>) -> Result<Self::Found, Problem>;

    /// Returns where an operation of this path and name is served.
    fn places(path: &str, name: &str) -> Vec<Place> {
        vec![Place {
            path: path.into(),
            id: name.into(),
            fails: &[],
        }]
    }
}

impl Subject for () {
    fn fill(&self, template: &str) -> String {
        template.into()
    }
}

impl Find for () {
    type Found = ();

    fn find(_: &On, _: Named<'_>) -> Result<(), Problem> {
        Ok(())
    }
}

impl Subject for OfCopy {
    fn fill(&self, template: &str) -> String {
        template.replace("{copy}", &crate::client::segment(&self.0))
    }
}

impl Find for OfCopy {
    type Found = CopyRecord;
    const NAMES: &'static [&'static str] = &["copy"];

    fn find(on: &On, named: Named<'_>) -> Result<CopyRecord, Problem> {
        Ok(on.workspace.find_copy(&copy(required(named, "copy")?)?)?)
    }
}

impl Subject for OfRevision {
    fn fill(&self, template: &str) -> String {
        template.replace("{revision}", &self.0.to_string())
    }
}

impl Find for OfRevision {
    type Found = RevisionId;
    const NAMES: &'static [&'static str] = &["revision"];

    fn find(_: &On, named: Named<'_>) -> Result<RevisionId, Problem> {
        Ok(required(named, "revision")?.parse()?)
    }
}

impl Subject for OfGrant {
    fn fill(&self, template: &str) -> String {
        template.replace("{grant}", &self.0.to_string())
    }
}

impl Find for OfGrant {
    type Found = GrantId;
    const NAMES: &'static [&'static str] = &["grant"];

    fn find(_: &On, named: Named<'_>) -> Result<GrantId, Problem> {
        Ok(required(named, "grant")?.parse()?)
    }
}

impl Subject for OfPreview {
    fn fill(&self, template: &str) -> String {
        template.replace("{preview}", &self.0.to_string())
    }
}

impl Find for OfPreview {
    type Found = GrantId;
    const NAMES: &'static [&'static str] = &["preview"];

    fn find(_: &On, named: Named<'_>) -> Result<GrantId, Problem> {
        Ok(required(named, "preview")?.parse()?)
    }
}

impl Subject for OfFiles {
    fn fill(&self, template: &str) -> String {
        template.replace("{files}", &crate::client::route(self.0, ""))
    }
}

impl Find for OfFiles {
    type Found = At;
    const NAMES: &'static [&'static str] = AT;

    fn find(on: &On, named: Named<'_>) -> Result<At, Problem> {
        Ok(at_of(on, named)?)
    }

    fn places(path: &str, name: &str) -> Vec<Place> {
        Files::LASTING
            .map(|files| Place::of(files, path, name))
            .into()
    }
}

impl Subject for ToChange {
    fn fill(&self, template: &str) -> String {
        OfFiles(self.0).fill(template)
    }
}

impl Find for ToChange {
    type Found = View;
    const NAMES: &'static [&'static str] = AT;
    const IN_VIEW: bool = true;

    fn find(on: &On, named: Named<'_>) -> Result<View, Problem> {
        on.view_to_change(at_of(on, named)?)
    }

    fn places(path: &str, name: &str) -> Vec<Place> {
        Files::CURRENT
            .map(|files| Place::of(files, path, name))
            .into()
    }
}

impl Subject for OfPath {
    fn fill(&self, template: &str) -> String {
        let path = crate::client::encoded(&self.1.to_string(), true);
        let path = path.trim_start_matches('/');
        let filled = OfFiles(self.0).fill(template).replace("{*path}", path);
        // The root has no name.
        match self.1.is_root() {
            true => filled.trim_end_matches('/').into(),
            false => filled,
        }
    }
}

impl Find for OfPath {
    type Found = (View, TreePath);
    const NAMES: &'static [&'static str] = &["copy", "revision", "tree", "path"];
    const IN_VIEW: bool = true;

    fn find(on: &On, named: Named<'_>) -> Result<(View, TreePath), Problem> {
        let path = path_of(named)?;
        Ok((on.view(at_of(on, named)?)?, path))
    }

    fn places(path: &str, name: &str) -> Vec<Place> {
        let all = Files::ALL.into_iter().flat_map(|files| {
            let root = path.trim_end_matches("/{*path}");
            [
                Place::of(files, root, &format!("{name}_root")),
                Place::of(files, path, name),
            ]
        });
        all.collect()
    }
}

impl Subject for PathToChange {
    fn fill(&self, template: &str) -> String {
        OfPath(self.0, self.1.clone()).fill(template)
    }
}

impl Find for PathToChange {
    type Found = (View, TreePath);
    const NAMES: &'static [&'static str] = OfPath::NAMES;
    const IN_VIEW: bool = true;

    fn find(on: &On, named: Named<'_>) -> Result<(View, TreePath), Problem> {
        let path = path_of(named)?;
        Ok((on.view_to_change(at_of(on, named)?)?, path))
    }

    fn places(path: &str, name: &str) -> Vec<Place> {
        ToChange::places(path, name)
    }
}

const AT: &[&str] = &["copy", "revision", "tree"];

/// Returns which files are named; head's, where none are.
///
/// # Errors
/// `Invalid` for more than one place; `NotFound` for a copy that is not there.
pub(crate) fn at_of(on: &On, named: Named<'_>) -> Result<At> {
    match (named("copy")?, named("revision")?, named("tree")?) {
        (None, None, None) => Ok(At::Head),
        (Some(name), None, None) => Ok(At::Copy(on.workspace.find_copy(&copy(name)?)?.id)),
        (None, Some(revision), None) => Ok(At::Revision(revision.parse()?)),
        (None, None, Some(tree)) => Ok(At::Tree(tree.parse()?)),
        _ => Err(
            wrong_arguments("a copy, a revision, a tree: only one of them can be meant")
                .for_reason(Reason::Contradiction),
        ),
    }
}

/// Returns the path that is named.
pub(crate) fn path_of(named: Named<'_>) -> Result<TreePath> {
    TreePath::new(&required(named, "path")?)
}

/// Returns what may be the name of a copy, or its id.
fn copy(name: String) -> Result<String> {
    match name.is_empty() {
        true => {
            Err(wrong_arguments("a copy has a name or an id").for_reason(Reason::MalformedName))
        }
        false => Ok(name),
    }
}

fn required(named: Named<'_>, name: &str) -> Result<String> {
    named(name)?.ok_or_else(|| wrong_arguments(format!("missing field `{name}`")))
}
