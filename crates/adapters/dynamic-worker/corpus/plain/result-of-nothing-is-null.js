//! {}
//= {"ended":"returned","value":null,"files":"unchanged","console":[]}
export default async () => {};
