//! A real S3-compatible server on loopback, workspaces, and child processes.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use workspace_core::{
    At, Change, ChangeOptions, Content, Error, Result, TreePath, Workspace, WriteOptions,
};
use workspace_native::ObjectBlobs;

/// Serves the directories of a temporary one as buckets; `bucket` is there.
pub(crate) struct S3Server {
    pub(crate) root: TempDir,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl S3Server {
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("bucket")).unwrap();
        let service = {
            let files = s3s_fs::FileSystem::new(root.path()).unwrap();
            let mut builder = S3ServiceBuilder::new(files);
            builder.set_auth(SimpleAuth::from_single("user", "secret"));
            builder.build()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(any_port))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    server.serve_connection(TokioIo::new(socket), service).await
                });
            }
        });
        Self {
            root,
            address,
            _runtime: runtime,
        }
    }

    /// Returns the settings that reach this server.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "user".into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
        ]
        .map(|(name, value)| (name.into(), value))
        .into()
    }

    pub(crate) fn blobs(&self, url: &str) -> ObjectBlobs {
        ObjectBlobs::s3_with(url, self.settings()).unwrap()
    }
}

pub(crate) fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

/// Writes one file to head.
pub(crate) async fn write(workspace: &Workspace, to: &str, bytes: &[u8]) -> Result<()> {
    write_at(workspace, At::Head, to, bytes).await
}

/// Writes one file.
pub(crate) async fn write_at(workspace: &Workspace, at: At, to: &str, bytes: &[u8]) -> Result<()> {
    let change = Change::Write {
        path: path(to),
        content: Content::Bytes(Bytes::copy_from_slice(bytes)),
        options: WriteOptions::default().create_parents(true),
    };
    let files = workspace.files(at);
    files
        .change(vec![change], ChangeOptions::default())
        .await
        .map(drop)
}

/// Reads one file of head.
pub(crate) async fn read(workspace: &Workspace, from: &str) -> Bytes {
    workspace.files(At::Head).read(&path(from)).await.unwrap()
}

/// Returns the error of what must not succeed.
pub(crate) fn refusal<T>(outcome: Result<T>) -> Error {
    match outcome {
        Ok(_) => panic!("this must be refused"),
        Err(error) => error,
    }
}

/// Prepares an ignored test of this binary as a process of its own, told a
/// directory; `wrapper` is a command that runs it.
pub(crate) fn child(test: &str, directory: &Path, wrapper: &[&str]) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut words: Vec<&OsStr> = wrapper.iter().map(OsStr::new).collect();
    words.push(binary.as_os_str());
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env("WORKSPACE_TEST_DIRECTORY", directory)
        .stdout(Stdio::piped());
    command
}

/// Runs a child to its end, which must be a good one.
pub(crate) fn run(mut child: Command) {
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let passed = output.status.success() && text.contains("1 passed");
    assert!(passed, "{text}{errors}");
}

/// Returns the directory that this child was told.
pub(crate) fn told_directory() -> PathBuf {
    std::env::var_os("WORKSPACE_TEST_DIRECTORY").unwrap().into()
}
