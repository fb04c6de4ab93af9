//! Events on the workloads whose pods were injected, rejected or killed, so that `kubectl describe` shows what
//! happened where people look.
//!
//! One for a workload, not one for each of its pods: the pods of a rollout, and a controller that tries again and
//! again, are told once in [`REPEAT`]. That never holds an answer up: what does not fit into the queue is dropped
//! and counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use super::metrics::{ClusterMetrics, EventResult};
use super::watch::Lowered;
use draingate_core::admit::{EventReason, Workload, WorkloadEvent};
use draingate_core::keys;
use draingate_core::mode::Mode;

/// The same is told about the same workload at most this often.
pub const REPEAT: Duration = Duration::from_secs(600);
/// Workloads that are remembered; beyond it the oldest are forgotten.
const REMEMBERED: usize = 4096;
/// Those that wait to be written.
const QUEUE: usize = 256;
/// Between two Events: at most five a second.
const PAUSE: Duration = Duration::from_millis(200);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The longest note that the API server takes, in bytes.
const NOTE_LIMIT: usize = 1000;

/// What to record on a namespace that is less strict than it was. Every replica sees it, and the first one's is the only
/// Event.
pub fn of_lowered(lowered: Lowered) -> WorkloadEvent {
    let Lowered { namespace, uid, version, from, to } = lowered;
    let consequence = match to {
        Mode::Off => "nothing is looked at any more",
        Mode::Audit | Mode::Warn => "its new pods get no hook and no grace, and none is rejected",
        Mode::Inject | Mode::Enforce => "none of its pods is rejected any more",
    };
    WorkloadEvent {
        reason: EventReason::Lowered,
        text: format!("{} was {from} and is {to}: {consequence}", keys::MODE),
        name: Some(format!("draingate-mode-{version}")),
        workload: Workload {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            name: namespace.clone(),
            uid,
            deployment: None,
        },
        namespace,
    }
}

/// Starts the recorder; what it gives takes an event and returns at once.
pub fn start(
    client: Client,
    replica: String,
    metrics: Arc<ClusterMetrics>,
) -> impl Fn(WorkloadEvent) + Send + Sync + 'static {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(record(Recorder { client, replica }, receiver, Arc::clone(&metrics)));
    move |event| {
        if sender.try_send(event).is_err() {
            metrics.events.of(EventResult::dropped).inc();
        }
    }
}

