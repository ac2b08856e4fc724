//! {}
//= {"ended":"threw","name":"Error","message":"the program waits for what cannot happen","files":"discarded"}
export default async () => ({ then() {} });
