//! Draingate makes pods stop without dropping work.
//!
//! A request's way through the house: bytes → [`webhook::review`] → [`core::subject`] and
//! [`core::settings`] → [`core::plan`] → [`core::rules`] and [`core::patch`] → [`core::judge`] →
//! [`webhook::admit`].
//!
//! Around it: [`serve`] accepts connections, [`cluster`] watches the API server, [`offline`] reads files
//! instead, [`cli`] is what can be asked, [`run`] starts the server.

pub mod check;
pub mod cli;
pub mod cluster;
pub mod codes;
pub mod core;
pub mod explain;
pub mod helpers;
pub mod manifest;
pub mod metrics;
pub mod observe;
pub mod offline;
pub mod rehearse;
pub mod report;
pub mod run;
pub mod scan;
pub mod serve;
pub mod telemetry;
#[cfg(feature = "traces")]
pub mod traces;
pub mod webhook;
