//! The admission webhook: AdmissionReview bytes in, AdmissionReview bytes out.
//!
//! A request's way: [`router`] is the HTTP, [`review`] decodes the bytes, [`admit`] asks the core,
//! [`speech`] words the answer.

pub mod admit;
pub mod changes;
pub mod review;
pub mod router;
pub mod speech;
