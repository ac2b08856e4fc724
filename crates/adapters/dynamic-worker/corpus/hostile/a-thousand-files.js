//! {"limits":{"millis":60000}}
//= {"ended":"returned","value":1000,"files":"applied"}
export default async ({ WORKSPACE }) => {
  for (let n = 0; n < 1000; n += 10) {
    const ten = Array.from({ length: 10 }, (_, m) => WORKSPACE.writeFile(`/made/${n + m}.txt`, `${n + m}`));
    await Promise.all(ten);
  }
  return (await WORKSPACE.stat("/made")).value.entry.files;
};
