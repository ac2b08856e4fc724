//! {}
//= {"ended":"threw","files":"discarded"}
Error.prepareStackTrace = () => {
  throw new Error("no stack for you");
};

export default async () => {
  throw new TypeError("thrown");
};
