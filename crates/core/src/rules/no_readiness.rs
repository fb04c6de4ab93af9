//! A Service sends to a pod from the moment that it is ready, and one without any probe is ready as soon as it runs.
//!
//! By pod, not by container: a pod is ready when all of its containers with a readiness probe are, so one probe is enough
//! to keep work away until then.

use super::{Report, Rule};
use crate::finding::Severity;
use crate::pod::Role;

pub(super) const RULE: Rule = Rule {
    code: "no-readiness",
    default_severity: Severity::Warning,
    short_description: "A pod behind a Service has no readiness probe",
    full_description: "Without a readiness probe a Service sends work to a pod as soon as its containers run, which may be before they listen.",
    help: "Add a readinessProbe.",
    page: include_str!("../../docs/codes/no-readiness.md"),
};

pub(super) fn check(report: &mut Report) {
    let pod = report.pod();
    let Some(service) = pod.sender else { return };
    if pod.containers.iter().any(|c| c.raw.readiness_probe.is_some()) {
        return;
    }
    let serves = pod.of(Role::App).find(|app| !app.raw.ports.is_empty()).or_else(|| pod.of(Role::App).next());
    let Some(app) = serves else { return };
    let message = format!("Service {service:?} sends to the pod, and none of its containers has a readinessProbe");
    let fix = format!(
        "in container {:?}, readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}, with its own path and port",
        app.name()
    );
    report.say(None, "/spec/containers", message, vec![fix]);
}
