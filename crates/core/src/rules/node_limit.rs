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
    page: include_str!("../../../../docs/codes/node-limit.md"),
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
    report.say(None, "/spec/terminationGracePeriodSeconds", message, vec![fix]);
}
