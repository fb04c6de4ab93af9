//! The judgement, from the subject to the verdict. Every door calls [`judge`] or [`patch_for`].

use std::borrow::Cow;

use super::budget::Budget;
use super::finding::{Finding, Severity};
use super::keys;
use super::mode::Mode;
use super::patch;
use super::plan::{Plan, Refusal};
use super::pod::{HoldReason, Pod, Record, Role};
use super::policy::Controllers;
use super::rules::{self, Facts, Undone};
use super::settings::{SettingProblem, Settings};
use super::subject::{Kind, Maker, Subject};
use super::text::quote;
use super::world::{Context, SleepSupport};

/// Which pod is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// After the plan: what would be admitted.
    AsAdmitted,
    /// With nothing injected.
    AsWritten,
    /// As it stands after all mutation; a plan that would still change it is a finding. What kept that plan from being
    /// carried out, such as a cluster without the native sleep, does not count.
    Final,
}

/// Why a subject is never touched or judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// In kube-system.
    KubeSystem,
    /// In the release's own namespace.
    OwnNamespace,
    /// The mirror of a static pod.
    MirrorPod,
    /// A restartPolicy other than Always.
    RunsToCompletion,
    /// No containers; the API server refuses such a pod itself.
    NoContainers,
    /// system-node-critical or system-cluster-critical.
    Critical,
    /// By annotation, with this reason.
    Annotation(String),
}

impl Skip {
    /// A short name for metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Skip::KubeSystem => "kube-system",
            Skip::OwnNamespace => "own-namespace",
            Skip::MirrorPod => "mirror-pod",
            Skip::RunsToCompletion => "runs-to-completion",
            Skip::NoContainers => "no-containers",
            Skip::Critical => "critical",
            Skip::Annotation(_) => "annotation",
        }
    }

    /// A sentence for people.
    pub fn reason(&self) -> String {
        match self {
            Skip::KubeSystem => "kube-system is never touched".into(),
            Skip::OwnNamespace => "Draingate's own namespace is never touched".into(),
            Skip::MirrorPod => "the mirror of a static pod".into(),
            Skip::RunsToCompletion => "it runs to completion: its restartPolicy is not Always".into(),
            Skip::NoContainers => "it has no containers".into(),
            Skip::Critical => "its priority class is critical to the system".into(),
            Skip::Annotation(reason) => format!("annotation {}: {}", keys::SKIP, quote(reason)),
        }
    }
}

/// The outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// No error, nothing to inject.
    Pass,
    /// No error is left after the patch.
    Fixed,
    /// An error.
    Fail,
    /// Not judged.
    Skipped,
}

impl Verdict {
    /// As machines read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fixed => "fixed",
            Verdict::Fail => "fail",
            Verdict::Skipped => "skipped",
        }
    }
}

/// Why an error is only told: the plan would have taken it away, and it is not the pod's fault that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// Somebody undid the plan, or the mutating call was not made or not answered.
    Undone,
    /// The cluster takes no native sleep, or nobody knows whether it does.
    NoSleep,
}

impl Excuse {
    /// For metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Excuse::Undone => "undone",
            Excuse::NoSleep => "no-sleep",
        }
    }
}

/// Everything that is known about a subject once it has been judged.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// Why it was not judged; the rest is then empty.
    pub skipped: Option<Skip>,
    /// What the layers decided.
    pub settings: Settings<'a>,
    /// The pod as it stands.
    pub standing: Pod<'a>,
    /// The pod that was judged: after the plan, or as it stands.
    pub pod: Pod<'a>,
    /// Its budget.
    pub budget: Budget,
    /// The smallest grace that is asked for, in seconds; `None` where no grace is enough.
    pub required: Option<u64>,
    /// What would be injected, and why not.
    pub plan: Plan,
    /// From the subject as it stands to the planned one.
    pub patch: patch::Json,
    /// In a fixed order.
    pub findings: Vec<Finding>,
    /// Where some of them would be errors, but for our own trouble.
    pub excuse: Option<Excuse>,
    /// Another controller's pod: told, never injected or rejected.
    pub told_only: bool,
    record: Option<Record>,
}

impl Judgement<'_> {
    /// What an earlier round injected into the pod as it stands, in words.
    pub fn injected(&self) -> Option<String> {
        let record = self.record.as_ref()?;
        difference(&self.standing.clone().without(Some(record)), &self.standing)
    }

    /// The outcome in one word.
    pub fn verdict(&self) -> Verdict {
        if self.skipped.is_some() {
            Verdict::Skipped
        } else if self.errors().next().is_some() {
            Verdict::Fail
        } else if self.patch.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fixed
        }
    }

    /// The findings that reject a pod in `enforce`.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }
}

/// The subject with everything that does not depend on the view.
struct Case<'a> {
    settings: Settings<'a>,
    problems: Vec<SettingProblem<'a>>,
    record: Option<Record>,
    standing: Pod<'a>,
    told_only: bool,
    view: View,
    /// Nothing is injected: it is another controller's, or too much to judge.
    left: bool,
}

