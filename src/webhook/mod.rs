//! The admission webhook: AdmissionReview bytes in, AdmissionReview bytes out.
//!
//! A request's way: [`review`] decodes the bytes, [`admit`] asks the core and words the answer
//! ([`speech`]).

pub mod admit;
pub mod review;

pub mod speech;
