//! An app that ends running requests at SIGTERM gets it while some still run.

use super::{Report, Rule};
use crate::budget::need;
use crate::finding::Severity;
use crate::keys;
use crate::pod::{HookSource, Role};

pub(super) const RULE: Rule = Rule {
    code: "cut-at-sigterm",
    default_severity: Severity::Warning,
    short_description: "An app ends running requests at SIGTERM, and its hook does not last that long",
    full_description: "Some servers end running requests as soon as they get SIGTERM. Only a preStop hook that lasts until the last of them is done saves those.",
    help: "Give it a preStop sleep of the hold and the longest request, and a grace for it; or stop it by a command that drains.",
    page: include_str!("../../docs/codes/cut-at-sigterm.md"),
};

pub(super) fn check(report: &mut Report) {
    let pod = report.pod();
    for app in pod.of(Role::App).filter(|_| pod.hold > 0) {
        let Some(need) = need(app, pod.hold).filter(|need| app.told_at().is_some_and(|told| told < *need)) else {
            continue;
        };
        let name = app.name();
        let request = app.request.value;
        let hook = match (app.hook_source, app.told_at()) {
            (HookSource::None, _) | (_, None) => "has no preStop hook".to_owned(),
            (_, Some(hook)) => format!("is told to stop at {hook} s"),
        };
        let message = format!(
            "{name:?} ends running requests at SIGTERM ({}) and {hook}: those that run until {need} s, hold {} + worst-case request {request}, are lost",
            app.shutdown.sigterm.source, pod.hold
        );
        let mend = report.facts.wait(app, need);
        let others = [format!("or, if it lets them finish: annotation {}: \"drains\"", keys::SIGTERM)];
        report.say_with(Some(app), "/lifecycle/preStop", message, mend, others);
    }
}
