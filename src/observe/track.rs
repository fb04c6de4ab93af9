//! Follows each deletion from its first sight to its end: observations in, measures out.
//!
//! Every call gets the time by our own clock, since the observation began. Memory is bounded, and what did not fit
//! is counted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use super::measure::Stop;
use super::seen::{Described, PodSeen, State};

/// Pods that are followed at once.
pub const MOST_IN_FLIGHT: usize = 5000;
/// Ready endpoints that are known at once.
pub const MOST_ENDPOINTS: usize = 200_000;
/// Pods that are measured and not yet gone.
const MOST_MEASURED: usize = 100_000;
/// Moments that are remembered for a pod whose deletion is heard of later, on another watch.
const MOST_RECENT: usize = 4096;
/// How much later.
const RECENT: Duration = Duration::from_secs(5);
/// How long a pod that has ended is kept for what is still on its way: the Event of a failed hook, its endpoint.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_FOR_ENDPOINT: Duration = Duration::from_secs(30);
/// How far the clocks of a node and of the API server may be apart before an Event counts as an older one, in seconds.
const SKEW: i64 = 2;

/// What was seen and not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Deletions beyond [`MOST_IN_FLIGHT`].
    pub not_followed: u64,
    /// Pods that were gone before their containers' ends were seen: deleted with force, or a lost node.
    pub without_end: u64,
    /// Stops without an endpoint time because the deletion or the endpoint was not heard of at once.
    pub endpoint_unseen: u64,
    /// Ready endpoints beyond [`MOST_ENDPOINTS`].
    pub endpoints_not_kept: u64,
}

/// Follows deletions.
#[derive(Debug, Default)]
pub struct Tracker {
    pods: HashMap<u64, InFlight>,
    slices: HashMap<u64, Vec<u64>>,
    /// In how many slices a pod is ready.
    ready: HashMap<u64, u32>,
    endpoints: usize,
    /// Pods whose stop was measured, and which something keeps in the API.
    measured: HashSet<u64>,
    left_lately: VecDeque<(u64, Duration)>,
    hooks_lately: VecDeque<(u64, i64, Duration)>,
    missed: Missed,
    done: Vec<Stop>,
}

#[derive(Debug)]
struct InFlight {
    seen: PodSeen,
    described: Described,
    /// The containers that ran when the deletion was first seen.
    ran: Vec<String>,
    endpoint: Endpoint,
    hook_failed: bool,
    ended: Option<Duration>,
    gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    /// It had no ready endpoint when the deletion was seen.
    None,
    /// It is still ready; the deletion was seen then.
    Ready(Duration),
    /// It took so long.
    Left { since: Duration, took: Duration },
    /// The beginning or the end was not heard of at once.
    Unseen,
}

/// Eight bytes for each endpoint of a cluster instead of a name.
fn id(name: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(name)
}

impl Tracker {
    /// A pod that is being deleted. `at_once`: a watch told of it as it happened, rather than a list later on.
    /// `describe` is called when the pod is first seen.
    pub fn pod(&mut self, now: Duration, seen: PodSeen, at_once: bool, describe: impl FnOnce() -> Option<Described>) {
        let id = id(&seen.uid);
        if let Some(pod) = self.pods.get_mut(&id) {
            pod.update(now, seen);
            return;
        }
        if self.measured.contains(&id) {
            return;
        }
        let ran: Vec<String> = seen.containers.iter().filter(|c| c.stops(seen.began)).map(|c| c.name.clone()).collect();
        let app_ran = seen.containers.iter().any(|c| !c.sidecar && ran.contains(&c.name));
        // Without a grace there is nothing to measure: by force, without a node, or finished.
        if seen.mirror || seen.grace == 0 || !app_ran {
            return;
        }
        if self.pods.len() >= MOST_IN_FLIGHT {
            self.missed.not_followed += 1;
            return;
        }
        let Some(described) = describe() else { return };
        let left_before = self.left_lately.iter().any(|(pod, at)| *pod == id && now.saturating_sub(*at) <= RECENT);
        let endpoint = match (at_once, self.ready.contains_key(&id)) {
            (true, true) => Endpoint::Ready(now),
            // Two watches: the endpoint's may be the faster one.
            (true, false) if left_before => Endpoint::Left { since: now, took: Duration::ZERO },
            (false, true) => Endpoint::Unseen,
            (_, false) => Endpoint::None,
        };
        let hook_failed = self.hooks_lately.iter().any(|(pod, at, _)| *pod == id && at + SKEW >= seen.began);
        let ended = seen.has_ended().then_some(now);
        self.pods.insert(id, InFlight { seen, described, ran, endpoint, hook_failed, ended, gone: false });
    }

