//! From objects of the API to what is seen.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::seen::{ContainerSeen, Described, Duty, PodSeen, State, WorkloadKey};
use crate::workloads::owner::workload;
use draingate_core::admit::Workload;
use draingate_core::judge::{View, judge};
use draingate_core::keys;
use draingate_core::pod::HookSource;
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;

/// A pod that is being deleted; `None` where it is not.
pub(crate) fn pod(pod: &Pod) -> Option<PodSeen> {
    let metadata = &pod.metadata;
    let deleted = metadata.deletion_timestamp.as_ref()?.0.as_second();
    let grace = metadata.deletion_grace_period_seconds.unwrap_or(0).max(0);
    let (spec, status) = (pod.spec.as_ref()?, pod.status.as_ref());
    let statuses = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let seen = |name: &str, sidecar: bool, statuses: &[ContainerStatus]| ContainerSeen {
        name: name.to_owned(),
        sidecar,
        state: statuses.iter().find(|status| status.name == name).map_or(State::Waiting, state),
    };
    let regular = spec.containers.iter().map(|container| seen(&container.name, false, statuses));
    Some(PodSeen {
        uid: metadata.uid.clone()?,
        began: deleted.saturating_sub(grace),
        grace: u64::try_from(grace).unwrap_or(0),
        mirror: metadata.annotations.as_ref().is_some_and(|all| all.contains_key(keys::MIRROR)),
        containers: regular.chain(sidecars.map(|container| seen(&container.name, true, init))).collect(),
    })
}

fn state(status: &ContainerStatus) -> State {
    let Some(state) = &status.state else { return State::Waiting };
    match (&state.terminated, &state.running) {
        (Some(ended), _) => State::Ended {
            at: ended.finished_at.as_ref().map(|at| at.0.as_second()),
            exit_code: ended.exit_code,
            reason: ended.reason.clone().unwrap_or_default(),
        },
        (None, Some(_)) => State::Running,
        (None, None) => State::Waiting,
    }
}

/// Whose pod it is and how its containers were meant to stop; `None` where it cannot be read.
pub(crate) fn describe(pod: &Pod, world: &World, sample: bool) -> Option<Described> {
    let mut pod = pod.clone();
    pod.metadata.managed_fields = None;
    pod.status = None;
    let json = serde_json::to_string(&pod).ok()?;
    let subject = Subject::parse(Kind::Pod, &json).ok()?;
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let (kind, name) = workload(&subject);
    let owner = subject.controller.as_ref().map(|owner| Workload {
        api_version: owner.api_version.to_string(),
        kind: owner.kind.to_string(),
        name: owner.name.to_string(),
        uid: owner.uid.to_string(),
        deployment: subject.deployment().map(str::to_owned),
    });
    let standing = judge(&subject, &world.context(&namespace), View::AsWritten).standing;
    let duties = standing.containers.iter().map(|container| Duty {
        name: container.name().to_owned(),
        role: container.role,
        hook: container.hook.filter(|_| container.hook_source != HookSource::Assumed),
        hold: standing.hold,
    });
    Some(Described {
        duties: duties.collect(),
        workload: WorkloadKey { namespace, kind, name },
        owner,
        name: pod.metadata.name.clone().unwrap_or_default(),
        sample: sample.then(|| json.clone().into_boxed_str()),
    })
}

/// A slice's key.
pub(crate) fn slice_key(slice: &EndpointSlice) -> String {
    let metadata = &slice.metadata;
    format!("{}/{}", metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

/// The uids of the pods that a slice shows as ready. Where it does not say, they are.
pub(crate) fn slice_ready(slice: EndpointSlice) -> impl Iterator<Item = String> {
    let ready = slice
        .endpoints
        .unwrap_or_default()
        .into_iter()
        .filter(|endpoint| endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true));
    ready.filter_map(|endpoint| endpoint.target_ref.filter(|target| target.kind.as_deref() == Some("Pod"))?.uid)
}

/// Of an Event: the uid of what it is about, and when it happened, in seconds since 1970.
pub(crate) fn event(event: &Event) -> Option<(&str, i64)> {
    let last = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref()).map(|at| at.0.as_second());
    let at = last.or_else(|| event.event_time.as_ref().map(|at| at.0.as_second()))?;
    Some((event.involved_object.uid.as_deref()?, at))
}
