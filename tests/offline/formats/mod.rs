//! The machine formats of `check`: each is read back by a parser that is not ours, and held against its
//! published schema.

mod github;
mod hostile;
mod json;
mod junit;
mod sarif;
mod support;