impl<'a> Case<'a> {
    fn new(subject: &'a Subject<'a>, context: &Context<'a>, view: View) -> Case<'a> {
        let (settings, mut problems) = Settings::resolve(subject, context);
        let record = Record::read(subject, &mut problems);
        let as_written = view == View::AsWritten;
        let standing = Pod::read(subject, &settings, context, as_written, record.as_ref(), &mut problems);
        let told_only = settings.controllers.value == Controllers::BuiltIn && has_foreign_controller(subject);
        let excess = subject.excess();
        problems.extend(excess.as_deref().map(SettingProblem::excess));
        let left = told_only || excess.is_some();
        Case { settings, problems, record, standing, told_only, view, left }
    }

    /// What the pod gets where waits are written like this, computed from the pod as it was before any earlier round of
    /// ours.
    fn plan(&self, subject: &Subject, sleep: &SleepSupport) -> (Plan, patch::Json) {
        if self.left {
            return (Plan::default(), patch::Json::default());
        }
        let original = match &self.record {
            Some(record) => Cow::Owned(self.standing.clone().without(Some(record))),
            None => Cow::Borrowed(&self.standing),
        };
        let plan = Plan::of(&original, &self.settings, sleep, subject.is_windows());
        let patch = patch::write(subject, &self.standing, self.record.as_ref(), &plan, &self.settings);
        (plan, patch)
    }

    /// The pod after `plan`.
    fn planned(&self, plan: &Plan) -> Pod<'a> {
        plan.apply(self.standing.clone().without(self.record.as_ref()))
    }

    /// What there is to say about `pod`, which is as `plan` leaves it, or as it stands.
    fn look(
        &self,
        subject: &'a Subject<'a>,
        context: &Context<'a>,
        pod: Pod<'a>,
        plan: Option<&Plan>,
        undone: Option<Undone>,
    ) -> Look<'a> {
        let budget = Budget::of(&pod);
        let required = match plan {
            Some(plan) if plan.refused.is_some() => plan.required,
            _ => budget.required,
        };
        let mut problems = Cow::Borrowed(&self.problems);
        if plan.is_some_and(|plan| !plan.record(&pod).is_empty()) {
            // The patch replaces a record that could not be read.
            problems.to_mut().retain(|problem| problem.annotation != Some(keys::INJECTED));
        }
        let findings = rules::findings(&Facts {
            subject,
            settings: &self.settings,
            pod: &pod,
            budget: &budget,
            required,
            as_written: self.view == View::AsWritten,
            is_edited: self.view != View::Final && subject.is_edited(),
            plan,
            problems: &problems,
            sleep: context.sleep(),
            undone,
        });
        Look { pod, budget, required, findings }
    }
}

/// A pod, and what there is to say about it.
struct Look<'a> {
    pod: Pod<'a>,
    budget: Budget,
    required: Option<u64>,
    findings: Vec<Finding>,
}

impl Look<'_> {
    /// **Never deny what injection would have mended**: what is no error once the pod is as planned is only told. Whether
    /// there was any such error.
    fn soften(&mut self, planned: impl FnOnce() -> Vec<Finding>) -> bool {
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        if !self.findings.iter().any(is_error) {
            return false;
        }
        let mut left = planned();
        left.retain(is_error);
        let stays =
            |finding: &Finding| left.iter().any(|l| (l.code, &l.container) == (finding.code, &finding.container));
        let mut softened = false;
        for finding in self.findings.iter_mut().filter(|finding| is_error(finding) && !stays(finding)) {
            finding.severity = Severity::Warning;
            softened = true;
        }
        softened
    }
}

/// How waits would be written if nothing stood in the way.
fn unhindered(sleep: &SleepSupport, windows: bool) -> &SleepSupport {
    match sleep {
        SleepSupport::Exec { .. } if !windows => sleep,
        _ => &SleepSupport::Native,
    }
}

/// Judges a subject in its context.
pub fn judge<'a>(subject: &'a Subject<'a>, context: &Context<'a>, view: View) -> Judgement<'a> {
    let case = Case::new(subject, context, view);
    if let Some(skip) = skip(subject, context, &case.settings) {
        return skipped(case, skip);
    }
    let hoped = unhindered(context.sleep(), subject.is_windows());
    let (plan, patch) = match view {
        View::AsWritten => (Plan::default(), patch::Json::default()),
        View::AsAdmitted => case.plan(subject, context.sleep()),
        View::Final => case.plan(subject, hoped),
    };
    let planned = case.planned(&plan);
    let is_hindered = view != View::AsWritten && hoped != context.sleep();
    let hindrance = match is_hindered.then(|| case.plan(subject, context.sleep()).0.refused).flatten() {
        Some(Refusal::NoSleep(because)) => Some(because),
        _ => None,
    };
    let no_sleep = hindrance.is_some();
    let what = (view == View::Final && !case.left).then(|| difference(&case.standing, &planned)).flatten();
    let undone = what.map(|what| Undone { what, because: hindrance });
    let lacks = no_sleep || undone.is_some();
    let stands = view == View::AsWritten || case.left || undone.is_some();
    let pod = if stands { case.standing.clone() } else { planned };
    let mut look = case.look(subject, context, pod, (!stands).then_some(&plan), undone);
    let excused = lacks
        && look.soften(|| {
            let plan = case.plan(subject, hoped).0;
            case.look(subject, context, case.planned(&plan), Some(&plan), None).findings
        });
    let excuse = excused.then_some(if no_sleep { Excuse::NoSleep } else { Excuse::Undone });
    let Look { pod, budget, required, findings } = look;
    let Case { settings, standing, told_only, record, .. } = case;
    Judgement {
        skipped: None,
        settings,
        standing,
        pod,
        budget,
        required,
        plan,
        patch,
        findings,
        excuse,
        told_only,
        record,
    }
}

