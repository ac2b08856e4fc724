//! {}
//= {"ended":"returned","value":["TypeError","TypeError","TypeError","TypeError","TypeError"],"files":"unchanged"}
const ways = [
  () => fetch("http://169.254.169.254/"),
  () => new WebSocket("wss://example.com/"),
  () => new XMLHttpRequest(),
  () => new EventSource("https://example.com/"),
  () => caches.open("x"),
];

export default async () => {
  const told = [];
  for (const way of ways) {
    try {
      told.push(await way());
    } catch (error) {
      told.push(error.name);
    }
  }
  return told;
};
