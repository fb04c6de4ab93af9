//! The transport: TLS, connections, limits, draining, and the admin port.
//!
//! Nothing here knows what an admission review is. The parts, from the socket upwards:
//!
//! 1. [`certificate`]: the certificate in use, from files that may be exchanged or made in memory.
//! 2. [`address`]: where a port is; [`listen`]: accepts connections, bounds their number and ends them when asked to.
//! 3. [`drain`]: the phases of ending, and who may move them.
//! 4. [`shed`], [`body`] and [`panic`]: what stands between a connection and a handler.
//! 5. [`admin`] and [`readiness`]: the plain port for probes and metrics.
//! 6. [`metrics`]: what of this is counted.
//!
//! Every bound is a field of [`limits::Limits`].

mod activity;
pub mod address;
pub mod admin;
pub mod body;
pub mod certificate;
mod connection;
pub mod drain;
mod exchange;
mod handshake;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod panic;
pub mod readiness;
pub mod shed;
mod table;
mod throttled_log;
mod watched;
