//! A hook that could take any time: the budget can only guess at it.

use super::{Report, Rule};
use crate::finding::Severity;
use crate::keys;
use crate::pod::HookSource;
use crate::text;

pub(super) const RULE: Rule = Rule {
    code: "undeclared-hook",
    default_severity: Severity::Warning,
    short_description: "The length of a preStop hook cannot be known",
    full_description: "A command or a request may take any time. It counts as the hold; if it takes longer, the grace period is too short.",
    help: "Declare the hook's length with the annotation in the message.",
    page: include_str!("../../../../docs/codes/undeclared-hook.md"),
};

pub(super) fn check(report: &mut Report) {
    for container in &report.pod().containers {
        if container.hook_source == HookSource::Assumed {
            let name = container.name();
            let counted = container.hook.unwrap_or_default();
            let message =
                format!("the length of the preStop hook of {name:?} cannot be known; it counts as {counted} s");
            let fix = format!(
                "annotation {}{}: \"{counted}\", with the seconds it takes at most",
                keys::PRESTOP_PREFIX,
                text::name(name)
            );
            report.say(Some(container), "/lifecycle/preStop", message, vec![fix]);
        }
    }
}
