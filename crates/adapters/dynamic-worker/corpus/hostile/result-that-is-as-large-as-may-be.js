//! {"limits":{"value":1000}}
//= {"ended":"returned","files":"unchanged"}
export default async () => "x".repeat(998);