async fn record(recorder: Recorder, mut events: mpsc::Receiver<WorkloadEvent>, metrics: Arc<ClusterMetrics>) {
    let mut memory = Memory::default();
    while let Some(event) = events.recv().await {
        if !memory.is_news(&event, Instant::now()) {
            continue;
        }
        let told = timeout(ANSWER_LIMIT, recorder.record(&event)).await;
        let result = match told {
            Ok(Ok(())) => EventResult::written,
            Ok(Err(error)) => {
                debug!(%error, namespace = event.namespace, workload = event.workload.name, "an Event was not written");
                EventResult::failed
            }
            Err(_) => EventResult::failed,
        };
        metrics.events.of(result).inc();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes Events.
struct Recorder {
    client: Client,
    replica: String,
}

impl Recorder {
    async fn record(&self, event: &WorkloadEvent) -> kube::Result<()> {
        let object = self.object(event, self.owner(event).await);
        let api = Api::namespaced(self.client.clone(), &event.namespace);
        match api.create(&PostParams::default(), &object).await {
            // Another replica has told it.
            Err(kube::Error::Api(status)) if status.code == 409 && event.name.is_some() => Ok(()),
            created => created.map(|_| ()),
        }
    }

    /// The Deployment above a ReplicaSet, where it can be read; else the controller itself.
    async fn owner(&self, event: &WorkloadEvent) -> ObjectReference {
        let controller = &event.workload;
        let mut reference = ObjectReference {
            api_version: Some(controller.api_version.clone()),
            kind: Some(controller.kind.clone()),
            name: Some(controller.name.clone()),
            namespace: Some(event.namespace.clone()),
            uid: Some(controller.uid.clone()),
            ..ObjectReference::default()
        };
        let Some(name) = &controller.deployment else { return reference };
        let deployment = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &event.namespace, &deployment);
        if let Ok(found) = api.get_metadata(name).await {
            reference.kind = Some(deployment.kind);
            reference.name = Some(name.clone());
            reference.uid = found.metadata.uid;
        }
        reference
    }

    fn object(&self, event: &WorkloadEvent, involved_object: ObjectReference) -> Event {
        let now = Time(Timestamp::now());
        let (type_, reason) = match event.reason {
            EventReason::Injected => ("Normal", "DrainInjected"),
            EventReason::Rejected => ("Warning", "DrainRejected"),
            EventReason::Killed => ("Warning", "DrainKilled"),
            EventReason::Lowered => ("Warning", "DrainModeLowered"),
        };
        let mut note = event.text.clone();
        note.truncate((0..=NOTE_LIMIT).rev().find(|&end| note.is_char_boundary(end)).unwrap_or(0));
        Event {
            metadata: ObjectMeta {
                generate_name: event.name.is_none().then(|| "draingate-".into()),
                name: event.name.clone(),
                namespace: Some(event.namespace.clone()),
                ..ObjectMeta::default()
            },
            involved_object,
            reason: Some(reason.into()),
            message: Some(note),
            type_: Some(type_.into()),
            count: Some(1),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            source: Some(EventSource { component: Some("draingate".into()), host: None }),
            reporting_component: Some("draingate".into()),
            reporting_instance: Some(self.replica.clone()),
            ..Event::default()
        }
    }
}

/// What was told lately.
#[derive(Default)]
struct Memory {
    told: HashMap<(String, EventReason), Instant>,
}

impl Memory {
    fn is_news(&mut self, event: &WorkloadEvent, now: Instant) -> bool {
        let workload = &event.workload;
        // A rollout makes a new ReplicaSet: its name's Deployment is told of once all the same.
        let about = match event.reason {
            // Each is another step down.
            EventReason::Lowered => event.name.clone(),
            _ => workload.deployment.as_ref().map(|name| format!("{}/{name}", event.namespace)),
        };
        let key = (about.unwrap_or_else(|| workload.uid.clone()), event.reason);
        if self.told.get(&key).is_some_and(|&then| now.duration_since(then) < REPEAT) {
            return false;
        }
        if self.told.len() >= REMEMBERED {
            let oldest = self.told.iter().min_by_key(|(_, then)| **then).map(|(key, _)| key.clone());
            oldest.map(|key| self.told.remove(&key));
        }
        self.told.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(uid: &str, deployment: Option<&str>, reason: EventReason) -> WorkloadEvent {
        let workload = Workload {
            api_version: "apps/v1".into(),
            kind: "ReplicaSet".into(),
            name: "shop-1".into(),
            uid: uid.into(),
            deployment: deployment.map(str::to_owned),
        };
        WorkloadEvent { reason, namespace: "shop".into(), text: String::new(), workload, name: None }
    }

    #[test]
    fn the_same_is_told_once_in_a_while() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        let later = |seconds| start + Duration::from_secs(seconds);
        let pod = event("1", Some("shop"), EventReason::Injected);
        assert!(memory.is_news(&pod, start));
        assert!(!memory.is_news(&pod, later(599)));
        assert!(!memory.is_news(&event("2", Some("shop"), EventReason::Injected), later(1)), "the next ReplicaSet");
        assert!(memory.is_news(&event("1", Some("shop"), EventReason::Rejected), later(1)));
        assert!(memory.is_news(&event("3", None, EventReason::Injected), later(1)));
        assert!(memory.is_news(&pod, later(600)));
    }

    #[test]
    fn each_step_down_is_told() {
        let step = |version: &str, from, to| {
            let (namespace, uid) = ("shop".to_owned(), "1".to_owned());
            of_lowered(Lowered { namespace, uid, version: version.into(), from, to })
        };
        let (mut memory, start) = (Memory::default(), Instant::now());
        let first = step("7", Mode::Enforce, Mode::Inject);
        assert_eq!(first.text, "draingate.dev/mode was enforce and is inject: none of its pods is rejected any more");
        assert!(memory.is_news(&first, start) && !memory.is_news(&first, start));
        assert!(memory.is_news(&step("9", Mode::Inject, Mode::Off), start));
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        for number in 0..=REMEMBERED {
            let at = start + Duration::from_millis(number as u64);
            assert!(memory.is_news(&event(&number.to_string(), None, EventReason::Injected), at));
        }
        assert_eq!(memory.told.len(), REMEMBERED);
        let end = start + Duration::from_secs(10);
        assert!(!memory.is_news(&event("1", None, EventReason::Injected), end));
        assert!(memory.is_news(&event("0", None, EventReason::Injected), end));
    }
}
