//! {}
//= {"ended":"returned","value":null,"console":[["log","two\nlines\tand 👋🏽"],["log","lone \ufffd surrogate"]]}
export default async () => {
  console.log("two\nlines\tand 👋🏽");
  console.log("lone \ud800 surrogate");
};
