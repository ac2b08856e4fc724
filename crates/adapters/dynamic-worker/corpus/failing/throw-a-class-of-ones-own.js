//! {}
//= {"ended":"threw","name":"NoSuchPerson","message":"nobody is called Bob","files":"discarded"}
class NoSuchPerson extends Error {
  name = "NoSuchPerson";
}

export default async () => {
  throw new NoSuchPerson("nobody is called Bob");
};
