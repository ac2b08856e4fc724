//! {"modules":{"data.json":"{\"a\":}"}}
//= {"ended":"threw","name":"SyntaxError","files":"discarded"}
import data from "./data.json";

export default async () => data;
