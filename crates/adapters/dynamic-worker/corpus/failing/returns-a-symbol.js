//! {}
//= {"ended":"threw","name":"TypeError","message":"a run returns what JSON can say, and no symbol","files":"discarded"}
export default async () => [Symbol("s")];
