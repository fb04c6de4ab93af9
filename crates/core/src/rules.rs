//! The findings: one function for each code, in the order in which they are reported.

use serde_json::{Value, json};

use super::budget::{Budget, sum, terms};
use super::finding::{Code, Edit, Finding, Severity};
use super::keys;
use super::plan::{Plan, Refusal};
use super::pod::{Container, HookSource, Pod, Role};
use super::settings::{Remark, Settings, Source};
use super::subject::{IntOrString, Kind, Probe, Subject};
use super::text;
use super::world::SleepSupport;

/// What the rules look at.
pub struct Facts<'j, 'a> {
    /// The object.
    pub subject: &'a Subject<'a>,
    /// What the layers decided.
    pub settings: &'j Settings<'a>,
    /// The pod that is judged: after the plan, or as it stands.
    pub pod: &'j Pod<'a>,
    /// Its budget.
    pub budget: &'j Budget,
    /// The smallest grace that is asked for: of a refused plan, that of the pod with its hooks.
    pub required: Option<u64>,
    /// The plan, where one was made for this pod.
    pub plan: Option<&'j Plan>,
    /// What is wrong with settings.
    pub remarks: &'j [Remark<'a>],
    /// How waits can be written here.
    pub sleep: &'j SleepSupport,
    /// What the plan would still change in a pod that is past mutation.
    pub undone: Option<String>,
}

/// Everything to say about a pod.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut report = Report { facts, findings: Vec::new() };
    grace_budget(&mut report);
    early_helper(&mut report);
    settings_remarks(&mut report, Code::InvalidSetting);
    short_hold(&mut report);
    undeclared_hook(&mut report);
    shell_hook(&mut report);
    settings_remarks(&mut report, Code::LockedSetting);
    node_limit(&mut report);
    slow_restart(&mut report);
    no_readiness(&mut report);
    slow_readiness(&mut report);
    changed_after(&mut report);
    plain_helper(&mut report);
    probe_grace(&mut report);
    capacity_dip(&mut report);
    report.findings
}

struct Report<'f, 'j, 'a> {
    facts: &'f Facts<'j, 'a>,
    findings: Vec<Finding>,
}

impl<'f, 'j, 'a> Report<'f, 'j, 'a> {
    /// Adds a finding with the severity that the layers give it, unless that is Off.
    fn say(
        &mut self,
        code: Code,
        container: Option<&Container>,
        field: &str,
        message: String,
        fixes: Vec<String>,
    ) -> Option<&mut Finding> {
        let severity = self.facts.settings.severity(code, code.default_severity());
        self.push(severity, code, container, field, message, fixes)
    }

    fn push(
        &mut self,
        severity: Severity,
        code: Code,
        container: Option<&Container>,
        field: &str,
        message: String,
        fixes: Vec<String>,
    ) -> Option<&mut Finding> {
        if severity == Severity::Off {
            return None;
        }
        let prefix = self.facts.subject.kind.pod_pointer();
        let within = container.map_or("", |c| c.pointer.as_str());
        self.findings.push(Finding {
            code,
            severity,
            container: container.map(|c| c.name().to_owned()),
            pointer: format!("{prefix}{within}{field}"),
            message,
            detail: Vec::new(),
            fixes,
            edit: None,
        });
        self.findings.last_mut()
    }

    fn pod(&self) -> &'j Pod<'a> {
        self.facts.pod
    }

    /// A change of the object as given; `within` is a container's pointer, or empty. A pod that somebody
    /// else's manifest makes cannot be edited.
    fn edit(&self, within: &str, field: &str, value: Value) -> Option<Edit> {
        let subject = self.facts.subject;
        let pointer = format!("{}{within}{field}", subject.kind.pod_pointer());
        subject.controller.is_none().then_some(Edit { pointer, value })
    }

