//! {}
//= {"ended":"threw","name":"Error","message":"rejected","line":3,"files":"discarded"}
export default () => Promise.reject(new Error("rejected"));
