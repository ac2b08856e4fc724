# The Worker of the tests, and an R2 bucket by miniflare's simulator.

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
    # What stands for GitHub is on this machine.
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  extensions = [(
    modules = [
      (name = "miniflare:shared", esModule = embed "index.worker.js"),
      (name = "miniflare:zod", esModule = embed "zod.worker.js"),
    ],
  )],
);

const main :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "bindings_bg.wasm", wasm = embed "bindings_bg.wasm"),
  ],
  durableObjectNamespaces = [(className = "TestObject", uniqueKey = "tests", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "OBJECTS", durableObjectNamespace = "TestObject"),
    (name = "BUCKET", r2Bucket = "bucket"),
  ],
);

const bucket :Workerd.Worker = (
  compatibilityDate = "2023-07-24",
  modules = [(name = "object-entry.worker.js", esModule = embed "object-entry.worker.js")],
  bindings = [
    (name = "MINIFLARE_NAMESPACE", text = "tests"),
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
