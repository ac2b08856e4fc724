//! {}
//= {"ended":"returned","value":"the same","files":"unchanged"}
Function.prototype.call = () => "the same";
Function.prototype.apply = () => "the same";

export default async () => "the same";
