# A Worker that runs delegated code, in a process that can be killed with it.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  # What one program may have on the heap; the process ends with one that wants more.
  v8Flags = ["--max-old-space-size=128"],
  services = [(name = "main", worker = .main)],
  sockets = [(name = "sandbox", http = (capnpConnectHost = "sandbox"), service = "main")],
);

const main :Workerd.Worker = (
  compatibilityDate = "2026-04-01",
  modules = [
    (name = "sandbox.js", esModule = embed "sandbox.js"),
    (name = "stripper.bin", data = embed "stripper.bin"),
  ],
  bindings = [(name = "LOADER", workerLoader = (id = "runs"))],
);
