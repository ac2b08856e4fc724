//! What a run is, whatever executes its code.

// Tests fail by panicking.
#![allow(clippy::unwrap_used)]

mod fixture;
mod parents;
mod runs;
mod sequence;
mod sequences;
