//! What a judgement looks like outside: no decisions, only words, numbers and places.

pub mod result;
pub mod timeline;
