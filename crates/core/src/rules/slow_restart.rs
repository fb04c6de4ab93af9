//! Hooks run before a probe's restart too, so a long one keeps a broken container.

use super::{Report, Rule, probe_grace_seconds, restarting_probes};
use crate::finding::Severity;
use crate::pod::HookSource;

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
                let fix = native.unwrap_or_else(|| {
                    format!("in container {name:?}, {field}.terminationGracePeriodSeconds: {PATIENT_RESTART_SECONDS}")
                });
                report.say(Some(container), &format!("/{field}"), message, vec![fix]);
            }
        }
    }
}
