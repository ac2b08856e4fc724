//! {}
//= {"ended":"returned","value":["1267650600228229401496703205376","-4","255",true],"files":"unchanged"}
export default () => [`${2n ** 100n}`, (-9n / 2n).toString(), BigInt.asUintN(8, -1n).toString(), 1n < 1.5];
