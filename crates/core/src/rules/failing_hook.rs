//! A hook that cannot run holds nothing: SIGTERM comes at once.

use super::{Report, Rule};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    code: "failing-hook",
    default_severity: Severity::Warning,
    short_description: "A preStop hook cannot run",
    full_description: "A hook that fails is only an event to the kubelet: SIGTERM comes at once, as without a hook.",
    help: "Write the command as the program and its words, or use lifecycle.preStop.sleep.",
    page: include_str!("../../docs/codes/failing-hook.md"),
};

pub(super) fn check(report: &mut Report) {
    let pod = report.pod();
    for container in &pod.containers {
        let Some(why) = container.fails() else { continue };
        let name = container.name();
        let message = format!("the preStop hook of {name:?} fails, and SIGTERM comes at once: {why}");
        let seconds = pod.hold.max(1);
        let fix = format!(
            "in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {seconds}}}}}}}, or a command that runs"
        );
        report.say(Some(container), "/lifecycle/preStop", message, vec![fix]);
    }
}
