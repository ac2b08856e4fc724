//! {}
//= {"ended":"threw","name":"TypeError","message":"a run returns what JSON can say, and no function","files":"discarded"}
export default async () => ({ call: () => 1 });
