//! Requests to a workload while its pods are replaced, seen from its clients: what `rehearse` and `calibrate` share.
//!
//! [`load`] asks, [`rollout`] restarts and undoes, [`pods`] and [`endpoints`] follow, all by the clock of this one process;
//! [`canary`] is a server that says who answered;
//! [`recording`] is what they saw, as plain data.

pub mod canary;
pub mod endpoints;
pub mod load;
pub mod pods;
pub mod recording;
pub mod rollout;
