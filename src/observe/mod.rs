//! How pods really stop: measured from API objects alone.
//!
//! [`seen`] → [`track`] → [`measure`] → [`tally`] is pure: observations in, measures out, no clock and no I/O.
//! Around it: [`watch`] hears, [`run`] is the command, [`keep`] the same inside `serve`, [`report`] and `suggest` write.

pub mod distribution;
pub mod health;
pub mod keep;
pub mod measure;
pub mod metrics;
mod read;
pub mod report;
mod requirements;
pub mod run;
pub mod seen;
mod suggest;
pub mod tally;
pub mod track;
pub mod watch;

#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod suggest_tests;
#[cfg(test)]
mod tests;
