//! What the measures of one workload require: only what they prove too small.

use std::collections::BTreeMap;

use super::seen::WorkloadKey;
use super::tally::{ContainerTally, Need, Tally};
use crate::terminal::count;
use draingate_core::MAX_SECONDS;
use draingate_core::judge::{Judgement, View, judge};
use draingate_core::keys;
use draingate_core::pod::Role;
use draingate_core::policy::Policy;
use draingate_core::settings::{Source, Sourced};
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;

/// A value and the numbers that it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub(crate) seconds: u64,
    pub(crate) because: String,
}

/// What one workload requires, with what there is to say about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requirements {
    /// R
    pub(crate) request: Option<Requirement>,
    /// E
    pub(crate) endpoint: Option<Requirement>,
    /// S by container name.
    pub(crate) stops: BTreeMap<String, Requirement>,
    /// What no policy can change, and what people should know.
    pub(crate) remarks: Vec<String>,
    /// The DrainPolicy that its pods have now.
    pub(crate) policy: Option<Policy>,
    /// Its pods' labels, without those that a controller gives them.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Requirements {
    pub(crate) fn of(key: &WorkloadKey, tally: &Tally, world: &World) -> Option<Requirements> {
        let sample = tally.sample.as_deref()?;
        let subject = Subject::parse(Kind::Pod, sample).ok()?;
        let context = world.context(&key.namespace);
        let judgement = judge(&subject, &context, View::AsAdmitted);
        let mut requirements = Requirements::default();
        let title = format!("{} {}/{}", key.kind, key.namespace, key.name);
        if tally.hook_failed > 0 {
            requirements.remarks.push(format!(
                "{title}: a preStop hook failed in {} of {} stops, and its container got SIGTERM at once; no policy \
                mends that: `kubectl get events -n {} --field-selector reason=FailedPreStopHook`",
                tally.hook_failed, tally.stops, key.namespace
            ));
        }
        if let Some(skip) = &judgement.skipped {
            if tally.killed > 0 {
                requirements.remarks.push(format!("{title}: killed, but never touched by a policy: {}", skip.reason()));
            }
            return Some(requirements);
        }
        for container in &judgement.standing.containers {
            let Some(seen) = tally.containers.get(container.name()) else { continue };
            if seen.killed > 0 && seen.killed == seen.stop.count() {
                requirements.remarks.push(format!(
                    "{title} {:?}: killed in every stop that was seen; look first whether it hears SIGTERM at all: one \
                    that does not (a shell as its first process) is killed after any grace",
                    container.name()
                ));
            }
            let now = match container.role {
                Role::App => container.request,
                // Where S comes from is not kept; an annotation that wins is found when the policy is tried.
                Role::Helper | Role::Auxiliary | Role::NativeSidecar => {
                    Sourced { value: container.stop, source: Source::BuiltIn }
                }
            };
            match seen.need.filter(|need| proves(need, now.value)) {
                Some(need) => requirements.container(&title, container.name(), container.role, seen, need, now),
                None if seen.killed > 0 => {
                    requirements.remarks.push(unexplained(&title, container.name(), seen, tally, &judgement));
                }
                None => {}
            }
        }
        let now = judgement.settings.endpoint_propagation;
        let slowest = tally.endpoint.max().unwrap_or(0).div_ceil(1000);
        if slowest > now.value && slowest <= MAX_SECONDS {
            let required = Requirement {
                seconds: slowest,
                because: format!(
                    "{title}: {} endpoints left within p99 {} ms, max {} ms, a lower bound; now {} ({})",
                    tally.endpoint.count(),
                    tally.endpoint.quantile(99).unwrap_or(0),
                    tally.endpoint.max().unwrap_or(0),
                    now.value,
                    now.source
                ),
            };
            match now.source {
                Source::Annotation(key) => requirements.remarks.push(annotated(key, &required)),
                _ => requirements.endpoint = Some(required),
            }
        }
        requirements.policy = context.policies(&subject.pod.metadata.labels).1.cloned();
        requirements.labels = labels(sample);
        Some(requirements)
    }

    /// Whether a policy is needed.
    pub(crate) fn any(&self) -> bool {
        self.request.is_some() || self.endpoint.is_some() || !self.stops.is_empty()
    }

    fn container(&mut self, title: &str, name: &str, role: Role, seen: &ContainerTally, need: Need, now: Sourced<u64>) {
        let after = match role {
            Role::App => "after its hold",
            Role::Helper | Role::Auxiliary | Role::NativeSidecar => "after SIGTERM",
        };
        let needed = if need.cut {
            format!(
                "more than {} s {after} in a grace of {} s; the true need is unknown, because it was cut",
                need.seconds.saturating_sub(1),
                need.grace
            )
        } else {
            format!("{} s {after}", need.seconds)
        };
        let source = if role == Role::App { format!(" ({})", now.source) } else { String::new() };
        let required = Requirement {
            seconds: need.seconds,
            because: format!("{title} {name:?}: {}; it took {needed}; now {}{source}", numbers(seen), now.value),
        };
        match (role, now.source) {
            (Role::App, Source::Annotation(key)) => self.remarks.push(annotated(key, &required)),
            (Role::App, _) => {
                if self.request.as_ref().is_none_or(|request| request.seconds < required.seconds) {
                    self.request = Some(required);
                }
            }
            (Role::Helper | Role::NativeSidecar, _) => {
                self.stops.insert(name.to_owned(), required);
            }
            // Nobody loses anything by its end.
            (Role::Auxiliary, _) => {}
        }
    }
}

