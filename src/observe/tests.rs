//! Hand-made cases of the pure part.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use super::measure::{Outcome, Stop};
use super::seen::{ContainerSeen, Described, Duty, PodSeen, State, WorkloadKey};
use super::tally::{MOST_WORKLOADS, Need, Tallies};
use super::track::{MOST_ENDPOINTS, MOST_IN_FLIGHT, Tracker};
use draingate_core::pod::Role;

const BEGAN: i64 = 1_000_000;

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) fn container(name: &str, state: State) -> ContainerSeen {
    ContainerSeen { name: name.to_owned(), sidecar: false, state }
}

pub(super) fn sidecar(name: &str, state: State) -> ContainerSeen {
    ContainerSeen { sidecar: true, ..container(name, state) }
}

/// So many seconds after the deletion.
pub(super) fn ended(seconds: i64, exit_code: i32, reason: &str) -> State {
    State::Ended { at: Some(BEGAN + seconds), exit_code, reason: reason.to_owned() }
}

fn pod(uid: &str, grace: u64, containers: Vec<ContainerSeen>) -> PodSeen {
    PodSeen { uid: uid.to_owned(), began: BEGAN, grace, mirror: false, containers }
}

fn described(workload: &str, duties: Vec<Duty>) -> Described {
    let workload = WorkloadKey { namespace: "shop".into(), kind: "Deployment".into(), name: workload.to_owned() };
    Described { workload, owner: None, name: "web-1".into(), duties, sample: None }
}

pub(super) fn duty(name: &str, role: Role, hook: Option<u64>, hold: u64) -> Duty {
    Duty { name: name.to_owned(), role, hook, hold }
}

fn web() -> Option<Described> {
    Some(described("web", Vec::new()))
}

/// A pod with one container that ends so.
fn stop_of(grace: u64, end: State) -> Stop {
    stop_with(grace, vec![container("app", end)], Vec::new())
}

pub(super) fn stop_with(grace: u64, ends: Vec<ContainerSeen>, duties: Vec<Duty>) -> Stop {
    let mut tracker = Tracker::default();
    let running = ends.iter().map(|c| ContainerSeen { state: State::Running, ..c.clone() }).collect();
    tracker.pod(ms(0), pod("1", grace, running), true, || Some(described("web", duties)));
    tracker.pod(ms(5), pod("1", grace, ends), true, || None);
    tracker.finish().0.remove(0)
}

#[test]
fn a_stop_is_measured_from_the_deletion_to_the_last_end() {
    let stop = stop_with(30, vec![container("app", ended(12, 0, "")), sidecar("proxy", ended(14, 0, ""))], Vec::new());
    assert_eq!((stop.seconds, stop.outcome()), (14, Outcome::Clean));
    let seconds: Vec<_> = stop.containers.iter().map(|c| (c.name.as_str(), c.seconds, c.role)).collect();
    assert_eq!(seconds, [("app", 12, Role::App), ("proxy", 14, Role::NativeSidecar)]);
    // A node's clock may be behind.
    assert_eq!(stop_of(30, ended(-1, 0, "")).seconds, 0);
}

#[test]
fn killed_is_137_at_the_end_of_the_grace_and_nothing_else() {
    for (end, killed) in [
        (ended(30, 137, "Error"), true),
        (ended(31, 137, "Error"), true),
        (ended(29, 137, "Error"), true),
        (ended(28, 137, "Error"), false),
        (ended(30, 137, "OOMKilled"), false),
        (ended(30, 143, "Error"), false),
        (ended(30, 0, "Completed"), false),
    ] {
        let stop = stop_of(30, end.clone());
        assert_eq!(stop.killed(), killed, "{end:?}");
        assert_eq!(stop.outcome() == Outcome::Killed, killed, "{end:?}");
    }
    let sidecar = stop_with(9, vec![container("app", ended(1, 0, "")), sidecar("s", ended(9, 137, ""))], Vec::new());
    assert!(sidecar.killed());
}

