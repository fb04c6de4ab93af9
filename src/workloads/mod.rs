//! The pods that run: read page by page, judged one by one, and kept as the workloads that own them.
//!
//! `scan` shows them, the PolicyReports repeat them, the webhook warns of what a change would mean for them, and `observe`
//! shares the reading and the names.

pub mod group;
pub mod name;
pub(crate) mod owner;
pub(crate) mod read;
