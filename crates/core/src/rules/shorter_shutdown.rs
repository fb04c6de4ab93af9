//! The injected hook takes time that the author gave the app.

use super::{Facts, Report, Rule};
use crate::budget::Budget;
use crate::finding::Severity;
use crate::pod::{Container, Pod, Role};
use crate::policy::Adjust;

pub(super) const RULE: Rule = Rule {
    code: "shorter-shutdown",
    default_severity: Severity::Warning,
    short_description: "The injected hook leaves an app less time after SIGTERM than its author gave it",
    full_description: "A preStop hook runs inside the grace period. Draingate raises the grace by the hook, so that an app keeps its time after SIGTERM. Where it may not, an app that needs all of it is killed.",
    help: "Raise terminationGracePeriodSeconds by the hook, or let Draingate: adjust Raise and a higher maxSeconds.",
    page: include_str!("../../docs/codes/shorter-shutdown.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { settings, pod, plan, .. } = *report.facts;
    let Some(plan) = plan.filter(|plan| plan.refused.is_none()) else { return };
    let before = plan.grace.map_or(pod.grace, |change| change.from);
    for hook in &plan.hooks {
        let Some(app) = pod.containers.get(hook.container).filter(|c| c.role == Role::App) else { continue };
        let left = pod.grace.saturating_sub(hook.seconds);
        if left >= before || is_known_to_fit(app, pod) {
            continue;
        }
        let name = app.name();
        let why = match settings.adjust.value {
            Adjust::Never => format!("adjust is Never ({})", settings.adjust.source),
            Adjust::Raise => format!("maxSeconds is {} ({})", settings.max_seconds.value, settings.max_seconds.source),
        };
        let message = format!(
            "{name:?} has {left} s after SIGTERM instead of the {before} s that it was given: the injected hook takes {} s, and {why}",
            hook.seconds
        );
        let field = report.facts.subject.kind.grace_field();
        let wanted = before.saturating_add(hook.seconds);
        // A longer grace alone would be given the hook on top again.
        let fixes = vec![format!(
            "in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {}}}}}}}, and {}",
            hook.seconds,
            report.in_owner(&format!("spec.{field}: {wanted}"))
        )];
        report.say(Some(app), "/lifecycle/preStop", message, fixes);
    }
}

/// Whether all that the app may use, by its own limit, and what stops after it fits into the grace.
fn is_known_to_fit(app: &Container, pod: &Pod) -> bool {
    let Some(finish) = app.finish() else { return false };
    let mut at_its_limit = pod.clone();
    for container in at_its_limit.containers.iter_mut().filter(|c| c.place == app.place) {
        container.request.value = container.request.value.max(finish);
    }
    Budget::of(&at_its_limit).required.is_some_and(|required| required <= pod.grace)
}
