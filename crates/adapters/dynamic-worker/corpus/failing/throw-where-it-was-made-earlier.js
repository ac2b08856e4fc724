//! {}
//= {"ended":"threw","name":"Error","message":"made on line 3","line":3,"files":"discarded"}
const made = new Error("made on line 3");

export default async () => {
  throw made;
};