    /// The native sleep as a container's preStop hook.
    fn sleep_edit(&self, container: &Container, seconds: u64) -> Option<Edit> {
        let sleep = json!({"sleep": {"seconds": seconds}});
        match (&container.raw.lifecycle, container.raw.pre_stop()) {
            (None, _) => self.edit(&container.pointer, "/lifecycle", json!({"preStop": sleep})),
            (Some(_), None) => self.edit(&container.pointer, "/lifecycle/preStop", sleep),
            (Some(_), Some(handler)) if handler.sleep.is_some() => {
                self.edit(&container.pointer, "/lifecycle/preStop/sleep/seconds", json!(seconds))
            }
            (Some(_), Some(_)) => self.edit(&container.pointer, "/lifecycle/preStop", sleep),
        }
    }
}

/// G is less than what the pod's stop needs. **This is the line that decides a denial.**
fn grace_budget(report: &mut Report) {
    let Facts { settings, pod, budget, required, .. } = *report.facts;
    if required.is_some_and(|required| pod.grace >= required) {
        return;
    }
    let message = match required {
        Some(required) => {
            let short = required - pod.grace;
            format!("grace budget short by {short} s: terminationGracePeriodSeconds {} < {required} needed", pod.grace)
        }
        None => format!("grace budget has no end: no terminationGracePeriodSeconds is enough, it is {}", pod.grace),
    };
    let fixes = grace_fixes(report);
    let mut detail = vec![sum(&terms(pod, budget, settings))];
    if budget.required != required
        && let Some(required) = required
    {
        detail.push(format!("with the hooks that would be injected: {required}"));
    }
    detail.extend(
        report.facts.plan.and_then(|plan| plan.refused.as_ref()).and_then(|refusal| refusal_text(refusal, settings)),
    );
    let field = "/spec/terminationGracePeriodSeconds";
    let edit = required.and_then(|required| report.edit("", field, json!(required)));
    if let Some(finding) = report.say(Code::GraceBudget, None, field, message, fixes) {
        finding.detail = detail;
        finding.edit = edit;
    }
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

/// Raise G, shorten a hook that is longer than its wait, or lower an R that nobody chose.
fn grace_fixes(report: &Report) -> Vec<String> {
    let Facts { subject, pod, budget, required, .. } = *report.facts;
    let mut fixes = Vec::new();
    if let Some(required) = required {
        fixes.push(in_owner(subject, &format!("spec.terminationGracePeriodSeconds: {required}")));
    }
    // Shortening hooks down to the hold leaves this.
    let mut shorter = pod.clone();
    let mut long = Vec::new();
    for container in shorter.containers.iter_mut() {
        let wait = match container.role {
            Role::App => Some(pod.hold),
            Role::Helper => budget.apps_done.map(|done| done + 1),
            Role::NativeSidecar => Some(0),
        };
        let Some(wait) = wait.filter(|wait| container.has_hook() && container.hook.is_none_or(|hook| hook > *wait))
        else {
            continue;
        };
        container.hook = Some(wait);
        long.push((container.name(), wait));
    }
    if let Some(enough) = Budget::of(&shorter).required.filter(|_| !long.is_empty()) {
        let each = long.iter().map(|(name, wait)| format!("the preStop hook of {name:?} to {wait} s"));
        let then =
            if enough <= pod.grace { String::new() } else { format!(", and terminationGracePeriodSeconds: {enough}") };
        fixes.push(format!("or shorten {}{then}", each.collect::<Vec<_>>().join(" and ")));
    }
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
    Some(format!(
        "or, if no request ever takes longer than {seconds} s: annotation {}: \"{seconds}\"",
        keys::WORST_CASE_REQUEST
    ))
}

/// A helper is told to stop while apps still need it.
fn early_helper(report: &mut Report) {
    let Facts { pod, budget, .. } = *report.facts;
    let Some(apps_done) = budget.apps_done else { return };
    for helper in pod.of(Role::Helper).filter(|c| c.hook_source != HookSource::Assumed) {
        let Some(hook) = helper.hook.filter(|hook| *hook < apps_done) else { continue };
        let name = helper.name();
        let message = if helper.has_hook() {
            format!("helper {name:?} is told to stop at {hook} s, its apps need it until {apps_done} s")
        } else {
            format!("helper {name:?} is told to stop at once, its apps need it until {apps_done} s")
        };
        let fixes = vec![
            format!("in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {}}}}}}}", apps_done + 1),
            format!("or make {name:?} a native sidecar: move it to initContainers with restartPolicy: Always"),
        ];
        let edit = report.sleep_edit(helper, apps_done + 1);
        if let Some(finding) = report.say(Code::EarlyHelper, Some(helper), "/lifecycle/preStop", message, fixes) {
            finding.edit = edit;
        }
    }
}

/// Settings that could not be read, or that a lock kept from being weaker.
fn settings_remarks(report: &mut Report, code: Code) {
    for remark in report.facts.remarks.iter().filter(|remark| remark.code == code) {
        let severity = report.facts.settings.severity(code, remark.default).min(remark.at_most);
        let field = remark.annotation.map(|key| format!("/metadata/annotations/{}", keys::escape(key)));
        let fixes = remark.fix.iter().cloned().collect();
        let finding =
            report.push(severity, code, None, field.as_deref().unwrap_or_default(), remark.message.clone(), fixes);
        if let Some(finding) = finding {
            finding.container = remark.container.map(str::to_owned);
        }
    }
}

/// New work is still routed to an app that no longer takes it.
fn short_hold(report: &mut Report) {
    let Facts { settings, pod, .. } = *report.facts;
    if settings.waits_by_itself() {
        return;
    }
    for app in pod.of(Role::App) {
        let Some(hook) = app.hook.filter(|hook| *hook < pod.hold) else { continue };
        let name = app.name();
        let hold = pod.hold;
        let message = if app.has_hook() {
            format!("{name:?} is told to stop at {hook} s, but is sent new work for {hold} s after the deletion")
        } else {
            format!("{name:?} has no preStop hook, but is sent new work for {hold} s after the deletion")
        };
        let fixes = vec![
            format!("in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {hold}}}}}}}"),
            format!("or, if it waits by itself after SIGTERM: annotation {}: \"none\"", keys::HOOK),
        ];
        let detail = report.facts.plan.and_then(|plan| match &plan.refused {
            Some(Refusal::NoSleep(because)) => {
                Some(format!("nothing injected: {because}; serve --hook-fallback exec opts in to an exec sleep"))
            }
            _ => None,
        });
        let edit = report.sleep_edit(app, hold);
        if let Some(finding) = report.say(Code::ShortHold, Some(app), "/lifecycle/preStop", message, fixes) {
            finding.detail.extend(detail);
            finding.edit = edit;
        }
    }
}

/// A hook that could take any time.
fn undeclared_hook(report: &mut Report) {
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
            report.say(Code::UndeclaredHook, Some(container), "/lifecycle/preStop", message, vec![fix]);
        }
    }
}

