//! {}
//= {"ended":"returned","value":"the same","files":"unchanged"}
const main = async () => "the same";

export function then(resolve) {
  resolve({ default: main });
}
export default main;
