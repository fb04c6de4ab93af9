//! The final pod is not as the plan left it: what was promised at mutation no longer holds.

use super::{Report, Rule, Undone};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    code: "changed-after",
    default_severity: Severity::Warning,
    short_description: "The pod is not as Draingate leaves it",
    full_description: "Another webhook changed the pod later, or the mutating call was skipped.",
    help: "Order the webhooks by name, or give one of them an exception.",
    page: include_str!("../../docs/codes/changed-after.md"),
};

pub(super) fn check(report: &mut Report) {
    let Some(Undone { what, because }) = &report.facts.undone else { return };
    let (message, fix) = match because {
        None => (
            format!("the pod is not as Draingate leaves it: {what}"),
            "another webhook changed it later: give its configuration a name that sorts first; or Draingate's mutating call failed: see apiserver_admission_webhook_fail_open_count",
        ),
        Some(because) => (
            format!("Draingate does not give the pod what it lacks, {what}: {because}"),
            "have every kubelet at 1.30 or later and readable by Draingate, or opt in to an exec sleep: serve --hook-fallback exec",
        ),
    };
    report.say(None, "", message, vec![fix.to_owned()]);
}