/// An exec sleep needs a binary in the image; without it the hook fails and SIGTERM comes at once.
fn shell_hook(report: &mut Report) {
    if *report.facts.sleep != SleepSupport::Native {
        return;
    }
    let pod = report.pod();
    for container in &pod.containers {
        let Some(sleep) = container.exec_sleep.filter(|sleep| sleep.only) else { continue };
        let Some(seconds) = sleep.seconds else { continue };
        // The API server refuses a native sleep longer than the grace.
        let seconds = if seconds > pod.grace { pod.hold.min(pod.grace) } else { seconds };
        let name = container.name();
        let message = format!("the exec sleep of {name:?} would fail on an image without that binary");
        let fix = format!("in container {name:?}, lifecycle: {{preStop: {{sleep: {{seconds: {seconds}}}}}}}");
        let edit = report.sleep_edit(container, seconds);
        if let Some(finding) =
            report.say(Code::ShellHook, Some(container), "/lifecycle/preStop/exec", message, vec![fix])
        {
            finding.edit = edit;
        }
    }
}

/// What the nodes really grant ends the pod before its requests.
fn node_limit(report: &mut Report) {
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
    report.say(Code::NodeLimit, None, "/spec/terminationGracePeriodSeconds", message, vec![fix]);
}

/// The longest injected hook that a restart by a probe may wait for without a word, in seconds.
const PATIENT_RESTART_SECONDS: u64 = 30;

