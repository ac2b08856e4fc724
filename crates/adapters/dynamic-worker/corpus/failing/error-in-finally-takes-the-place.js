//! {}
//= {"ended":"threw","name":"Error","message":"second","line":7,"files":"discarded"}
export default async () => {
  try {
    throw new Error("first");
  } finally {
    throw new Error("second");
  }
};
