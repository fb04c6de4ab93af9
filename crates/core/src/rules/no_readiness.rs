//! Without a readiness probe a Service sends work to an app that has not started.

use super::{Report, Rule};
use crate::finding::Severity;
use crate::pod::Role;

pub(super) const RULE: Rule = Rule {
    code: "no-readiness",
    default_severity: Severity::Warning,
    short_description: "A pod behind a Service has no readiness probe",
    full_description: "Without a readiness probe a Service sends work to a container as soon as it runs, which may be before it listens.",
    help: "Add a readinessProbe.",
    page: include_str!("../../../../docs/codes/no-readiness.md"),
};

pub(super) fn check(report: &mut Report) {
    let pod = report.pod();
    let Some(service) = pod.service else { return };
    for app in pod.of(Role::App).filter(|c| c.raw.has_port() && c.raw.readiness_probe.is_none()) {
        let name = app.name();
        let message = format!("Service {service:?} selects the pod, but {name:?} has a port and no readinessProbe");
        let fix = format!(
            "in container {name:?}, readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}, with its own path and port"
        );
        report.say(Some(app), "", message, vec![fix]);
    }
}
