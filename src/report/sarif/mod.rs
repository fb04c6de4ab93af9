//! `--format sarif`: SARIF 2.1.0, which code scanning and editors read.
//!
//! Results are written as they come. What could not be read is kept until the end, because it belongs to
//! the invocation, which says whether the run was complete.

mod fixes;
mod model;
mod rules;
mod words;

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::model::{
    ArtifactLocation, Driver, Fingerprints, Location, LogicalLocation, Message, Notification, PhysicalLocation,
    RegionObject, ResultObject, Suppression, Tool,
};
use super::place::{Region, relative};
use super::{Format, json_line};
use crate::judged::{self, FindingResult, Judged, ObjectResult, Summary};
use draingate_core::finding::{Code, Finding, Severity};
use draingate_core::judge::View;

/// The identifier of the schema that the output follows.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What a path may hold besides letters and digits.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The writer.
#[derive(Debug)]
pub struct Sarif {
    view: View,
    started: bool,
    notifications: Vec<String>,
}

impl Sarif {
    /// For pods that were judged in one view.
    pub fn new(view: View) -> Sarif {
        Sarif { view, started: false, notifications: Vec::new() }
    }
}

impl Format for Sarif {
    fn head(&mut self) -> String {
        let driver = Driver {
            name: "draingate",
            semantic_version: env!("CARGO_PKG_VERSION"),
            information_uri: rules::HOME,
            rules: Code::ALL.into_iter().map(rules::rule).collect(),
        };
        let tool = json_line(&Tool { driver });
        let judged = super::judged(self.view);
        format!(
            "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{tool},\n\
             \"properties\":{{\"judged\":\"{judged}\"}},\"columnKind\":\"unicodeCodePoints\",\"results\":["
        )
    }

    fn text(&self, judged: Judged) -> String {
        let mut results = Vec::new();
        let mut seen = HashMap::new();
        for object in judged.objects() {
            for finding in &object.findings {
                let region = Region::of(judged, object, finding);
                results.push(format!("\n{}", json_line(&result(judged, object, finding, &region, &mut seen))));
            }
        }
        results.join(",")
    }

    fn add(&mut self, judged: Judged, mut text: String) -> String {
        let path = judged.path();
        for problem in judged.problems() {
            let location = location(&path, &Region::point(problem.line, problem.column), None);
            let message = Message::plain(words::safe(&problem.cause.to_string()));
            let level = Severity::Error.as_str();
            self.notifications.push(json_line(&Notification { level, message, locations: [location] }));
        }
        if self.started && !text.is_empty() {
            text.insert(0, ',');
        }
        self.started |= !text.is_empty();
        text
    }

    fn tail(&mut self, _: &Summary, input_problems: usize) -> String {
        let notifications = std::mem::take(&mut self.notifications);
        let complete = notifications.is_empty() && input_problems == 0;
        // The notifications are JSON already.
        let notifications = notifications.join(",\n");
        format!(
            "\n],\"invocations\":[{{\"executionSuccessful\":{complete},\"toolExecutionNotifications\":[{notifications}]}}]}}]}}\n"
        )
    }
}

fn result<'a>(
    judged: Judged,
    object: &'a ObjectResult,
    result: &FindingResult,
    region: &Region,
    seen: &mut HashMap<u64, usize>,
) -> ResultObject<'a> {
    let ObjectResult { kind, namespace, name, .. } = object;
    let finding = &result.finding;
    let print = fingerprint(object, finding);
    let count = seen.entry(print).or_default();
    *count += 1;
    let logical =
        LogicalLocation { name, fully_qualified_name: format!("{namespace}/{kind}/{name}"), kind: "resource" };
    ResultObject {
        rule_id: finding.code.as_str(),
        rule_index: Code::ALL.iter().position(|code| *code == finding.code),
        level: finding.severity.as_str(),
        message: words::message(object, result),
        locations: [location(&judged.path(), region, Some(logical))],
        partial_fingerprints: Fingerprints { own: format!("{print:016x}:{count}") },
        suppressions: result.suppressed.iter().map(suppression).collect(),
        fixes: fixes::of(judged, object, result).into_iter().collect(),
    }
}

fn suppression(suppressed: &judged::Suppression) -> Suppression {
    match suppressed {
        judged::Suppression::Ignored { reason } => Suppression::InSource { justification: reason.clone() },
        judged::Suppression::Baseline => Suppression::External,
    }
}

fn location<'a>(file: &str, region: &Region, logical: Option<LogicalLocation<'a>>) -> Location<'a> {
    let (start, end) = region.columns.unzip();
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri: uri(file) },
            region: RegionObject {
                start_line: region.start_line,
                start_column: start,
                end_line: region.end_line,
                end_column: end,
            },
        },
        logical_locations: logical.into_iter().collect(),
    }
}

/// A path as a URI; relative where the path is.
fn uri(file: &str) -> String {
    let slashed = file.replace(std::path::MAIN_SEPARATOR, "/");
    let encoded = utf8_percent_encode(relative(&slashed), PATH);
    if slashed.starts_with('/') { format!("file://{encoded}") } else { encoded.to_string() }
}

/// What a finding is about, without lines, numbers and indexes: the same after any edit that leaves the
/// finding itself alone.
fn fingerprint(object: &ObjectResult, finding: &Finding) -> u64 {
    let ObjectResult { kind, namespace, name, .. } = object;
    let container = finding.container.as_deref().unwrap_or_default();
    let is_index = |token: &&str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    let pointer = finding.pointer.split('/').filter(|token| !is_index(token));
    let parts = [finding.code.as_str(), kind, namespace, name, container].into_iter().chain(pointer);
    // FNV-1a: the standard library's hash may change with its version.
    let byte = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    parts.fold(0xcbf2_9ce4_8422_2325, |hash, part| part.bytes().chain([0]).fold(hash, byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("./deploy/a b.yaml"), "deploy/a%20b.yaml");
        assert_eq!(uri("../ä:%\n.yaml"), "../%C3%A4%3A%25%0A.yaml");
        assert_eq!(uri("/etc/x.yaml"), "file:///etc/x.yaml");
        assert_eq!(uri("-"), "-");
    }
}