/// Hooks run before a probe's restart too.
fn slow_restart(report: &mut Report) {
    let pod = report.pod();
    for container in pod.containers.iter().filter(|c| c.hook_source == HookSource::Injected) {
        let Some(hook) = container.hook else { continue };
        for (field, probe) in restarting_probes(container) {
            let bound = probe_grace_seconds(probe).unwrap_or(pod.grace);
            if hook.min(bound) > PATIENT_RESTART_SECONDS {
                let name = container.name();
                let message = format!("the injected hook of {hook} s delays each restart of {name:?} by its {field}");
                let fix =
                    format!("in container {name:?}, {field}.terminationGracePeriodSeconds: {PATIENT_RESTART_SECONDS}");
                report.say(Code::SlowRestart, Some(container), &format!("/{field}"), message, vec![fix]);
            }
        }
    }
}

/// Without a readiness probe a Service sends work to an app that has not started.
fn no_readiness(report: &mut Report) {
    let pod = report.pod();
    let Some(service) = pod.service else { return };
    for app in pod.of(Role::App).filter(|c| c.raw.has_port() && c.raw.readiness_probe.is_none()) {
        let name = app.name();
        let message = format!("Service {service:?} selects the pod, but {name:?} has a port and no readinessProbe");
        let fix = format!(
            "in container {name:?}, readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}, with its own path and port"
        );
        report.say(Code::NoReadiness, Some(app), "", message, vec![fix]);
    }
}

/// An app that drains by its readiness leaves rotation later than E.
fn slow_readiness(report: &mut Report) {
    let Facts { settings, pod, .. } = *report.facts;
    if !settings.waits_by_itself() || pod.hold == 0 {
        return;
    }
    let e = settings.endpoint_propagation;
    for app in pod.of(Role::App) {
        let Some(probe) = app.raw.readiness_probe else { continue };
        let (period, failures) = (at_least_one(probe.period_seconds, 10), at_least_one(probe.failure_threshold, 3));
        let slowest = period.saturating_mul(failures);
        if slowest > e.value {
            let name = app.name();
            let message = format!(
                "{name:?} is seen as unready only after {slowest} s (period {period} x failures {failures}), E is {} s",
                e.value
            );
            let fix = format!(
                "in container {name:?}, readinessProbe.periodSeconds: {} and failureThreshold: 1",
                e.value.max(1)
            );
            report.say(Code::SlowReadiness, Some(app), "/readinessProbe", message, vec![fix]);
        }
    }
}

/// The final pod is not as the plan left it.
fn changed_after(report: &mut Report) {
    let Some(undone) = &report.facts.undone else { return };
    let message = format!("the pod is not as Draingate leaves it: {undone}");
    let fix = "another webhook changed it later: give its configuration a name that sorts first; or Draingate's mutating call failed: see apiserver_admission_webhook_fail_open_count".to_owned();
    report.say(Code::ChangedAfter, None, "", message, vec![fix]);
}

/// A fixed wait where the kubelet would order the stop by itself.
fn plain_helper(report: &mut Report) {
    for helper in report.pod().of(Role::Helper).filter(|c| c.hook_source == HookSource::Injected) {
        let name = helper.name();
        let message = format!(
            "helper {name:?} waits a fixed {} s; as a native sidecar it would need no wait",
            helper.hook.unwrap_or_default()
        );
        let fix = format!("move {name:?} to initContainers with restartPolicy: Always");
        report.say(Code::PlainHelper, Some(helper), "", message, vec![fix]);
    }
}

