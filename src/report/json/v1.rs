//! Version 1 of the JSON, for `check`, `scan` and `explain`: the contract of `docs/check.schema.json`, field by field.
//! Fields are only ever added; what happens to the model inside shows here, and only here.

use std::borrow::Cow;

use json_patch::Patch;
use serde::Serialize;

use crate::judged::{self, ContainerResult, FindingResult, ObjectResult, Origin, Suppression};
use crate::report::place;
use draingate_core::judge::Skip;

/// The number that the JSON begins with.
pub(crate) const VERSION: u32 = 1;

/// One object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object<'a> {
    source: Source<'a>,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    verdict: &'static str,
    /// Of `scan` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    grace_period_seconds: u64,
    admitted_grace_period_seconds: u64,
    required_grace_period_seconds: Option<u64>,
    terms: Terms<'a>,
    containers: Vec<Container<'a>>,
    patch: &'a Patch,
    findings: Vec<Finding<'a>>,
}

impl<'a> From<&'a ObjectResult> for Object<'a> {
    fn from(result: &'a ObjectResult) -> Object<'a> {
        Object {
            source: Source::of(result),
            kind: &result.kind,
            namespace: &result.namespace,
            name: &result.name,
            verdict: result.verdict.as_str(),
            pods: match result.origin {
                Origin::File(_) => None,
                Origin::Cluster { pods } => pods,
            },
            skipped: result.skipped.as_ref().map(Skip::reason),
            grace_period_seconds: result.grace,
            admitted_grace_period_seconds: result.admitted_grace,
            required_grace_period_seconds: result.required_grace,
            terms: Terms::from(&result.terms),
            containers: result.containers.iter().map(Container::from).collect(),
            patch: &result.patch,
            findings: findings(&result.findings),
        }
    }
}

/// Where an object was read.
#[derive(Serialize)]
struct Source<'a> {
    file: Cow<'a, str>,
    document: usize,
    line: usize,
}

impl<'a> Source<'a> {
    /// The contract knows files only: a workload is the first line of one.
    fn of(result: &'a ObjectResult) -> Source<'a> {
        let (document, line) = match &result.origin {
            Origin::File(source) => (source.document, source.line),
            Origin::Cluster { .. } => (0, place::NOWHERE),
        };
        Source { file: result.path(), document, line }
    }
}

/// The times of the inequality.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Terms<'a> {
    endpoint_propagation: Term<'a>,
    drain_delay: Term<'a>,
    worst_case_request: Term<'a>,
    safety_margin: Term<'a>,
    hold: Hold,
}

impl<'a> From<&'a judged::Terms> for Terms<'a> {
    fn from(terms: &'a judged::Terms) -> Terms<'a> {
        let term = |term: &'a judged::Term| Term { seconds: term.seconds, source: &term.source };
        Terms {
            endpoint_propagation: term(&terms.endpoint_propagation),
            drain_delay: term(&terms.drain_delay),
            worst_case_request: term(&terms.worst_case_request),
            safety_margin: term(&terms.safety_margin),
            hold: Hold { seconds: terms.hold.seconds, reason: terms.hold.reason.as_str() },
        }
    }
}

/// A value and where it came from.
#[derive(Serialize)]
struct Term<'a> {
    seconds: u64,
    source: &'a str,
}

/// The hold and why it is owed.
#[derive(Serialize)]
struct Hold {
    seconds: u64,
    reason: &'static str,
}

/// One container.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Container<'a> {
    name: &'a str,
    role: &'static str,
    hook_seconds: Option<u64>,
    hook_source: &'static str,
    stops_at: Option<u64>,
    accepts_seconds: Option<u64>,
    finish_seconds: Option<u64>,
    worst_case_request_seconds: Option<u64>,
    stop_seconds: Option<u64>,
    done_seconds: Option<u64>,
}

