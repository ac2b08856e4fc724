//! {}
//= {"ended":"threw","name":"Error","message":"before there is a default","line":3,"files":"discarded"}
throw new Error("before there is a default");

export default async () => 1;
