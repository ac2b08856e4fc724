//! {}
//= {"ended":"threw","name":"Error","message":"outer","line":7,"files":"discarded"}
export default async () => {
  try {
    JSON.parse("{");
  } catch (cause) {
    throw new Error("outer", { cause });
  }
};
