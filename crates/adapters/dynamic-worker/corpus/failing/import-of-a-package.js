//! {}
//= {"ended":"threw","files":"discarded"}
import lodash from "lodash";

export default async () => lodash.VERSION;