impl<'a> From<&'a ContainerResult> for Container<'a> {
    fn from(container: &'a ContainerResult) -> Container<'a> {
        Container {
            name: &container.name,
            role: container.role.as_str(),
            hook_seconds: container.hook,
            hook_source: container.hook_source.as_str(),
            stops_at: container.stops_at,
            accepts_seconds: container.accepts,
            finish_seconds: container.finish,
            worst_case_request_seconds: container.worst_case_request,
            stop_seconds: container.stop,
            done_seconds: container.done,
        }
    }
}

/// One finding.
#[derive(Serialize)]
pub(crate) struct Finding<'a> {
    code: &'static str,
    severity: &'static str,
    container: Option<&'a str>,
    pointer: &'a str,
    line: usize,
    message: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    detail: &'a [String],
    fix: Option<&'a str>,
    /// The fix as operations on the object as given (RFC 6902), which are made together.
    #[serde(skip_serializing_if = "is_untouched")]
    edits: &'a Patch,
    #[serde(skip_serializing_if = "is_empty")]
    alternatives: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed: Option<Suppressed<'a>>,
}

/// Why a finding counts for nothing.
#[derive(Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
enum Suppressed<'a> {
    Comment { reason: &'a str },
    Baseline,
}

impl<'a> From<&'a Suppression> for Suppressed<'a> {
    fn from(suppression: &'a Suppression) -> Suppressed<'a> {
        match suppression {
            Suppression::Ignored { reason } => Suppressed::Comment { reason },
            Suppression::Baseline => Suppressed::Baseline,
        }
    }
}

impl<'a> From<&'a FindingResult> for Finding<'a> {
    fn from(result: &'a FindingResult) -> Finding<'a> {
        let finding = &result.finding;
        Finding {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            container: finding.container.as_deref(),
            pointer: &finding.pointer,
            line: place::line(result),
            message: &finding.message,
            detail: &finding.detail,
            fix: result.fix(),
            edits: &finding.edits,
            alternatives: result.alternatives(),
            suppressed: result.suppressed.as_ref().map(Suppressed::from),
        }
    }
}

/// All of them, in their order.
pub(crate) fn findings(results: &[FindingResult]) -> Vec<Finding<'_>> {
    results.iter().map(Finding::from).collect()
}

fn is_untouched(edits: &&Patch) -> bool {
    edits.is_empty()
}

fn is_empty(lines: &[String]) -> bool {
    lines.is_empty()
}

/// A document or object that could not be read.
#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    message: String,
}

impl<'a> From<&'a judged::Problem> for Problem<'a> {
    fn from(problem: &'a judged::Problem) -> Problem<'a> {
        let judged::Problem { file, line, column, cause } = problem;
        Problem { file, line: *line, column: *column, message: cause.to_string() }
    }
}

/// An object that seems to hold pods where nobody looks for them.
#[derive(Serialize)]
pub(crate) struct Unjudged<'a> {
    file: &'a str,
    line: usize,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    pointer: &'a str,
}

impl<'a> From<&'a judged::Unjudged> for Unjudged<'a> {
    fn from(unjudged: &'a judged::Unjudged) -> Unjudged<'a> {
        let judged::Unjudged { file, line, kind, namespace, name, pointer } = unjudged;
        Unjudged { file, line: *line, kind, namespace, name, pointer }
    }
}

/// The counts, with what was not read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    objects: usize,
    judged: usize,
    not_judged: usize,
    lose: usize,
    cut: usize,
    errors: usize,
    warnings: usize,
    ignored: usize,
    baselined: usize,
    problems: usize,
}

impl Summary {
    /// The counts of judged objects, and of what was not read.
    pub(crate) fn new(summary: &judged::Summary, problems: usize) -> Summary {
        let judged::Summary { objects, judged, unjudged, lose, cut, errors, warnings, ignored, baselined, .. } =
            *summary;
        Summary { objects, judged, not_judged: unjudged, lose, cut, errors, warnings, ignored, baselined, problems }
    }
}
