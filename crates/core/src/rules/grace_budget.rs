//! G is less than what the pod's stop needs. **A denial is decided here**, by the first `if` of `check`.

use json_patch::Patch;

use super::{Facts, Report, Rule};
use crate::budget::{Budget, sum, terms};
use crate::finding::Severity;
use crate::mend::{Mend, shorter_request};
use crate::plan::Refusal;
use crate::pod::{Container, Pod, Role};
use crate::settings::{Settings, Source};
use crate::subject::Kind;

pub(super) const RULE: Rule = Rule {
    code: "grace-budget",
    default_severity: Severity::Error,
    short_description: "The grace period is shorter than the pod's stop",
    full_description: "The preStop hook runs inside terminationGracePeriodSeconds. What is left has to be enough for the longest request; otherwise the kubelet kills the pod while it works.",
    help: "Raise terminationGracePeriodSeconds to the number in the message, or shorten the hook.",
    page: include_str!("../../docs/codes/grace-budget.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { subject, settings, pod, budget, required, .. } = *report.facts;
    if required.is_some_and(|required| pod.grace >= required) {
        return refused_template(report);
    }
    let name = subject.kind.grace_field();
    let message = match required {
        Some(required) => {
            let short = required - pod.grace;
            format!("grace budget short by {short} s: {name} {} < {required} needed", pod.grace)
        }
        None => format!("grace budget has no end: no {name} is enough, it is {}", pod.grace),
    };
    let mend = required.map(|required| grace(report.facts, required));
    let (first, edits) = mend.map(|mend| (mend.words, mend.edits)).unzip();
    let fixes = first.into_iter().chain(other_fixes(report)).collect();
    let mut detail = vec![sum(&terms(pod, budget, settings))];
    if budget.required != required
        && let Some(required) = required
    {
        detail.push(format!("with the hooks that would be injected: {required}"));
    }
    detail.extend(
        report.facts.plan.and_then(|plan| plan.refused.as_ref()).and_then(|refusal| refusal_text(refusal, settings)),
    );
    let field = report.grace_field();
    let guessed = report.facts.as_written && holds_as_stated(pod, settings);
    if guessed {
        detail.push("only built-in figures make it short; in enforce it would be raised, or rejected".to_owned());
    }
    let most = if guessed { Severity::Warning } else { Severity::Error };
    if let Some(finding) = report.say_at_most(most, None, &field, message, fixes) {
        finding.detail = detail;
        finding.edits = edits.unwrap_or_default();
    }
}

/// Whether the inequality holds for all that is certain or that somebody stated.
fn holds_as_stated(pod: &Pod, settings: &Settings) -> bool {
    Budget::of(&pod.only_stated(settings)).required.is_some_and(|required| required <= pod.grace)
}

/// The API server refuses a template whose native sleep is longer than its grace, before there is a pod to mend.
fn refused_template(report: &mut Report) {
    let Facts { subject, .. } = *report.facts;
    if subject.kind == Kind::Pod || matches!(subject.kind, Kind::Custom(_)) {
        return;
    }
    let spec = &subject.pod.spec;
    let grace = spec.termination_grace_period_seconds.map_or(subject.kind.default_grace() as i64, |grace| grace.max(1));
    let sleep = |container: &Container| Some(container.raw.pre_stop()?.sleep.as_ref()?.seconds);
    let longest = report.pod().containers.iter().filter_map(|container| Some((sleep(container)?, container)));
    let Some((seconds, container)) = longest.max_by_key(|(seconds, _)| *seconds).filter(|(s, _)| *s > grace) else {
        return;
    };
    let name = subject.kind.grace_field();
    let message = format!(
        "the API server refuses this {}: the preStop sleep of {:?} takes {seconds} s, its {name} is {grace}",
        subject.kind,
        container.name()
    );
    let needed = report.facts.required.unwrap_or_default();
    let mend = report.facts.grace(needed);
    report.say_with(None, &report.grace_field(), message, mend, []);
}

/// Why the grace was not raised.
fn refusal_text(refusal: &Refusal, settings: &Settings) -> Option<String> {
    match refusal {
        Refusal::NeverRaised => Some(format!("not raised: adjust is Never ({})", settings.adjust.source)),
        Refusal::Ceiling => {
            let Source::BuiltIn = settings.max_seconds.source else {
                return Some(format!(
                    "not raised: maxSeconds is {} ({})",
                    settings.max_seconds.value, settings.max_seconds.source
                ));
            };
            Some(format!(
                "not raised: maxSeconds is {}, the cluster autoscaler's own limit",
                settings.max_seconds.value
            ))
        }
        Refusal::NoSleep(because) => Some(format!("nothing injected: {because}")),
        Refusal::Endless => None,
    }
}

/// The longest timeoutSeconds that Knative takes, unless it is told otherwise.
const KNATIVE_MAX_SECONDS: u64 = 600;

/// Raise G.
fn grace(facts: &Facts, required: u64) -> Mend {
    let mut mend = facts.grace(required);
    if facts.subject.kind.is_knative() && required > KNATIVE_MAX_SECONDS {
        mend.words += ", and max-revision-timeout-seconds of Knative's ConfigMap config-defaults, which allows 600";
        mend.edits = Patch::default();
    }
    mend
}

/// Shorten a hook that is longer than its wait, or lower an R that nobody chose.
fn other_fixes(report: &Report) -> Vec<String> {
    let Facts { subject, pod, budget, .. } = *report.facts;
    let mut fixes = Vec::new();
    let name = subject.kind.grace_field();
    // Shortening hooks down to the hold leaves this.
    let mut shorter = pod.clone();
    let mut long = Vec::new();
    let mut native = Vec::new();
    for container in shorter.containers.iter_mut() {
        let wait = match container.role {
            Role::App => Some(pod.hold),
            Role::Helper => budget.apps_done.map(|done| done + 1),
            Role::NativeSidecar | Role::Auxiliary => Some(0),
        };
        let Some(wait) = wait.filter(|wait| container.has_hook() && container.hook.is_none_or(|hook| hook > *wait))
        else {
            continue;
        };
        container.hook = Some(wait);
        let unwritten = container.written_by.as_ref().filter(|by| by.absent);
        native.extend(unwritten.and_then(|by| by.native_fix()).map(|fix| format!("or {fix}")));
        let by = container.written_by.as_ref().and_then(|by| by.hook_fix(wait));
        let by = by.map(|by| format!(" ({by})")).unwrap_or_default();
        long.push(format!("the preStop hook of {:?} to {wait} s{by}", container.name()));
    }
    if let Some(enough) = Budget::of(&shorter).required.filter(|_| !long.is_empty()) {
        let then = if enough <= pod.grace { String::new() } else { format!(", and {name}: {enough}") };
        fixes.push(format!("or shorten {}{then}", long.join(" and ")));
    }
    fixes.extend(native);
    fixes.extend(request_fix(report));
    fixes
}

/// Offered only where every R that decides is the built-in guess.
fn request_fix(report: &Report) -> Option<String> {
    let Facts { pod, required, .. } = *report.facts;
    let short = required?.checked_sub(pod.grace)?;
    let guesses: Vec<_> = pod.of(Role::App).filter(|app| app.request.source == Source::BuiltIn).collect();
    let seconds = guesses.first()?.request.value.checked_sub(short).filter(|seconds| *seconds > 0)?;
    if guesses.len() != pod.of(Role::App).count() {
        return None;
    }
    Some(shorter_request(seconds))
}
