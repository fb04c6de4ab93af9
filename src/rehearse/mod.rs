//! The `rehearse` command: a rollout under load, as its clients feel it.

pub mod course;
pub mod picture;
