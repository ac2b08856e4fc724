//! {}
//= {"ended":"returned","value":"returned","files":"unchanged","console":[]}
export default async () => {
  setTimeout(() => console.log("late"), 500);
  return "returned";
};
