//! How old the knowledge is.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::locks;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Watch {
    /// Their labels.
    Namespaces,
    /// Their selectors.
    Services,
    /// Policies in namespaces.
    DrainPolicies,
    /// Policies of the cluster.
    ClusterDrainPolicies,
    /// Their kubelets' versions, which are listed now and then.
    Nodes,
}

impl Watch {
    /// Every watch.
    pub const ALL: [Watch; 5] =
        [Watch::Namespaces, Watch::Services, Watch::DrainPolicies, Watch::ClusterDrainPolicies, Watch::Nodes];

    /// For logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Watch::Namespaces => "namespaces",
            Watch::Services => "services",
            Watch::DrainPolicies => "drainpolicies",
            Watch::ClusterDrainPolicies => "clusterdrainpolicies",
            Watch::Nodes => "nodes",
        }
    }
}

/// How one watch is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchHealth {
    /// Which one.
    pub watch: Watch,
    /// It has been listed once, or is not waited for any more: it has no CRD, or could not be listed for too long. Stays
    /// true when the API server is gone later.
    pub synced: bool,
    /// Since the API server last sent anything: a list, an event, or the bookmark that it sends about once
    /// a minute when nothing happens. `None` before the first.
    pub age: Option<Duration>,
    /// The API server does not know this kind.
    pub crd_missing: bool,
    /// How many lists and watches have failed.
    pub failures: u64,
    /// The last one did.
    pub failing: bool,
}

#[derive(Debug)]
pub(super) struct Health {
    watch: Watch,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    synced: bool,
    last_contact: Option<Instant>,
    crd_missing: bool,
    failures: u64,
    failing: bool,
}

impl Health {
    pub(super) fn new(watch: Watch) -> Health {
        Health { watch, state: Mutex::default() }
    }

    pub(super) fn watch(&self) -> Watch {
        self.watch
    }

    pub(super) fn read(&self) -> WatchHealth {
        let State { synced, last_contact, crd_missing, failures, failing } = *self.state();
        let age = last_contact.map(|at| at.elapsed());
        WatchHealth { watch: self.watch, synced, age, crd_missing, failures, failing }
    }

    /// The API server sent something.
    pub(super) fn contact(&self) {
        let recovered = {
            let mut state = self.state();
            state.last_contact = Some(Instant::now());
            std::mem::take(&mut state.failing)
        };
        if recovered {
            tracing::info!(watch = self.watch.as_str(), "the watch works again");
        }
    }

    /// All objects were listed.
    pub(super) fn listed(&self) {
        self.contact();
        let mut state = self.state();
        state.synced = true;
        state.crd_missing = false;
    }

    /// Nobody waits for the first list any more.
    pub(super) fn stop_waiting(&self) {
        self.state().synced = true;
    }

    /// Whether the API server never answered.
    pub(super) fn never(&self) -> bool {
        self.state().last_contact.is_none()
    }

    /// The API server does not know the kind.
    pub(super) fn missing(&self) {
        self.contact();
        let news = {
            let mut state = self.state();
            state.synced = true;
            !std::mem::replace(&mut state.crd_missing, true)
        };
        if news {
            tracing::warn!(
                watch = self.watch.as_str(),
                "the cluster has no such CRD: policies that were known hold, else there are none"
            );
        }
    }

    /// A list or a watch failed. Logged once, until it works again.
    pub(super) fn failed(&self, problem: &str) {
        let news = {
            let mut state = self.state();
            state.failures = state.failures.saturating_add(1);
            !std::mem::replace(&mut state.failing, true)
        };
        if news {
            tracing::warn!(watch = self.watch.as_str(), problem, "the watch failed, what is known is kept");
        } else {
            tracing::debug!(watch = self.watch.as_str(), problem, "the watch failed again");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locks::lock(&self.state)
    }
}
