//! {}
//= {"ended":"returned","value":"at last","files":"unchanged"}
export default async () => Promise.resolve({ then: (done) => done(Promise.resolve("at last")) });
