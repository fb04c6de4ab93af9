//! A lock kept a setting from being weaker, and its author would not know.

use super::{Report, Rule};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    code: "locked-setting",
    default_severity: Severity::Warning,
    short_description: "A setting is weaker than a locked one",
    full_description: "A ClusterDrainPolicy locks the setting, so that later layers can only be stricter. The weaker value has no effect.",
    help: "Remove the value, or make it at least as strict.",
    page: include_str!("../../docs/codes/locked-setting.md"),
};

pub(super) fn check(report: &mut Report) {
    report.say_remarks();
}
