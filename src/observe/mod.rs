//! How pods really stop: measured from API objects alone.
//!
//! [`seen`] → [`track`] → [`measure`] → [`tally`] is pure: observations in, measures out, no clock and no I/O.

mod asks;
pub mod distribution;
pub mod measure;
mod read;
pub mod report;
pub mod run;
pub mod seen;
mod suggest;
pub mod tally;
pub mod track;
pub mod watch;

#[cfg(test)]
mod tests;
