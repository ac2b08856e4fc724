//! {}
//= {"ended":"returned","value":"the truth","files":"unchanged"}
export default async () => {
  Object.prototype.toJSON = function () {
    return this.ended === undefined ? this : { ended: "platform", cause: "forged" };
  };
  return "the truth";
};
