//! The result of one object: what of a judgement outlives the texts that it was read from.

use std::borrow::Cow;

use json_patch::Patch;

use super::origin::{Location, Origin};
use draingate_core::finding::{Code, Finding, Severity};
use draingate_core::judge::{Judgement, Skip, Verdict};
use draingate_core::manifest;
use draingate_core::pod::{Container, HoldReason, HookSource, Role};
use draingate_core::settings::Sourced;
use draingate_core::subject::Subject;

/// What a workload loses at a rollout: it is told to stop while work is still sent to it, or needed by its apps.
const LOSE: [Code; 4] = [Code::ShortHold, Code::EarlyHelper, Code::NeverWithdrawn, Code::FailingHook];
/// What cuts a workload: the work that it has begun ends with it.
const CUT: [Code; 3] = [Code::GraceBudget, Code::CutAtSigterm, Code::AppTimeout];

/// One object.
#[derive(Clone, Debug)]
pub struct ObjectResult {
    /// Where it was read.
    pub origin: Origin,
    /// For example `Deployment`; in a cluster also a kind that nobody here knows.
    pub kind: Cow<'static, str>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The outcome.
    pub verdict: Verdict,
    /// Why it was skipped.
    pub skipped: Option<Skip>,
    /// G as it stands, in seconds.
    pub grace: u64,
    /// G after the plan.
    pub admitted_grace: u64,
    /// The smallest grace that is enough; `None` where none is.
    pub required_grace: Option<u64>,
    /// The times of the inequality.
    pub terms: Terms,
    /// Regular containers, then native sidecars; none that an injector is still to write.
    pub containers: Vec<ContainerResult>,
    /// RFC 6902, from the object as given.
    pub patch: Patch,
    /// In the order of the codes.
    pub findings: Vec<FindingResult>,
}

/// The times of the inequality.
#[derive(Clone, Debug)]
pub struct Terms {
    /// E
    pub endpoint_propagation: Term,
    /// D
    pub drain_delay: Term,
    /// R of an app that has none of its own.
    pub worst_case_request: Term,
    /// M
    pub safety_margin: Term,
    /// H
    pub hold: Hold,
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub struct Term {
    /// The value.
    pub seconds: u64,
    /// Its source, in words: the layers that it names are not kept.
    pub source: String,
}

impl Term {
    fn of(term: Sourced<u64>) -> Term {
        Term { seconds: term.value, source: term.source.to_string() }
    }
}

/// The hold that the pod owes.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The hold; 0 for a pod that does not serve.
    pub seconds: u64,
    /// Why.
    pub reason: HoldReason,
}

/// One container.
#[derive(Clone, Debug)]
pub struct ContainerResult {
    /// Its name.
    pub name: String,
    /// App, helper or native sidecar.
    pub role: Role,
    /// How long its hook takes; `None` for one without a believable end.
    pub hook: Option<u64>,
    /// How that is known.
    pub hook_source: HookSource,
    /// When it is told to stop, of an app.
    pub stops_at: Option<u64>,
    /// A, of an app: how long it still takes new work after SIGTERM.
    pub accepts: Option<u64>,
    /// T, of an app: how long what it is told lets it finish.
    pub finish: Option<u64>,
    /// R, of an app.
    pub worst_case_request: Option<u64>,
    /// S, of a helper or native sidecar.
    pub stop: Option<u64>,
    /// When its work is done or it is gone, in seconds after the deletion.
    pub done: Option<u64>,
}

impl ContainerResult {
    fn of(container: &Container, done: Option<u64>) -> ContainerResult {
        let is_app = container.role == Role::App;
        ContainerResult {
            name: container.name().to_owned(),
            role: container.role,
            hook: container.hook,
            hook_source: container.hook_source,
            stops_at: if is_app { container.stops_at() } else { None },
            accepts: if is_app { Some(container.accepts()) } else { None },
            finish: if is_app { container.finish() } else { None },
            worst_case_request: is_app.then_some(container.request.value),
            stop: (!is_app).then_some(container.stop),
            done,
        }
    }
}

/// A finding, and where it is.
#[derive(Clone, Debug)]
pub struct FindingResult {
    /// What there is to say.
    pub finding: Finding,
    /// Where; nowhere for what was not read from a file.
    pub location: Option<Location>,
    /// Why it counts for nothing.
    pub suppressed: Option<Suppression>,
}

/// Why a finding is told, and counts neither as an error nor as a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suppression {
    /// A comment in the manifest ignores it.
    Ignored {
        /// Why, in its author's words.
        reason: String,
    },
    /// The baseline has it.
    Baseline,
}

