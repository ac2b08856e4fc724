//! {}
//= {"ended":"threw","files":"discarded"}
import { gone } from "./gone.js";

export default async () => gone;
