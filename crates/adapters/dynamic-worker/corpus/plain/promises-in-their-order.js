//! {}
//= {"ended":"returned","value":["sync","micro 1","micro 2","after await"],"files":"unchanged"}
export default async () => {
  const said = [];
  Promise.resolve().then(() => said.push("micro 1")).then(() => said.push("micro 2"));
  said.push("sync");
  await null;
  await null;
  said.push("after await");
  return said;
};
