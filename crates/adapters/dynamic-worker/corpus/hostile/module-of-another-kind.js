//! {"modules":{"x.wasm":"\u0000asm"}}
//= {"refused":"invalid"}
export default async () => "never";
