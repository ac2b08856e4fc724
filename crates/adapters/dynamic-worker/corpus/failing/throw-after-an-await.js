//! {}
//= {"ended":"threw","name":"TypeError","message":"after the call","line":5,"files":"discarded"}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.exists("/readme.md");
  throw new TypeError("after the call");
};
