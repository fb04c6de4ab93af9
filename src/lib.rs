//! Draingate makes pods stop without dropping work.

pub mod metrics;
pub mod serve;
