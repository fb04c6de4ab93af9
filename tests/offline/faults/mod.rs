//! Faults that need no cluster: what fails, for how long, what is lost. docs/reliability.md has the table.
//!
//! Each test prints its figures (`--nocapture`), and asserts no time but those that end a hang. `DRAINGATE` is another
//! build to run, such as target/release/draingate.

mod clients;
mod flood;
mod layers;
mod log;
