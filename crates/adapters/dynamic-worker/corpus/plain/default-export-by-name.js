//! {}
//= {"ended":"returned","value":"by name","files":"unchanged"}
async function main() {
  return "by name";
}

export { main as default };
