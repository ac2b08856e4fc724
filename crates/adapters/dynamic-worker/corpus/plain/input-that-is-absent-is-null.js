//! {}
//= {"ended":"returned","value":[true,2],"files":"unchanged"}
export default async function () {
  return [arguments[1] === null, arguments.length];
}
