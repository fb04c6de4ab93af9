//! Hooks run before a probe's restart too, so a long one keeps a broken container.

use serde_json::json;

use super::{Facts, Report, Rule, probe_grace_seconds, restarting_probes};
use crate::finding::Severity;
use crate::mend::{Mend, add, replace};
use crate::pod::{Container, HookSource};
use crate::subject::Probe;

pub(super) const RULE: Rule = Rule {
    code: "slow-restart",
    default_severity: Severity::Warning,
    short_description: "An injected hook delays restarts by a probe",
    full_description: "A preStop hook also runs before the restart that a failed liveness or startup probe asks for, so a broken container stays longer.",
    help: "Give the probe its own terminationGracePeriodSeconds.",
    page: include_str!("../../docs/codes/slow-restart.md"),
};

/// The longest injected hook that a restart by a probe may wait for without a word, in seconds.
const PATIENT_RESTART_SECONDS: u64 = 30;

pub(super) fn check(report: &mut Report) {
    let pod = report.pod();
    for container in pod.containers.iter().filter(|c| c.hook_source == HookSource::Injected) {
        let Some(hook) = container.hook else { continue };
        for (field, probe) in restarting_probes(container) {
            let bound = probe_grace_seconds(probe).unwrap_or(pod.grace);
            if hook.min(bound) > PATIENT_RESTART_SECONDS {
                let name = container.name();
                let message = format!("the injected hook of {hook} s delays each restart of {name:?} by its {field}");
                // A native sidecar gets no hook.
                let native = container.written_by.as_ref().and_then(|by| by.native_fix());
                let mend = native.map_or_else(|| own_grace(report.facts, container, field, probe), Mend::words);
                report.say_with(Some(container), &format!("/{field}"), message, mend, []);
            }
        }
    }
}

/// The probe's own grace: a liveness or a startup probe may have one.
fn own_grace(facts: &Facts, container: &Container, field: &str, probe: &Probe) -> Mend {
    let words = format!(
        "in container {:?}, {field}.terminationGracePeriodSeconds: {PATIENT_RESTART_SECONDS}",
        container.name()
    );
    let pointer = facts.pointer(&format!("{}/{field}/terminationGracePeriodSeconds", container.pointer()));
    let set = if probe.termination_grace_period_seconds.is_some() { replace } else { add };
    Mend { words, edits: facts.edits(|| vec![set(&pointer, json!(PATIENT_RESTART_SECONDS))]) }
}
