//! {"limits":{"millis":300}}
//= {"ended":"limit","limit":"time","files":"discarded"}
for (;;);

export default async () => "never";
