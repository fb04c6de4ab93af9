//! The grace-budget inequality: `G >= required`.
//!
//! In its shortest form `G >= E + D + R + M`. A preStop hook runs inside G and *is* the wait for E + D, so
//! the longer of the two counts, never both. Helpers stay until the apps are done; native sidecars stop
//! one by one after everything else, the last declared first (the kubelet's
//! `kuberuntime/kuberuntime_termination_order.go`).

use super::pod::{Container, HookSource, Pod, Role};
use super::settings::Settings;

/// When everything in a pod is done, in seconds after the deletion. `None` is beyond any number: a hook
/// without a believable end, or an overflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The smallest grace that cuts nothing.
    pub required: Option<u64>,
    /// The last request of the last app is finished.
    pub apps_done: Option<u64>,
    /// Each container, in the pod's order: an app is done, a helper or native sidecar is gone.
    pub done: Vec<Option<u64>>,
}

impl Budget {
    /// The inequality's right side for a pod.
    pub fn of(pod: &Pod) -> Budget {
        let mut done = vec![None; pod.containers.len()];
        let mut each = |role, ends: &mut dyn FnMut(&Container) -> Option<u64>| {
            let mut latest = Some(0);
            for (container, slot) in pod.containers.iter().zip(&mut done).filter(|(c, _)| c.role == role).rev() {
                *slot = ends(container);
                latest = later(latest, *slot);
            }
            latest
        };
        let apps_done = each(Role::App, &mut |c| match need(c, pod.hold) {
            Some(need) => later(c.hook, Some(need)),
            None => later(c.hook, later(c.stops_at(), Some(pod.hold))?.checked_add(c.request.value)),
        });
        let helpers_gone = each(Role::Helper, &mut |c| later(c.hook, apps_done)?.checked_add(c.stop));
        let auxiliaries_gone = each(Role::Auxiliary, &mut |c| c.hook?.checked_add(c.stop));
        let mut others_gone = later(later(apps_done, helpers_gone), auxiliaries_gone);
        each(Role::NativeSidecar, &mut |c| {
            others_gone = later(c.hook, others_gone).and_then(|told| told.checked_add(c.stop));
            others_gone
        });
        let required = others_gone.and_then(|gone| gone.checked_add(pod.margin));
        Budget { required, apps_done, done }
    }
}

/// How long the hook of an app that cuts has to last: what runs when SIGTERM comes is lost. `None` for one that drains.
pub fn need(app: &Container, hold: u64) -> Option<u64> {
    app.cuts().then(|| hold.checked_add(app.request.value)).flatten()
}

/// How long an app has to wait before it is told to stop: as the plan would have it.
pub(crate) fn wait(app: &Container, hold: u64) -> u64 {
    need(app, hold).unwrap_or(hold.saturating_sub(app.accepts()))
}

/// The later of two moments; one that never comes is later than any.
fn later(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    Some(a?.max(b?))
}

/// One summand of `required`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it is.
    pub what: String,
    /// Seconds; `None` for a hook without a believable end.
    pub seconds: Option<u64>,
    /// Where it comes from.
    pub note: String,
}

