# A Worker with an object and a bucket that does next to nothing.

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
  modules = [(name = "plain.mjs", esModule = embed "plain.mjs")],
  durableObjectNamespaces = [
    (className = "EmptyObject", uniqueKey = "empty", enableSql = true),
    (className = "TableObject", uniqueKey = "tables", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "OBJECTS", durableObjectNamespace = "EmptyObject"),
    (name = "TABLES", durableObjectNamespace = "TableObject"),
    (name = "BUCKET", r2Bucket = "bucket"),
  ],
);
