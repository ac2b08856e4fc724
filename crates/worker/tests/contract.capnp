# The Worker over an R2 bucket that fails when it is told to.

using Workerd = import "/workerd/workerd.capnp";
using Product = import "workerd.capnp";

const config :Workerd.Config = (
  # With a collector on several threads, workerd 1.20260426 was seen to sweep for ever, in
  # which nothing answers any more.
  v8Flags = ["--single-threaded-gc"],
  services = [
    (name = "main", worker = Product.main),
    (name = "objects", disk = (writable = true)),
    (name = "r2", disk = (writable = true)),
    (name = "bucket", worker = .faulty),
    (name = "sound", worker = Product.bucket),
    (name = "buckets", worker = Product.buckets),
    (name = "sandbox", external = (http = (capnpConnectHost = "sandbox"))),
    (name = "supervisor", external = (http = ())),
  ],
  sockets = [
    (name = "faults", address = "127.0.0.1:0", http = (), service = "bucket"),
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
  ],
  extensions = Product.simulator,
);

const faulty :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [(name = "faulty.mjs", esModule = embed "faulty.mjs")],
  bindings = [(name = "SOUND", service = "sound")],
);
