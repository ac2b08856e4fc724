//! {"modules":{"../x.js":"export default 1;\n"}}
//= {"refused":"invalid"}
export default async () => "never";
