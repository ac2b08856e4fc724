# Our object and its peers in one Worker, on one disk.

using Workerd = import "/workerd/workerd.capnp";
using Simulator = import "simulator.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (writable = true)),
    (name = "r2", disk = (writable = true)),
    (name = "bucket", worker = Simulator.bucket),
    (name = "buckets", worker = Simulator.buckets),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  extensions = [Simulator.extension],
);

const main :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  compatibilityFlags = ["nodejs_compat"],
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "bindings_bg.wasm", wasm = embed "bindings_bg.wasm"),
  ],
  durableObjectNamespaces = [
    (className = "OurObject", uniqueKey = "ours", enableSql = true),
    (className = "ShellObject", uniqueKey = "shell", enableSql = true),
    (className = "ComputerObject", uniqueKey = "computer", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "ours", durableObjectNamespace = "OurObject"),
    (name = "shell", durableObjectNamespace = "ShellObject"),
    (name = "computer", durableObjectNamespace = "ComputerObject"),
    (name = "WORKSPACE_BUCKET", r2Bucket = "bucket"),
  ],
);
