//! {}
//= {"ended":"returned","value":{"ended":"limit","limit":"memory"},"files":"unchanged"}
export default async () => ({ ended: "limit", limit: "memory" });
