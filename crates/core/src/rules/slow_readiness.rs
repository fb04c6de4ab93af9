//! An app that drains by its readiness leaves rotation later than E.

use super::{Facts, Report, Rule};
use crate::finding::Severity;
use crate::pod::Role;

pub(super) const RULE: Rule = Rule {
    code: "slow-readiness",
    default_severity: Severity::Warning,
    short_description: "A readiness probe is slower than the endpoint propagation",
    full_description: "An app that waits by itself and turns unready is taken out of rotation only after the probe has failed often enough.",
    help: "Lower the probe's periodSeconds or failureThreshold, or raise the endpoint propagation.",
    page: include_str!("../../docs/codes/slow-readiness.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { subject, settings, pod, .. } = *report.facts;
    // Knative's queue-proxy asks the app itself, and turns unready at once.
    if subject.kind.is_knative() || !settings.waits_by_itself() || pod.hold == 0 {
        return;
    }
    let e = settings.endpoint_propagation;
    for app in pod.of(Role::App) {
        let Some(probe) = &app.raw.readiness_probe else { continue };
        let (period, failures) = (at_least_one(probe.period_seconds, 10), at_least_one(probe.failure_threshold, 3));
        let slowest = period.saturating_mul(failures);
        if slowest > e.value {
            let name = app.name();
            let message = format!(
                "{name:?} is seen as unready only after {slowest} s (period {period} x failures {failures}), E is {} s",
                e.value
            );
            let fix = format!(
                "in container {name:?}, readinessProbe.periodSeconds: {} and failureThreshold: 1",
                e.value.max(1)
            );
            report.say(Some(app), "/readinessProbe", message, vec![fix]);
        }
    }
}

fn at_least_one(value: Option<i64>, absent: u64) -> u64 {
    value.map_or(absent, |v| u64::try_from(v).unwrap_or(0).max(1))
}
