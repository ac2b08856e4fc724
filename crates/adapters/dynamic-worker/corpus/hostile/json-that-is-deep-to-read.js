//! {"limits":{"millis":3000}}
//= {"written":[],"denied":[]}
export default async () => {
  const text = "[".repeat(100_000) + "]".repeat(100_000);
  try {
    return Array.isArray(JSON.parse(text));
  } catch (error) {
    return error.name;
  }
};
