//! `--format json`: version 1 of the contract, one result a line.
//!
//! The results are written as they come. Only the problems are kept until the end, because JSON wants them
//! in an array of their own; they are as many as documents are broken.

use serde::Serialize;

use super::result::{Summary, VERSION};
use super::{Format, json_line};
use crate::check::file::JudgedFile;

/// The writer.
#[derive(Debug, Default)]
pub struct Json {
    started: bool,
    problems: Vec<String>,
}

/// A document that could not be read.
#[derive(Serialize)]
struct ProblemLine<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
}

/// The counts, with what was not read.
#[derive(Serialize)]
struct Counts<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    problems: usize,
}

impl Format for Json {
    fn head(&mut self) -> String {
        format!("{{\"version\":{VERSION},\"results\":[")
    }

    fn text(&self, file: &JudgedFile) -> String {
        file.objects.iter().map(|object| format!("\n{}", json_line(&object.result))).collect::<Vec<_>>().join(",")
    }

    fn add(&mut self, file: &JudgedFile, mut text: String) -> String {
        let problems = file.problems.iter().map(|problem| {
            let (line, column) = (problem.line, problem.column);
            json_line(&ProblemLine { file: &file.name, line, column, message: &problem.message })
        });
        self.problems.extend(problems);
        if self.started && !text.is_empty() {
            text.insert(0, ',');
        }
        self.started |= !text.is_empty();
        text
    }

    fn tail(&mut self, summary: &Summary, input_problems: usize) -> String {
        let problems = std::mem::take(&mut self.problems);
        let first = if problems.is_empty() { "" } else { "\n" };
        let counts = json_line(&Counts { summary, problems: input_problems });
        format!("\n],\"problems\":[{first}{}],\n\"summary\":{counts}}}\n", problems.join(",\n"))
    }
}