    /// A pod is gone from the API; `last` is how it was.
    pub fn pod_gone(&mut self, now: Duration, last: PodSeen, describe: impl FnOnce() -> Option<Described>) {
        let id = id(&last.uid);
        // One that went in a single step may have been a force deletion, or the end of a stop that was not watched.
        self.pod(now, last, false, describe);
        self.measured.remove(&id);
        if let Some(pod) = self.pods.get_mut(&id) {
            pod.ended.get_or_insert(now);
            pod.gone = true;
        }
    }

    /// After a new list of all pods: the uids of those that are still being deleted.
    pub fn pods_listed(&mut self, now: Duration, there: &[String]) {
        let there: HashSet<u64> = there.iter().map(|uid| id(uid)).collect();
        self.measured.retain(|id| there.contains(id));
        for (_, pod) in self.pods.iter_mut().filter(|(id, _)| !there.contains(id)) {
            pod.ended.get_or_insert(now);
            pod.gone = true;
        }
    }

    /// An EndpointSlice, by a key of its own, with the uids of the pods that are ready in it.
    pub fn slice(&mut self, now: Duration, key: &str, ready: impl IntoIterator<Item = String>) {
        let mut new: Vec<u64> = ready.into_iter().map(|uid| id(&uid)).collect();
        new.sort_unstable();
        new.dedup();
        let old = self.slices.remove(&id(key)).unwrap_or_default();
        self.endpoints -= old.len();
        let room = MOST_ENDPOINTS.saturating_sub(self.endpoints);
        if new.len() > room {
            self.missed.endpoints_not_kept += u64::try_from(new.len() - room).unwrap_or(u64::MAX);
            self.interrupted();
            new.truncate(room);
        }
        new.shrink_to_fit();
        for pod in new.iter().filter(|pod| old.binary_search(pod).is_err()) {
            *self.ready.entry(*pod).or_default() += 1;
            if let Some(pod) = self.pods.get_mut(pod)
                && let Endpoint::Left { since, .. } = pod.endpoint
            {
                pod.endpoint = Endpoint::Ready(since);
            }
        }
        for pod in old.iter().filter(|pod| new.binary_search(pod).is_err()) {
            self.leaves(now, *pod);
        }
        self.endpoints += new.len();
        if !new.is_empty() {
            self.slices.insert(id(key), new);
        }
    }

    /// After a new list of all EndpointSlices: the keys that are still there.
    pub fn slices_listed(&mut self, now: Duration, there: &[String]) {
        let there: HashSet<u64> = there.iter().map(|key| id(key)).collect();
        let gone: Vec<u64> = self.slices.keys().copied().filter(|key| !there.contains(key)).collect();
        for key in gone {
            for pod in self.slices.remove(&key).unwrap_or_default() {
                self.endpoints -= 1;
                self.leaves(now, pod);
            }
        }
    }

    fn leaves(&mut self, now: Duration, pod: u64) {
        let Some(count) = self.ready.get_mut(&pod) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.ready.remove(&pod);
        match self.pods.get_mut(&pod) {
            Some(InFlight { endpoint, .. }) => {
                if let Endpoint::Ready(since) = *endpoint {
                    *endpoint = Endpoint::Left { since, took: now.saturating_sub(since) };
                }
            }
            None => remember(&mut self.left_lately, (pod, now)),
        }
    }

