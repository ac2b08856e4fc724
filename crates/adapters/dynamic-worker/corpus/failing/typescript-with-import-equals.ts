//! {}
//= {"ended":"threw","name":"SyntaxError","message":"TypeScript import equals declaration is not supported in strip-only mode","module":"main.ts","line":3,"files":"discarded"}
import fs = require("fs");

export default () => fs;
