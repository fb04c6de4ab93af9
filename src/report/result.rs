//! The result of one object as machines read it: version 1 of the JSON. Fields are only ever added.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use draingate_core::finding::{Finding, Severity};
use draingate_core::judge::{Judgement, Skip, Verdict};
use draingate_core::pod::{Container, Role};
use draingate_core::settings::Sourced;
use draingate_core::subject::Subject;

/// The version of the JSON.
pub const VERSION: u32 = 1;

/// How many objects came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Objects of any kind.
    pub objects: usize,
    /// Those that carry a pod and were not skipped.
    pub judged: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
}

impl Summary {
    /// Adds another's counts.
    pub fn add(&mut self, other: Summary) {
        self.objects += other.objects;
        self.judged += other.judged;
        self.errors += other.errors;
        self.warnings += other.warnings;
    }

    /// Counts one result.
    pub fn count(&mut self, result: &ObjectResult) {
        let of = |severity| result.findings.iter().filter(|f| f.severity == severity).count();
        self.judged += usize::from(result.verdict != Verdict::Skipped.as_str());
        self.errors += of(Severity::Error.as_str());
        self.warnings += of(Severity::Warning.as_str());
    }
}

/// Where an object was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The path as given, `-` for standard input.
    pub file: String,
    /// Counted from 0.
    pub document: usize,
    /// The line of the document's first key, counted from 1.
    pub line: usize,
}

/// One object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectResult {
    /// Where it was read.
    pub source: Source,
    /// For example `Deployment`.
    pub kind: Cow<'static, str>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `pass`, `fixed`, `fail` or `skipped`.
    pub verdict: &'static str,
    /// How many running pods it has; of `scan` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<usize>,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// G as it stands, in seconds.
    pub grace_period_seconds: u64,
    /// G after the plan.
    pub admitted_grace_period_seconds: u64,
    /// The smallest grace that is enough; `null` where none is.
    pub required_grace_period_seconds: Option<u64>,
    /// The times of the inequality.
    pub terms: Terms,
    /// Regular containers, then native sidecars.
    pub containers: Vec<ContainerResult>,
    /// RFC 6902, from the object as given.
    pub patch: Value,
    /// In the order of the codes.
    pub findings: Vec<FindingResult>,
}

/// The times of the inequality.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// E
    pub endpoint_propagation: TermResult,
    /// D
    pub drain_delay: TermResult,
    /// R of an app that has none of its own.
    pub worst_case_request: TermResult,
    /// M
    pub safety_margin: TermResult,
    /// H
    pub hold: HoldResult,
}

/// A value and where it came from.
#[derive(Clone, Debug, Serialize)]
pub struct TermResult {
    /// The value.
    pub seconds: u64,
    /// Its source, in words.
    pub source: String,
}

impl TermResult {
    fn of(term: Sourced<u64>) -> TermResult {
        TermResult { seconds: term.value, source: term.source.to_string() }
    }
}

/// The hold that the pod owes.
#[derive(Clone, Debug, Serialize)]
pub struct HoldResult {
    /// The hold; 0 for a pod that does not serve.
    pub seconds: u64,
    /// Why.
    pub reason: &'static str,
}

/// One container.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerResult {
    /// Its name.
    pub name: String,
    /// `app`, `helper` or `native-sidecar`.
    pub role: &'static str,
    /// How long its hook takes; `null` for one without a believable end.
    pub hook_seconds: Option<u64>,
    /// `injected`, `written`, `declared`, `assumed` or `none`.
    pub hook_source: &'static str,
    /// R, of an app.
    pub worst_case_request_seconds: Option<u64>,
    /// S, of a helper or native sidecar.
    pub stop_seconds: Option<u64>,
    /// When its work is done or it is gone, in seconds after the deletion.
    pub done_seconds: Option<u64>,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingResult {
    /// Its stable code.
    pub code: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// The container concerned.
    pub container: Option<String>,
    /// JSON pointer into the object as given.
    pub pointer: String,
    /// Of what the pointer names, or of its nearest parent; counted from 1.
    pub line: usize,
    /// One line, with the numbers.
    pub message: String,
    /// Further lines, such as the arithmetic.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// What to do; what can be pasted first.
    pub fix: Option<String>,
    /// Other ways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
}

impl ObjectResult {
    /// The result of a judgement; `line` finds the line of a JSON pointer.
    pub fn new(
        source: Source,
        namespace: &str,
        subject: &Subject,
        judgement: &Judgement,
        line: impl Fn(&str) -> usize,
    ) -> ObjectResult {
        let Judgement { settings, standing, pod, budget, .. } = judgement;
        let terms = Terms {
            endpoint_propagation: TermResult::of(settings.endpoint_propagation),
            drain_delay: TermResult::of(settings.drain_delay),
            worst_case_request: TermResult::of(settings.worst_case_request),
            safety_margin: TermResult::of(settings.safety_margin),
            hold: HoldResult { seconds: pod.hold, reason: pod.hold_reason.as_str() },
        };
        let container = |(container, done): (&Container, &Option<u64>)| {
            let is_app = container.role == Role::App;
            ContainerResult {
                name: container.name().to_owned(),
                role: container.role.as_str(),
                hook_seconds: container.hook,
                hook_source: container.hook_source.as_str(),
                worst_case_request_seconds: is_app.then_some(container.request.value),
                stop_seconds: (!is_app).then_some(container.stop),
                done_seconds: *done,
            }
        };
        ObjectResult {
            source,
            kind: subject.kind.as_str().into(),
            pods: None,
            namespace: namespace.to_owned(),
            name: subject.name.to_string(),
            verdict: judgement.verdict().as_str(),
            skipped: judgement.skipped.as_ref().map(Skip::reason),
            grace_period_seconds: standing.grace,
            admitted_grace_period_seconds: pod.grace,
            required_grace_period_seconds: judgement.required,
            terms,
            containers: pod.containers.iter().zip(&budget.done).map(container).collect(),
            // Operations and their values came from JSON: they can be written as JSON.
            patch: serde_json::to_value(&judgement.patch).unwrap_or_default(),
            findings: judgement.findings.iter().map(|finding| FindingResult::new(finding, &line)).collect(),
        }
    }
}

impl FindingResult {
    fn new(finding: &Finding, line: impl Fn(&str) -> usize) -> FindingResult {
        let mut fixes = finding.fixes.iter().cloned();
        FindingResult {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            container: finding.container.clone(),
            pointer: finding.pointer.clone(),
            line: line(&finding.pointer),
            message: finding.message.clone(),
            detail: finding.detail.clone(),
            fix: fixes.next(),
            alternatives: fixes.collect(),
        }
    }
}
