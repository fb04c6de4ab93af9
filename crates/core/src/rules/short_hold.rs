//! New work is still routed to an app that no longer takes it.

use super::{Facts, Report, Rule};
use crate::finding::Severity;
use crate::keys;
use crate::plan::Refusal;
use crate::pod::Role;

pub(super) const RULE: Rule = Rule {
    code: "short-hold",
    default_severity: Severity::Warning,
    short_description: "An app stops while load balancers still send it work",
    full_description: "After a pod's deletion, load balancers go on sending work until they have heard of it. An app that gets SIGTERM before that refuses new connections.",
    help: "Add a preStop sleep as long as the hold, or say that the app waits by itself.",
    page: include_str!("../../../../docs/codes/short-hold.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { settings, pod, .. } = *report.facts;
    if settings.waits_by_itself() {
        return;
    }
    for app in pod.of(Role::App) {
        let Some(hook) = app.hook.filter(|hook| *hook < pod.hold) else { continue };
        let name = app.name();
        let hold = pod.hold;
        let message = if app.has_hook() {
            format!("{name:?} is told to stop at {hook} s, but is sent new work for {hold} s after the deletion")
        } else {
            format!("{name:?} has no preStop hook, but is sent new work for {hold} s after the deletion")
        };
        let fixes = vec![
            format!("in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {hold}}}}}}}"),
            format!("or, if it waits by itself after SIGTERM: annotation {}: \"none\"", keys::HOOK),
        ];
        let detail = report.facts.plan.and_then(|plan| match &plan.refused {
            Some(Refusal::NoSleep(because)) => {
                Some(format!("nothing injected: {because}; serve --hook-fallback exec opts in to an exec sleep"))
            }
            _ => None,
        });
        let edit = report.sleep_edit(app, hold);
        if let Some(finding) = report.say(Some(app), "/lifecycle/preStop", message, fixes) {
            finding.detail.extend(detail);
            finding.edit = edit;
        }
    }
}
