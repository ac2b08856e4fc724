# A Worker that is put together as one in Rust is, and an object of its.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (writable = true)),
    (name = "r2", disk = (writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  durableObjectNamespaces = [(className = "Trapping", uniqueKey = "trapping", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [(name = "OBJECTS", durableObjectNamespace = "Trapping")],
);
