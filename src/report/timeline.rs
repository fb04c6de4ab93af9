//! A pod's stop as data: lanes and segments in seconds after the deletion, taken from the judged pod and its
//! budget. Whatever draws it decides nothing, so no picture can disagree with the verdict.

use json_patch::Patch;
use serde::{Serialize, Serializer};

use crate::judged::{FindingResult, ObjectResult};
use draingate_core::budget::{Budget, sum, terms};
use draingate_core::judge::{Judgement, Verdict};
use draingate_core::pod::{Container, HoldReason, HookSource, Pod, Role};

pub mod axis;
pub mod html;
pub mod json;
pub mod svg;
pub mod text;
pub mod words;

/// The kubelet's floor between SIGTERM and SIGKILL, in seconds.
const LEAST_STOP_SECONDS: u64 = 2;

/// One object, before and after admission.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Its judgement as written.
    pub result: ObjectResult,
    /// As written and as admitted; one where they are the same, none for an object that is skipped.
    pub views: Vec<View>,
}

/// One picture.
#[derive(Clone, Debug)]
pub struct View {
    /// Which pod it shows.
    pub view: Which,
    /// Never [`Verdict::Skipped`].
    pub verdict: Verdict,
    /// What happens when.
    pub timeline: Timeline,
    /// The smallest grace that is asked for; more than `needed` where a plan was refused.
    pub required_grace: Option<u64>,
    /// The sum behind `needed`, in words.
    pub arithmetic: String,
    /// What there is to say about this pod.
    pub findings: Vec<FindingResult>,
    /// What admission changes in the object as given.
    pub patch: Patch,
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
    /// The picture of a judgement with its result.
    pub fn of(which: Which, judgement: &Judgement, result: ObjectResult) -> View {
        let Judgement { pod, budget, settings, plan, .. } = judgement;
        let raised = plan.grace.filter(|_| which == Which::AsAdmitted).map(|change| change.from);
        View {
            view: which,
            verdict: result.verdict,
            timeline: Timeline::of(pod, budget, settings.waits_by_itself(), raised),
            required_grace: judgement.required,
            arithmetic: sum(&terms(pod, budget, settings)),
            findings: result.findings,
            patch: result.patch,
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
    /// Who is still to write it into the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub injected_by: Option<&'static str>,
    /// What its hook does, part by part, where that is more than one wait; of the traffic, why there is any.
    #[serde(rename = "story", skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
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
    /// An auxiliary.
    Auxiliary,
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
            LaneKind::Auxiliary => "auxiliary",
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
                Role::App => container.told_at(),
                Role::Helper if is_early(container, budget) => {
                    container.leaves_at().map(|leaves| leaves.saturating_sub(container.accepts()))
                }
                Role::Helper if container.accepts() > 0 => container.told_at(),
                Role::Auxiliary => container.told_at(),
                Role::Helper | Role::NativeSidecar => done.and_then(|done| done.checked_sub(container.stop)),
            };
            let mut draft = Draft { grace: pod.grace, at: Some(0), segments: Vec::new() };
            draft.until(container.hook, What::Hook, container.has_hook().then_some(container.hook_source));
            match container.role {
                Role::App => {
                    draft.until(container.stops_at(), What::Serving, None);
                    draft.until(Some(pod.hold), if waits_by_itself { What::Serving } else { What::Refusing }, None);
                    draft.until(*done, What::Request, None);
                }
                Role::Helper | Role::Auxiliary | Role::NativeSidecar => {
                    let early = container.role == Role::Helper && is_early(container, budget);
                    if early && container.accepts() > 0 {
                        draft.until(container.leaves_at(), What::Serving, None);
                    }
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
                    Role::Auxiliary => LaneKind::Auxiliary,
                    Role::NativeSidecar => LaneKind::NativeSidecar,
                },
                name: container.name().to_owned(),
                sigterm: Some(sigterm),
                sigkill: killed.then(|| pod.grace.max(sigterm.saturating_add(LEAST_STOP_SECONDS))),
                segments: draft.segments,
                note: None,
                injected_by: container.written_by.filter(|by| by.absent).map(|by| by.injector.name),
                story: container.reading.as_ref().and_then(|reading| reading.story()),
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
    helper.hook_source != HookSource::Assumed && helper.leaves_at().is_some_and(before_apps)
}

fn traffic(pod: &Pod) -> Lane {
    let mut draft = Draft { grace: pod.grace, at: Some(0), segments: Vec::new() };
    draft.until(Some(pod.hold), What::Traffic, None);
    let note = match pod.hold_reason {
        _ if pod.hold > 0 => None,
        HoldReason::NoSender => Some("none: no Service sends to it"),
        HoldReason::NoWork => Some("none: it has no port that carries work"),
        HoldReason::NobodyStandsIn => Some("none: nobody stands in, whatever it holds"),
        _ => Some("none after the deletion"),
    };
    let story = (pod.hold > 0).then(|| format!("{} s, since {}", pod.hold, pod.hold_reason.words()));
    Lane {
        kind: LaneKind::Traffic,
        name: "traffic".into(),
        sigterm: None,
        sigkill: None,
        segments: draft.segments,
        note,
        injected_by: None,
        story,
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use draingate_core::judge::{View as Pods, judge};
    use draingate_core::subject::{Kind, Subject};
    use draingate_core::world::World;

    /// The timeline of a pod spec, which must agree with its budget.
    fn timeline(spec: &str, pods: Pods) -> Timeline {
        let json = format!(r#"{{"metadata":{{"name":"p"}},"spec":{spec}}}"#);
        let subject = Subject::parse(Kind::Pod, &json).unwrap();
        let world = World::default();
        let judgement = judge(&subject, &world.context("default"), pods);
        let timeline = Timeline::of(&judgement.pod, &judgement.budget, false, None);
        for (lane, done) in timeline.lanes[1..].iter().zip(&judgement.budget.done) {
            let own = lane.segments.iter().rfind(|segment| segment.what != What::Margin);
            assert_eq!(own.map_or(Some(0), |segment| segment.to), *done, "{lane:?}");
        }
        let ends = timeline.lanes.iter().flat_map(|lane| &lane.segments).map(|segment| segment.to.unwrap_or(u64::MAX));
        assert_eq!(ends.max(), Some(judgement.budget.required.unwrap_or(u64::MAX)));
        for segment in timeline.lanes.iter().flat_map(|lane| &lane.segments) {
            assert_eq!(segment.cut, segment.from >= timeline.grace, "{segment:?}");
            assert!(segment.cut || segment.to.is_some_and(|to| to <= timeline.grace), "{segment:?}");
        }
        timeline
    }

    fn lane(timeline: &Timeline, index: usize) -> Vec<(What, u64, Option<u64>, bool)> {
        timeline.lanes[index].segments.iter().map(|s| (s.what, s.from, s.to, s.cut)).collect()
    }

    const POOLER: &str = r#"{"containers":[{"name":"app","ports":[{"containerPort":1}]},{"name":"promtail"}]}"#;

    #[test]
    fn a_pooler_leaves_first_and_then_stays() {
        let before = timeline(POOLER, Pods::AsWritten);
        assert_eq!(lane(&before, 0), [(What::Traffic, 0, Some(10), false)]);
        let app = [(What::Refusing, 0, Some(10), false), (What::Request, 10, Some(25), false)];
        assert_eq!(lane(&before, 1), app);
        let pooler = [
            (What::Leaving, 0, Some(25), false),
            (What::Stop, 25, Some(27), false),
            (What::Margin, 27, Some(30), false),
            (What::Margin, 30, Some(32), true),
        ];
        assert_eq!(lane(&before, 2), pooler);
        assert_eq!((before.lanes[2].sigterm, before.lanes[2].sigkill), (Some(0), None));

        let after = timeline(POOLER, Pods::AsAdmitted);
        let app = [(What::Hook, 0, Some(10), false), (What::Request, 10, Some(25), false)];
        assert_eq!(lane(&after, 1), app);
        assert!(after.lanes[1].segments[0].is_injected());
        assert_eq!((after.lanes[1].sigterm, after.lanes[2].sigterm), (Some(10), Some(26)));
        assert!(after.fits());
    }

    #[test]
    fn a_hook_longer_than_the_grace_is_abandoned_there() {
        let hook = |seconds: &str| {
            let sleep = format!(r#""lifecycle":{{"preStop":{{"exec":{{"command":["sleep","{seconds}"]}}}}}}"#);
            let spec = format!(r#"{{"containers":[{{"name":"app","ports":[{{"containerPort":1}}],{sleep}}}]}}"#);
            timeline(&spec, Pods::AsWritten)
        };
        let long = hook("35");
        let cut = [
            (What::Hook, 0, Some(30), false),
            (What::Hook, 30, Some(35), true),
            (What::Request, 35, Some(50), true),
            (What::Margin, 50, Some(55), true),
        ];
        assert_eq!(lane(&long, 1), cut);
        assert_eq!((long.lanes[1].sigterm, long.lanes[1].sigkill), (Some(30), Some(32)));
        let endless = hook("infinity");
        assert_eq!(lane(&endless, 1), [(What::Hook, 0, Some(30), false), (What::Hook, 30, None, true)]);
        assert_eq!((endless.needed, endless.fits()), (None, false));
    }

    #[test]
    fn a_native_sidecar_waits_for_those_after_it() {
        let sidecars = r#"[{"name":"first","restartPolicy":"Always"},{"name":"last","restartPolicy":"Always"}]"#;
        let spec = format!(r#"{{"containers":[{{"name":"app"}}],"initContainers":{sidecars}}}"#);
        let timeline = timeline(&spec, Pods::AsAdmitted);
        assert_eq!(timeline.lanes[0].note, Some("none: it has no port that carries work"));
        assert_eq!(lane(&timeline, 3), [(What::Serving, 0, Some(15), false), (What::Stop, 15, Some(17), false)]);
        assert_eq!((timeline.lanes[2].sigterm, timeline.lanes[3].sigterm), (Some(17), Some(15)));
    }
}
