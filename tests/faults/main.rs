//! Faults on the real parts: what fails, for how long, what is lost. docs/reliability.md has the table.
//!
//! Names that begin with `real_` need an API server. Each test prints its figures (`--nocapture`), and asserts no
//! time but those that end a hang. `FAULT_SECONDS` makes the faults of the API server longer; `DRAINGATE` is another
//! build to run, such as target/release/draingate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(unreachable_pub)]

#[path = "../support/apiserver.rs"]
mod apiserver;
#[path = "../support/lab.rs"]
mod lab;
#[path = "../support/router.rs"]
mod router;
#[path = "../support/tls.rs"]
#[allow(dead_code)]
mod tls;

mod api_server;
mod asked;
mod clients;
mod flood;
mod layers;
mod load;
mod log;
mod proxy;
mod replica;
mod rotation;
