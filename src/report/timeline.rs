//! A pod's stop as data: lanes and segments in seconds after the deletion, taken from the judged pod and its
//! budget. Whatever draws it decides nothing, so no picture can disagree with the verdict.

use serde::{Serialize, Serializer};

use super::result::{FindingResult, ObjectResult};
use crate::core::budget::{Budget, sum, terms};
use crate::core::judge::Judgement;
use crate::core::pod::{Container, HoldReason, HookSource, Pod, Role};

pub mod axis;
pub mod html;
pub mod json;
pub mod svg;
pub mod text;
pub mod words;

/// The kubelet's floor between SIGTERM and SIGKILL, in seconds.
const LEAST_STOP_SECONDS: u64 = 2;

/// One object, before and after admission.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its judgement as admitted.
    #[serde(flatten)]
    pub result: ObjectResult,
    /// As written and as admitted; one where they are the same, none for an object that is skipped.
    pub views: Vec<View>,
}

/// One picture.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Which pod it shows.
    pub view: Which,
    /// `pass`, `fixed` or `fail`.
    pub verdict: &'static str,
    /// What happens when.
    #[serde(flatten)]
    pub timeline: Timeline,
    /// The smallest grace that is asked for; more than `needed` where a plan was refused.
    pub required_grace_period_seconds: Option<u64>,
    /// The sum behind `needed`, in words.
    pub arithmetic: String,
    /// What there is to say about this pod.
    pub findings: Vec<FindingResult>,
}

/// Which pod a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Before admission.
    AsWritten,
    /// After admission.
    AsAdmitted,
    /// Both: admission changes nothing.
    Unchanged,
}

impl View {
    /// The picture of a judgement and its result.
    pub fn of(which: Which, judgement: &Judgement, result: ObjectResult) -> View {
        let Judgement { pod, budget, settings, plan, .. } = judgement;
        let raised = plan.grace.filter(|_| which == Which::AsAdmitted).map(|change| change.from);
        View {
            view: which,
            verdict: result.verdict,
            timeline: Timeline::of(pod, budget, settings.waits_by_itself(), raised),
            required_grace_period_seconds: judgement.required,
            arithmetic: sum(&terms(pod, budget, settings)),
            findings: result.findings,
        }
    }
}

/// A pod's stop, from the deletion on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// G in seconds.
    #[serde(rename = "gracePeriodSeconds")]
    pub grace: u64,
    /// What G was before it was raised.
    #[serde(rename = "raisedFromSeconds")]
    pub raised_from: Option<u64>,
    /// The smallest grace that cuts nothing; `None` where none is enough.
    #[serde(rename = "neededSeconds")]
    pub needed: Option<u64>,
    /// H in seconds.
    #[serde(rename = "holdSeconds")]
    pub hold: u64,
    /// Traffic, then the containers in the pod's order.
    pub lanes: Vec<Lane>,
}

/// What one container does, or what the load balancers do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    /// Whose lane it is.
    pub kind: LaneKind,
    /// The container's name, or `traffic`.
    pub name: String,
    /// When it gets SIGTERM, in seconds; a hook that uses up the grace is abandoned at its end.
    #[serde(rename = "sigtermSeconds")]
    pub sigterm: Option<u64>,
    /// When it is killed, if it does not end by itself.
    #[serde(rename = "sigkillSeconds")]
    pub sigkill: Option<u64>,
    /// One after the other, without a gap.
    pub segments: Vec<Segment>,
    /// What an empty lane means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// Whose lane it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaneKind {
    /// New work that is routed to the pod.
    Traffic,
    /// An app.
    App,
    /// A helper.
    Helper,
    /// A native sidecar.
    NativeSidecar,
}

impl LaneKind {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            LaneKind::Traffic => "new work",
            LaneKind::App => "app",
            LaneKind::Helper => "helper",
            LaneKind::NativeSidecar => "native sidecar",
        }
    }
}

/// A stretch of time in which one thing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// Seconds after the deletion.
    pub from: u64,
    /// Seconds after the deletion; `None` has no end.
    pub to: Option<u64>,
    /// What goes on.
    pub what: What,
    /// Beyond the grace: it does not happen.
    pub cut: bool,
    /// How long the whole of it takes, with what is cut.
    pub seconds: Option<u64>,
    /// How a hook's length is known.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "source")]
    pub source: Option<HookSource>,
}

fn source<S: Serializer>(source: &Option<HookSource>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(source.unwrap_or(HookSource::None).as_str())
}

impl Segment {
    /// Whether Draingate injected it.
    pub fn is_injected(&self) -> bool {
        self.source == Some(HookSource::Injected)
    }
}

/// What goes on in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// New work is still sent here.
    Traffic,
    /// The preStop hook runs.
    Hook,
    /// Told to stop while new work is still sent: connections are refused.
    Refusing,
    /// Told to stop while apps still need it.
    Leaving,
    /// On duty: an app that waits by itself, or what stays until its turn to stop.
    Serving,
    /// The worst-case request, accepted at the last moment.
    Request,
    /// From SIGTERM to the exit.
    Stop,
    /// The slack for jitter.
    Margin,
}

