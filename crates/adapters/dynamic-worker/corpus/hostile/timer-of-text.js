//! {}
//= {"ended":"returned","value":"nothing ran","files":"unchanged"}
export default async () => {
  try {
    setTimeout("globalThis.ran = true", 0);
  } catch {
    // Refused at once is as well.
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  return globalThis.ran ? "text ran" : "nothing ran";
};
