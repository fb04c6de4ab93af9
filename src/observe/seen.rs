//! What is seen of a pod that is being deleted, in our own words: no client, no clock.

use draingate_core::admit::Workload;
use draingate_core::pod::Role;

/// What a person would edit: a Deployment rather than its ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadKey {
    /// Where.
    pub namespace: String,
    /// For example `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A pod with a deletionTimestamp, as one update shows it.
#[derive(Clone, Debug, Default)]
pub struct PodSeen {
    /// Which pod.
    pub uid: String,
    /// When the deletion began, in seconds since 1970: deletionTimestamp - deletionGracePeriodSeconds.
    pub began: i64,
    /// deletionGracePeriodSeconds.
    pub grace: u64,
    /// The mirror of a static pod.
    pub mirror: bool,
    /// Regular containers, then native sidecars, both in the pod's order.
    pub containers: Vec<ContainerSeen>,
}

/// A container's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSeen {
    /// Its name.
    pub name: String,
    /// An init container with restartPolicy Always.
    pub sidecar: bool,
    /// Its state.
    pub state: State,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not begun, or waits for its next try.
    Waiting,
    /// It runs.
    Running,
    /// It has ended.
    Ended {
        /// In seconds since 1970; `None` where the kubelet does not know.
        at: Option<i64>,
        /// Its exit code.
        exit_code: i32,
        /// The runtime's word, such as `OOMKilled`.
        reason: String,
    },
}

/// What is worked out once, when a deletion is first seen.
#[derive(Clone, Debug)]
pub struct Described {
    /// Whose pod it is.
    pub workload: WorkloadKey,
    /// Its controller, for Events; none for a bare pod.
    pub owner: Option<Workload>,
    /// The pod's name.
    pub name: String,
    /// What each container owes, by name.
    pub duties: Vec<Duty>,
    /// The pod as JSON, where it is wanted.
    pub sample: Option<Box<str>>,
}

/// How a container was meant to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// The container.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// How long its hook takes: 0 without one, `None` where nobody knows.
    pub hook: Option<u64>,
    /// H of the pod.
    pub hold: u64,
}
