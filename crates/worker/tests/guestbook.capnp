# The guestbook in workerd, with an R2 bucket by miniflare's simulator: what wrangler does.

using Workerd = import "/workerd/workerd.capnp";
using Product = import "workerd.capnp";

const config :Workerd.Config = (
  # With a collector on several threads, workerd 1.20260426 was seen to sweep for ever, in
  # which nothing answers any more.
  v8Flags = ["--single-threaded-gc"],
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (writable = true)),
    (name = "r2", disk = (writable = true)),
    (name = "bucket", worker = Product.bucket),
    (name = "buckets", worker = Product.buckets),
    (name = "sandbox", external = (http = (capnpConnectHost = "sandbox"))),
    (name = "supervisor", external = (http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  extensions = Product.simulator,
);

const main :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "bindings_bg.wasm", wasm = embed "bindings_bg.wasm"),
  ],
  durableObjectNamespaces = [
    (className = "WorkspaceObject", uniqueKey = "workspaces", enableSql = true),
    (className = "Desk", uniqueKey = "desks", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "WORKSPACES", durableObjectNamespace = "WorkspaceObject"),
    (name = "DESK", durableObjectNamespace = "Desk"),
    (name = "WORKSPACE_BUCKET", r2Bucket = "bucket"),
    (name = "WORKSPACE_TOKEN", text = embed "token"),
    (name = "KEEPER_PASSWORD", text = "a password of the tests"),
  ],
);
