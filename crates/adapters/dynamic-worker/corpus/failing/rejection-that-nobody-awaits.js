//! {}
//= {"ended":"returned","value":"went on","files":"unchanged"}
export default async () => {
  Promise.reject(new Error("nobody hears"));
  await null;
  return "went on";
};
