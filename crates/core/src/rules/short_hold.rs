//! New work is still routed to an app that no longer takes it.

use super::{Facts, Report, Rule};
use crate::budget;
use crate::finding::Severity;
use crate::hooks::Length;
use crate::keys;
use crate::plan::Refusal;
use crate::pod::Role;
use crate::text::quote;

pub(super) const RULE: Rule = Rule {
    code: "short-hold",
    default_severity: Severity::Warning,
    short_description: "An app stops while load balancers still send it work",
    full_description: "After a pod's deletion, load balancers go on sending work until they have heard of it. An app that gets SIGTERM before that refuses new connections.",
    help: "Add a preStop sleep as long as the hold, or say that the app waits by itself.",
    page: include_str!("../../docs/codes/short-hold.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { settings, pod, .. } = *report.facts;
    if settings.waits_by_itself() {
        return;
    }
    let propagation = settings.endpoint_propagation.value;
    for app in pod.of(Role::App).filter(|_| pod.hold > 0) {
        let perhaps = app.reading.as_ref().and_then(|reading| reading.stop.as_ref()).filter(|stop| !stop.certain);
        let perhaps = perhaps.and_then(|stop| if let Length::Exact(at) = stop.after { Some(at) } else { None });
        let Some(stops) = app.stops_at().into_iter().chain(perhaps).min().filter(|at| *at < propagation) else {
            continue;
        };
        let name = app.name();
        let wait = budget::wait(app, pod.hold);
        let sent = format!("is sent new work until {propagation} s after the deletion");
        let stop = app.reading.as_ref().and_then(|reading| reading.stop.as_ref());
        let message = match (stop, app.has_hook()) {
            (Some(stop), _) => {
                format!("{name:?} is told to stop at {stops} s by its hook's {}, but {sent}", quote(&stop.words))
            }
            (None, true) => format!("{name:?} is told to stop at {stops} s, but {sent}"),
            (None, false) => format!("{name:?} has no preStop hook, but {sent}"),
        };
        let mend = report.facts.wait(app, wait);
        let others = [format!("or, if it waits by itself after SIGTERM: annotation {}: \"none\"", keys::HOOK)];
        let detail = report.facts.plan.and_then(|plan| match &plan.refused {
            Some(Refusal::NoSleep(because)) => {
                Some(format!("nothing injected: {because}; serve --hook-fallback exec opts in to an exec sleep"))
            }
            _ => None,
        });
        if let Some(finding) = report.say_with(Some(app), "/lifecycle/preStop", message, mend, others) {
            finding.detail.extend(detail);
        }
    }
}
