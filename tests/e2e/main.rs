//! Draingate as it runs: a real API server asks it, and the pods that come out are looked at.
//!
//! Every name begins with `real_`, by which the tests that need an API server are told from the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/apiserver.rs"]
mod apiserver;
#[path = "../support/case.rs"]
mod case;
#[path = "../support/kubelet.rs"]
mod kubelet;
#[path = "../support/lab.rs"]
mod lab;
#[path = "../support/random_pod.rs"]
mod random_pod;

mod cases;
mod certificates;
mod changes;
mod denials;
mod events;
mod layers;
mod modes;
mod neighbours;
mod numbers;
mod observe;
mod outages;
mod ping;
mod policies;
mod reports;
mod scan;
mod templates;
mod untouched;
