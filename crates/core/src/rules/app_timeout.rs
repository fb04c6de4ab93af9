//! The app's own limit ends requests, or comes after the grace.

use super::{Facts, Report, Rule};
use crate::finding::Severity;
use crate::pod::Role;
use crate::settings::Source;

pub(super) const RULE: Rule = Rule {
    code: "app-timeout",
    default_severity: Severity::Warning,
    short_description: "The app's own limit for its end does not fit",
    full_description: "Many servers limit how long requests may finish after SIGTERM. A limit below the longest request cuts it; one that ends after the grace period is never reached, since the kubelet kills first.",
    help: "Set the server's own limit to the longest request, and the grace so that it fits.",
    page: include_str!("../../docs/codes/app-timeout.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { pod, required, .. } = *report.facts;
    // One that cuts lets nothing finish.
    for app in pod.of(Role::App).filter(|app| !app.cuts()) {
        let Some((finish, says)) = app.finish().zip(app.finish_said_by()) else { continue };
        let (name, request) = (app.name(), app.request);
        let by_somebody = matches!(request.source, Source::Policy(..) | Source::Annotation(_));
        if by_somebody && finish < request.value {
            let message = format!(
                "{name:?} lets requests finish for {finish} s ({says}), and they may take {} s ({})",
                request.value, request.source
            );
            let fix = format!("{says}: {} s or more", request.value);
            report.say(Some(app), "", message, vec![fix]);
            continue;
        }
        // Where G is short of `required`, that is told already.
        let Some(ends) = app.stops_at().and_then(|stops| stops.checked_add(finish)) else { continue };
        if ends > pod.grace && required.is_some_and(|required| required <= pod.grace) {
            let left = pod.grace.saturating_sub(ends - finish);
            let message = format!(
                "{name:?} may finish for {finish} s after SIGTERM ({says}), and {left} s of {} {} are left then",
                report.facts.subject.kind.grace_field(),
                pod.grace
            );
            let field = report.facts.subject.kind.grace_field();
            let fixes = vec![report.in_owner(&format!("spec.{field}: {ends}")), format!("or {says}: {left} s")];
            report.say(Some(app), "", message, fixes);
        }
    }
}