#[test]
fn nine_tenths_of_the_grace_are_used_up() {
    assert_eq!(stop_of(30, ended(26, 0, "")).outcome(), Outcome::Clean);
    assert_eq!(stop_of(30, ended(27, 0, "")).outcome(), Outcome::UsedUp);
}

#[test]
fn what_does_not_count_is_not_counted() {
    let mut tracker = Tracker::default();
    let mut see = |seen: PodSeen| tracker.pod(ms(0), seen, true, web);
    see(pod("never ran", 30, vec![container("app", State::Waiting)]));
    see(pod("still in its init containers", 30, vec![container("app", State::Waiting), sidecar("s", State::Running)]));
    see(pod("finished", 30, vec![container("app", ended(-60, 0, "Completed"))]));
    see(pod("by force", 0, vec![container("app", State::Running)]));
    see(PodSeen { mirror: true, ..pod("mirror", 30, vec![container("app", State::Running)]) });
    assert_eq!(tracker.in_flight(), 0);
    tracker.pod(ms(0), pod("elsewhere", 30, vec![container("app", State::Running)]), true, || None);
    assert_eq!(tracker.in_flight(), 0);
}

#[test]
fn a_pod_gone_without_its_end_is_counted_as_such() {
    let mut tracker = Tracker::default();
    let running = pod("1", 30, vec![container("app", State::Running)]);
    tracker.pod(ms(0), running.clone(), true, web);
    tracker.pod_gone(ms(10), PodSeen { grace: 0, ..running }, web);
    assert!(tracker.tick(ms(10_000)).is_empty());
    assert_eq!((tracker.missed().without_end, tracker.in_flight()), (1, 0));
}

#[test]
fn the_kubelets_last_deletion_does_not_shorten_the_grace_and_a_second_one_does() {
    let mut tracker = Tracker::default();
    let end = |grace| pod("1", grace, vec![container("app", ended(10, 137, ""))]);
    tracker.pod(ms(0), pod("1", 60, vec![container("app", State::Running)]), true, web);
    tracker.pod(ms(1), pod("1", 10, vec![container("app", State::Running)]), true, web);
    tracker.pod(ms(2), end(10), true, web);
    // The API server dates the kubelet's deletion anew.
    let last = PodSeen { began: BEGAN + 10, ..end(0) };
    tracker.pod(ms(3), last.clone(), true, web);
    tracker.pod_gone(ms(4), last, web);
    assert!(tracker.tick(ms(1000)).is_empty(), "an Event may be on its way");
    let stop = tracker.tick(ms(3000)).remove(0);
    assert_eq!((stop.grace, stop.killed()), (10, true));
}

#[test]
fn a_pod_that_a_finalizer_keeps_is_measured_once() {
    let mut tracker = Tracker::default();
    let end = pod("1", 30, vec![container("app", ended(3, 0, ""))]);
    tracker.pod(ms(0), pod("1", 30, vec![container("app", State::Running)]), true, web);
    tracker.pod(ms(1), end.clone(), true, web);
    assert_eq!(tracker.tick(ms(9000)).len(), 1);
    tracker.pod(ms(9001), end.clone(), true, web);
    tracker.pod_gone(ms(9002), end, web);
    assert_eq!((tracker.tick(ms(60_000)).len(), tracker.in_flight()), (0, 0));
    assert_eq!(tracker.finish().0.len(), 0);
}

/// The endpoint time of a pod, after these steps between its deletion and its end.
fn endpoint(before: impl Fn(&mut Tracker), at_once: bool, after: impl Fn(&mut Tracker)) -> (Option<Duration>, u64) {
    let mut tracker = Tracker::default();
    before(&mut tracker);
    tracker.pod(ms(1000), pod("1", 30, vec![container("app", State::Running)]), at_once, web);
    after(&mut tracker);
    tracker.pod(ms(4000), pod("1", 30, vec![container("app", ended(3, 0, ""))]), true, web);
    let stop = tracker.finish().0.remove(0);
    (stop.endpoint, tracker.missed().endpoint_unseen)
}