impl Timeline {
    /// The stop of `pod`, whose budget this is. `raised_from` is the grace before it was raised.
    pub fn of(pod: &Pod, budget: &Budget, waits_by_itself: bool, raised_from: Option<u64>) -> Timeline {
        let ends: Vec<_> = pod.containers.iter().zip(&budget.done).map(|(c, done)| (c, *done)).collect();
        let mut lanes = vec![traffic(pod)];
        for (container, done) in &ends {
            let told = match container.role {
                Role::App => container.hook,
                Role::Helper if is_early(container, budget) => container.hook,
                Role::Helper | Role::NativeSidecar => done.and_then(|done| done.checked_sub(container.stop)),
            };
            let mut draft = Draft { grace: pod.grace, at: Some(0), segments: Vec::new() };
            draft.until(container.hook, What::Hook, container.has_hook().then_some(container.hook_source));
            match container.role {
                Role::App => {
                    draft.until(Some(pod.hold), if waits_by_itself { What::Serving } else { What::Refusing }, None);
                    draft.until(*done, What::Request, None);
                }
                Role::Helper | Role::NativeSidecar => {
                    let early = container.role == Role::Helper && is_early(container, budget);
                    let stops = done.and_then(|done| done.checked_sub(container.stop));
                    draft.until(stops, if early { What::Leaving } else { What::Serving }, None);
                    draft.until(*done, What::Stop, None);
                }
            }
            let sigterm = told.unwrap_or(pod.grace).min(pod.grace);
            let killed = done.is_none_or(|done| done > pod.grace);
            lanes.push(Lane {
                kind: match container.role {
                    Role::App => LaneKind::App,
                    Role::Helper => LaneKind::Helper,
                    Role::NativeSidecar => LaneKind::NativeSidecar,
                },
                name: container.name().to_owned(),
                sigterm: Some(sigterm),
                sigkill: killed.then(|| pod.grace.max(sigterm.saturating_add(LEAST_STOP_SECONDS))),
                segments: draft.segments,
                note: None,
            });
        }
        margin(pod, budget, &mut lanes);
        Timeline { grace: pod.grace, raised_from, needed: budget.required, hold: pod.hold, lanes }
    }

    /// Whether the grace is enough for everything drawn.
    pub fn fits(&self) -> bool {
        self.needed.is_some_and(|needed| self.grace >= needed)
    }
}

/// A helper that is told to stop while apps need it. A hook of unknown length may wait long enough.
fn is_early(helper: &Container, budget: &Budget) -> bool {
    let before_apps = |hook| budget.apps_done.is_none_or(|done| hook < done);
    helper.hook_source != HookSource::Assumed && helper.hook.is_some_and(before_apps)
}

fn traffic(pod: &Pod) -> Lane {
    let mut draft = Draft { grace: pod.grace, at: Some(0), segments: Vec::new() };
    draft.until(Some(pod.hold), What::Traffic, None);
    let note = match pod.hold_reason {
        _ if pod.hold > 0 => None,
        HoldReason::NotServing => Some("none: the pod does not serve"),
        _ => Some("none after the deletion"),
    };
    Lane {
        kind: LaneKind::Traffic,
        name: "traffic".into(),
        sigterm: None,
        sigkill: None,
        segments: draft.segments,
        note,
    }
}

/// The margin follows whatever ends last.
fn margin(pod: &Pod, budget: &Budget, lanes: &mut [Lane]) {
    let Some(needed) = budget.required else { return };
    let gone = needed.saturating_sub(pod.margin);
    let last = budget.done.iter().rposition(|done| *done == Some(gone));
    if let Some(lane) = last.and_then(|last| lanes.get_mut(last + 1)) {
        let mut draft = Draft { grace: pod.grace, at: Some(gone), segments: Vec::new() };
        draft.until(Some(needed), What::Margin, None);
        lane.segments.extend(draft.segments);
    }
}

/// A lane that grows from left to right.
struct Draft {
    grace: u64,
    /// `None` behind something without an end.
    at: Option<u64>,
    segments: Vec<Segment>,
}

impl Draft {
    /// Goes on with `what` until `to`, in two pieces where the grace ends in between.
    fn until(&mut self, to: Option<u64>, what: What, source: Option<HookSource>) {
        let Some(from) = self.at.filter(|from| to.is_none_or(|to| to > *from)) else { return };
        self.at = to;
        let seconds = to.map(|to| to - from);
        let mut piece = |from, to, cut| self.segments.push(Segment { from, to, what, cut, seconds, source });
        if to.is_some_and(|to| to <= self.grace) {
            piece(from, to, false);
        } else if from >= self.grace {
            piece(from, to, true);
        } else {
            piece(from, Some(self.grace), false);
            piece(self.grace, to, true);
        }
    }
}