    /// A preStop hook of a pod failed, at a time of the API in seconds since 1970.
    pub fn hook_failed(&mut self, now: Duration, uid: &str, at: i64) {
        let id = id(uid);
        match self.pods.get_mut(&id) {
            // Hooks fail before restarts, too: those Events are older than the deletion.
            Some(pod) => pod.hook_failed |= at + SKEW >= pod.seen.began,
            None => remember(&mut self.hooks_lately, (id, at, now)),
        }
    }

    /// A watch was interrupted: what leaves now may have left before.
    pub fn interrupted(&mut self) {
        for pod in self.pods.values_mut().filter(|pod| matches!(pod.endpoint, Endpoint::Ready(_))) {
            pod.endpoint = Endpoint::Unseen;
        }
    }

    /// The stops that are complete by now.
    pub fn tick(&mut self, now: Duration) -> Vec<Stop> {
        while self.left_lately.front().is_some_and(|(_, at)| now.saturating_sub(*at) > RECENT) {
            self.left_lately.pop_front();
        }
        while self.hooks_lately.front().is_some_and(|(.., at)| now.saturating_sub(*at) > RECENT) {
            self.hooks_lately.pop_front();
        }
        let complete: Vec<u64> = self.pods.iter().filter(|(_, pod)| pod.is_complete(now)).map(|(id, _)| *id).collect();
        for id in complete {
            self.conclude(id);
        }
        let mut done = std::mem::take(&mut self.done);
        // Whoever else observes sees them in the same order.
        done.sort_by(|a, b| (a.ended(), &a.uid).cmp(&(b.ended(), &b.uid)));
        done
    }

    /// The stops of all pods whose containers have ended; how many are still stopping.
    pub fn finish(&mut self) -> (Vec<Stop>, usize) {
        let ended: Vec<u64> = self.pods.iter().filter(|(_, pod)| pod.ended.is_some()).map(|(id, _)| *id).collect();
        for id in ended {
            self.conclude(id);
        }
        (std::mem::take(&mut self.done), self.pods.len())
    }

    fn conclude(&mut self, id: u64) {
        let Some(pod) = self.pods.remove(&id) else { return };
        let InFlight { seen, described, ran, endpoint, hook_failed, gone, .. } = pod;
        if !gone && self.measured.len() < MOST_MEASURED {
            self.measured.insert(id);
        }
        let took = match endpoint {
            Endpoint::Left { took, .. } => Some(took),
            Endpoint::None => None,
            Endpoint::Ready(_) | Endpoint::Unseen => {
                self.missed.endpoint_unseen += 1;
                None
            }
        };
        match Stop::of(&seen, &ran, described, took, hook_failed) {
            Some(stop) => self.done.push(stop),
            None => self.missed.without_end += 1,
        }
    }

    /// What was not measured.
    #[must_use]
    pub fn missed(&self) -> Missed {
        self.missed
    }

    /// How many pods are being followed.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.pods.len()
    }
}

fn remember<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() >= MOST_RECENT {
        all.pop_front();
    }
    all.push_back(one);
}

impl super::seen::ContainerSeen {
    /// Whether its end belongs to the deletion that began then.
    fn stops(&self, began: i64) -> bool {
        match &self.state {
            State::Waiting => false,
            State::Running => true,
            State::Ended { at, .. } => at.is_some_and(|at| at >= began),
        }
    }
}

impl PodSeen {
    /// Whether no container runs any more.
    fn has_ended(&self) -> bool {
        !self.containers.iter().any(|container| container.state == State::Running)
    }
}

impl InFlight {
    fn update(&mut self, now: Duration, seen: PodSeen) {
        // The kubelet's last step is a deletion without grace; the same from somebody else is by force.
        let grace = if seen.grace == 0 { self.seen.grace } else { seen.grace };
        // Its deletion moves the timestamp, too: the earliest is when the stop began.
        let began = self.seen.began.min(seen.began);
        self.seen = PodSeen { grace, began, ..seen };
        if self.seen.has_ended() {
            self.ended.get_or_insert(now);
        }
    }

    fn is_complete(&self, now: Duration) -> bool {
        let Some(ended) = self.ended else { return false };
        let linger = if matches!(self.endpoint, Endpoint::Ready(_)) { LINGER_FOR_ENDPOINT } else { LINGER };
        now.saturating_sub(ended) >= linger
    }
}
