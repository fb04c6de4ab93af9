//! Draingate makes pods stop without dropping work.
//!
//! A request's way through the house: bytes → [`webhook::review`] → [`core::subject`] and
//! [`core::settings`] → [`core::plan`] → [`core::rules`] and [`core::patch`] → [`core::judge`] →
//! [`webhook::admit`].

pub mod cluster;
pub mod core;
pub mod manifest;
pub mod webhook;
