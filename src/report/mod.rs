//! What a judgement looks like outside: no decisions, only words, numbers and places.

pub mod human;
pub mod result;

use crate::check::file::JudgedFile;
use result::Summary;

/// A way to write out what was checked, file by file, so that memory does not grow with their number.
pub trait Format {
    /// Once, before everything.
    fn head(&mut self) -> String;
    /// Each file, in order.
    fn file(&mut self, file: &JudgedFile) -> String;
    /// Once, at the end. `input_problems` counts what could not be read.
    fn tail(&mut self, summary: &Summary, input_problems: usize) -> String;
}
