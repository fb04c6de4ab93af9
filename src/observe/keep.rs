//! Observing inside `serve`: every stop into the metrics, and an Event on the workload whose pod was killed.
//!
//! Every replica observes, and counts for itself. Of an Event, the first replica's is the only one.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use kube::Client;
use tracing::{info, warn};

use super::health::News;
use super::measure::Stop;
use super::metrics::ObserveMetrics;
use super::watch::{Observer, Scope};
use crate::cluster::events::REPEAT;
use crate::locks;
use crate::webhook::router::EventSink;
use draingate_core::admit::{EventReason, WorkloadEvent};
use draingate_core::world::World;

const WAIT: Duration = Duration::from_millis(200);

/// Observes for ever.
pub async fn keep(client: Client, world: Arc<RwLock<World>>, metrics: Arc<ObserveMetrics>, events: EventSink) {
    // Without the namespaces' modes nobody's pods would count.
    while locks::read(&world).namespace_count() == 0 {
        tokio::time::sleep(WAIT).await;
    }
    let mut observer = Observer::start(&client, Scope::Moded, world, false);
    loop {
        for stop in observer.next().await {
            metrics.stopped(&stop);
            if let Some(event) = workload_event(stop) {
                events(event);
            }
        }
        for news in observer.health().news() {
            match news {
                News::Fails { kind, problem, .. } => {
                    warn!(watch = kind.as_str(), problem, "stops are not observed in full: the watch failed");
                }
                News::Works(kind) => info!(watch = kind.as_str(), "the watch works again"),
            }
        }
    }
}

/// What to record on the workload of a pod that was killed; nothing where there is none.
fn workload_event(stop: Stop) -> Option<WorkloadEvent> {
    let killed: Vec<String> =
        stop.containers.iter().filter(|container| container.killed).map(|c| format!("{:?}", c.name)).collect();
    if killed.is_empty() {
        return None;
    }
    let text = format!(
        "pod {}: {} did not stop within the grace of {} s and was killed; `draingate observe --suggest` asks what it \
        needs",
        stop.pod,
        killed.join(", "),
        stop.grace
    );
    // The same name from every replica, and another after a while.
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((&stop.workload.kind, &stop.workload.name));
    let name = format!("draingate-killed-{hash:016x}-{}", stop.ended().div_euclid(REPEAT.as_secs().cast_signed()));
    let (namespace, workload) = (stop.workload.namespace, stop.owner.filter(|owner| !owner.uid.is_empty())?);
    Some(WorkloadEvent { reason: EventReason::Killed, namespace, text, workload, name: Some(name) })
}
