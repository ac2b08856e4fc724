//! {"scope":{"root":"/docs/..","read":["**"],"write":["**"]}}
//= {"refused":"invalid"}
export default async () => "never";
