//! {}
//= {"ended":"threw","name":"TypeError","message":"a run returns what JSON can say, and no bigint","files":"discarded"}
export default async () => 12n;
