//! {}
//= {"ended":"threw","name":"TypeError","message":"the module's default export is no function, and no object with a function `run`","files":"discarded"}
export default { run: "this" };
