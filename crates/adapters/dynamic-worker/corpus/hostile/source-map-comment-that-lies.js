//! {}
//= {"ended":"threw","name":"Error","message":"here, on line 4","line":4,"files":"discarded"}
export default async () => {
  throw new Error("here, on line 4");
};
//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbImV2aWwuanMiXSwibWFwcGluZ3MiOiI7Ozs7QUFBQSJ9
