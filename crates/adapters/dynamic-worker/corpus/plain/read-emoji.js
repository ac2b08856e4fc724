//! {}
//= {"ended":"returned","value":{"units":10,"points":8,"second":"naïve café 日本"},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readText("/text/emoji.txt");
  const [first, second] = value.split("\n");
  return { units: first.length, points: [...first].length, second };
};
