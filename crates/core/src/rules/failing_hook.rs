//! A hook that cannot run holds nothing: SIGTERM comes at once.

use super::{Facts, Report, Rule};
use crate::budget;
use crate::finding::Severity;
use crate::mend::Mend;
use crate::pod::{Container, Role};

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
        let mend = match wait(report.facts, container) {
            Some(seconds) if means_to_sleep(container) => report.facts.native_wait(container, seconds),
            _ => Mend::words(format!(
                "if it was meant to wait: in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: <seconds>}}}}}}; else a command that runs"
            )),
        };
        report.say_with(Some(container), "/lifecycle/preStop", message, mend, []);
    }
}

/// How long the plan would have it wait, in seconds; none where it needs no wait, or waits by itself.
fn wait(facts: &Facts, container: &Container) -> Option<u64> {
    let Facts { pod, settings, .. } = *facts;
    let seconds = match container.role {
        Role::App if settings.waits_by_itself() => return None,
        Role::App => budget::wait(container, pod.hold),
        Role::Helper => facts.until(facts.budget.apps_done).filter(|done| *done > 0)?.checked_add(1)?,
        Role::NativeSidecar | Role::Auxiliary => return None,
    };
    (pod.hold > 0 && seconds > 0).then_some(seconds)
}

/// Whether a sleep is among its words.
fn means_to_sleep(container: &Container) -> bool {
    let exec = container.raw.pre_stop().and_then(|handler| handler.exec.as_ref());
    exec.is_some_and(|exec| exec.command.iter().any(|word| word.as_str().contains("sleep")))
}
