//! {}
//= {"ended":"returned","value":"RangeError","files":"unchanged"}
export default async () => {
  try {
    return new ArrayBuffer(2 ** 53).byteLength;
  } catch (error) {
    return error.name;
  }
};
