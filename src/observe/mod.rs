//! How pods really stop: measured from API objects alone.
//!
//! [`seen`] → [`track`] → [`measure`] → [`tally`] is pure: observations in, measures out, no clock and no I/O.

pub mod distribution;
pub mod measure;
pub mod seen;
pub mod tally;
pub mod track;

#[cfg(test)]
mod tests;
