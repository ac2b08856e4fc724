//! {}
//= {"ended":"threw","name":"EvalError","message":"a run makes no code of text","files":"discarded"}
export default async () => eval("1 + 1");
