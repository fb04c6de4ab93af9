//! Draingate makes pods stop without dropping work.

pub mod core;
