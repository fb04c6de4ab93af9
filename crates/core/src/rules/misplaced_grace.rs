//! A grace that stands where Kubernetes does not look for it: the pod gets another, and nobody says so.
//!
//! An API server drops such a field of its own kinds before any webhook sees it, so files are where this is found.

use super::{Report, Rule};
use crate::finding::Severity;
use crate::mend::{Mend, remove};
use crate::subject::StrayGrace;

pub(super) const RULE: Rule = Rule {
    code: "misplaced-grace",
    default_severity: Severity::Warning,
    short_description: "A grace period is written where Kubernetes ignores it",
    full_description: "terminationGracePeriodSeconds is a field of a pod's spec. In a workload's own spec, beside a template's spec or in a container it has no effect.",
    help: "Move it into the pod's spec: spec.template.spec of a workload.",
    page: include_str!("../../docs/codes/misplaced-grace.md"),
};

pub(super) fn check(report: &mut Report) {
    let subject = report.facts.subject;
    let (kind, written) = (subject.kind, subject.pod.spec.termination_grace_period_seconds);
    // What else a pod's spec holds under this name has become its grace.
    let refuses =
        |pointer: &str| pointer.strip_prefix(kind.pod_pointer()) == Some("/spec/terminationGracePeriodSeconds");
    for (pointer, container, stray) in subject.stray_graces() {
        let seconds = match stray {
            StrayGrace::Seconds(seconds) if written == Some(seconds) => continue,
            StrayGrace::Seconds(seconds) => Some(seconds),
            StrayGrace::Other(_) => None,
        };
        let (home, name) = (format!("{}spec", kind.pod_path()), kind.grace_field());
        let gets = match written {
            Some(seconds) => format!("{home}.{name} is {seconds}"),
            None => format!("{home} has no {name}, which counts as {}", kind.default_grace()),
        };
        let value = seconds.map(|seconds| format!(" {seconds}")).unwrap_or_default();
        let (at, fate) = (path(&pointer), if refuses(&pointer) { "refused by Knative" } else { "ignored there" });
        let message = format!("{at}{value} is {fate}: {gets}");
        let mut edits = vec![remove(&pointer)];
        // What makes the grace longer takes nothing away.
        let longer = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|s| *s > kind.default_grace());
        let words = match (longer.filter(|_| written.is_none()), seconds) {
            (Some(seconds), _) => {
                let needed = seconds.max(report.facts.required.unwrap_or(0));
                edits.push(report.facts.set_grace(needed));
                format!("{home}.{name}: {needed}, and take that one out")
            }
            (None, Some(seconds)) => format!("take it out, or {home}.{name}: {seconds}"),
            (None, None) => "take it out".to_owned(),
        };
        let mend = Mend { words, edits: report.facts.edits(|| edits) };
        if let Some(finding) = report.say_with(None, "", message, mend, []) {
            finding.container = container.map(|container| container.name.to_string());
            finding.pointer = pointer;
        }
    }
    on_readiness(report);
}

/// A readiness probe restarts nothing: the API server refuses a grace on it.
fn on_readiness(report: &mut Report) {
    let pod = report.pod();
    for container in &pod.containers {
        let Some(seconds) =
            container.raw.readiness_probe.as_ref().and_then(|probe| probe.termination_grace_period_seconds)
        else {
            continue;
        };
        let name = container.name();
        let message = format!(
            "{name:?}: readinessProbe.terminationGracePeriodSeconds {seconds} is refused by the API server: \
             only a liveness or startup probe restarts a container"
        );
        let words = format!("in container {name:?}, take it out of the readinessProbe");
        let field = "/readinessProbe/terminationGracePeriodSeconds";
        let edits = report.facts.edits(|| vec![remove(&report.facts.pointer(&(container.pointer() + field)))]);
        report.say_with(Some(container), field, message, Mend { words, edits }, []);
    }
}

/// A JSON pointer as people write it in YAML: `spec.template.spec.containers[0]`.
fn path(pointer: &str) -> String {
    let is_index = |token: &str| token.bytes().all(|byte| byte.is_ascii_digit());
    let part = |token: &str| if is_index(token) { format!("[{token}]") } else { format!(".{token}") };
    let path: String = pointer.split('/').skip(1).map(part).collect();
    path.trim_start_matches('.').to_owned()
}
