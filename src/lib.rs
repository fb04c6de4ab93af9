//! Draingate makes pods stop without dropping work.
//!
//! The judgement itself is [`draingate_core`]: a request's way begins and ends there. Around it, here: [`serve`] accepts
//! connections, [`webhook`] routes their requests, [`cluster`] watches the API server, [`files`] are read instead, [`cli`]
//! is what can be asked, [`run`] starts the server. Whoever watches the API server does it over the one `stream`.
//!
//! Without a request, [`walk`] is the way from a document to its judgement, [`judged`] what comes of it, and [`report`] how
//! it looks; [`check`], [`explain`] and [`scan`] are commands that put them together, `workloads` is what is shared by all
//! who look at running pods.

mod backoff;
pub mod calibrate;
pub mod canary;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod codes;
pub mod explain;
pub mod files;
pub mod helpers;
pub mod hooks;
pub mod judged;
pub mod locks;
pub mod metrics;
pub mod observe;
pub mod rehearse;
pub mod report;
pub mod run;
pub mod scan;
pub mod serve;
pub mod servers;
mod stream;
pub mod telemetry;
mod terminal;
#[cfg(feature = "traces")]
pub mod traces;
pub mod traffic;
pub mod walk;
pub mod webhook;
pub mod workloads;
