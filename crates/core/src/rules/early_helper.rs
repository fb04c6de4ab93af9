//! A helper is told to stop while apps still need it.

use super::{Facts, Report, Rule};
use crate::budget::Budget;
use crate::finding::Severity;
use crate::pod::{HookSource, Role};

pub(super) const RULE: Rule = Rule {
    code: "early-helper",
    default_severity: Severity::Error,
    short_description: "A helper stops before the apps that need it",
    full_description: "All regular containers are told to stop at the same time. A proxy or a pooler that stops at once takes the connections of the apps with it.",
    help: "Give the helper a preStop sleep that outlasts the apps, or make it a native sidecar.",
    page: include_str!("../../docs/codes/early-helper.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { pod, budget, settings, as_written, .. } = *report.facts;
    let Some(apps_done) = budget.apps_done else { return };
    let stated = as_written.then(|| pod.only_stated(settings));
    let certain_until = stated.as_ref().map_or(Some(apps_done), |stated| Budget::of(stated).apps_done);
    // The kubelet stops a native sidecar after the apps, unless its own hook does it before.
    let sidecars = pod.of(Role::NativeSidecar).filter(|c| c.told.is_some());
    for helper in pod.of(Role::Helper).chain(sidecars).filter(|c| c.hook_source != HookSource::Assumed) {
        let Some(leaves) = helper.leaves_at().filter(|leaves| *leaves < apps_done) else { continue };
        let name = helper.name();
        let is_sidecar = helper.role == Role::NativeSidecar;
        let who = if is_sidecar { "native sidecar" } else { "helper" };
        let when = if helper.has_hook() { format!("at {leaves} s") } else { "at once".to_owned() };
        let message = format!("{who} {name:?} is told to stop {when}, its apps need it until {apps_done} s");
        let fixes = if is_sidecar {
            vec![format!(
                "take the stop out of the preStop hook of {name:?}: a native sidecar is stopped after the apps"
            )]
        } else {
            vec![
                format!("in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {}}}}}}}", apps_done + 1),
                format!("or make {name:?} a native sidecar: move it to initContainers with restartPolicy: Always"),
            ]
        };
        let edit = if is_sidecar { None } else { report.sleep_edit(helper, apps_done + 1) };
        let guessed = certain_until.is_some_and(|until| leaves >= until);
        let most = if guessed { Severity::Warning } else { Severity::Error };
        if let Some(finding) = report.say_at_most(most, Some(helper), "/lifecycle/preStop", message, fixes) {
            finding.edit = edit;
        }
    }
}
