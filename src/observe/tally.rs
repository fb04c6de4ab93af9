//! Stops by workload: counts and quantiles, in bounded memory.

use std::collections::BTreeMap;

use super::distribution::Distribution;
use super::measure::{ContainerStop, Outcome, Stop};
use super::seen::WorkloadKey;
use draingate_core::pod::Role;

/// Workloads that are remembered; stops of others are only counted.
pub const MOST_WORKLOADS: usize = 1000;
/// Containers of a workload that are remembered.
const MOST_CONTAINERS: usize = 64;

/// All workloads.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    workloads: BTreeMap<WorkloadKey, Tally>,
    stops: u64,
    crowded_out: u64,
}

/// A workload's stops.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How many.
    pub stops: u64,
    /// In how many a container was killed at the end of the grace.
    pub killed: u64,
    /// In how many a hook failed.
    pub hook_failed: u64,
    /// How many used nine tenths of the grace, and were not killed.
    pub used_up: u64,
    /// The grace of the last one, in seconds.
    pub grace: u64,
    /// Until the last container had stopped, in seconds.
    pub stop: Distribution,
    /// Until the endpoint had left, in milliseconds.
    pub endpoint: Distribution,
    /// By name.
    pub containers: BTreeMap<String, ContainerTally>,
    /// The pod that was seen last, as JSON, where it is wanted.
    pub sample: Option<Box<str>>,
}

/// A container's stops.
#[derive(Clone, Debug)]
pub struct ContainerTally {
    /// What it is for.
    pub role: Role,
    /// How often it was killed at the end of the grace.
    pub killed: u64,
    /// Until it had stopped, in seconds.
    pub stop: Distribution,
    /// The most that it needed.
    pub need: Option<Need>,
}

/// What a container needed once it was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// At least so many seconds.
    pub seconds: u64,
    /// It was killed: how many it would have taken is not known.
    pub cut: bool,
    /// The grace of that stop.
    pub grace: u64,
}

impl Tallies {
    /// Adds a stop.
    pub fn add(&mut self, stop: Stop) {
        self.stops += 1;
        if !self.workloads.contains_key(&stop.workload) && self.workloads.len() >= MOST_WORKLOADS {
            self.crowded_out += 1;
            return;
        }
        self.workloads.entry(stop.workload.clone()).or_insert_with(Tally::new).add(stop);
    }

    /// How many stops there were.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.stops
    }

    /// Stops of workloads beyond [`MOST_WORKLOADS`].
    #[must_use]
    pub fn crowded_out(&self) -> u64 {
        self.crowded_out
    }

    /// How many workloads there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.workloads.len()
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.workloads.is_empty()
    }

    /// By namespace, kind and name.
    pub fn iter(&self) -> impl Iterator<Item = (&WorkloadKey, &Tally)> {
        self.workloads.iter()
    }

    /// The worst first: killed, hook failed, nine tenths used; then by name.
    #[must_use]
    pub fn worst_first(&self) -> Vec<(&WorkloadKey, &Tally)> {
        let mut all: Vec<_> = self.workloads.iter().collect();
        all.sort_by_key(|(_, tally)| std::cmp::Reverse((tally.killed, tally.hook_failed, tally.used_up)));
        all
    }
}

impl Tally {
    fn new() -> Tally {
        Tally {
            stops: 0,
            killed: 0,
            hook_failed: 0,
            used_up: 0,
            grace: 0,
            stop: Distribution::default(),
            endpoint: Distribution::default(),
            containers: BTreeMap::new(),
            sample: None,
        }
    }

    /// What the worst of its stops came to.
    #[must_use]
    pub fn worst(&self) -> Outcome {
        if self.killed > 0 {
            Outcome::Killed
        } else if self.hook_failed > 0 {
            Outcome::HookFailed
        } else if self.used_up > 0 {
            Outcome::UsedUp
        } else {
            Outcome::Clean
        }
    }

    fn add(&mut self, stop: Stop) {
        self.stops += 1;
        self.killed += u64::from(stop.killed());
        self.hook_failed += u64::from(stop.hook_failed);
        self.used_up += u64::from(stop.used_up());
        self.grace = stop.grace;
        self.stop.add(stop.seconds);
        if let Some(endpoint) = stop.endpoint {
            self.endpoint.add(u64::try_from(endpoint.as_millis()).unwrap_or(u64::MAX));
        }
        for container in &stop.containers {
            if self.containers.contains_key(&container.name) || self.containers.len() < MOST_CONTAINERS {
                let tally = self.containers.entry(container.name.clone());
                tally.or_insert_with(|| ContainerTally::new(container.role)).add(container, stop.grace);
            }
        }
        self.sample = stop.sample.or(self.sample.take());
    }
}

impl ContainerTally {
    fn new(role: Role) -> ContainerTally {
        ContainerTally { role, killed: 0, stop: Distribution::default(), need: None }
    }

    fn add(&mut self, container: &ContainerStop, grace: u64) {
        self.role = container.role;
        self.killed += u64::from(container.killed);
        self.stop.add(container.seconds);
        if let Some(seconds) = container.need.filter(|&seconds| self.need.is_none_or(|need| seconds > need.seconds)) {
            self.need = Some(Need { seconds, cut: container.killed, grace });
        }
    }
}