impl FindingResult {
    /// Whether a comment ignores it.
    pub fn is_ignored(&self) -> bool {
        matches!(self.suppressed, Some(Suppression::Ignored { .. }))
    }

    /// Whether the baseline has it.
    pub fn is_baselined(&self) -> bool {
        self.suppressed == Some(Suppression::Baseline)
    }

    /// What to do: what can be pasted.
    pub fn fix(&self) -> Option<&str> {
        self.finding.fixes.first().map(String::as_str)
    }

    /// Other ways.
    pub fn alternatives(&self) -> &[String] {
        self.finding.fixes.get(1..).unwrap_or_default()
    }
}

impl ObjectResult {
    /// The result of a judgement; `locate` finds a JSON pointer.
    pub fn new(
        origin: Origin,
        namespace: &str,
        subject: &Subject,
        judgement: &Judgement,
        locate: impl Fn(&str) -> Option<Location>,
    ) -> ObjectResult {
        let Judgement { settings, standing, pod, budget, .. } = judgement;
        let finding = |finding: &Finding| FindingResult {
            location: locate(&finding.pointer),
            finding: finding.clone(),
            suppressed: None,
        };
        let containers = pod.containers.iter().zip(&budget.done).filter(|(container, _)| !container.is_absent());
        ObjectResult {
            origin,
            kind: subject.kind_name.clone().into_owned().into(),
            namespace: namespace.to_owned(),
            name: subject.name.to_string(),
            verdict: judgement.verdict(),
            skipped: judgement.skipped.clone(),
            grace: standing.grace,
            admitted_grace: pod.grace,
            required_grace: judgement.required,
            terms: Terms {
                endpoint_propagation: Term::of(settings.endpoint_propagation),
                drain_delay: Term::of(settings.drain_delay),
                worst_case_request: Term::of(settings.worst_case_request),
                safety_margin: Term::of(settings.safety_margin),
                hold: Hold { seconds: pod.hold, reason: pod.hold_reason },
            },
            containers: containers.map(|(container, done)| ContainerResult::of(container, *done)).collect(),
            patch: judgement.patch.operations(),
            findings: judgement.findings.iter().map(finding).collect(),
        }
    }

    /// The file, or what stands for one in formats that know nothing else: `cluster/NAMESPACE/KIND/NAME`.
    pub fn path(&self) -> Cow<'_, str> {
        match &self.origin {
            Origin::File(source) => Cow::Borrowed(&source.file),
            Origin::Cluster { .. } => Cow::Owned(format!("cluster/{}/{}/{}", self.namespace, self.kind, self.name)),
        }
    }

    /// Changes of it as changes of its document.
    pub fn in_document(&self, edits: &Patch) -> Patch {
        match &self.origin {
            Origin::File(source) => manifest::within(&source.pointer, edits),
            Origin::Cluster { .. } => Patch::default(),
        }
    }

    /// The findings that count.
    pub fn counted(&self) -> impl Iterator<Item = &FindingResult> {
        self.findings.iter().filter(|result| result.suppressed.is_none())
    }

    /// Those of one severity.
    pub fn findings_of(&self, severity: Severity) -> impl Iterator<Item = &FindingResult> {
        self.counted().filter(move |result| result.finding.severity == severity)
    }

    /// How many findings of one severity count.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings_of(severity).count()
    }

    /// Suppresses what `why` has an answer for. An error that counts no more fails nothing.
    pub fn suppress(&mut self, mut why: impl FnMut(&Finding) -> Option<Suppression>) {
        for result in self.findings.iter_mut().filter(|result| result.suppressed.is_none()) {
            result.suppressed = why(&result.finding);
        }
        if self.verdict == Verdict::Fail && self.count(Severity::Error) == 0 {
            self.verdict = if self.patch.is_empty() { Verdict::Pass } else { Verdict::Fixed };
        }
    }

    /// The codes by which it loses work at a rollout. A baseline mends nothing, so what it has is among them.
    pub fn loses(&self) -> impl Iterator<Item = Code> {
        self.found(LOSE)
    }

    /// The codes by which it is cut.
    pub fn is_cut(&self) -> impl Iterator<Item = Code> {
        self.found(CUT)
    }

    /// Whether it loses work, is cut, or both.
    pub fn is_hurt(&self) -> bool {
        self.loses().chain(self.is_cut()).next().is_some()
    }

    fn found<const N: usize>(&self, codes: [Code; N]) -> impl Iterator<Item = Code> {
        let told = self.findings.iter().filter(|result| !result.is_ignored()).map(|result| result.finding.code);
        told.filter(move |code| codes.contains(code))
    }
}
