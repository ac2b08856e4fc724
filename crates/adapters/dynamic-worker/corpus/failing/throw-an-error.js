//! {}
//= {"ended":"threw","name":"Error","message":"on purpose","line":4,"files":"discarded","written":[]}
export default async () => {
  throw new Error("on purpose");
};
