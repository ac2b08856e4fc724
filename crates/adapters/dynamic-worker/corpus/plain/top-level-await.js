//! {}
//= {"ended":"returned","value":3,"files":"unchanged"}
const one = await Promise.resolve(1);
const two = await new Promise((resolve) => queueMicrotask(() => resolve(2)));

export default async () => one + two;
