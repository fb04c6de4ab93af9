//! The timelines as data: version 1. Fields are only ever added.

use serde::Serialize;

use super::Explanation;
use crate::report::result::VERSION;

#[derive(Serialize)]
struct Report<'e> {
    version: u32,
    objects: &'e [Explanation],
}

/// All of them as one JSON document.
///
/// # Errors
/// None that are known: everything in it can be written as JSON.
pub fn render(objects: &[Explanation]) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&Report { version: VERSION, objects })? + "\n")
}
