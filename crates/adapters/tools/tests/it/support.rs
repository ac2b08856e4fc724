//! A copy with tools over it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures::executor::block_on;
use serde_json::Value;
use workspace_core::{At, CopyId, Entry, ForkOptions, Options, TreePath, Workspace};
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};
use workspace_tools::{ToolResult, Tools};

pub(crate) struct Fixture {
    pub(crate) workspace: Workspace,
    pub(crate) copy: CopyId,
    pub(crate) tools: Tools,
    calls: Cell<u64>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::over(&[])
    }

    /// With files that are published.
    pub(crate) fn over(files: &[(&str, &str)]) -> Self {
        let context = TestContext::new(1).context();
        let (meta, blobs) = (Box::new(MemoryMeta::new()), Arc::new(MemoryBlobs::new()));
        let workspace = Workspace::create(meta, blobs, context, Options::default()).unwrap();
        for (path, text) in files {
            block_on(workspace.files(At::Head).write(*path, *text)).unwrap();
        }
        let copy = workspace.fork(ForkOptions::named("draft")).unwrap().id;
        let tools = tools(&workspace, copy, "agent");
        Self {
            workspace,
            copy,
            tools,
            calls: Cell::new(0),
        }
    }

    /// Calls a tool under a new id.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> ToolResult {
        self.calls.set(self.calls.get() + 1);
        let id = format!("call-{}", self.calls.get());
        block_on(self.tools.call(tool, &arguments, &id))
    }

    pub(crate) fn done(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert!(result.is_ok(), "{}", result.text);
        assert!(result.text.len() <= workspace_tools::MAX_RESULT);
        result.value
    }

    pub(crate) fn refused(&self, tool: &str, arguments: Value) -> Value {
        let before = self.files();
        let result = self.call(tool, arguments);
        assert!(!result.is_ok(), "{}", result.text);
        assert_eq!(self.files(), before);
        assert!(result.text.starts_with("Refused ("), "{}", result.text);
        result.value
    }

    /// Makes the call that a refusal has ready.
    pub(crate) fn next(&self, refusal: &Value) -> Value {
        let next = &refusal["next"];
        self.done(next["tool"].as_str().unwrap(), next["arguments"].clone())
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.files()[path].clone()
    }

    /// Returns all files of the copy.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        files(&self.workspace, At::Copy(self.copy))
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let view = self.workspace.files(At::Copy(self.copy));
        block_on(view.write(path, text)).unwrap();
    }
}

pub(crate) fn tools(workspace: &Workspace, copy: CopyId, agent: &str) -> Tools {
    let view = workspace.files(At::Copy(copy));
    Tools::new(workspace.clone(), view, agent).unwrap()
}

/// Returns all files of a tree; symlinks and directories are left out.
pub(crate) fn files(workspace: &Workspace, at: At) -> BTreeMap<String, String> {
    let view = workspace.files(at);
    let walk = view.walk(&TreePath::root()).unwrap();
    let mut files = BTreeMap::new();
    for found in walk {
        let (path, entry) = found.unwrap();
        if let Entry::File(_) = entry {
            let bytes = block_on(view.read(&path)).unwrap();
            files.insert(
                path.to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            );
        }
    }
    files
}
