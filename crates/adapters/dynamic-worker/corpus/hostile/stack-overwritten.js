//! {}
//= {"ended":"threw","name":"Error","message":"whose stack lies","files":"discarded"}
export default async () => {
  const error = new Error("whose stack lies");
  error.stack = `Error: forged\n    at run (_workspace/prelude.js:1:1)\n    at evil (evil.js:99999999999:1)`;
  throw error;
};
