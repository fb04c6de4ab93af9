//! What the nodes really grant ends the pod before its requests.

use super::{Facts, Report, Rule};
use crate::finding::Severity;
use crate::pod::Role;

pub(super) const RULE: Rule = Rule {
    code: "node-limit",
    default_severity: Severity::Warning,
    short_description: "The nodes grant less time than the pod needs",
    full_description: "Nodes that are taken away, such as spot instances, cut every grace period short.",
    help: "Run the pod on other nodes, shorten its stop, or accept the loss there.",
    page: include_str!("../../docs/codes/node-limit.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { settings, pod, .. } = *report.facts;
    let Some(limit) = settings.node_limit else { return };
    let Some(request) = pod.of(Role::App).map(|app| app.request.value).max() else { return };
    let needed = pod.hold + request;
    if needed <= limit.value {
        return;
    }
    let message = format!(
        "hold {} + worst-case request {request} = {needed} s, but its nodes grant {} s ({})",
        pod.hold, limit.value, limit.source
    );
    let fix =
        format!("run it on nodes that grant {needed} s, or accept the loss there: rules: {{node-limit: \"Off\"}}");
    let left = left(report, limit.value);
    if let Some(finding) = report.say(None, &report.grace_field(), message, vec![fix]) {
        finding.detail.extend(left);
    }
}

/// What such an end leaves the app with the longest hook, and what it would have with or without one.
fn left(report: &Report, limit: u64) -> Option<String> {
    let pod = report.pod();
    let app = pod.of(Role::App).max_by_key(|app| app.hook.unwrap_or(u64::MAX))?;
    let name = app.name();
    Some(match app.hook {
        Some(0) => {
            let rest = limit.saturating_sub(pod.hold);
            format!(
                "there {name:?} has {limit} s after SIGTERM; with a hook as long as the hold it would have {rest} s"
            )
        }
        Some(hook) if hook < limit => {
            format!(
                "there its hook leaves {name:?} {} s after SIGTERM; without it, it would have {limit} s",
                limit - hook
            )
        }
        _ => format!("there the hook of {name:?} takes all of it; without it, it would have {limit} s after SIGTERM"),
    })
}