fn slice(tracker: &mut Tracker, at: u64, key: &str, ready: &[&str]) {
    tracker.slice(ms(at), key, ready.iter().map(|uid| (*uid).to_owned()));
}

#[test]
fn an_endpoint_has_left_when_no_slice_has_it_ready() {
    let two = |t: &mut Tracker| {
        slice(t, 0, "shop/a", &["1", "2"]);
        slice(t, 0, "shop/b", &["1"]);
    };
    let both = endpoint(two, true, |t| {
        slice(t, 1200, "shop/a", &["2"]);
        slice(t, 1350, "shop/b", &[]);
    });
    assert_eq!(both, (Some(ms(350)), 0));
    assert_eq!(endpoint(two, true, |t| slice(t, 1200, "shop/a", &["2"])), (None, 1), "one is left");
    assert_eq!(endpoint(|_| {}, true, |_| {}), (None, 0), "no Service");
    // The slice's watch may be the faster one.
    let early = |t: &mut Tracker| {
        two(t);
        slice(t, 900, "shop/a", &["2"]);
        slice(t, 950, "shop/b", &[]);
    };
    assert_eq!(endpoint(early, true, |_| {}), (Some(ms(0)), 0));
    // Out, in again, out: the last time counts.
    let flaps = endpoint(two, true, |t| {
        slice(t, 1100, "shop/b", &[]);
        slice(t, 1200, "shop/a", &[]);
        slice(t, 1300, "shop/a", &["1"]);
        slice(t, 1400, "shop/a", &[]);
    });
    assert_eq!(flaps, (Some(ms(400)), 0));
}

#[test]
fn an_endpoint_time_that_was_not_heard_of_at_once_is_no_measure() {
    let one = |t: &mut Tracker| slice(t, 0, "shop/a", &["1"]);
    assert_eq!(endpoint(one, false, |t| slice(t, 1200, "shop/a", &[])), (None, 1), "the deletion was listed");
    let interrupted = endpoint(one, true, |t| {
        t.interrupted();
        t.slices_listed(ms(3000), &[]);
    });
    assert_eq!(interrupted, (None, 1));
    assert_eq!(endpoint(one, true, |t| t.slices_listed(ms(3000), &[])), (Some(ms(2000)), 0));
}

#[test]
fn a_hook_that_failed_is_found_by_its_event_before_or_after() {
    let running = || pod("1", 30, vec![container("app", State::Running)]);
    let end = || pod("1", 30, vec![container("app", ended(3, 0, ""))]);
    for (event_at, first, failed) in [(BEGAN, true, true), (BEGAN + 1, false, true), (BEGAN - 60, true, false)] {
        let mut tracker = Tracker::default();
        if first {
            tracker.hook_failed(ms(0), "1", event_at);
        }
        tracker.pod(ms(1), running(), true, web);
        tracker.pod(ms(2), end(), true, web);
        if !first {
            tracker.hook_failed(ms(500), "1", event_at);
        }
        let stop = tracker.tick(ms(2500)).remove(0);
        assert_eq!(stop.hook_failed, failed, "{event_at} {first}");
        assert_eq!(stop.outcome() == Outcome::HookFailed, failed);
    }
}

