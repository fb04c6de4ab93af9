//! A restart by a probe gets the probe's own grace, which may cut the drain.

use super::{Report, Rule, probe_grace_seconds, restarting_probes};
use crate::finding::Severity;
use crate::pod::Role;

pub(super) const RULE: Rule = Rule {
    code: "probe-grace",
    default_severity: Severity::Off,
    short_description: "A probe's own grace period cuts the drain",
    full_description: "A restart by a probe gets the probe's terminationGracePeriodSeconds instead of the pod's.",
    help: "Raise the probe's terminationGracePeriodSeconds to the number in the message.",
    page: include_str!("../../docs/codes/probe-grace.md"),
};

pub(super) fn check(report: &mut Report) {
    for container in report.pod().of(Role::App) {
        let needed = container.hook.and_then(|hook| hook.checked_add(container.request.value));
        for (field, probe) in restarting_probes(container) {
            let (Some(grace), Some(needed)) = (probe_grace_seconds(probe), needed) else { continue };
            if grace < needed {
                let name = container.name();
                let message =
                    format!("a restart of {name:?} by its {field} gets {grace} s, hook and request need {needed} s");
                let fix = format!("in container {name:?}, {field}.terminationGracePeriodSeconds: {needed}");
                report.say(Some(container), &format!("/{field}/terminationGracePeriodSeconds"), message, vec![fix]);
            }
        }
    }
}
