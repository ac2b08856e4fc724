# The simulator of an R2 bucket, as a process of its own.

using Workerd = import "/workerd/workerd.capnp";
using Simulator = import "simulator.capnp";

const config :Workerd.Config = (
  services = [
    (name = "objects", disk = (writable = true)),
    (name = "r2", disk = (writable = true)),
    (name = "bucket", worker = Simulator.bucket),
    (name = "buckets", worker = Simulator.buckets),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "bucket")],
  extensions = [Simulator.extension],
);
