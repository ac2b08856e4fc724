# A Worker that is bound to workspaces, with an R2 bucket by miniflare's simulator.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  # With a collector on several threads, workerd 1.20260426 was seen to sweep for ever, in
  # which nothing answers any more.
  v8Flags = ["--single-threaded-gc"],
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (writable = true)),
    (name = "r2", disk = (writable = true)),
    (name = "bucket", worker = .bucket),
    (name = "buckets", worker = .buckets),
    # A workerd of its own for delegated code, which is killed when that takes too much: here
    # the platform's limits do not hold.
    (name = "sandbox", external = (http = (capnpConnectHost = "sandbox"))),
    (name = "supervisor", external = (http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  extensions = .simulator,
);

# What the simulator of R2 imports.
const simulator :List(Workerd.Extension) = [(
  modules = [
    (name = "miniflare:shared", esModule = embed "index.worker.js"),
    (name = "miniflare:zod", esModule = embed "zod.worker.js"),
  ],
)];

const main :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "bindings_bg.wasm", wasm = embed "bindings_bg.wasm"),
  ],
  durableObjectNamespaces = [
    (className = "WorkspaceObject", uniqueKey = "workspaces", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "WORKSPACES", durableObjectNamespace = "WorkspaceObject"),
    (name = "WORKSPACE_BUCKET", r2Bucket = "bucket"),
    (name = "WORKSPACE_SANDBOX", service = "sandbox"),
    (name = "WORKSPACE_SUPERVISOR", service = "supervisor"),
    (name = "WORKSPACE_TOKEN", text = embed "token"),
    (name = "WORKSPACE_PREVIEWS", text = "localhost"),
    (name = "WORKSPACE_KEEP_REVISIONS", fromEnvironment = "WORKSPACE_KEEP_REVISIONS"),
    (name = "WORKSPACE_KEEP_DAYS", fromEnvironment = "WORKSPACE_KEEP_DAYS"),
    (name = "WORKSPACE_IDLE", fromEnvironment = "WORKSPACE_IDLE"),
    (name = "WORKSPACE_ORIGINS", fromEnvironment = "WORKSPACE_ORIGINS"),
  ],
);

const bucket :Workerd.Worker = (
  compatibilityDate = "2023-07-24",
  modules = [(name = "object-entry.worker.js", esModule = embed "object-entry.worker.js")],
  bindings = [
    (name = "MINIFLARE_NAMESPACE", text = "workspaces"),
    (
      name = "MINIFLARE_OBJECT",
      durableObjectNamespace = (serviceName = "buckets", className = "R2BucketObject"),
    ),
  ],
);

const buckets :Workerd.Worker = (
  compatibilityDate = "2023-07-24",
  compatibilityFlags = ["nodejs_compat", "experimental"],
  modules = [(name = "bucket.worker.js", esModule = embed "bucket.worker.js")],
  durableObjectNamespaces = [(className = "R2BucketObject", uniqueKey = "buckets")],
  durableObjectStorage = (localDisk = "r2"),
  bindings = [(name = "MINIFLARE_BLOBS", service = "r2")],
);
