//! {}
//= {"ended":"returned","value":["2024","31.12.","$5",["👋"],"a-b-c",2],"files":"unchanged"}
export default () => [
  /(?<year>\d{4})-(?<month>\d\d)/.exec("on 2024-12-31").groups.year,
  "12/31".replace(/(\d+)\/(\d+)/, "$2.$1."),
  "cost: $5".match(/(?<=: )\S+/)[0],
  "x👋y".match(/\p{Emoji_Presentation}/gu),
  "a_b_c".replaceAll("_", "-"),
  "aXbxc".search(/x/i) + Number(/^.$/su.test("\n")),
];
