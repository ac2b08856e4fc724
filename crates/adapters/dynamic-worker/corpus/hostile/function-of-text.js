//! {}
//= {"ended":"threw","name":"EvalError","message":"a run makes no code of text","files":"discarded"}
export default async () => new Function("return 1")();
