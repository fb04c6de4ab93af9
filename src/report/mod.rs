//! What a judgement looks like outside: no decisions, only words, numbers and places.
//!
//! The formats are writers: each file is handed over once and turned into text at once, so
//! that a run over very many files is written as it goes.

pub mod github;
pub mod human;
pub mod json;
pub mod junit;
pub(crate) mod losses;
mod place;
pub mod sarif;
pub mod timeline;

use clap::ValueEnum;

use self::github::Github;
use self::json::Json;
use self::junit::Junit;
use self::sarif::Sarif;
use crate::judged::{Judged, Summary};
use draingate_core::judge::View;

/// What can be written: the names of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Human,
    /// For programs: version 1, docs/check.schema.json
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for test reports
    Junit,
    /// Annotations of a GitHub workflow
    Github,
}

/// A format. The text that the calls return, one after the other, is the output.
pub trait Format: Sync {
    /// What comes before everything; called once.
    fn head(&mut self) -> String;

    /// The text of one file or workload: the work of it, done on any thread and in any order.
    fn text(&self, judged: Judged) -> String;

    /// Puts that text into its place; called for each, in their order.
    fn add(&mut self, judged: Judged, text: String) -> String;

    /// What comes after everything; called once. `input_problems` counts everything that could not be
    /// read, the problems of the files included.
    fn tail(&mut self, summary: &Summary, input_problems: usize) -> String;
}

/// The writer for a machine; `None` for people, whom each command tells in its own way.
pub(crate) fn for_machines(format: CheckFormat, view: View) -> Option<Box<dyn Format>> {
    Some(match format {
        CheckFormat::Human => return None,
        CheckFormat::Json => Box::new(Json::new(view)),
        CheckFormat::Sarif => Box::new(Sarif::new(view)),
        CheckFormat::Junit => Box::new(Junit::default()),
        CheckFormat::Github => Box::new(Github::new(view)),
    })
}

/// In which view the pods were judged, as machines read it.
pub(crate) fn judged(view: View) -> &'static str {
    if view == View::AsWritten { "as-written" } else { "admitted" }
}

/// One value as one line of JSON.
fn json_line<T: serde::Serialize>(value: &T) -> String {
    // Plain structs with text keys always have a JSON; `null` would keep the whole readable all the same.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
