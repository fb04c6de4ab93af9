//! An exec sleep needs a binary in the image; without it the hook fails and SIGTERM comes at once.

use super::{Report, Rule};
use crate::MAX_SECONDS;
use crate::finding::Severity;
use crate::hooks::Length;
use crate::world::SleepSupport;

pub(super) const RULE: Rule = Rule {
    code: "shell-hook",
    default_severity: Severity::Warning,
    short_description: "A preStop hook needs a sleep binary in the image",
    full_description: "An exec hook fails on an image without that binary, and SIGTERM comes at once. The native sleep needs nothing.",
    help: "Replace the command by lifecycle.preStop.sleep.",
    page: include_str!("../../docs/codes/shell-hook.md"),
};

pub(super) fn check(report: &mut Report) {
    if *report.facts.sleep != SleepSupport::Native {
        return;
    }
    let pod = report.pod();
    for container in &pod.containers {
        // Who wrote it there knows what its image has.
        if container.written_by.as_ref().is_some_and(|by| by.injector.writes_hook()) {
            continue;
        }
        let Some(Length::Exact(seconds)) = container.reading.as_ref().filter(|r| r.only_sleep).map(|r| r.length) else {
            continue;
        };
        if seconds > MAX_SECONDS {
            continue;
        }
        // One of 0 s is no sleep to every API server. What somebody declared is not cut short.
        let seconds = seconds.max(container.hook.unwrap_or(0)).max(1);
        let message = format!("the exec sleep of {:?} would fail on an image without that binary", container.name());
        let mend = report.facts.native_wait(container, seconds);
        report.say_with(Some(container), "/lifecycle/preStop/exec", message, mend, []);
    }
}
