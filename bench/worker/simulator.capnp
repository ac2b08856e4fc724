# An R2 bucket by miniflare's simulator, on the disk named "r2".

using Workerd = import "/workerd/workerd.capnp";

const extension :Workerd.Extension = (
  modules = [
    (name = "miniflare:shared", esModule = embed "index.worker.js"),
    (name = "miniflare:zod", esModule = embed "zod.worker.js"),
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