/// The chain of waits that decides `required`, in the order of time: the terms add up to it.
pub fn terms(pod: &Pod, budget: &Budget, settings: &Settings) -> Vec<Term> {
    let moment = |end: Option<u64>| end.unwrap_or(u64::MAX);
    let stop = |c: &Container| Term {
        what: format!("stop of {:?}", c.name()),
        seconds: Some(c.stop),
        note: format!("{}{}", c.role.as_str(), c.who_injects()),
    };
    let margin = Term {
        what: "safety margin".into(),
        seconds: Some(pod.margin),
        note: settings.safety_margin.source.to_string(),
    };

    // From the end backwards, until a wait that began at the deletion itself: a hook or the hold.
    let mut terms = vec![margin];
    let ends: Vec<(&Container, u64)> =
        pod.containers.iter().zip(&budget.done).map(|(c, done)| (c, moment(*done))).collect();
    let last_of = |role| ends.iter().filter(move |(c, _)| c.role == role).max_by_key(|(_, end)| *end);
    let apps_done = moment(budget.apps_done);
    let later_than = |role, others: u64| last_of(role).map_or(others, |(_, gone)| others.max(*gone));
    let served = later_than(Role::Helper, apps_done);
    let mains_gone = later_than(Role::Auxiliary, served);
    let sidecars: Vec<_> = ends.iter().filter(|(c, _)| c.role == Role::NativeSidecar).collect();
    for (index, (sidecar, _)) in sidecars.iter().enumerate() {
        terms.push(stop(sidecar));
        let before = sidecars.get(index + 1).map_or(mains_gone, |(_, gone)| *gone);
        if moment(sidecar.hook) > before {
            terms.push(hook_term(sidecar));
            return in_order(terms);
        }
    }
    if let Some((auxiliary, _)) = last_of(Role::Auxiliary).filter(|(_, gone)| *gone > served) {
        terms.extend([stop(auxiliary), hook_term(auxiliary)]);
        return in_order(terms);
    }
    if let Some((helper, _)) = last_of(Role::Helper).filter(|(_, gone)| *gone > apps_done) {
        terms.push(stop(helper));
        if moment(helper.hook) > apps_done {
            terms.push(hook_term(helper));
            return in_order(terms);
        }
    }
    if let Some((app, _)) = last_of(Role::App) {
        let note = app.request.source.to_string();
        if need(app, pod.hold).is_some_and(|need| moment(app.hook) >= need) {
            terms.push(hook_term(app));
            return in_order(terms);
        }
        terms.push(Term { what: "worst-case request".into(), seconds: Some(app.request.value), note });
        if !app.cuts() && (app.has_hook() || app.accepts() > 0) && moment(app.stops_at()) >= pod.hold {
            terms.extend(accepts_term(app));
            terms.push(hook_term(app));
        } else {
            terms.push(hold_term(pod, settings));
        }
    }
    in_order(terms)
}

fn in_order(mut terms: Vec<Term>) -> Vec<Term> {
    terms.reverse();
    terms.retain(|term| term.seconds != Some(0));
    terms
}

fn hook_term(container: &Container) -> Term {
    let written = container.raw.pre_stop();
    let kind = match container.hook_source {
        HookSource::Injected => "preStop hook",
        _ if container.reading.as_ref().is_some_and(|reading| reading.only_sleep) => "preStop exec sleep",
        _ if written.is_some_and(|handler| handler.sleep.is_some()) => "preStop sleep",
        _ => "preStop hook",
    };
    let by_pod = container.written_by.as_ref().and_then(|by| by.hook);
    let by_pod = by_pod.filter(|told| Some(told.seconds) == container.hook).map(|told| told.words);
    let known = match container.hook_source {
        HookSource::Written | HookSource::Declared if by_pod.is_some() => "",
        HookSource::Assumed => ", length assumed",
        HookSource::Declared => ", length declared",
        HookSource::Injected => ", injected",
        HookSource::Written | HookSource::None => "",
    };
    let story = container.reading.as_ref().and_then(|reading| reading.story());
    let story = story.map(|story| format!(": {story}")).unwrap_or_default();
    let by_pod = by_pod.map(|key| format!(", by annotation {key}")).unwrap_or_default();
    Term {
        what: "hold".into(),
        seconds: container.hook,
        note: format!("{kind} of {:?}{}{known}{by_pod}{story}", container.name(), container.who_injects()),
    }
}

/// What an app waits by itself.
fn accepts_term(app: &Container) -> Option<Term> {
    let accepts = app.shutdown.accepts.as_ref()?;
    let note = format!("{:?}, {}", app.name(), accepts.said_by());
    Some(Term { what: "accepting on".into(), seconds: Some(accepts.seconds), note })
}

fn hold_term(pod: &Pod, settings: &Settings) -> Term {
    let (e, d) = (settings.endpoint_propagation, settings.drain_delay);
    let note = format!("endpoint propagation {} ({}) + drain delay {} ({})", e.value, e.source, d.value, d.source);
    Term { what: "hold".into(), seconds: Some(pod.hold), note }
}

/// The terms as a sum in words.
pub fn sum(terms: &[Term]) -> String {
    let term = |t: &Term| match t.seconds {
        Some(seconds) => format!("{} {seconds} ({})", t.what, t.note),
        None => format!("{} without end ({})", t.what, t.note),
    };
    terms.iter().map(term).collect::<Vec<_>>().join(" + ")
}
