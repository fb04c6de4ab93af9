//! A setting that cannot be read has no effect, and nobody would notice.

use super::{Report, Rule};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    code: "invalid-setting",
    default_severity: Severity::Error,
    short_description: "A label, annotation or policy cannot be read",
    full_description: "A setting that cannot be read has no effect, and what it was meant to change is judged without it.",
    help: "Write the value in the form that the message asks for.",
    page: include_str!("../../docs/codes/invalid-setting.md"),
};

pub(super) fn check(report: &mut Report) {
    report.say_remarks();
}
