//! How long is an exec hook, and what does it do? A file for each reader, and a line in the table below.
//!
//! A reader answers where a command is plainly of its kind, and leaves everything else to the next.

mod reading;
mod sleep;

pub use reading::{Length, Reading, Step, StepKind, Stop, Variable};
pub use sleep::ExecSleep;

/// Reads a command; `variable` says what the container's own `env` has.
pub fn read_command(_command: &[&str], _variable: &dyn Fn(&str) -> Variable<'static>) -> Reading {
    let (length, steps) = (Length::Unknown, Vec::new());
    Reading { length, stop: None, finish: None, fails: None, only_sleep: false, may_be: None, steps }
}

/// From a command's words to what it says of its length.
type Reader = fn(&[&str]) -> Option<ExecSleep>;

/// The readers, in the order in which they are asked.
const READERS: [Reader; 1] = [sleep::read];

/// What the first reader says that knows the command; `None` where its length cannot be read.
pub fn read(command: &[&str]) -> Option<ExecSleep> {
    READERS.iter().find_map(|read| read(command))
}
