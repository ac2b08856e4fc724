//! {"limits":{"millis":2000}}
//= {"ended":"threw","files":"discarded","written":[]}
await new Promise(() => {});

export default async () => "never";
