//! Texts: exact replacements, what is closest to a text that is not there, lines, patterns.
//! Pure functions over strings, each with its limits and its cost stated.

mod carry;
mod fold;
mod lines;
mod near;
mod pattern;
mod replace;
mod traits;
mod visible;

pub use carry::carry;
pub use fold::Lens;
pub use lines::{Lines, line_of};
pub(crate) use near::closest_names;
pub use near::{MAX_NEAR, Near, near};
pub use pattern::{Asked, Pattern, as_text};
pub use replace::{
    Fault, Faulty, MAX_EDITS, MAX_PLACES, MAX_TEXT, MAX_WORK, Places, Refused, Replaced,
    Replacement, places, replace,
};
pub use traits::{LineEnds, Traits};
pub use visible::{alike, first_difference, visible};