#[test]
fn the_need_is_what_came_after_all_that_was_waited_for() {
    let need = |role, hook, hold, end: State| {
        stop_with(30, vec![container("c", end)], vec![duty("c", role, hook, hold)]).containers[0].need
    };
    assert_eq!(need(Role::App, Some(0), 10, ended(24, 0, "")), Some(14), "the hold may have been waited for");
    assert_eq!(need(Role::App, Some(15), 10, ended(24, 0, "")), Some(9), "the hook was");
    assert_eq!(need(Role::App, Some(10), 10, ended(30, 137, "")), Some(21), "cut: a second more than it got");
    assert_eq!(need(Role::App, None, 10, ended(24, 0, "")), None, "a hook of unknown length");
    assert_eq!(need(Role::App, Some(10), 10, ended(3, 0, "")), None, "it ended before");
    assert_eq!(need(Role::Helper, Some(20), 10, ended(23, 0, "")), Some(3));
    // A native sidecar is told when everything after it is gone.
    let duties = ["app", "a", "b"]
        .map(|name| duty(name, if name == "app" { Role::App } else { Role::NativeSidecar }, Some(0), 0));
    let ends = vec![container("app", ended(10, 0, "")), sidecar("a", ended(17, 0, "")), sidecar("b", ended(15, 0, ""))];
    let stop = stop_with(30, ends, duties.to_vec());
    assert_eq!(stop.containers.iter().map(|c| c.need).collect::<Vec<_>>(), [Some(10), Some(2), Some(5)]);
}

#[test]
fn workloads_are_counted_the_worst_first() {
    let mut tallies = Tallies::default();
    let mut add = |name: &str, grace, end: State, hook_failed| {
        let mut stop = stop_with(grace, vec![container("app", end)], vec![duty("app", Role::App, Some(5), 5)]);
        stop.workload.name = name.to_owned();
        stop.hook_failed = hook_failed;
        tallies.add(stop);
    };
    add("fine", 30, ended(6, 0, ""), false);
    add("tight", 30, ended(28, 0, ""), false);
    add("hook", 30, ended(0, 0, ""), true);
    for _ in 0..2 {
        add("bad", 30, ended(30, 137, ""), false);
    }
    add("bad", 30, ended(8, 0, ""), false);
    let worst: Vec<_> = tallies.worst_first().iter().map(|(key, tally)| (key.name.as_str(), tally.worst())).collect();
    assert_eq!(
        worst,
        [("bad", Outcome::Killed), ("hook", Outcome::HookFailed), ("tight", Outcome::UsedUp), ("fine", Outcome::Clean)]
    );
    let (_, bad) = tallies.worst_first()[0];
    assert_eq!((bad.stops, bad.killed, bad.used_up, bad.grace), (3, 2, 0, 30));
    assert_eq!((bad.stop.quantile(50), bad.stop.max()), (Some(30), Some(30)));
    assert_eq!(bad.containers["app"].need, Some(Need { seconds: 26, cut: true, grace: 30 }));
    assert_eq!((tallies.stops(), tallies.len()), (6, 4));
}

#[test]
fn memory_is_bounded_and_the_rest_is_counted() {
    let mut tallies = Tallies::default();
    for number in 0..=MOST_WORKLOADS {
        let mut stop = stop_of(30, ended(1, 0, ""));
        stop.workload.name = number.to_string();
        tallies.add(stop);
    }
    assert_eq!((tallies.len(), tallies.crowded_out()), (MOST_WORKLOADS, 1));

    let mut tracker = Tracker::default();
    for number in 0..=MOST_IN_FLIGHT {
        let running = vec![container("app", State::Running)];
        tracker.pod(ms(0), pod(&number.to_string(), 30, running), true, web);
    }
    assert_eq!((tracker.in_flight(), tracker.missed().not_followed), (MOST_IN_FLIGHT, 1));
    tracker.slice(ms(0), "all", (0..=MOST_ENDPOINTS).map(|number| number.to_string()));
    assert_eq!(tracker.missed().endpoints_not_kept, 1);
    slice(&mut tracker, 1, "all", &["1"]);
    slice(&mut tracker, 1, "more", &["2"]);
    assert_eq!(tracker.missed().endpoints_not_kept, 1, "there is room again");
    assert_eq!(tracker.finish(), (Vec::new(), MOST_IN_FLIGHT));
}
