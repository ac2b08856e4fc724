//! {"limits":{"memory":1073741824}}
//= {"refused":"invalid"}
export default async () => "never";
