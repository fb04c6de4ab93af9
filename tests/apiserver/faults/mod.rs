//! Faults of the API server and beside it: what fails, for how long, what is lost. docs/reliability.md has the table.
//!
//! Each test prints its figures (`--nocapture`), and asserts no time but those that end a hang. `FAULT_SECONDS` makes the
//! faults of the API server longer; `DRAINGATE` is another build to run, such as target/release/draingate.

mod api_server;
mod flood;
mod rotation;
mod trouble;