/// Only the patch, for the mutating webhook: it says nothing, so nothing else is worked out.
pub fn patch_for<'a>(subject: &'a Subject<'a>, context: &Context<'a>) -> patch::Json {
    let case = Case::new(subject, context, View::AsAdmitted);
    match skip(subject, context, &case.settings) {
        Some(_) => patch::Json::default(),
        None => case.plan(subject, context.sleep()).1,
    }
}

/// Whether what a pod owes may rest on how many there are of it. Not where an earlier round that took others to stand in has
/// left it as it is: another answer would only undo that.
pub fn rests_on_owner<'a>(subject: &'a Subject<'a>, context: &Context<'a>) -> bool {
    let case = Case::new(subject, context, View::AsAdmitted);
    let reason = case.standing.hold_reason;
    let counts = reason == HoldReason::OneWriter || (reason.holds() && reason != HoldReason::All);
    let is_settled = || case.record.is_some() && case.plan(subject, context.sleep()).1.is_empty();
    counts && skip(subject, context, &case.settings).is_none() && !is_settled()
}

fn skipped<'a>(case: Case<'a>, skip: Skip) -> Judgement<'a> {
    let Case { settings, standing, told_only, record, .. } = case;
    let budget = Budget::of(&standing);
    Judgement {
        skipped: Some(skip),
        settings,
        pod: standing.clone(),
        standing,
        required: budget.required,
        budget,
        plan: Plan::default(),
        patch: patch::Json::default(),
        findings: Vec::new(),
        excuse: None,
        told_only,
        record,
    }
}

/// Whether a subject is left alone, and why.
fn skip(subject: &Subject, context: &Context, settings: &Settings) -> Option<Skip> {
    let annotations = subject.pod.metadata.annotations.as_ref();
    if context.namespace == "kube-system" {
        Some(Skip::KubeSystem)
    } else if context.is_own_namespace() {
        Some(Skip::OwnNamespace)
    } else if subject.kind == Kind::Pod && annotations.is_some_and(|a| a.mirror) {
        Some(Skip::MirrorPod)
    } else if subject.kind.runs_to_completion() || !subject.restarts_always() {
        Some(Skip::RunsToCompletion)
    } else if subject.pod.spec.containers.is_empty() {
        Some(Skip::NoContainers)
    } else if subject.is_critical() {
        Some(Skip::Critical)
    } else {
        settings.skip.map(|reason| Skip::Annotation(reason.to_owned()))
    }
}

/// A controller that is not one of Kubernetes' own may compare its pods with its wish.
fn has_foreign_controller(subject: &Subject) -> bool {
    if subject.kind == Kind::Custom(Maker::Own) {
        return true;
    }
    let Some(owner) = subject.controller.as_ref().filter(|_| subject.kind == Kind::Pod) else { return false };
    !matches!(
        Kind::of_object(&owner.api_version, &owner.kind),
        Some(Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicationController)
    )
}

/// What a plan changes, in words: `a preStop hook of 10 s in "app", terminationGracePeriodSeconds 42
/// instead of 30`; `None` where it changes neither hook nor grace.
pub fn difference(from: &Pod, to: &Pod) -> Option<String> {
    let mut parts = Vec::new();
    for (old, new) in from.containers.iter().zip(&to.containers) {
        if (old.hook, old.hook_source) != (new.hook, new.hook_source) {
            let name = new.name();
            parts.push(match new.hook.filter(|_| new.has_hook()) {
                Some(seconds) if new.role == Role::App => format!("a preStop hook of {seconds} s in {name:?}"),
                Some(seconds) => format!("a preStop hook of {seconds} s in {} {name:?}", new.role.as_str()),
                None => format!("no preStop hook in {name:?}"),
            });
        }
    }
    if from.grace != to.grace {
        parts.push(format!("terminationGracePeriodSeconds {} instead of {}", to.grace, from.grace));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Whether a mode's final word on a pod is to reject it.
pub fn rejects(mode: Mode, subject: &Subject, judgement: &Judgement) -> bool {
    mode == Mode::Enforce && subject.kind == Kind::Pod && !judgement.told_only && judgement.verdict() == Verdict::Fail
}
