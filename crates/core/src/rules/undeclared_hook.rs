//! A hook that could take any time: the budget can only guess at it.

use super::{Report, Rule};
use crate::finding::Severity;
use crate::hooks::Length;
use crate::keys;
use crate::pod::{HookSource, Role};
use crate::text;

pub(super) const RULE: Rule = Rule {
    code: "undeclared-hook",
    default_severity: Severity::Warning,
    short_description: "The length of a preStop hook cannot be known",
    full_description: "A command or a request may take any time. It counts as the hold; if it takes longer, the grace period is too short.",
    help: "Declare the hook's length with the annotation in the message.",
    page: include_str!("../../docs/codes/undeclared-hook.md"),
};

pub(super) fn check(report: &mut Report) {
    let pod = report.pod();
    for container in &pod.containers {
        let undeclared = container.hook_source != HookSource::Declared;
        let Some(reading) = container.reading.as_ref().filter(|reading| undeclared && !reading.known) else {
            continue;
        };
        let counted = container.hook.unwrap_or_default();
        let known = match reading.length {
            Length::AtLeast(least) if least < pod.hold => {
                format!("it takes at least {least} s, how long cannot be read")
            }
            Length::Between(_, most) if most > pod.hold => format!("it takes {}", reading.length),
            Length::Unknown => match reading.may_be {
                Some(seconds) => format!("its length cannot be read, it may be {seconds} s"),
                None => "its length cannot be read".to_owned(),
            },
            _ => continue,
        };
        let name = container.name();
        let message = format!("the preStop hook of {name:?}: {known}; it counts as {counted} s");
        let namespace = report.facts.subject.namespace.as_deref();
        let namespace = namespace.map(|namespace| format!(" -n {}", text::name(namespace))).unwrap_or_default();
        let declare = format!(
            "annotation {}{}: \"<seconds>\", the most that it takes: draingate observe{namespace} --for 10m measures how long {name:?} takes to stop",
            keys::PRESTOP_PREFIX,
            text::name(name)
        );
        let longer = matches!(reading.length, Length::AtLeast(_)) && container.role == Role::App;
        match longer.then(|| report.facts.wait(container, pod.hold)) {
            Some(mend) => {
                report.say_with(Some(container), "/lifecycle/preStop", message, mend, [format!("or {declare}")])
            }
            None => report.say(Some(container), "/lifecycle/preStop", message, vec![declare]),
        };
    }
}
