//! The machine formats of `check`: each is read back by a parser that is not ours, and held against its
//! published schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/case.rs"]
mod case;
#[path = "formats/github.rs"]
mod github;
#[path = "formats/hostile.rs"]
mod hostile;
#[path = "formats/json.rs"]
mod json;
#[path = "formats/junit.rs"]
mod junit;
#[path = "formats/sarif.rs"]
mod sarif;
#[path = "formats/support.rs"]
mod support;
