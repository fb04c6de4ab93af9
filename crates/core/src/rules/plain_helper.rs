//! A fixed wait where the kubelet would order the stop by itself.

use super::{Report, Rule};
use crate::finding::Severity;
use crate::pod::{HookSource, Role};

pub(super) const RULE: Rule = Rule {
    code: "plain-helper",
    default_severity: Severity::Off,
    short_description: "A helper waits a fixed time",
    full_description: "A helper that is a regular container has to wait a fixed time; a native sidecar is stopped by the kubelet once the apps are gone.",
    help: "Move the helper to initContainers with restartPolicy: Always.",
    page: include_str!("../../docs/codes/plain-helper.md"),
};

pub(super) fn check(report: &mut Report) {
    for helper in report.pod().of(Role::Helper).filter(|c| c.hook_source == HookSource::Injected) {
        let name = helper.name();
        let message = format!(
            "helper {name:?} waits a fixed {} s; as a native sidecar it would need no wait",
            helper.hook.unwrap_or_default()
        );
        let native = helper.written_by.as_ref().and_then(|by| by.native_fix());
        let fix = native.unwrap_or_else(|| format!("move {name:?} to initContainers with restartPolicy: Always"));
        report.say(Some(helper), "", message, vec![fix]);
    }
}
