//! The final pod is not as the plan left it: what was promised at mutation no longer holds.

use super::{Report, Rule};
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
    let Some(undone) = &report.facts.undone else { return };
    let message = format!("the pod is not as Draingate leaves it: {undone}");
    let fix = "another webhook changed it later: give its configuration a name that sorts first; or Draingate's mutating call failed: see apiserver_admission_webhook_fail_open_count".to_owned();
    report.say(None, "", message, vec![fix]);
}
