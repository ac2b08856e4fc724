//! A workspace with a copy, and runs over it.

// Two targets have it, and neither asks for all of it.
#![allow(dead_code)]

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use serde_json::{Value, json};
use workspace_core::{
    At, Change, ChangeOptions, CopyId, ForkOptions, Options, TreePath, Workspace, WriteOptions,
};
use workspace_dynamic_worker::{Begun, Ended, Execution, Order, Run, Runs};
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};

pub(crate) struct Fixture {
    pub(crate) workspace: Workspace,
    pub(crate) copy: CopyId,
    pub(crate) runs: Runs,
    pub(crate) meta: MemoryMeta,
    pub(crate) context: TestContext,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let (meta, context) = (MemoryMeta::new(), TestContext::new(7));
        let blobs = Arc::new(MemoryBlobs::new());
        let workspace = Workspace::create(
            Box::new(meta.clone()),
            blobs,
            context.context(),
            Options::default(),
        );
        let workspace = workspace.unwrap();
        let changes = ["/a.txt", "/in/b.txt", "/in/deep/c.txt"].map(|path| write(path, "hello"));
        let head = workspace.files(At::Head);
        block_on(head.change(changes.into(), ChangeOptions::default())).unwrap();
        let copy = workspace.fork(ForkOptions::named("draft")).unwrap().id;
        let runs = Runs::new(workspace.clone(), "test");
        Self {
            workspace,
            copy,
            runs,
            meta,
            context,
        }
    }

    pub(crate) fn order(&self, more: Value) -> Order {
        let mut order = json!({
            "id": "one",
            "copy": "draft",
            "program": { "modules": [{ "name": "main.js", "source": "" }] },
            "scope": { "read": ["**"], "write": ["**"], "delete": true },
        });
        for (name, value) in more.as_object().unwrap() {
            order[name] = value.clone();
        }
        Order::read(&order.to_string()).unwrap()
    }

    pub(crate) fn fresh(&self, more: Value) -> Rc<Run> {
        match block_on(self.runs.begin(self.order(more))).unwrap() {
            Begun::Fresh(run) => run,
            Begun::Again(outcome) => panic!("{outcome:?}"),
        }
    }

    pub(crate) fn again(&self, more: Value) -> Bytes {
        match block_on(self.runs.begin(self.order(more))).unwrap() {
            Begun::Again(outcome) => outcome,
            Begun::Fresh(_) => panic!("it is run again"),
        }
    }

    /// Calls a method, and returns the value or the code.
    pub(crate) fn call(&self, run: &Run, method: &str, arguments: Value) -> Value {
        let contents = (method == "writeFile").then(|| Bytes::from_static(b"new"));
        let text = arguments.to_string();
        let reply = block_on(self.runs.call(run, method, &text, contents));
        let told: Value = serde_json::from_str(&reply.json).unwrap();
        match told["status"] == "ok" {
            true => told["value"].clone(),
            false => told["error"]["code"].clone(),
        }
    }

    pub(crate) fn end(&self, run: &Run, ended: Ended) -> Value {
        let execution = Execution {
            ended,
            guessed: false,
            console: Vec::new(),
            left_out: 0,
        };
        serde_json::from_slice(&self.runs.end(run, execution).unwrap()).unwrap()
    }

    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let read = self.workspace.files(At::Copy(self.copy));
        let bytes = block_on(read.read(&TreePath::new(path).unwrap())).ok()?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub(crate) fn operations(&self) -> usize {
        let all = self.workspace.operations(self.copy, None, 100);
        all.unwrap().len()
    }

    pub(crate) fn open_copies(&self) -> usize {
        self.workspace.copies(true, None, 100).unwrap().len()
    }

    /// Writes a file, where one can be.
    pub(crate) fn try_write(&self, path: &str, text: &str) {
        let files = self.workspace.files(At::Copy(self.copy));
        let _cannot = block_on(files.change(vec![write(path, text)], ChangeOptions::default()));
    }

    /// Removes what is there, if something is.
    pub(crate) fn try_remove(&self, path: &str) {
        let files = self.workspace.files(At::Copy(self.copy));
        let remove = Change::Remove {
            path: TreePath::new(path).unwrap(),
            recursive: true,
        };
        let _nothing = block_on(files.change(vec![remove], ChangeOptions::default()));
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let files = self.workspace.files(At::Copy(self.copy));
        block_on(files.change(vec![write(path, text)], ChangeOptions::default())).unwrap();
    }
}

pub(crate) fn write(path: &str, text: &str) -> Change {
    Change::Write {
        path: TreePath::new(path).unwrap(),
        content: Bytes::from(text.as_bytes().to_vec()).into(),
        options: WriteOptions::default().create_parents(true),
    }
}
