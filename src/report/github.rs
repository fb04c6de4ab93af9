//! `--format github`: workflow commands, which GitHub Actions shows as annotations at the lines they name.
//!
//! GitHub shows ten errors and ten warnings of a step and drops the rest, so within a file the problems
//! come first, then the errors. Every annotation stays one line, whatever a manifest says: a line break
//! would let it start a command of its own.

use std::fmt::Write;

use super::Format;
use super::losses::headline;
use super::place::{Region, relative};
use crate::judged::{Judged, ObjectResult, Summary};
use draingate_core::finding::Severity;
use draingate_core::judge::View;

/// The longest title that GitHub takes, in characters.
const TITLE_LIMIT: usize = 255;

/// The writer.
#[derive(Debug)]
pub struct Github {
    view: View,
    problems: usize,
}

impl Github {
    /// For pods that were judged in one view.
    pub fn new(view: View) -> Github {
        Github { view, problems: 0 }
    }
}

impl Format for Github {
    fn head(&mut self) -> String {
        String::new()
    }

    fn text(&self, judged: Judged) -> String {
        let mut out = String::new();
        let path = judged.path();
        for problem in judged.problems() {
            let region = Region::point(problem.line, problem.column);
            command(&mut out, Severity::Error, &path, &region, "cannot be read", &problem.cause.to_string());
        }
        for severity in [Severity::Error, Severity::Warning] {
            for object in judged.objects() {
                findings(&mut out, judged, object, severity);
            }
        }
        out
    }

    fn add(&mut self, judged: Judged, text: String) -> String {
        self.problems += judged.problems().len();
        text
    }

    fn tail(&mut self, summary: &Summary, input_problems: usize) -> String {
        let mut out = String::new();
        let unsaid = input_problems.saturating_sub(self.problems);
        if unsaid > 0 {
            let message = format!("inputs that cannot be read at all: {unsaid}; standard error says which");
            let _ = writeln!(out, "::error title=cannot be read::{}", data(&message));
        }
        let Summary { objects, judged, errors, warnings, ignored, baselined, .. } = summary;
        let headline = headline(summary, self.view).map(|headline| headline + "; ").unwrap_or_default();
        let _ = writeln!(
            out,
            "draingate: {headline}{objects} objects, {judged} judged, {errors} errors, {warnings} warnings, \
             {ignored} ignored, {baselined} known from the baseline, {input_problems} not read"
        );
        out
    }
}

fn findings(out: &mut String, judged: Judged, object: &ObjectResult, severity: Severity) {
    let ObjectResult { kind, namespace, name, .. } = object;
    for result in object.findings_of(severity) {
        let finding = &result.finding;
        let region = Region::of(judged, object, result);
        let title = format!("{}: {kind} {namespace}/{name}", finding.code);
        let fix = result.fix().map(|fix| format!("fix: {fix}"));
        let message: Vec<_> = std::iter::once(&finding.message)
            .chain(&finding.detail)
            .chain(&fix)
            .chain(result.alternatives())
            .map(String::as_str)
            .collect();
        command(out, severity, &judged.path(), &region, &title, &message.join("\n"));
    }
}

fn command(out: &mut String, severity: Severity, file: &str, region: &Region, title: &str, message: &str) {
    let mut properties = String::new();
    if file != "-" {
        // Writing to a String cannot fail.
        let _ = write!(
            properties,
            "file={},line={},endLine={}",
            property(relative(file)),
            region.start_line,
            region.end_line
        );
        // GitHub takes columns of one line only.
        if let Some((start, end)) = region.columns.filter(|_| region.start_line == region.end_line) {
            let _ = write!(properties, ",col={start},endColumn={end}");
        }
        properties.push(',');
    }
    let title: String = title.chars().take(TITLE_LIMIT).collect();
    let _ = writeln!(out, "::{} {properties}title={}::{}", severity.as_str(), property(&title), data(message));
}

/// The text of a command.
fn data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            // Escape sequences would reach the log's terminal.
            c if c.is_control() && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
