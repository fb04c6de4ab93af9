//! `--format junit`: a suite per file and a case per object, for CI systems that show test reports.
//!
//! The format counts in its head what comes after it, so the whole report is kept until the end.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::Format;
use super::place;
use crate::judged::{FindingResult, Judged, ObjectResult, Problem, Summary, Suppression};
use draingate_core::finding::Severity;

/// The writer.
#[derive(Debug)]
pub struct Junit {
    report: Report,
    problems: usize,
}

impl Default for Junit {
    fn default() -> Junit {
        Junit { report: Report::new("draingate check"), problems: 0 }
    }
}

impl Format for Junit {
    fn head(&mut self) -> String {
        String::new()
    }

    fn text(&self, _: Judged) -> String {
        String::new()
    }

    fn add(&mut self, judged: Judged, text: String) -> String {
        self.problems += judged.problems().len();
        let path = judged.path();
        let mut suite = TestSuite::new(xml(&path));
        suite.add_test_cases(judged.problems().iter().map(unreadable));
        suite.add_test_cases(judged.objects().iter().map(|object| case(&path, object)));
        if suite.tests > 0 {
            self.report.add_test_suite(suite);
        }
        text
    }

    fn tail(&mut self, _: &Summary, input_problems: usize) -> String {
        let unsaid = input_problems.saturating_sub(self.problems);
        if unsaid > 0 {
            let mut suite = TestSuite::new("inputs");
            let message = format!("inputs that cannot be read at all: {unsaid}; standard error says which");
            suite.add_test_case(error("inputs", "inputs", &message, &message));
            self.report.add_test_suite(suite);
        }
        // Writing to memory cannot fail.
        let report = self.report.to_string().unwrap_or_default();
        // The root's count of skipped cases is not in the schema of Jenkins; the suites' are. It is the first
        // there is, since the name before it is ours.
        report.replacen(&format!(" skipped=\"{}\"", self.report.skipped), "", 1)
    }
}

/// A document that could not be read.
fn unreadable(problem: &Problem) -> TestCase {
    let Problem { file, line, column, cause } = problem;
    error(file, &format!("{file}:{line}:{column}"), &cause.to_string(), &problem.to_string())
}

/// An error, not a failure: nothing was judged.
fn error(class: &str, name: &str, message: &str, text: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("unreadable").set_message(xml(message)).set_description(xml(text));
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(xml(class));
    case
}

fn case(path: &str, object: &ObjectResult) -> TestCase {
    let ObjectResult { kind, namespace, name, .. } = object;
    let texts =
        |severity| object.findings_of(severity).map(|result| text(path, result)).collect::<Vec<_>>().join("\n\n");
    let status = match (object.findings_of(Severity::Error).next(), &object.skipped) {
        (Some(FindingResult { finding: first, .. }), _) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(first.code.as_str())
                .set_message(xml(&first.message))
                .set_description(xml(&texts(Severity::Error)));
            status
        }
        (None, Some(skip)) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(xml(&skip.reason()));
            status
        }
        (None, None) => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(xml(&format!("{kind} {namespace}/{name}")), status);
    case.set_classname(xml(path));
    let suppressed = object.findings.iter().filter(|result| result.suppressed.is_some());
    let told: Vec<_> =
        object.findings_of(Severity::Warning).chain(suppressed).map(|result| text(path, result)).collect();
    if !told.is_empty() {
        case.set_system_out(xml(&told.join("\n\n")));
    }
    case
}

fn text(file: &str, result: &FindingResult) -> String {
    let finding = &result.finding;
    let why = match &result.suppressed {
        None => String::new(),
        Some(Suppression::Ignored { reason }) => format!(", ignored: {reason}"),
        Some(Suppression::Baseline) => ", known from the baseline".to_owned(),
    };
    let mut lines = vec![format!("{file}:{}: {} [{}]{why}", place::line(result), finding.message, finding.code)];
    lines.extend(finding.detail.iter().map(|line| format!("  {line}")));
    lines.extend(result.fix().iter().map(|fix| format!("  fix: {fix}")));
    lines.extend(result.alternatives().iter().map(|fix| format!("       {fix}")));
    lines.join("\n")
}

/// A text without what XML cannot hold. The library takes out escape sequences and control characters, but
/// not these two.
fn xml(text: &str) -> XmlString {
    XmlString::new(text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}
