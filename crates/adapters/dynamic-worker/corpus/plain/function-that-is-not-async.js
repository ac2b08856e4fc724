//! {"input":[3,1,2]}
//= {"ended":"returned","value":[1,2,3],"files":"unchanged"}
export default function (_env, input) {
  return input.sort();
}
