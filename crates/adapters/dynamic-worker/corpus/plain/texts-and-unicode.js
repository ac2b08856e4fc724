//! {}
//= {"ended":"returned","value":["é",2,1,"SS","💩","x  ","\ud83d\udc4b"],"files":"unchanged"}
export default () => [
  "e\u0301".normalize("NFC"),
  "👋".length,
  [..."👋"].length,
  "ß".toUpperCase(),
  String.fromCodePoint(0x1f4a9),
  "x".padEnd(3),
  "\ud83d" + "\udc4b",
];
