//! The machine formats of `check`: each is read back by a parser that is not ours, and held against its
//! published schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/case.rs"]
mod case;
#[path = "formats/json.rs"]
mod json;
#[path = "formats/support.rs"]
mod support;