/// A restart by a probe gets the probe's own grace, which may cut the drain.
fn probe_grace(report: &mut Report) {
    for container in report.pod().of(Role::App) {
        let needed = container.hook.and_then(|hook| hook.checked_add(container.request.value));
        for (field, probe) in restarting_probes(container) {
            let (Some(grace), Some(needed)) = (probe_grace_seconds(probe), needed) else { continue };
            if grace < needed {
                let name = container.name();
                let message =
                    format!("a restart of {name:?} by its {field} gets {grace} s, hook and request need {needed} s");
                let fix = format!("in container {name:?}, {field}.terminationGracePeriodSeconds: {needed}");
                report.say(
                    Code::ProbeGrace,
                    Some(container),
                    &format!("/{field}/terminationGracePeriodSeconds"),
                    message,
                    vec![fix],
                );
            }
        }
    }
}

/// A rollout that stops old pods before new ones are ready.
fn capacity_dip(report: &mut Report) {
    let subject = report.facts.subject;
    let strategy = subject.rollout.strategy.as_ref();
    let kind = strategy.and_then(|s| s.kind.as_deref()).unwrap_or("RollingUpdate");
    let (field, unavailable) = match (subject.kind, kind) {
        (Kind::Deployment, "Recreate") => ("strategy", subject.rollout.replicas.unwrap_or(1)),
        (Kind::Deployment, _) => ("strategy", deployment_unavailable(subject)),
        (Kind::StatefulSet | Kind::DaemonSet, "OnDelete") => return,
        (Kind::StatefulSet, _) => ("updateStrategy", 1),
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
        Kind::StatefulSet => vec!["one more replica than the load needs".to_owned()],
        _ => vec![format!("spec.{field}: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}")],
    };
    let severity = report.facts.settings.severity(Code::CapacityDip, Code::CapacityDip.default_severity());
    if let Some(finding) = report.push(severity, Code::CapacityDip, None, "", message, fixes) {
        finding.pointer = format!("/spec/{field}");
    }
}

/// How many pods a Deployment's rolling update may take away first, as its controller rounds: unavailable
/// down, surge up, and 1 unavailable where both come out as 0 (`deploymentutil.ResolveFenceposts`).
fn deployment_unavailable(subject: &Subject) -> i64 {
    let replicas = subject.rollout.replicas.unwrap_or(1).max(0);
    let update = subject.rollout.strategy.as_ref().and_then(|s| s.rolling_update.as_ref());
    let share = |value: Option<&IntOrString>, up: bool| match value {
        Some(IntOrString::Int(n)) => *n,
        Some(IntOrString::String(text)) => percent_of(text.trim_end_matches('%').parse().unwrap_or(0), replicas, up),
        None => percent_of(25, replicas, up),
    };
    let unavailable = share(update.and_then(|u| u.max_unavailable.as_ref()), false);
    let surge = share(update.and_then(|u| u.max_surge.as_ref()), true);
    if unavailable <= 0 && surge <= 0 && replicas > 0 { 1 } else { unavailable.min(replicas) }
}

fn percent_of(percent: i64, replicas: i64, up: bool) -> i64 {
    let product = percent.saturating_mul(replicas);
    if up { product.saturating_add(99) / 100 } else { product / 100 }
}

fn restarting_probes<'a>(container: &Container<'a>) -> impl Iterator<Item = (&'static str, Probe)> + use<'a> {
    let raw = container.raw;
    [("livenessProbe", raw.liveness_probe), ("startupProbe", raw.startup_probe)]
        .into_iter()
        .filter_map(|(name, probe)| Some((name, probe?)))
}

fn probe_grace_seconds(probe: Probe) -> Option<u64> {
    probe.termination_grace_period_seconds.map(|seconds| u64::try_from(seconds).unwrap_or(1))
}

fn at_least_one(value: Option<i64>, absent: u64) -> u64 {
    value.map_or(absent, |v| u64::try_from(v).unwrap_or(0).max(1))
}

/// A field of the pod, as a person finds it in the manifest they own.
fn in_owner(subject: &Subject, field: &str) -> String {
    match subject.edited_in() {
        Some(owner) => format!("in its {}, spec.template.{field}", text::name(owner)),
        None => format!("{}{field}", subject.kind.pod_path()),
    }
}
