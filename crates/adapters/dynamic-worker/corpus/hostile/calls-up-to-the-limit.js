//! {"limits":{"calls":10}}
//= {"ended":"returned","value":10,"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  let answered = 0;
  for (let n = 0; n < 10; n += 1) answered += (await WORKSPACE.exists("/readme.md")).value ? 1 : 0;
  return answered;
};
