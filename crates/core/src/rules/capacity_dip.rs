//! A rollout that stops old pods before new ones are ready leaves fewer to take the load, or none.

use std::fmt::Write as _;

use super::{Report, Rule};
use crate::finding::Severity;
use crate::pod::HoldReason;
use crate::subject::{IntOrString, Kind, Subject};
use crate::text;

pub(super) const RULE: Rule = Rule {
    code: "capacity-dip",
    default_severity: Severity::Off,
    short_description: "A rollout may run below its replicas",
    full_description: "A rollout that stops old pods before new ones are ready leaves fewer to take the load. Where there is one pod, and the next comes when it is gone, each restart is an outage that no hook changes.",
    help: "Use a rolling update with maxUnavailable: 0 and maxSurge: 1, and more than one replica.",
    page: include_str!("../../docs/codes/capacity-dip.md"),
};

pub(super) fn check(report: &mut Report) {
    if report.pod().hold_reason == HoldReason::NobodyStandsIn {
        return outage(report);
    }
    let subject = report.facts.subject;
    let strategy = subject.rollout.strategy.as_ref();
    let kind = strategy.and_then(|s| s.kind.as_deref()).unwrap_or("RollingUpdate");
    let (field, unavailable) = match (subject.kind, kind) {
        (Kind::Deployment, "Recreate") => ("strategy", subject.rollout.replicas.unwrap_or(1)),
        (Kind::Deployment, _) => ("strategy", deployment_unavailable(subject)),
        (Kind::StatefulSet | Kind::DaemonSet, "OnDelete") => return,
        (Kind::StatefulSet, _) => ("updateStrategy", stateful_set_unavailable(subject)),
        (Kind::DaemonSet, _) => {
            let update = strategy.and_then(|s| s.rolling_update.as_ref());
            let surges = update
                .and_then(|u| u.max_surge.as_ref())
                .is_some_and(|surge| *surge != IntOrString::Int(0) && *surge != IntOrString::String("0%".into()));
            ("updateStrategy", i64::from(!surges))
        }
        _ => return,
    };
    if unavailable < 1 {
        return;
    }
    let message =
        format!("a rollout of {} {:?} may run {unavailable} below its replicas ({kind})", subject.kind, &*subject.name);
    let fixes = match subject.kind {
        Kind::StatefulSet if unavailable > 1 => vec![format!("{unavailable} more replicas than the load needs")],
        Kind::StatefulSet => vec!["one more replica than the load needs".to_owned()],
        _ => vec![format!("spec.{field}: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}")],
    };
    if let Some(finding) = report.say(None, "", message, fixes) {
        finding.pointer = format!("/spec/{field}");
    }
}

/// Nobody stands in: an outage where it is certain that somebody sends work.
fn outage(report: &mut Report) {
    let subject = report.facts.subject;
    let (kind, name, place) = match (subject.kind, &subject.controller) {
        (Kind::Pod, Some(owner)) => match subject.deployment() {
            Some(name) => (Kind::Deployment, name, "in its Deployment, "),
            None => (Kind::StatefulSet, owner.name.as_str(), "in its StatefulSet, "),
        },
        (kind, _) => (kind, &*subject.name, ""),
    };
    let (pointer, fix) = match kind {
        Kind::Deployment => {
            ("/spec/strategy", "spec.strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}")
        }
        _ => ("/spec/replicas", "spec.replicas: 2"),
    };
    let mut message = format!(
        "each restart of {kind} {} is an outage that no hook changes: nobody stands in until its next pod is ready",
        text::quote(name)
    );
    let measured = report.facts.settings.endpoint_propagation.source.measured();
    if let Some(way) = measured.filter(|way| way.gives_up) {
        let _ =
            write!(message, "; {} sends nothing to a last pod that is terminating, measured on {}", way.via, way.date);
    }
    let fixes = vec![
        format!("if two of it can run side by side: {place}{fix}"),
        "or, where one is meant: rules: {capacity-dip: \"Off\"} in its DrainPolicy".to_owned(),
    ];
    let default = if report.pod().sender.is_some() { Severity::Warning } else { report.code.default_severity() };
    if let Some(finding) = report.say_by_default(default, None, "", message, fixes) {
        finding.pointer = if subject.kind == Kind::Pod { String::new() } else { pointer.to_owned() };
    }
}

/// How many pods a StatefulSet's rolling update takes away at once: rounded down, and at least 1
/// (`getStatefulSetMaxUnavailable`). The field counts by default since Kubernetes 1.37.
fn stateful_set_unavailable(subject: &Subject) -> i64 {
    let replicas = subject.rollout.replicas.unwrap_or(1).max(0);
    let update = subject.rollout.strategy.as_ref().and_then(|s| s.rolling_update.as_ref());
    let unavailable = update.and_then(|u| u.max_unavailable.as_ref()).map_or(1, |value| share(value, replicas, false));
    unavailable.max(1).min(replicas.max(1))
}

fn share(value: &IntOrString, replicas: i64, up: bool) -> i64 {
    match value {
        IntOrString::Int(n) => *n,
        IntOrString::String(text) => percent_of(text.trim_end_matches('%').parse().unwrap_or(0), replicas, up),
    }
}

/// How many pods a Deployment's rolling update may take away first, as its controller rounds: unavailable
/// down, surge up, and 1 unavailable where both come out as 0 (`deploymentutil.ResolveFenceposts`).
fn deployment_unavailable(subject: &Subject) -> i64 {
    let replicas = subject.rollout.replicas.unwrap_or(1).max(0);
    let update = subject.rollout.strategy.as_ref().and_then(|s| s.rolling_update.as_ref());
    let of = |value: Option<&IntOrString>, up: bool| {
        value.map_or_else(|| percent_of(25, replicas, up), |value| share(value, replicas, up))
    };
    let unavailable = of(update.and_then(|u| u.max_unavailable.as_ref()), false);
    let surge = of(update.and_then(|u| u.max_surge.as_ref()), true);
    if unavailable <= 0 && surge <= 0 && replicas > 0 { 1 } else { unavailable.min(replicas) }
}

fn percent_of(percent: i64, replicas: i64, up: bool) -> i64 {
    let product = percent.saturating_mul(replicas);
    if up { product.saturating_add(99) / 100 } else { product / 100 }
}
