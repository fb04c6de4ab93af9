//! The admission webhook: AdmissionReview bytes in, AdmissionReview bytes out.
//!
//! [`router`] is the HTTP around [`draingate_core::admit`]; [`changes`] warns of what a change of a namespace's label or
//! of a policy would reject.

pub mod changes;
pub mod metrics;
pub mod router;
