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
        // The API server refuses a native sleep longer than the grace.
        let seconds = if seconds > pod.grace { pod.hold.min(pod.grace) } else { seconds };
        let name = container.name();
        let message = format!("the exec sleep of {name:?} would fail on an image without that binary");
        let fix = format!("in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {seconds}}}}}}}");
        let edit = report.sleep_edit(container, seconds);
        if let Some(finding) = report.say(Some(container), "/lifecycle/preStop/exec", message, vec![fix]) {
            finding.edit = edit;
        }
    }
}
