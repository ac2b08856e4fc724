//! {"modules":{"_workspace/prelude.js":"export const METHODS = {};\n"}}
//= {"refused":"invalid"}
export default async () => "never";
