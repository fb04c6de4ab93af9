//! A helper is told to stop while apps still need it.

use json_patch::Patch;

use super::{Facts, Report, Rule};
use crate::budget::Budget;
use crate::finding::Severity;
use crate::injectors::WrittenBy;
use crate::mend::{self, no_stop};
use crate::pod::{Container, HookSource, Role};
use crate::settings::Source;

pub(super) const RULE: Rule = Rule {
    code: "early-helper",
    default_severity: Severity::Error,
    short_description: "A helper stops before the apps that need it",
    full_description: "All regular containers are told to stop at the same time. A proxy or a pooler that stops at once takes the connections of the apps with it.",
    help: "Give the helper a preStop sleep that outlasts the apps, or make it a native sidecar.",
    page: include_str!("../../docs/codes/early-helper.md"),
};

pub(super) fn check(report: &mut Report) {
    let Facts { pod, budget, settings, as_written, .. } = *report.facts;
    let Some(apps_done) = budget.apps_done else { return };
    let stated = as_written.then(|| pod.only_stated(settings));
    let certain_until = stated.as_ref().map_or(Some(apps_done), |stated| Budget::of(stated).apps_done);
    // The kubelet stops a native sidecar after the apps, unless its own hook does it before.
    let sidecars = pod.of(Role::NativeSidecar).filter(|c| c.told.is_some());
    for helper in pod.of(Role::Helper).chain(sidecars).filter(|c| c.hook_source != HookSource::Assumed) {
        let Some(leaves) = helper.leaves_at().filter(|leaves| *leaves < apps_done) else { continue };
        // Admission gives it a hook once it is there.
        let is_mended = || report.facts.plan.is_some_and(|plan| plan.refused.is_none());
        if helper.is_absent() && !helper.has_hook() && is_mended() {
            continue;
        }
        let name = helper.name();
        let is_sidecar = helper.role == Role::NativeSidecar;
        let who = if is_sidecar { "native sidecar" } else { "helper" };
        let told = leaves - helper.accepts();
        let when = if helper.has_hook() { format!("at {told} s") } else { "at once".to_owned() };
        let whose = helper.who_injects() + if helper.is_absent() { "," } else { "" };
        let serves = serves_on(helper, leaves);
        let message =
            format!("{who} {name:?}{whose} is told to stop {when}{serves}, its apps need it until {apps_done} s");
        let of_injector = helper.written_by.filter(|_| !is_sidecar);
        let (mut fixes, mut edits) = (Vec::new(), Patch::default());
        if let Some(by) = of_injector {
            fixes = injector_fixes(report, helper, &by, apps_done);
        } else if is_sidecar {
            fixes.push(no_stop(helper));
        } else {
            // One second more than the apps need, as the plan would.
            let until = report.facts.until(Some(apps_done)).unwrap_or(apps_done);
            let mend = report.facts.wait(helper, until.saturating_add(1));
            edits = mend.edits;
            let without = if helper.has_hook() { ", without its preStop hook" } else { "" };
            fixes.extend([
                mend.words,
                format!(
                    "or make {name:?} a native sidecar: move it to initContainers with restartPolicy: Always{without}"
                ),
            ]);
            fixes.extend(shorter_request(report.facts, leaves, apps_done));
        }
        // Of one that is not there nobody knows whether it comes, and as what.
        let guessed = helper.is_absent() || certain_until.is_some_and(|until| leaves >= until);
        let most = if guessed { Severity::Warning } else { Severity::Error };
        if let Some(finding) = report.say_at_most(most, Some(helper), "/lifecycle/preStop", message, fixes) {
            finding.edits = edits;
        }
    }
}

/// Offered only where every R is the built-in guess, and a shorter one is enough.
fn shorter_request(facts: &Facts, leaves: u64, apps_done: u64) -> Option<String> {
    let mut pod = facts.pod.clone();
    let mut seconds = None;
    for app in pod.containers.iter_mut().filter(|container| container.role == Role::App) {
        let shorter = app.request.value.checked_sub(apps_done - leaves).filter(|seconds| *seconds > 0)?;
        app.request.value = Some(shorter).filter(|_| app.request.source == Source::BuiltIn)?;
        seconds = Some(shorter);
    }
    let seconds = seconds.filter(|_| Budget::of(&pod).apps_done.is_some_and(|done| done <= leaves))?;
    Some(mend::shorter_request(seconds))
}

/// What it does after SIGTERM, where that is something.
fn serves_on(helper: &Container, leaves: u64) -> String {
    let Some((by, accepts)) = helper.written_by.as_ref().and_then(|by| Some((by, by.accepts?))) else {
        return if helper.accepts() > 0 { format!(" and serves until {leaves} s") } else { String::new() };
    };
    let words = format!("({}{})", accepts.words, if accepts.stated { "" } else { ", by default" });
    match (by.until_idle, accepts.seconds) {
        (_, 0) => String::new(),
        (true, _) => format!(" and may leave at {leaves} s, when nobody is connected {words}"),
        (false, _) => format!(" and serves until {leaves} s {words}"),
    }
}

/// What the pod can tell the injector of a helper.
fn injector_fixes(report: &Report, helper: &Container, by: &WrittenBy, apps_done: u64) -> Vec<String> {
    let Facts { subject, pod, .. } = *report.facts;
    let told = helper.told_at().unwrap_or_default();
    let mut fixes = Vec::new();
    if let Some(mut stay) = by.stay_fix(told, apps_done + 1, pod.hold) {
        if by.injector.accepts.is_none() {
            // Its hook runs inside the grace.
            let needed =
                Budget::of(pod).required.map(|required| required.max(apps_done + 1 + helper.stop + pod.margin));
            if let Some(needed) = needed.filter(|needed| *needed > pod.grace) {
                stay +=
                    &format!(", and {}", report.in_owner(&format!("spec.{}: {needed}", subject.kind.grace_field())));
            }
        }
        fixes.push(stay);
    }
    let or = if fixes.is_empty() { "" } else { "or " };
    fixes.extend(by.native_fix().map(|native| format!("{or}{native}")));
    fixes
}
