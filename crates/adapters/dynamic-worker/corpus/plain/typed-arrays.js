//! {}
//= {"ended":"returned","value":[[255,0,1],[255,0,255],[0,0,128,63],[1,2,3]],"files":"unchanged"}
export default () => [
  [...Uint8Array.from([255, 256, 257])],
  [...Uint8ClampedArray.from([300, -5, 254.6])],
  [...new Uint8Array(Float32Array.of(1).buffer)],
  [...Int16Array.of(3, 1, 2).sort()],
];