/// Whether a setting is too small beyond doubt: times have a resolution of a second, but for the end of the grace.
fn proves(need: &Need, now: u64) -> bool {
    let certain = if need.cut { need.seconds } else { need.seconds.saturating_sub(1) };
    certain > now && need.seconds <= MAX_SECONDS
}

fn numbers(seen: &ContainerTally) -> String {
    format!(
        "{}, p99 {} s, max {} s, killed {}",
        count(usize::try_from(seen.stop.count()).unwrap_or(usize::MAX), "stop", "stops"),
        seen.stop.quantile(99).unwrap_or(0),
        seen.stop.max().unwrap_or(0),
        seen.killed
    )
}

fn annotated(key: &str, required: &Requirement) -> String {
    format!("annotation {key} wins over every policy: make it {} ({})", required.seconds, required.because)
}

/// Killed, and yet no setting is proven too small.
fn unexplained(title: &str, name: &str, seen: &ContainerTally, tally: &Tally, judgement: &Judgement) -> String {
    let grace = judgement.standing.grace;
    let why = match judgement.required {
        _ if tally.grace < grace => format!(
            "the last deletion granted {} s of its {grace} s (--grace-period, an eviction or a node that shuts down)",
            tally.grace
        ),
        Some(required) if required > grace => format!(
            "its pods run with {grace} s where its settings ask for {required} s; in mode inject or enforce the next \
            pods get that, unless a finding of `draingate scan` says why not"
        ),
        _ if seen.need.is_none() => {
            format!("how long its hook takes is not known: annotation {}{name} declares it", keys::PRESTOP_PREFIX)
        }
        _ => "its settings already allow for what was seen".to_owned(),
    };
    format!("{title} {name:?}: {}, yet nothing is asked for it: {why}", numbers(seen))
}

/// Labels that select the workload's next pods, too.
fn labels(sample: &str) -> BTreeMap<String, String> {
    #[derive(serde::Deserialize)]
    struct Pod {
        metadata: Metadata,
    }
    #[derive(serde::Deserialize)]
    struct Metadata {
        #[serde(default)]
        labels: BTreeMap<String, String>,
    }
    let changes = |key: &str| {
        key == keys::POD_TEMPLATE_HASH
            || ["controller-revision-hash", "pod-template-generation", "helm.sh/chart", "version"].contains(&key)
            || ["statefulset.kubernetes.io/", "apps.kubernetes.io/", "batch.kubernetes.io/"]
                .iter()
                .any(|prefix| key.starts_with(prefix))
            || key == "app.kubernetes.io/version"
    };
    let mut labels = serde_json::from_str::<Pod>(sample).map(|pod| pod.metadata.labels).unwrap_or_default();
    labels.retain(|key, _| !changes(key));
    labels
}
