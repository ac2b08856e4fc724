//! {}
//= {"ended":"returned","value":[["fulfilled","rejected"],"first",2],"files":"unchanged"}
export default async () => {
  const never = new Promise(() => {});
  const settled = await Promise.allSettled([Promise.resolve(1), Promise.reject(new Error("no"))]);
  const raced = await Promise.race([never, Promise.resolve("first")]);
  const any = await Promise.any([Promise.reject(1), Promise.resolve(2)]);
  return [settled.map((one) => one.status), raced, any];
};
