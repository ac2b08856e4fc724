//! {}
//= {"ended":"threw","files":"discarded"}
import { connect } from "cloudflare:sockets";

export default async () => {
  await connect({ hostname: "example.com", port: 80 }).opened;
  return "connected";
};
