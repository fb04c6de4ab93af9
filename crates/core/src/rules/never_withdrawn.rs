//! A Service that never takes a pod out of its list.

use super::{Report, Rule};
use crate::finding::Severity;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    code: "never-withdrawn",
    default_severity: Severity::Warning,
    short_description: "A Service goes on sending to a pod until it is gone",
    full_description: "With publishNotReadyAddresses a Service lists a pod from its first moment to its last, ready or not. Its clients are sent to a pod that stops, and no hook changes that.",
    help: "Take publishNotReadyAddresses from the Service that clients use; a headless one of its own is for peers.",
    page: include_str!("../../docs/codes/never-withdrawn.md"),
};

pub(super) fn check(report: &mut Report) {
    let Some(service) = report.pod().never_withdrawn else { return };
    let service = quote(service);
    let message =
        format!("Service {service} sends new work to this pod until it is gone: it has publishNotReadyAddresses");
    let fixes = vec![format!(
        "in Service {service}, spec.publishNotReadyAddresses: false; peers that need it get a headless Service of their own"
    )];
    report.say(None, "", message, fixes);
}
