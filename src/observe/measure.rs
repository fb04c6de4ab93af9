//! From what was seen of a pod's end to its measures.
//!
//! Times of the API have a resolution of one second: a stop of "30 s" took between 29 and 31.

use std::time::Duration;

use super::seen::{Described, Duty, PodSeen, State, WorkloadKey};
use draingate_core::admit::Workload;
use draingate_core::pod::Role;

/// The exit code of a process that SIGKILL ended.
const KILLED: i32 = 137;

/// One stop of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Whose pod.
    pub workload: WorkloadKey,
    /// Its controller.
    pub owner: Option<Workload>,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// When the deletion began, in seconds since 1970.
    pub began: i64,
    /// The grace that the deletion granted, in seconds.
    pub grace: u64,
    /// Until the last container had stopped, in seconds.
    pub seconds: u64,
    /// Until its endpoint had left, where one was ready and the moment was seen.
    pub endpoint: Option<Duration>,
    /// A preStop hook failed.
    pub hook_failed: bool,
    /// Those that ran when the deletion began.
    pub containers: Vec<ContainerStop>,
    /// The pod as JSON, where it is wanted.
    pub sample: Option<Box<str>>,
}

/// One container's stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStop {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// From the beginning of the deletion until it had stopped.
    pub seconds: u64,
    /// It was killed at the end of the grace.
    pub killed: bool,
    /// How long it took after it had waited for all that it was meant to wait for; of one that was killed, a second
    /// more than it got. `None` where nobody knows how long it was meant to wait.
    pub need: Option<u64>,
}

/// What came of a stop, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A container was killed at the end of the grace.
    Killed,
    /// A preStop hook failed.
    HookFailed,
    /// At least nine tenths of the grace were used.
    UsedUp,
    /// None of these.
    Clean,
}

impl Outcome {
    /// For metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Killed => "killed",
            Outcome::HookFailed => "hook_failed",
            Outcome::UsedUp => "used_up",
            Outcome::Clean => "clean",
        }
    }
}

impl Stop {
    /// The measures of a pod whose containers have ended; `None` where the end of the last one is not known.
    #[must_use]
    pub fn of(
        seen: &PodSeen,
        ran: &[String],
        described: Described,
        endpoint: Option<Duration>,
        hook_failed: bool,
    ) -> Option<Stop> {
        let began = seen.began;
        if seen.containers.iter().any(|container| container.state == State::Running) {
            return None;
        }
        // What ran, with the seconds from the beginning to its end.
        let mut ends = Vec::new();
        for container in &seen.containers {
            let State::Ended { at: Some(at), exit_code, reason } = &container.state else { continue };
            if !ran.contains(&container.name) && *at < began {
                continue;
            }
            let seconds = u64::try_from(at.saturating_sub(began)).unwrap_or(0);
            let killed = *exit_code == KILLED
                && reason != "OOMKilled"
                && reason != "ContainerStatusUnknown"
                && seconds.saturating_add(1) >= seen.grace;
            ends.push((container, seconds, killed));
        }
        let mains_gone = ends.iter().filter(|(c, ..)| !c.sidecar).map(|(_, seconds, _)| *seconds).max();
        let containers: Vec<ContainerStop> = ends
            .iter()
            .enumerate()
            .map(|(index, (container, seconds, killed))| {
                let duty = described.duties.iter().find(|duty| duty.name == container.name);
                let role = match duty {
                    Some(duty) => duty.role,
                    None if container.sidecar => Role::NativeSidecar,
                    None => Role::App,
                };
                let later = ends.iter().skip(index + 1).filter(|(c, ..)| c.sidecar).map(|(_, seconds, _)| *seconds);
                let others_gone = mains_gone.into_iter().chain(later).max().unwrap_or(0);
                let waited = duty.and_then(|duty| told_to_stop(duty, others_gone));
                let need = waited.and_then(|waited| (*seconds + u64::from(*killed)).checked_sub(waited));
                ContainerStop { name: container.name.clone(), role, seconds: *seconds, killed: *killed, need }
            })
            .collect();
        let seconds = containers.iter().map(|container| container.seconds).max()?;
        let Described { workload, owner, name, sample, .. } = described;
        let uid = seen.uid.clone();
        Some(Stop {
            workload,
            owner,
            pod: name,
            uid,
            began,
            grace: seen.grace,
            seconds,
            endpoint,
            hook_failed,
            containers,
            sample,
        })
    }

    /// When its last container had stopped, in seconds since 1970.
    #[must_use]
    pub fn ended(&self) -> i64 {
        self.began.saturating_add_unsigned(self.seconds)
    }

    /// Whether a container was killed at the end of the grace.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.containers.iter().any(|container| container.killed)
    }

    /// Whether at least nine tenths of the grace were used, by a stop that was not killed.
    #[must_use]
    pub fn used_up(&self) -> bool {
        !self.killed() && self.seconds.saturating_mul(10) >= self.grace.saturating_mul(9)
    }

    /// In one word.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.killed() {
            Outcome::Killed
        } else if self.hook_failed {
            Outcome::HookFailed
        } else if self.used_up() {
            Outcome::UsedUp
        } else {
            Outcome::Clean
        }
    }
}

/// The moment from which the rest is the container's own time, in seconds after the deletion.
fn told_to_stop(duty: &Duty, others_gone: u64) -> Option<u64> {
    Some(match duty.role {
        Role::App => duty.hook?.max(duty.hold),
        Role::Helper | Role::Auxiliary => duty.hook?,
        Role::NativeSidecar => duty.hook?.max(others_gone),
    })
}
