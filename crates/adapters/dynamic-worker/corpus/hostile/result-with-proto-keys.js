//! {}
//= {"ended":"returned","value":{"__proto__":{"polluted":true},"constructor":{"prototype":1}},"files":"unchanged"}
export default async () => JSON.parse("{\"__proto__\":{\"polluted\":true},\"constructor\":{\"prototype\":1}}");
